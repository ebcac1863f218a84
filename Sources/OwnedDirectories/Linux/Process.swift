import CLinuxShims
import Glibc
package import ReapRules

/// The two clocks of one instant, nanoseconds.
package func readClocks() -> (wall: Int64, monotonic: Int64) {
  (readClock(CLOCK_REALTIME), readMonotonic())
}

package func readMonotonic() -> Int64 { readClock(CLOCK_MONOTONIC) }

private func readClock(_ clock: clockid_t) -> Int64 {
  var time = timespec()
  unsafe clock_gettime(clock, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Raises the soft limit of open descriptors to the hard one; returns what is in force then.
package func raiseDescriptorLimit() -> Int {
  var limit = rlimit()
  guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
    return 1024
  }
  if limit.rlim_cur < limit.rlim_max {
    limit.rlim_cur = limit.rlim_max
    _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    _ = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }
  return Int(min(limit.rlim_cur, rlim_t(Int32.max)))
}

/// Has the kernel make room for that many descriptors now. Call it while there is one thread: later on
/// each doubling of the table waits for an RCU grace period, 10 ms and more (`expand_fdtable` in Linux
/// 6.1's fs/file.c), and from 64 to 16,384 there are eight. The room costs 8 bytes a descriptor.
package func reserveDescriptors(_ count: Int) {
  let number = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, Int32(count - 1))
  if number >= 0 { close(number) }
}

/// Gives back the pages of programs and libraries that are mapped for reading only: most of them held what
/// only the start needed. What is used again comes back from the page cache, 64 KiB at a fault.
package func releaseReadOnlyPages() { shim_release_read_only_pages() }

/// Takes the numbers of the standard streams where whoever started this process closed them: else
/// the first files that are opened have them, and what is written for people goes into those.
package func fillStandardStreams() {
  for number in STDIN_FILENO...STDERR_FILENO where fcntl(number, F_GETFD) < 0 {
    // Not for writing: that must fail as it would without it.
    _ = unsafe Glibc.open("/dev/null", O_RDONLY)
  }
}

/// Ignores the signals that reapd's own work may raise: SIGIO by lease probes, SIGPIPE by output,
/// SIGXFSZ by a log that reaches a limit of its size (the write fails with EFBIG instead).
package func ignoreIncidentalSignals() {
  signal(SIGIO, SIG_IGN)
  signal(SIGPIPE, SIG_IGN)
  signal(SIGXFSZ, SIG_IGN)
}

/// Lets no library wait for who reads standard error: libinotifytools prints there by itself, on
/// the thread that reads events.
package func neverWaitForStandardError() { shim_never_wait_for_stderr() }

/// Keeps signals from this thread and those it starts; `waitForSignal` receives them.
package func blockSignals(_ numbers: [Int32]) {
  var set = signalSet(numbers)
  unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
}

/// The opposite: they do again what they do by default.
package func unblockSignals(_ numbers: [Int32]) {
  var set = signalSet(numbers)
  unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
}

/// Starts something whose threads are to receive no signal at all.
package func withSignalsBlocked<Result>(_ body: () -> Result) -> Result {
  var (all, before) = (sigset_t(), sigset_t())
  unsafe sigfillset(&all)
  unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
  defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
  return body()
}

/// Waits for one of the signals, which must be blocked. Costs nothing until one comes: Swift's
/// concurrency would bring libdispatch's worker pool, which wakes once a second (measured, 6.3).
package func waitForSignal(_ numbers: [Int32]) -> Int32 {
  var set = signalSet(numbers)
  var received: Int32 = 0
  while unsafe sigwait(&set, &received) != 0 {}
  return received
}

private func signalSet(_ numbers: [Int32]) -> sigset_t {
  var set = sigset_t()
  unsafe sigemptyset(&set)
  for number in numbers { unsafe sigaddset(&set, number) }
  return set
}

/// The whole of a small file, such as those below /proc.
package func readWhole(_ path: String) throws(SystemError) -> [UInt8] {
  let file = try openForReading(FilePath(path))
  defer { file.close() }
  return try readToEnd(file, path)
}

/// Reads an open file from its beginning to its end.
///
/// - Parameter limit: where there is more, a little more than that is returned, and no more read.
package func readToEnd(
  _ file: Descriptor, _ path: String, limit: Int = .max
) throws(SystemError) -> [UInt8] {
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 4096)
  lseek(file.number, 0, SEEK_SET)
  while true {
    let size = retrying { unsafe read(file.number, &chunk, chunk.count) }
    guard size >= 0 else { throw SystemError("read", path) }
    guard size > 0 else { return bytes }
    bytes += chunk[..<size]
    guard bytes.count <= limit else { return bytes }
    if size == chunk.count, size < 65536 { chunk += chunk }
  }
}

extension Environment {
  /// That of this process. A variable whose name is no UTF-8 is none that anybody asks for.
  package static var current: Environment {
    var values: [String: FilePath] = [:]
    var entry = unsafe environ
    while let variable = unsafe entry.pointee {
      let bytes = unsafe FilePath(cString: variable).bytes
      if let equals = bytes.firstIndex(of: UInt8(ascii: "=")),
        let name = String(validating: bytes[..<equals], as: UTF8.self)
      {
        values[name] = FilePath(bytes[(equals + 1)...])
      }
      unsafe entry += 1
    }
    return Environment(values)
  }
}

/// The environment as text; a value whose bytes are no UTF-8 is mended.
package func processEnvironment() -> [String: String] {
  let environment = Environment.current
  return environment.sorted.reduce(into: [:]) { $0[$1.name] = environment[$1.name] }
}

/// The arguments after the program's name, none of them mended: what `String` cannot hold stands in
/// it as `ArgumentText` has it. As the C library was given them: Swift reads its own from /proc,
/// which may be missing.
package func commandLineArguments() -> [String] {
  (1..<max(1, shim_argument_count())).map { index in
    unsafe ArgumentText.encode(FilePath(cString: unsafe shim_argument(index)).bytes)
  }
}

/// What of /proc is missing that reapd cannot do without, and why; nil where it is all there.
package func missingFromProc() -> SystemError? {
  for path in ["/proc/self/fd", "/proc/self/mountinfo"] where unsafe access(path, R_OK) != 0 {
    return SystemError("open", path)
  }
  return nil
}

/// Waits; for retries only, never where an event could tell.
package func pause(milliseconds: UInt32) { _ = usleep(milliseconds * 1000) }

/// Gives standard output room for so many bytes, where it is a pipe and the system allows that: a
/// pipe of the usual 64 KiB makes writer and reader wait for each other at every turn.
package func widenStandardOutput(to size: Int32) { _ = shim_widen_pipe(STDOUT_FILENO, size) }

/// Whether this process is root without CAP_SYS_PTRACE (capability 19, capabilities(7)): blind where
/// it expects to see every process.
package let isBlindRoot: Bool = {
  guard geteuid() == 0, let status = try? readWhole("/proc/self/status"),
    let line = String(decoding: status, as: UTF8.self).split(separator: "\n").first(where: {
      $0.hasPrefix("CapEff:")
    }), let mask = line.split(whereSeparator: { $0 == "\t" || $0 == " " }).last,
    let effective = UInt64(mask, radix: 16)
  else { return false }
  return effective >> 19 & 1 == 0
}()
