// Pins: what an operator keeps, whatever reapd thinks of it.

import Foundation
import Glibc
import Testing

@Suite("Pins", .serialized, .live)
struct PinTests {
  private let scratch = Scratch()

  @discardableResult
  private func keep(_ arguments: [String], status: Int32 = 0) -> String {
    let result = run(reapdBinary, ["keep"] + arguments)
    #expect(result.status == status, "\(result)")
    return result.output + result.error
  }

  @Test("A pinned generation is reprieved, stays over restarts, and goes once it is unpinned")
  func generation() throws {
    let root = scratch.directory("root")
    let partition = Partition(root + "/a")
    let orphan = partition.generation("table-2")
    let rule = GenerationRule(root, ["quarantine": "2s"], in: scratch)
    var watcher = try rule.watch()
    watcher.expectCondemned("table-2", of: partition)
    #expect(keep([orphan + "/"]) == "kept  \(orphan)\n")
    #expect(keep([orphan]) == "kept  \(orphan)\n")
    let reprieved = { watcher.audit(of: orphan, action: .reprieved) }
    #expect(wait { reprieved().last?.reason == "kept-by-hand" }, "\(watcher.audit)")
    #expect(rule.explain(orphan)?.reason == "kept-by-hand")
    #expect(keep(["--list", "--config", rule.path]) == orphan + "\n")
    watcher.background.killHard()
    watcher = try rule.watch()
    let other = Partition(root + "/b").generation("table-2")
    #expect(wait(seconds: 60) { !exists(other) }, "\(watcher.background.error)")
    #expect(partition.isWhole("table-2"))
    #expect(keep(["--undo", orphan]) == "unpinned  \(orphan)\n")
    #expect(keep(["--undo", partition["table"]]).hasPrefix("was not pinned"))
    #expect(wait(seconds: 60) { !exists(orphan) }, "\(watcher.background.error)")
    #expect(keep(["--list", "--config", rule.path]) == "nothing is pinned\n")
  }

  @Test("A pinned spill directory stays after its owner's death, until it is unpinned")
  func spill() throws {
    let root = scratch.directory("spill")
    let watcher = try Watcher([root], grace: "200ms", in: scratch)
    let writer = try Background(
      "/bin/bash",
      [
        "-c",
        "mkdir \(root)/spill_1_1; exec 9>\(root)/spill_1_1/.lock; flock 9; echo held; exec sleep 1000",
      ], in: scratch)
    #expect(wait { writer.output == "held\n" })
    keep([root + "/spill_1_1"])
    writer.killHard()
    let other = root + "/spill_1_2"
    #expect(shell("mkdir '\(other)' && : >'\(other)/.lock'").status == 0)
    #expect(wait(seconds: 60) { !exists(other) }, "\(watcher.background.error)")
    #expect(exists(root + "/spill_1_1/.lock"))
    keep(["--undo", root + "/spill_1_1"])
    #expect(wait(seconds: 60) { !exists(root + "/spill_1_1") }, "\(watcher.background.error)")
  }

  @Test("What cannot be pinned is said, and changes nothing")
  func refused() {
    symlink("/", scratch.path + "/link")
    mkfifo(scratch.path + "/fifo", 0o600)
    #expect(keep([], status: 64).contains("name what is to be kept"))
    #expect(keep([scratch.path + "/none"], status: 65).contains("No such file"))
    #expect(keep([scratch.path + "/link"], status: 65).contains("only a directory"))
    #expect(keep([scratch.path + "/fifo"], status: 65).contains("only a directory"))
    #expect(keep(["/proc/self/fd"], status: 1).contains("never"))
    #expect(keep([scratch.path + "/none", scratch.path], status: 65).contains("kept  "))
  }

  @Test("A pin that keeps nothing is told once, and is in the list with the others")
  func idle() throws {
    let root = scratch.directory("root")
    let orphan = makeOrphan(root + "/spill_1_1", files: 1)
    let young = makeOrphan(root + "/spill_1_2", files: 1)
    for name in ["other", "another"] { _ = scratch.directory("root/" + name) }
    let config = scratch.path + "/reapd.yaml"
    try "rules: [{name: r, kind: spill, root: \(root), grace: 100ms}]\n".write(
      toFile: config, atomically: false, encoding: .utf8)
    let ruled = ["--config", config]
    #expect(keep(ruled + [orphan]) == "kept  \(orphan)\n")
    let idle = keep(ruled + [root + "/other", root + "/another"])
    #expect(idle.components(separatedBy: "keeps nothing").count == 2, "\(idle)")
    #expect(idle.contains("reapd: \(root)/other and 1 other path: no rule"), "\(idle)")
    let inside = keep(ruled + [orphan + "/file-0"])
    #expect(inside.contains("pin \(orphan) itself"), "\(inside)")
    keep([young + "/file-0"])
    letPass(0.15, "the directories grow older than a grace")
    let lines = run(reapdBinary, ["keep", "--list", "--json"] + ruled).output
      .split(separator: "\n").map(String.init)
    #expect(
      lines == [
        #"{"path":"\#(root)/another","rule":null}"#, #"{"path":"\#(root)/other","rule":null}"#,
        #"{"path":"\#(orphan)","rule":"r"}"#, #"{"path":"\#(orphan)/file-0","rule":null}"#,
        #"{"path":"\#(young)/file-0","rule":null}"#,
      ])
    // Nothing is opened in what may just be being made.
    let early = keep(["--list", "--grace", "1h", root])
    #expect(!early.contains("file-0") && early.contains(orphan + "\n"), "\(early)")
    #expect(early.contains("\(root)/other  (keeps nothing"), "\(early)")
    #expect(keep(["--list", scratch.path + "/none"], status: 65).contains("does not exist"))
  }
}
