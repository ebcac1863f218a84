// Starting other programs, talking to them, and learning how they ended.

import CLinuxShims
import Glibc
import ReapRules

/// How a process ended.
package enum ProcessEnd: Sendable, Equatable {
  case exited(Int32)
  case signalled(Int32)
}

/// Starts a program in a process group of its own, with default signals and nothing blocked.
///
/// - Parameters:
///   - input: nil: /dev/null.
///   - output: nil: ours.
///   - errors: nil: ours.
package func spawn(
  _ program: String, _ arguments: [String], environment: [String: String],
  input: Descriptor?, output: Descriptor?, errors: Descriptor?
) throws(SystemError) -> Int32 {
  var actions = unsafe posix_spawn_file_actions_t()
  unsafe posix_spawn_file_actions_init(&actions)
  defer { unsafe posix_spawn_file_actions_destroy(&actions) }
  if let input {
    unsafe posix_spawn_file_actions_adddup2(&actions, input.number, STDIN_FILENO)
  } else {
    unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
  }
  if let output {
    unsafe posix_spawn_file_actions_adddup2(&actions, output.number, STDOUT_FILENO)
  }
  if let errors {
    unsafe posix_spawn_file_actions_adddup2(&actions, errors.number, STDERR_FILENO)
  }
  var attributes = posix_spawnattr_t()
  unsafe posix_spawnattr_init(&attributes)
  defer { unsafe posix_spawnattr_destroy(&attributes) }
  let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
  unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
  unsafe posix_spawnattr_setpgroup(&attributes, 0)
  var set = sigset_t()
  unsafe sigemptyset(&set)
  unsafe posix_spawnattr_setsigmask(&attributes, &set)
  unsafe sigfillset(&set)
  unsafe posix_spawnattr_setsigdefault(&attributes, &set)

  let words = unsafe ([program] + arguments).map { unsafe strdup($0) } + [nil]
  let variables = unsafe environment.map { unsafe strdup("\($0)=\($1)") } + [nil]
  defer { unsafe (words + variables).forEach { unsafe free($0) } }
  var pid = pid_t()
  let code = unsafe posix_spawnp(&pid, program, &actions, &attributes, words, variables)
  guard code == 0 else { throw SystemError("start", program, code) }
  return pid
}

/// Collects a child that has ended; nil while it runs.
package func collect(_ pid: Int32, waiting: Bool) -> ProcessEnd? {
  var status: Int32 = 0
  guard retrying({ unsafe waitpid(pid, &status, waiting ? 0 : WNOHANG) }) == pid else {
    return nil
  }
  // wait(2): the low seven bits are the signal, the next byte the status.
  return status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .signalled(status & 0x7F)
}

/// A connected pair of close-on-exec stream sockets: a pipe in both directions, on which writing
/// to one who is dead raises no signal.
package func makeSocketPair() throws(SystemError) -> (ours: Descriptor, theirs: Descriptor) {
  var pair: [Int32] = [-1, -1]
  let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
  guard unsafe socketpair(AF_UNIX, type, 0, &pair) == 0 else {
    throw SystemError("socketpair", "(none)")
  }
  return (Descriptor(number: pair[0]), Descriptor(number: pair[1]))
}

/// What can be read without waiting: empty when there is nothing, nil at the end.
package func readAvailable(_ socket: Descriptor) -> [UInt8]? {
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 4096)
  while true {
    let size = retrying {
      unsafe recv(socket.number, &chunk, chunk.count, Int32(MSG_DONTWAIT))
    }
    if size < 0 { return errno == EAGAIN || !bytes.isEmpty ? bytes : nil }
    if size == 0 { return bytes.isEmpty ? nil : bytes }
    bytes += chunk[..<size]
  }
}

/// Sends without waiting and without SIGPIPE; false where it did not all go.
@discardableResult
package func send(_ bytes: [UInt8], to socket: Descriptor) -> Bool {
  let flags = Int32(MSG_NOSIGNAL | MSG_DONTWAIT)
  return retrying { unsafe Glibc.send(socket.number, bytes, bytes.count, flags) } == bytes.count
}

/// Waits until one of the descriptors has something to read or has ended, or time is up.
package func waitForAny(_ files: [Descriptor], milliseconds: Int32) {
  var polled = files.map { pollfd(fd: $0.number, events: Int16(POLLIN), revents: 0) }
  _ = unsafe poll(&polled, nfds_t(polled.count), milliseconds)
}

/// Whether reading would not wait: there is something, or the end.
package func isReadable(_ file: Descriptor) -> Bool {
  var polled = pollfd(fd: file.number, events: Int16(POLLIN), revents: 0)
  return unsafe poll(&polled, 1, 0) == 1
}

/// Reads from a position on to the end of a file.
package func readOn(_ file: Descriptor, from position: Int64) -> [UInt8] {
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 65536)
  while true {
    let offset = Int(position) + bytes.count
    let size = retrying { unsafe pread(file.number, &chunk, chunk.count, offset) }
    guard size > 0 else { return bytes }
    bytes += chunk[..<size]
  }
}

/// Writes a short text to a file that exists, such as those of a cgroup, in one call.
package func writeText(_ text: String, to path: String) throws(SystemError) {
  let number = retrying { unsafe Glibc.open(path, O_WRONLY | O_CLOEXEC) }
  guard number >= 0 else { throw SystemError("open", path) }
  let file = Descriptor(number: number)
  defer { file.close() }
  guard writeOnce(Array(text.utf8), to: file) >= 0 else { throw SystemError("write", path) }
}

/// Sends a signal to a process, or with a negative number to a process group.
package func sendSignal(_ number: Int32, to pid: Int32) { _ = kill(pid, number) }

/// One of the signals, if it has come; they must be blocked. Does not wait.
package func pendingSignal(_ numbers: [Int32]) -> Int32? {
  var set = sigset_t()
  unsafe sigemptyset(&set)
  for number in numbers { unsafe sigaddset(&set, number) }
  var now = timespec()
  let received = unsafe sigtimedwait(&set, nil, &now)
  return received > 0 ? received : nil
}

/// Stands still; the clock goes on.
package func pause(nanoseconds: Int64) {
  var time = timespec(
    tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
  var rest = timespec()
  while unsafe nanosleep(&time, &rest) != 0, errno == EINTR { time = rest }
}

/// Takes memory until the kernel ends this process. Mapped and filled in one call: an optimizer
/// that sees memory written and never read leaves it out.
package func exhaustMemory() -> Never {
  while true {
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | Int32(MAP_POPULATE)
    _ = unsafe mmap(nil, 1 << 20, PROT_READ | PROT_WRITE, flags, -1, 0)
  }
}

/// Files below a directory that some process has open and that have no name any more, as /proc
/// shows them (with the path that they had).
package func openUnlinkedFiles(below directory: String) -> [(pid: Int32, path: String)] {
  var found: [(pid: Int32, path: String)] = []
  guard let proc = unsafe opendir("/proc") else { return [] }
  defer { unsafe closedir(proc) }
  let mark = " (deleted)"
  while let entry = unsafe readdir(proc) {
    guard let pid = unsafe Int32(name(of: entry)),
      let descriptors = unsafe opendir("/proc/\(pid)/fd")
    else { continue }
    defer { unsafe closedir(descriptors) }
    while let descriptor = unsafe readdir(descriptors) {
      var target = [UInt8](repeating: 0, count: 4096)
      let path = unsafe "/proc/\(pid)/fd/\(name(of: descriptor))"
      let length = unsafe target.withUnsafeMutableBytes {
        unsafe readlink(path, $0.baseAddress!, $0.count)
      }
      guard length > 0 else { continue }
      let text = String(decoding: target[..<length], as: UTF8.self)
      if text.hasPrefix(directory + "/"), text.hasSuffix(mark) {
        found.append((pid, String(text.dropLast(mark.utf8.count))))
      }
    }
  }
  return found
}

private func name(of entry: UnsafeMutablePointer<dirent>) -> String {
  unsafe withUnsafePointer(to: &entry.pointee.d_name) {
    unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
  }
}

/// One byte, waited for; nil at the end.
package func readByte(_ file: Descriptor) -> UInt8? {
  var byte: UInt8 = 0
  return retrying { unsafe read(file.number, &byte, 1) } == 1 ? byte : nil
}

/// The process group of any process; nil where it is gone.
package func processGroup(of pid: Int32) -> Int32? {
  let group = getpgid(pid)
  return group < 0 ? nil : group
}

/// The names in a directory.
package func entryNames(in path: String) throws(SystemError) -> [String] {
  let directory = try openFile(
    Array(path.utf8), at: Descriptor(number: AT_FDCWD), O_RDONLY | O_DIRECTORY, follow: .noLinks)
  defer { directory.close() }
  var names: [String] = []
  var listing = DirectoryListing(directory)
  defer { listing.finish() }
  while true {
    let batch = try listing.nextBatch()
    if batch.isEmpty { return names }
    names += batch.map(\.name.display)
  }
}
