// How a watcher starts beside what is there, and ends with its removal in hand finished.

import Foundation
import Glibc
import Testing

@Suite(.serialized, .live) struct StartAndEndTests {
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
      orphans.allSatisfy { watcher.audit(of: $0).first?.trigger == .startup })
    #expect(wait(seconds: 60) { names(in: root) == live.names })
    #expect(wait { young.allSatisfy { watcher.audit(of: $0).count == 1 } })
    #expect(
      young.allSatisfy { watcher.audit(of: $0).first?.trigger == .graceOver })
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
    let records = watcher.audit(of: path, action: .reaped)
    #expect(records.count == 1)
    #expect(records.first?.files == 20_001)
  }

  @Test func `started with standard error closed, it writes into no file in its place`() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let audit = scratch.path + "/audit.jsonl"
    let orphan = makeOrphan(root + "/spill_1_1")
    let words = "watch --json --grace 100ms --audit-log '\(audit)' '\(root)'"
    let watcher = try Background(
      "/bin/bash", ["-c", "exec '\(reapdBinary)' \(words) 2>&-"], in: scratch)
    #expect(wait { !exists(orphan) && exists(audit) })
    watcher.signal(SIGTERM)
    #expect(watcher.exitStatus() == 0)
    let text = String(
      decoding: FileManager.default.contents(atPath: audit) ?? Data(), as: UTF8.self)
    #expect(text.split(separator: "\n").count == 1 && AuditFile(audit).lines.count == 1, "\(text)")
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
    #expect(watcher.background.isRunning)

    try configure("match: spill_*")
    watcher.background.signal(SIGHUP)
    #expect(wait(seconds: 60) { !exists(spill) }, "\(watcher.background.error)")
    #expect(watcher.stop().status == 0)
  }
}
