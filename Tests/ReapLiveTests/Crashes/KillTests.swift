// Writers killed for real, in every way and at every step: orphans go, what is alive stays.

import Foundation
import Glibc
import Testing

/// Only events and graces may find an orphan in these tests.
let noBackstop = ["REAPD_BACKSTOP": "off"]

/// Writers that live through a test, and what their directories looked like from the start.
final class LiveWriters {
  private let writers: [Background]
  private let portraits: [String: [String]]

  /// - Parameter fcntl: whether one of them takes the other kind of lock.
  init(_ root: String, fcntl: Bool = true, in scratch: Scratch) throws {
    let plain = ["--stop-at", "chunks"]
    var arguments = [plain, plain, plain, plain + ["--raise-stop-at", "chunk"]]
    if fcntl { arguments.append(plain + ["--lock", "fcntl"]) }
    let writers = try arguments.map { try startWriter(root, $0, in: scratch) }
    #expect(
      wait(seconds: 60) {
        writers.allSatisfy { $0.lines.count == 6 || isStopped($0.pid) && $0.lines.count == 4 }
      })
    self.writers = writers
    var portraits: [String: [String]] = [:]
    for writer in writers {
      let path = "\(root)/\(ownedName(writer))"
      portraits[path] = portrait(path)
    }
    self.portraits = portraits
  }

  var names: [String] { portraits.keys.map { ($0 as NSString).lastPathComponent }.sorted() }
  var paths: [String] { portraits.keys.sorted() }

  func expectUntouched(_ location: SourceLocation = #_sourceLocation) {
    for (path, before) in portraits {
      #expect(portrait(path) == before, sourceLocation: location)
    }
  }

  func kill() {
    for writer in writers { writer.signal(SIGKILL) }
    for writer in writers { writer.killHard() }
  }
}

/// The directory that a DoomedWriter made last; empty before its first.
func ownedName(_ writer: Background) -> String {
  let made = writer.lines.last { $0.hasPrefix("mkdir ") } ?? ""
  return String(made.dropFirst("mkdir ".count))
}

@Suite(.serialized, .live) struct KillTests {
  /// One watched root with live writers in it. In the end exactly the orphans are gone; once the
  /// writers are killed too, everything is; and no backstop and no failure had a part in it.
  private func beside(
    _ title: String, grace: String = "300ms", fcntl: Bool = true,
    _ body: (_ root: String, Watcher, Scratch) throws -> Void
  ) throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let watcher = try Watcher([root], grace: grace, in: scratch, environment: noBackstop)
    let live = try LiveWriters(root, fcntl: fcntl, in: scratch)
    #expect(wait(seconds: 60) { live.paths.allSatisfy(watcher.holds) })
    try body(root, watcher, scratch)
    #expect(
      wait(seconds: 60) { names(in: root) == live.names },
      "left: \(names(in: root)), live: \(live.names)")
    live.expectUntouched()
    live.kill()
    #expect(wait(seconds: 60) { names(in: root).isEmpty }, "left: \(names(in: root))")
    let (status, summary) = watcher.stop()
    #expect(status == 0)
    #expect(summary?.failed == 0)
    #expect(summary?.backstopNeeded == 0)
    for path in live.paths {
      #expect(watcher.audit(of: path).map(\.action) == [.reaped])
    }
    #expect(watcher.audit.allSatisfy { $0.action == .reaped })
    watcher.printLatencies(title)
  }

  @Test func `every orphan of 200 kills is gone, and no live directory is touched`() throws {
    try beside("200 kills", grace: "500ms") { root, watcher, scratch in
      var paths: [String] = []
      // Killed at once, within the grace: 5 waves of 24.
      let early = ["mkdir", "open", "locked", "chunk", "chunks", "removing", "unlinked"]
      for wave in 0..<5 {
        let stopped = try (0..<21).map {
          (try startWriter(root, ["--stop-at", early[$0 % 7]], in: scratch), early[$0 % 7])
        }
        let busy = try (0..<3).map { _ in
          try startWriter(
            root, ["--count", "1000000", "--chunks", "5", "--pause-ms", "5"], in: scratch)
        }
        for (writer, step) in stopped {
          #expect(wait(seconds: 60) { hasReached(step, writer) })
          writer.signal(SIGKILL)
          paths.append("\(root)/\(ownedName(writer))")
        }
        for (number, writer) in busy.enumerated() {
          #expect(wait(seconds: 60) { writer.lines.count > wave * 37 + number * 11 })
          writer.signal(SIGKILL)
        }
        for writer in stopped.map(\.0) + busy { writer.killHard() }
        #expect(busy.allSatisfy { !$0.output.contains("would-block") })
        #expect(busy.allSatisfy { !$0.output.contains("failed") })
      }
      // Killed when reapd waits for their locks: 4 waves of 20.
      let late = ["open", "locked", "chunk", "chunks"]
      for _ in 0..<4 {
        let writers = try (0..<20).map {
          try startWriter(root, ["--stop-at", late[$0 % 4]], in: scratch)
        }
        #expect(
          wait(seconds: 60) {
            let files = Set(openFiles(of: watcher.background.pid))
            return writers.allSatisfy { files.contains("\(root)/\(ownedName($0))/.lock") }
          })
        for writer in writers { writer.signal(SIGKILL) }
        for writer in writers { writer.killHard() }
        paths += writers.map { "\(root)/\(ownedName($0))" }
      }
      #expect(Set(paths).count == 185)
      for path in paths {
        #expect(wait(seconds: 60) { watcher.audit(of: path, action: .reaped).count == 1 })
      }
    }
  }

  private func hasReached(_ step: String, _ writer: Background) -> Bool {
    writer.lines.contains { line in
      step == "chunks"
        ? line.hasPrefix("chunk ") && line.hasSuffix(" 2") : line.hasPrefix(step + " ")
    }
  }

  @Test func `an owner half-way through its own removal keeps its directory`() throws {
    try beside("half removed") { root, watcher, scratch in
      let writer = try startWriter(
        root, ["--raise-stop-at", "locked", "--stop-at", "unlinked"], in: scratch)
      #expect(wait { isStopped(writer.pid) })
      let path = "\(root)/\(ownedName(writer))"
      #expect(wait(seconds: 60) { watcher.holds(path) })
      writer.signal(SIGCONT)
      #expect(wait { hasReached("unlinked", writer) })
      watcher.catchUp(in: root)
      #expect(names(in: path).count == 2, "the lock file and one chunk are gone")
      writer.killHard()
      #expect(wait(seconds: 60) { !exists(path) })
      #expect(wait { watcher.audit(of: path).first?.reason == "lock-released" })
    }
  }

  @Test func `what the kernel kills for want of memory is reaped`() throws {
    guard let group = MemoryGroup(megabytes: 24) else {
      return skip("no memory cgroup can be made here")
    }
    try beside("out of memory") { root, watcher, scratch in
      let script = #"echo $$ >"$0" && exec "$@""#
      let writers = try (0..<3).map { _ in
        try Background(
          "/bin/bash",
          ["-c", script, group.path + "/cgroup.procs", buildDirectory + "/DoomedWriter", root]
            + ["--raise-stop-at", "locked", "--eat-memory"], in: scratch)
      }
      #expect(wait(seconds: 60) { writers.allSatisfy { isStopped($0.pid) } })
      let paths = writers.map { "\(root)/\(ownedName($0))" }
      #expect(wait(seconds: 60) { paths.allSatisfy(watcher.holds) })
      for writer in writers { writer.signal(SIGCONT) }
      for writer in writers { #expect(writer.exitStatus(within: 60) == -SIGKILL) }
      #expect(group.kills >= 1, "it was not the kernel that killed them")
      #expect(wait(seconds: 60) { paths.allSatisfy { !exists($0) } })
    }
  }

  @Test func `a forked child that has the lock keeps the directory`() throws {
    try beside("forked") { root, watcher, scratch in
      let writer = try startWriter(root, ["--fork", "--stop-at", "forked"], in: scratch)
      #expect(wait { hasReached("forked", writer) })
      let child = pid_t(writer.lines.last!.split(separator: " ").last!)!
      defer { kill(child, SIGKILL) }
      try expectKept("\(root)/\(ownedName(writer))", by: child, afterEndOf: writer, watcher)
    }
  }

  @Test func `flock with a child of its own keeps the directory until that is dead`() throws {
    try beside("flock, forking") { root, watcher, scratch in
      let path = root + "/spill_1_1"
      let script =
        #"mkdir "$0" && : >"$0/.lock" && "#
        + #"exec flock "$0/.lock" bash -c 'echo locked $$; exec sleep 1000'"#
      let owner = try Background("/bin/bash", ["-c", script, path], in: scratch)
      #expect(wait { hasReached("locked", owner) })
      let child = pid_t(owner.lines.last!.split(separator: " ").last!)!
      defer { kill(child, SIGKILL) }
      try expectKept(path, by: child, afterEndOf: owner, watcher)
    }
  }

  /// An owner dies while another process has its lock; then that one dies too.
  private func expectKept(
    _ path: String, by child: pid_t, afterEndOf owner: Background, _ watcher: Watcher
  ) throws {
    #expect(wait(seconds: 60) { watcher.holds(path) })
    owner.signal(SIGKILL)
    // Foundation takes a process for alive as long as a child of it is.
    #expect(wait { isDead(owner.pid) })
    let before = portrait(path)
    watcher.catchUp(in: (path as NSString).deletingLastPathComponent)
    #expect(portrait(path) == before)
    #expect(explain(path)?.reason == "lock-held")
    kill(child, SIGKILL)
    #expect(wait(seconds: 60) { !exists(path) })
  }

  @Test(arguments: [
    #"exec 9<"$0/.lock" && flock -n 9 && exec sleep 1000"#,
    #"exec flock --no-fork "$0/.lock" sleep 1000"#,
  ]) func `an owner that locks a file opened read-only is seen to die`(lock: String) throws {
    try beside("read-only lock") { root, watcher, scratch in
      let path = root + "/spill_1_1"
      let owner = try Background(
        "/bin/bash", ["-c", #"mkdir "$0" && : >"$0/.lock" && "# + lock, path], in: scratch)
      #expect(wait(seconds: 60) { watcher.holds(path) })
      watcher.catchUp(in: root)
      #expect(explain(path)?.reason == "lock-held")
      owner.killHard()
      #expect(wait(seconds: 60) { !exists(path) })
    }
  }

  @Test func `owners with fcntl locks are seen to die`() throws {
    try beside("fcntl locks") { root, watcher, scratch in
      let writers = try (0..<8).map {
        try startWriter(
          root, ["--lock", "fcntl", "--stop-at", $0 % 2 == 0 ? "locked" : "chunks"], in: scratch)
      }
      #expect(
        wait(seconds: 60) { writers.allSatisfy { watcher.holds("\(root)/\(ownedName($0))") } })
      watcher.catchUp(in: root)
      for writer in writers {
        let path = "\(root)/\(ownedName(writer))"
        #expect(explain(path)?.reason == "lock-held")
        writer.killHard()
        #expect(wait(seconds: 60) { !exists(path) })
      }
    }
  }

  // The lock kind that the cleaner knows is BSD's: an fcntl owner would be its victim.
  @Test func `beside another cleaner every orphan goes once and nothing live does`() throws {
    try beside("second cleaner", grace: "1500ms", fcntl: false) { root, watcher, scratch in
      let cleaner = try Background("/bin/bash", ["-c", Self.cleaner, root], in: scratch)
      var paths: [String] = []
      for _ in 0..<4 {
        let writers = try (0..<12).map { _ in
          try startWriter(root, ["--stop-at", "chunks", "--chunks", "40"], in: scratch)
        }
        #expect(wait(seconds: 60) { writers.allSatisfy { $0.lines.count == 43 } })
        for writer in writers { writer.signal(SIGKILL) }
        for writer in writers { writer.killHard() }
        paths += writers.map { "\(root)/\(ownedName($0))" }
        // Each wave a little later, so that either of the two may be the first.
        let start = Date()
        wait { Date().timeIntervalSince(start) > 0.3 }
      }
      #expect(wait(seconds: 60) { paths.allSatisfy { !exists($0) } })
      #expect(cleaner.isRunning)
      cleaner.killHard()
      let ours = paths.filter { !watcher.audit(of: $0, action: .reaped).isEmpty }.count
      print("second cleaner: \(ours) of \(paths.count) orphans were reapd's")
    }
  }

  private static let cleaner = #"""
    cd "$0" || exit 1
    while :; do
      for d in spill_*; do
        [[ -e $d/.lock ]] || continue
        s=${d#spill_}
        ((EPOCHSECONDS - ${s%%_*} >= 2)) || continue
        flock -n "$d/.lock" rm -rf "$d"
      done
      sleep 0.02
    done
    """#
}
