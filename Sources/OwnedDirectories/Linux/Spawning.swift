// Starting other programs, ending them, and learning how they ended.

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
///   - inheritsOthers: whether it has those of our descriptors that are not close-on-exec: one that
///     another thread has just opened would stay open, and locked, for as long as it runs.
package func spawn(
  _ program: String, _ arguments: [String], environment: [String: String],
  input: Descriptor?, output: Descriptor?, errors: Descriptor?, inheritsOthers: Bool
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
  if !inheritsOthers { unsafe shim_spawn_closefrom(&actions, 3) }
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

/// The process group of any process; nil where it is gone.
package func processGroup(of pid: Int32) -> Int32? {
  let group = getpgid(pid)
  return group < 0 ? nil : group
}
