// reapd's own deaths, ends and starts: whatever it leaves is whole, and the next one finishes it.

import Foundation
import Glibc
import Testing

@Suite(.serialized) struct OwnCrashTests {
  private static let strace = "/usr/bin/strace"
  private static let files = [".lock", "file-0", "file-1", "file-2", "file-3", "sub"]

  /// Where one killed run left the orphan.
  private enum Left: Hashable, CustomStringConvertible {
    case untouched
    case claimed(entries: Int)
    case nothing

    var description: String {
      switch self {
      case .untouched: "untouched"
      case .claimed(let entries): "claimed with \(entries) entries"
      case .nothing: "gone"
      }
    }
  }

  private struct Drill {
    let scratch = Scratch()
    let root: String
    let live: LiveWriters

    init() throws {
      root = scratch.directory("root")
      live = try LiveWriters(root, in: scratch)
    }

    func makeTree(_ name: String) {
      let path = makeOrphan("\(root)/\(name)", files: 4)
      mkdir(path + "/sub", 0o777)
      for number in 0..<2 { close(open("\(path)/sub/\(number)", O_WRONLY | O_CREAT, 0o666)) }
    }

    /// Runs reapd so that it is killed when one of its threads enters a system call for the
    /// `when`-th time; false where it got to its end.
    func kill(_ command: String, calls: String, when: Int) throws -> Bool {
      let reapd = try Background(
        OwnCrashTests.strace,
        ["-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=\(calls)"]
          + ["-e", "inject=\(calls):signal=KILL:when=\(when)", reapdBinary, command]
          + ["--grace", "1ms", "--audit-log", scratch.path + "/killed.jsonl", root],
        in: scratch, environment: noBackstop)
      #expect(
        wait(seconds: 60) {
          !reapd.process.isRunning || command == "watch" && names(in: root) == live.names
        }, "\(reapd.error)")
      // Past the last removal a watch goes on for ever, and there is nothing left to kill it at.
      let isOver = names(in: root) == live.names
      if isOver, command == "watch" { reapd.signal(SIGKILL) }
      let status = reapd.exitStatus(within: 60)
      #expect(status == (isOver && command == "sweep" ? 0 : -SIGKILL), "\(reapd.error)")
      return !isOver
    }

    func look(_ name: String) -> Left {
      let rest = names(in: root).filter { !live.names.contains($0) }
      #expect(rest.count <= 1, "\(rest)")
      guard let left = rest.first else { return .nothing }
      let entries = names(in: "\(root)/\(left)")
      if left == name {
        #expect(entries == OwnCrashTests.files, "half empty under its own name")
        #expect(names(in: "\(root)/\(left)/sub") == ["0", "1"])
        return .untouched
      }
      #expect(left.hasPrefix(".reapd.") && left.dropFirst(26) == "." + name)
      #expect(entries.isEmpty || entries.contains(".lock"), "the lock file is the last to go")
      return .claimed(entries: entries.count)
    }

    func finish(_ command: String, _ name: String) throws {
      if command == "sweep" {
        let result = run(
          reapdBinary, ["sweep", "--grace", "1ms", "--audit-log", scratch.path + "/s.jsonl", root])
        #expect(result.status == 0, "\(result.error)")
        #expect(names(in: root) == live.names)
      } else {
        let watcher = try Watcher([root], in: scratch, environment: noBackstop)
        #expect(wait(seconds: 60) { names(in: root) == live.names })
        let (status, summary) = watcher.stop()
        #expect(status == 0)
        #expect(summary["failed"] as? Int == 0)
        #expect(watcher.audit(of: "\(root)/\(name)", action: "reaped").count == 1)
      }
      live.expectUntouched()
    }
  }

  // strace counts by thread: with the renames left out, the first unlink is a point of its own.
  @Test(arguments: ["sweep", "watch"], ["renameat2,unlinkat", "unlinkat"])
  func `killed at any step, it leaves a whole directory or a claim that the next one finishes`(
    command: String, calls: String
  ) throws {
    guard FileManager.default.isExecutableFile(atPath: Self.strace) else {
      return skip("strace is not installed")
    }
    let drill = try Drill()
    var seen: [Left: Int] = [:]
    var number = 0
    for when in 1...30 {
      var hasDied = false
      for finisher in ["sweep", "watch"] {
        number += 1
        let name = "spill_1_\(number)"
        drill.makeTree(name)
        let died = try drill.kill(command, calls: calls, when: when)
        let left = drill.look(name)
        drill.live.expectUntouched()
        #expect(died || left == .nothing)
        seen[left, default: 0] += 1
        if left != .nothing { try drill.finish(finisher, name) }
        hasDied = hasDied || died
      }
      guard hasDied else { break }
    }
    let counts = seen.map { "\($0.key): \($0.value)" }.sorted().joined(separator: ", ")
    print("reapd \(command) killed at \(calls): \(counts)")
    #expect(seen[.nothing, default: 0] >= 2, "the last round was to get to its end")
    #expect(seen.keys.contains(calls == "unlinkat" ? .claimed(entries: 6) : .untouched))
    #expect(seen.keys.contains { if case .claimed(1...5) = $0 { true } else { false } })
    drill.live.kill()
  }
}

@Suite(.serialized) struct ForeignClaimTests {
  private static func claimed(_ name: String) -> String { ".reapd.1700000000000000000.\(name)" }

  @Test func `a live directory that somebody gave a claimed name gets its own back`() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let watcher = try Watcher([root], in: scratch, environment: noBackstop)
    let writer = try startWriter(root, ["--stop-at", "chunks"], in: scratch)
    #expect(wait { writer.lines.count == 6 })
    let path = "\(root)/\(ownedName(writer))"
    #expect(wait(seconds: 60) { watcher.holds(path) })
    let before = names(in: path)

    #expect(rename(path, "\(root)/\(Self.claimed(ownedName(writer)))") == 0)
    #expect(wait(seconds: 60) { names(in: root) == [ownedName(writer)] }, "\(names(in: root))")
    #expect(wait { watcher.audit(of: path, action: "restored").count == 1 })
    watcher.catchUp(in: root)
    #expect(names(in: path) == before)
    #expect(explain(path)["reason"] as? String == "lock-held")

    // The same where nobody watches.
    #expect(watcher.stop().status == 0)
    #expect(rename(path, "\(root)/\(Self.claimed(ownedName(writer)))") == 0)
    let audit = scratch.path + "/sweep.jsonl"
    let sweep = run(reapdBinary, ["sweep", "--grace", "200ms", "--audit-log", audit, root])
    #expect(sweep.status == 0)
    #expect(names(in: root) == [ownedName(writer)])
    #expect(names(in: path) == before)

    let next = try Watcher([root], in: scratch, environment: noBackstop)
    writer.killHard()
    #expect(wait(seconds: 60) { !exists(path) })
    #expect(next.stop().summary["failed"] as? Int == 0)
  }

  @Test func `where its own name stands again both stay`() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let watcher = try Watcher([root], in: scratch, environment: noBackstop)
    let name = "spill_1_1"
    let arguments = ["--name", name, "--stop-at", "chunks"]
    let first = try startWriter(root, arguments, in: scratch)
    #expect(wait { first.lines.count == 6 })
    let path = "\(root)/\(name)"
    let moved = "\(root)/\(Self.claimed(name))"
    #expect(wait(seconds: 60) { watcher.holds(path) })

    watcher.background.signal(SIGSTOP)
    #expect(wait { isStopped(watcher.background.pid) })
    #expect(rename(path, moved) == 0)
    let second = try startWriter(root, arguments, in: scratch)
    #expect(wait { second.lines.count == 6 })
    let before = portrait(path) + portrait(moved)
    watcher.background.signal(SIGCONT)
    #expect(wait(seconds: 60) { watcher.holds(path) && watcher.holds(moved) })
    watcher.catchUp(in: root)
    #expect(portrait(path) + portrait(moved) == before)
    #expect(watcher.audit(of: path).isEmpty)

    first.killHard()
    #expect(wait(seconds: 60) { !exists(moved) })
    watcher.catchUp(in: root)
    #expect(portrait(path) == Array(before.prefix(5)))
    second.killHard()
    #expect(wait(seconds: 60) { !exists(path) })
    #expect(watcher.stop().summary["failed"] as? Int == 0)
  }
}

@Suite(.serialized) struct StartAndEndTests {
  @Test func `the start line counts, and what is past its grace goes at once`() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let live = try LiveWriters(root, in: scratch)
    let orphans = (1...4).map { makeOrphan("\(root)/spill_1_\($0)", files: 2) }
    let start = Date()
    wait { Date().timeIntervalSince(start) > 3.2 }
    // A name's time counts too, and lies a little ahead here so that a slow start finds it young.
    let young = (1...2).map { makeOrphan("\(root)/spill_\(time(nil) + 2)_\($0)") }
    let watcher = try Watcher([root], grace: "3s", in: scratch, environment: noBackstop)
    #expect(
      watcher.background.error.contains(": 5 live, 2 young, 4 orphaned\n"),
      "\(watcher.background.error)")
    #expect(wait(seconds: 60) { orphans.allSatisfy { watcher.audit(of: $0).count == 1 } })
    #expect(
      orphans.allSatisfy { watcher.audit(of: $0).first?["trigger"] as? String == "startup" })
    #expect(wait(seconds: 60) { names(in: root) == live.names })
    #expect(wait { young.allSatisfy { watcher.audit(of: $0).count == 1 } })
    #expect(
      young.allSatisfy { watcher.audit(of: $0).first?["trigger"] as? String == "grace-over" })
    live.expectUntouched()
    #expect(watcher.stop().status == 0)
    live.expectUntouched()
    live.kill()
  }

  // `atStart`: the removal is one of those that the start begins with.
  @Test(arguments: [SIGTERM, SIGINT], [false, true])
  func `told to end, it first finishes the removal in hand`(signal: Int32, atStart: Bool) throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let path = root + "/spill_1_1"
    let made = makeOrphan(atStart ? path : scratch.path + "/made", files: 20_000)
    let watcher = try Watcher(
      [root], in: scratch, environment: noBackstop, waitForStart: !atStart)
    if !atStart { #expect(rename(made, path) == 0) }
    func claims() -> [String] { names(in: root).filter { $0.hasPrefix(".reapd.") } }
    #expect(wait(seconds: 60) { !claims().isEmpty || !exists(path) })
    watcher.background.signal(signal)
    #expect(!claims().isEmpty, "the removal was over before the signal; more files are needed")
    #expect(watcher.background.exitStatus(within: 60) == 0)
    #expect(names(in: root).isEmpty, "\(names(in: root))")
    let records = watcher.audit(of: path, action: "reaped")
    #expect(records.count == 1)
    #expect(records.first?["files"] as? Int == 20_001)
  }

  @Test func `a second reapd on a root ends with 75 and names the holder`() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let watcher = try Watcher([root], in: scratch, environment: noBackstop)
    let audit = ["--audit-log", scratch.path + "/second.jsonl"]
    for command in ["watch", "sweep"] {
      let second = run(reapdBinary, [command] + audit + [root])
      #expect(second.status == 75)
      #expect(second.error.contains("pid \(watcher.background.pid) "), "\(second.error)")
    }
    #expect(run(reapdBinary, ["sweep", "--dry-run"] + audit + [root]).status == 0)
    watcher.catchUp(in: root)
    // Free again however it ended.
    watcher.background.killHard()
    #expect(run(reapdBinary, ["sweep"] + audit + [root]).status == 0)
  }

  @Test func `SIGHUP rereads the configuration, and a bad one leaves the old`() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let path = scratch.path + "/reapd.yaml"
    func configure(_ match: String) throws {
      let text = """
        backstop: off
        rules:
          - name: ant
            kind: spill
            root: \(root)
            grace: 100ms
            \(match)

        """
      try text.write(toFile: path, atomically: true, encoding: .utf8)
    }
    try configure("match: spill_*")
    let watcher = try Watcher(
      [], grace: nil, in: scratch, arguments: ["--config", path], waitForStart: false)
    #expect(wait(seconds: 60) { watcher.background.error.contains("watching ") })
    let other = makeOrphan(root + "/other_1")
    watcher.catchUp(in: root)
    #expect(exists(other))

    try configure("match: other_*")
    watcher.background.signal(SIGHUP)
    #expect(wait(seconds: 60) { !exists(other) }, "\(watcher.background.error)")
    let spill = makeOrphan(root + "/spill_1_1")
    func expectOtherRule(_ number: Int) {
      let orphan = makeOrphan("\(root)/other_\(number)")
      #expect(wait(seconds: 60) { !exists(orphan) }, "\(watcher.background.error)")
      #expect(exists(spill))
    }
    expectOtherRule(2)

    try configure("mtach: spill_*")
    watcher.background.signal(SIGHUP)
    #expect(wait(seconds: 60) { watcher.background.error.contains("mtach") })
    #expect(wait { watcher.background.error.contains("left as it was") })
    expectOtherRule(3)
    #expect(watcher.background.process.isRunning)

    try configure("match: spill_*")
    watcher.background.signal(SIGHUP)
    #expect(wait(seconds: 60) { !exists(spill) }, "\(watcher.background.error)")
    #expect(watcher.stop().status == 0)
  }
}
