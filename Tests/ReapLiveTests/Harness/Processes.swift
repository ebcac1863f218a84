// What /proc tells of a process under test: what it has open and holds in memory, and what it does.

import Foundation
import Glibc

/// What a process has open, as /proc names it.
func openFiles(of pid: pid_t) -> [String] {
  let directory = "/proc/\(pid)/fd"
  return names(in: directory).compactMap {
    try? FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\($0)")
  }
}

/// How many lock files a process has open.
func openLocks(of pid: pid_t) -> Int { openFiles(of: pid).count { $0.hasSuffix("/.lock") } }

/// How many watches the inotify instances of a process have.
func inotifyWatches(of pid: pid_t) -> Int {
  names(in: "/proc/\(pid)/fdinfo").reduce(0) {
    $0
      + processText(pid, "fdinfo/\($1)").split(separator: "\n").count {
        $0.hasPrefix("inotify wd:")
      }
  }
}

/// The living processes of which a process has a pidfd, by their numbers in their own PID namespaces.
func watchedProcesses(of pid: pid_t) -> Set<pid_t> {
  Set(
    names(in: "/proc/\(pid)/fdinfo").compactMap {
      let line = processText(pid, "fdinfo/\($0)").split(separator: "\n")
        .first { $0.hasPrefix("NSpid:") }
      return line?.split(whereSeparator: \.isWhitespace).last.flatMap { pid_t($0) }
    })
}

/// A number out of /proc/PID/status, such as VmRSS and VmHWM (KiB); 0 where there is none.
func statusNumber(_ key: String, of pid: pid_t) -> Int {
  let line = processText(pid, "status").split(separator: "\n").first { $0.hasPrefix(key + ":") }
  return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
}

/// Whether a process was stopped by a signal.
func isStopped(_ pid: pid_t) -> Bool { processText(pid, "status").contains("State:\tT") }

/// Whether a process is gone, or was killed and only waits to be noticed by its parent.
func isDead(_ pid: pid_t) -> Bool {
  let status = processText(pid, "status")
  return status.isEmpty || status.contains("State:\tZ")
}

/// Whether a thread of a process is in renameat2(2), on x86-64 or arm64.
func isInRename(_ pid: pid_t) -> Bool {
  names(in: "/proc/\(pid)/task").contains {
    let call = processText(pid, "task/\($0)/syscall")
    return call.hasPrefix("316 ") || call.hasPrefix("276 ")
  }
}

/// Whether a process waits in write(2) to its standard output, on x86-64 or arm64.
func isInWrite(_ pid: pid_t) -> Bool {
  let call = processText(pid, "syscall")
  return call.hasPrefix("1 0x1 ") || call.hasPrefix("64 0x1 ")
}

/// Whether SIGTERM or SIGINT was sent to a process that has not taken it yet: the digits of the mask
/// are decimal ones then.
func hasPendingSignal(_ pid: pid_t) -> Bool { statusNumber("ShdPnd", of: pid) != 0 }

/// Waits until each thread of a process has slept for half a second on end.
func comesToRest(_ pid: pid_t) -> Bool {
  wait(seconds: 60) {
    let before = work(of: pid)
    letPass(0.5, "rest is that nothing happens")
    return work(of: pid) == before
  }
}

/// Each thread's time on a processor, its time of waiting for one, and its turns. One that has not
/// come to its turn shows in none of them: it makes this another one than the last.
private func work(of pid: pid_t) -> [String] {
  names(in: "/proc/\(pid)/task").map {
    let state = processText(pid, "task/\($0)/stat").components(separatedBy: ") ").last
    let isAsleep = state?.hasPrefix("S") == true
    return processText(pid, "task/\($0)/schedstat") + (isAsleep ? "" : UUID().uuidString)
  }
}

func processText(_ pid: pid_t, _ file: String) -> String {
  String(
    decoding: FileManager.default.contents(atPath: "/proc/\(pid)/\(file)") ?? Data(), as: UTF8.self)
}

/// The inodes that a process watches, from the table in /proc.
func watchedInodes(_ pid: pid_t) -> Set<UInt64> {
  let directory = "/proc/\(pid)/fdinfo/"
  let lines = names(in: directory).compactMap {
    FileManager.default.contents(atPath: directory + $0)
  }.flatMap { String(decoding: $0, as: UTF8.self).split(separator: "\n") }
  return Set(
    lines.filter { $0.hasPrefix("inotify ") }.compactMap { line in
      line.split(separator: " ").first { $0.hasPrefix("ino:") }
        .flatMap { UInt64($0.dropFirst(4), radix: 16) }
    })
}
