import CLinuxShims
import Glibc

/// A process that is watched through a pidfd, which names it and never another one.
package struct ProcessHandle: Sendable {
  package let pid: Int32
  let descriptor: Descriptor

  /// - Throws: ESRCH where there is no such process; everything else tells nothing of it.
  package init(pid: Int32) throws(SystemError) {
    let number = shim_pidfd_open(pid)
    guard number >= 0 else { throw SystemError("pidfd_open", "\(pid)") }
    self.pid = pid
    descriptor = Descriptor(number: number)
  }

  /// Whether it has exited by now.
  package var hasExited: Bool {
    var polled = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&polled, 1, 0) > 0
  }

  /// Blocks until the process has exited; costs nothing meanwhile.
  package func waitForExit() {
    var polled = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
    while unsafe poll(&polled, 1, -1) <= 0 {}
  }

  package func close() { descriptor.close() }
}

/// Waits for the end of a child until a monotonic instant, ns; it is still to be collected.
///
/// - Returns: false where it runs still, or cannot be seen.
package func waitForExit(of pid: Int32, until deadline: Int64) -> Bool {
  guard let process = try? ProcessHandle(pid: pid) else { return false }
  defer { process.close() }
  var polled = pollfd(fd: process.descriptor.number, events: Int16(POLLIN), revents: 0)
  while true {
    let left = max(0, deadline - readMonotonic())
    let milliseconds = Int32(clamping: (left + 999_999) / 1_000_000)
    if unsafe poll(&polled, 1, milliseconds) > 0 { return true }
    guard readMonotonic() < deadline else { return false }
  }
}

/// When a process started.
package struct ProcessStart: Sendable {
  /// Clock ticks after the machine's start: field 22 of /proc/PID/stat (proc_pid_stat(5)).
  package let ticks: Int64
  /// Wall clock, nanoseconds; as exact as a tick, and as btime of /proc/stat, a second.
  package let wall: Int64
  /// Dead, with every thread, and not yet waited for by its parent.
  package let hasEnded: Bool
  /// A thread of the kernel, which owns no files.
  package let isKernel: Bool
  /// The length of a tick, nanoseconds.
  package let tick: Int64
}

/// When a process began; nil where the process is gone or cannot be read.
package func processStart(of pid: Int32) -> ProcessStart? {
  guard let fields = statFields("/proc/\(pid)"), let ticks = Int64(fields[19]),
    let boot = countedBoot()
  else { return nil }
  let tick = 1_000_000_000 / max(1, Int64(sysconf(Int32(_SC_CLK_TCK))))
  return ProcessStart(
    ticks: ticks, wall: boot + ticks * tick,
    hasEnded: ["Z", "X"].contains(fields[0]) && Int(fields[17]) ?? 1 <= 1,
    isKernel: has(kernelThread, fields), tick: tick)
}

/// When the machine was booted, by the clock as it is now, in nanoseconds: btime of proc_stat(5).
package func countedBoot() -> Int64? {
  guard let system = try? readWhole("/proc/stat") else { return nil }
  let lines = String(decoding: system, as: UTF8.self).split(separator: "\n")
  return lines.first { $0.hasPrefix("btime ") }.flatMap { Int64($0.dropFirst(6)) }
    .map { $0 * 1_000_000_000 }
}

/// Whether no thread of a process runs its program any more: it gives back its files and locks some
/// while before it is seen to have ended, longer where it had many threads or much memory.
package func isExiting(_ pid: Int32) -> Bool {
  let threads: [String]
  do {
    threads = try entryNames(in: "/proc/\(pid)/task")
  } catch {
    return error.code == ENOENT || error.code == ESRCH
  }
  // A thread that is gone by now was exiting, and so was a process that has none.
  return threads.allSatisfy { thread in
    statFields("/proc/\(pid)/task/\(thread)").map { has(exiting, $0) } ?? true
  }
}

/// The fields of a stat file from the third on: proc_pid_stat(5) counts from one.
private func statFields(_ process: String) -> [Substring]? {
  guard let stat = try? readWhole(process + "/stat"),
    // The name stands in parentheses and may hold anything, parentheses too.
    let end = stat.lastIndex(of: UInt8(ascii: ")"))
  else { return nil }
  let fields = String(decoding: stat[stat.index(after: end)...], as: UTF8.self).split(
    separator: " ")
  return fields.count > 19 ? fields : nil
}

private func has(_ flag: UInt64, _ fields: [Substring]) -> Bool {
  (UInt64(fields[6]) ?? 0) & flag != 0
}

/// PF_EXITING and PF_KTHREAD (linux/sched.h), among the flags of proc_pid_stat(5).
private let exiting: UInt64 = 0x4
private let kernelThread: UInt64 = 0x0020_0000
