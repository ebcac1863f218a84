// A program that owns a spill directory the way ant does, and waits to be killed.
//
//   DoomedWriter ROOT [--name NAME] [--stop-at STEP] [--lock flock|fcntl] [--fork]
//                [--pause-ms N] [--chunks N] [--eat-memory] [--count N] [--raise-stop-at STEP]
//   DoomedWriter ROOT --library        (LibraryWriter.swift)
//
// It prints one line per step reached ("mkdir NAME", "open NAME", "locked NAME", "chunk NAME I",
// "removing NAME", "done NAME", "would-block NAME", "failed NAME ERRNO") and at the step named by
// --stop-at waits for its end. At the step named by --raise-stop-at it stops itself (SIGSTOP), and
// goes on when told to (SIGCONT). With --pause-ms it waits a random time up to N between mkdir and
// open, then between open and lock. With --fork a child inherits the lock and outlives the parent.

import Glibc

@main
struct DoomedWriter {
  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    func value(_ option: String) -> String? {
      guard let index = arguments.firstIndex(of: option), index + 1 < arguments.count else {
        return nil
      }
      return arguments[index + 1]
    }
    let root = arguments[0]
    if arguments.contains("--library") { return writeThroughLibrary(root) }
    let count = value("--count").flatMap(Int.init) ?? 1
    for number in 0..<count {
      let name =
        value("--name") ?? "spill_\(time(nil))_\(UInt64(getpid()) * 1_000_000 + UInt64(number))"
      own(
        "\(root)/\(name)", name: name, stopAt: value("--stop-at"),
        raiseStopAt: value("--raise-stop-at"), fcntlLock: value("--lock") == "fcntl",
        forks: arguments.contains("--fork"),
        pause: value("--pause-ms").flatMap(UInt32.init) ?? 0,
        chunks: value("--chunks").flatMap(Int.init) ?? 3,
        eatsMemory: arguments.contains("--eat-memory"))
    }
  }

  private static func takes(_ lock: Int32, byFcntl: Bool) -> Bool {
    guard byFcntl else { return flock(lock, LOCK_EX | LOCK_NB) == 0 }
    var request = flock(
      l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
    return fcntl(lock, F_SETLK, &request) == 0
  }

  private static func eatMemory() -> Never {
    while true { memset(malloc(1 << 20)!, 1, 1 << 20) }
  }

  static func own(
    _ path: String, name: String, stopAt: String?, raiseStopAt: String?, fcntlLock: Bool,
    forks: Bool, pause: UInt32, chunks: Int, eatsMemory: Bool
  ) {
    func say(_ step: String, _ rest: String = "") {
      let line = Array("\(step) \(name)\(rest)\n".utf8)
      _ = write(STDOUT_FILENO, line, line.count)
      if step == raiseStopAt { raise(SIGSTOP) }
      if step == stopAt { while true { sleep(1000) } }
    }
    func linger() { if pause > 0 { usleep(UInt32.random(in: 0...pause) * 1000) } }

    guard mkdir(path, 0o777) == 0 else { return say("failed", " \(errno)") }
    say("mkdir")
    linger()
    let lock = open(path + "/.lock", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard lock >= 0 else { return say("failed", " \(errno)") }
    say("open")
    linger()
    guard takes(lock, byFcntl: fcntlLock) else { return say("would-block") }
    say("locked")
    for index in 0..<chunks {
      let digits = String(index, radix: 16)
      let chunk = path + "/" + String(repeating: "a", count: 64 - digits.count) + digits
      let file = open(chunk, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
      let bytes = [UInt8](repeating: 7, count: 4096)
      _ = write(file, bytes, bytes.count)
      close(file)
      say("chunk", " \(index)")
    }
    if forks {
      // The child shares the open file description, and with it the lock.
      var child = pid_t()
      var actions = posix_spawn_file_actions_t()
      posix_spawn_file_actions_init(&actions)
      posix_spawn_file_actions_adddup2(&actions, lock, 9)
      let words: [UnsafeMutablePointer<CChar>?] = [strdup("sleep"), strdup("1000"), nil]
      posix_spawn(&child, "/bin/sleep", &actions, nil, words, environ)
      say("forked", " \(child)")
    }
    if eatsMemory { eatMemory() }
    if stopAt == "chunks" { while true { sleep(1000) } }
    // The graceful end: the tree goes while the lock is held, the lock file first.
    unlink(path + "/.lock")
    say("removing")
    for index in 0..<chunks {
      let digits = String(index, radix: 16)
      unlink(path + "/" + String(repeating: "a", count: 64 - digits.count) + digits)
      say("unlinked", " \(index)")
    }
    rmdir(path)
    close(lock)
    say("done")
  }
}
