// Several rules on one tree: each does its own work, undoes nothing of the others', and they share
// the root's lock.

import Foundation
import Glibc
import Testing

@Suite("Several rules on one tree", .serialized, .live)
struct SharedRootTests {
  private let scratch = Scratch()

  private static let short =
    "grace: 100ms, quiet: 500ms, quarantine: 0s, retired_after: 0s"

  /// A file with the given rules; nothing but events drives a watch by it.
  private func configure(_ rules: [String]) throws -> String {
    let path = scratch.path + "/shared.yaml"
    let lines = rules.map { "  - {\($0)}\n" }.joined()
    let text = "backstop: off\naudit_log: \(scratch.path)/audit.jsonl\nrules:\n\(lines)"
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  private func watch(_ config: String, rules: Int) throws -> Watcher {
    let watcher = try Watcher(
      [], grace: nil, in: scratch, arguments: ["--config", config], waitForStart: false)
    #expect(
      wait(seconds: 60) {
        watcher.background.error.components(separatedBy: "watching ").count > rules
      }, "\(watcher.background.error)")
    return watcher
  }

  @Test("Uploads and tables on one root go by their own rules", arguments: [false, true])
  func oneRoot(nested: Bool) throws {
    let root = scratch.directory("root")
    let uploads = nested ? scratch.directory("root/deep/uploads") : root
    let config = try configure([
      "name: tables, kind: generations, root: \(root), \(Self.short)",
      "name: uploads, kind: spill, root: \(uploads), grace: 100ms",
    ])
    _ = scratch.directory("root/datasets")
    let watcher = try watch(config, rules: 2)
    for round in 1...3 {
      // Whole when it comes: its grace may be over between two steps of ours.
      let made = Partition(scratch.path + "/made", live: "table-2")
      made.generation("table")
      let partition = Partition(at: root + "/datasets/p\(round)")
      #expect(rename(made.path, partition.path) == 0)
      let orphan = partition["table"]
      let upload = makeOrphan(uploads + "/spill_1_\(round)")
      #expect(wait(seconds: 60) { !exists(orphan) && !exists(upload) }, "\(watcher.audit)")
      #expect(partition.isWhole("table-2"))
    }
    // A claim that an earlier reapd left belongs to the rule whose name it hides.
    let claim = makeOrphan(uploads + "/.reapd.1795000000000000000.spill_9_9")
    #expect(wait(seconds: 60) { !exists(claim) }, "\(watcher.audit)")
    #expect(wait { watcher.audit.count >= 7 })
    for line in watcher.audit {
      #expect(line.action == .reaped, "\(line)")
      let isUpload = (line.path ?? "").contains("spill_")
      #expect(line.rule == (isUpload ? "uploads" : "tables"), "\(line)")
    }
    #expect(watcher.stop().status == 0)
  }

  @Test("What one rule takes is not walked into by the other")
  func others() throws {
    let root = scratch.directory("root")
    let config = try configure([
      "name: tables, kind: generations, root: \(root), \(Self.short)",
      "name: uploads, kind: spill, root: \(root), grace: 100ms",
    ])
    let upload = makeOrphan(root + "/spill_1_1")
    let lock = open(upload + "/.lock", O_RDWR)
    #expect(flock(lock, LOCK_EX | LOCK_NB) == 0)
    defer { close(lock) }
    // To the rule for tables, were it to look, this would be one with an orphan.
    let inside = Partition(upload + "/table-data", live: "table-2")
    let orphan = inside.generation("table")
    let watcher = try watch(config, rules: 2)
    watcher.catchUp(below: root)
    #expect(!wait(seconds: 2) { !exists(orphan) })
    #expect(names(in: inside.path) == ["cursor.json", "table", "table-2"])
  }

  @Test("One pass takes them all, and a watch or a sweep beside it is refused")
  func sweep() throws {
    let root = scratch.directory("root")
    let config = try configure([
      "name: one, kind: spill, root: \(root), match: 'a_*', grace: 1ms",
      "name: two, kind: spill, root: \(root), match: 'b_*', grace: 1ms",
    ])
    for name in ["a_1", "b_1"] { makeOrphan(root + "/" + name) }
    let result = run(reapdBinary, ["sweep", "--config", config])
    #expect(result.status == 0, "\(result)")
    #expect(wait { names(in: root).isEmpty })
    for name in ["a_1", "b_1"] { makeOrphan(root + "/" + name) }
    let named = run(reapdBinary, ["sweep", "--config", config, root])
    #expect(named.status == 0 && names(in: root).isEmpty, "both rules of a root that is named")

    let watcher = try watch(config, rules: 2)
    #expect(run(reapdBinary, ["sweep", "--config", config]).status == 75)
    let explained = run(
      reapdBinary, ["explain", "--json", "--config", config, makeOrphan(root + "/b_2")])
    #expect(explained.output.contains("\"rule\":\"two\"") || explained.status == 65, "\(explained)")
    #expect(watcher.stop().status == 0)
  }

  @Test("The lock stays while one of them works on the root, and goes with the last")
  func reload() throws {
    let root = scratch.directory("root")
    let other = scratch.directory("other")
    let one = "name: one, kind: spill, root: \(root), match: 'a_*', grace: 1ms"
    let two = "name: two, kind: spill, root: \(root), match: 'b_*', grace: 1ms"
    let far = "name: far, kind: spill, root: \(other), grace: 1ms"
    let config = try configure([one, two, far])
    let watcher = try watch(config, rules: 3)
    func reload(_ rules: [String], _ count: Int) throws {
      _ = try configure(rules)
      watcher.background.signal(SIGHUP)
      #expect(
        wait(seconds: 60) {
          watcher.background.error.components(separatedBy: "configuration reread").count > count
        }, "\(watcher.background.error)")
    }
    // The first has taken the lock; the second goes on with it.
    try reload([two, far], 1)
    #expect(run(reapdBinary, ["sweep", "--match", "x*", root]).status == 75)
    // Its lock file comes with it: the grace is short.
    let orphan = root + "/b_1"
    #expect(rename(makeOrphan(scratch.path + "/made"), orphan) == 0)
    #expect(wait(seconds: 60) { !exists(orphan) }, "\(watcher.background.error)")
    let left = makeOrphan(root + "/a_1")
    try reload([far], 2)
    #expect(run(reapdBinary, ["sweep", "--match", "x*", root]).status == 0)
    #expect(exists(left))
    try reload([one, far], 3)
    #expect(wait(seconds: 60) { !exists(left) }, "\(watcher.background.error)")
    // One that merely changes is followed by itself, and the lock is never given up.
    try reload([one + ", never: x", far], 4)
    let late = root + "/a_2"
    #expect(rename(makeOrphan(scratch.path + "/made"), late) == 0)
    #expect(wait(seconds: 60) { !exists(late) }, "\(watcher.background.error)")
    #expect(!watcher.background.error.contains("already reaped"))
    #expect(watcher.stop().status == 0)
  }

  @Test("Rules that may take the same names are refused everywhere, links followed")
  func refused() throws {
    let root = scratch.directory("root")
    let link = scratch.path + "/link"
    #expect(symlink(root, link) == 0)
    let tables = "kind: generations, \(Self.short)"
    let good = "name: one, root: \(root), \(tables)"
    for second in [root, scratch.directory("root/ds"), link] {
      let config = try configure([good, "name: two, root: \(second), \(tables)"])
      for command in ["check-config", "watch", "sweep", "list"] {
        let result = run(reapdBinary, [command, "--config", config])
        #expect(result.status == 78, "\(command): \(result)")
        #expect(result.error.contains("the rules one and two have"), "\(result)")
      }
    }
    let config = try configure([good])
    let watcher = try watch(config, rules: 1)
    _ = try configure([good, "name: two, root: \(link), \(tables)"])
    watcher.background.signal(SIGHUP)
    #expect(wait(seconds: 60) { watcher.background.error.contains("left as it was") })
    watcher.catchUp(below: root)
    #expect(watcher.stop().status == 0)
  }

  @Test("What never names stays, and its places are not looked into")
  func never() throws {
    let root = scratch.directory("root")
    let config = try configure([
      "name: tables, kind: generations, root: \(root), never: [table-6, 'arch*'], \(Self.short)",
      "name: uploads, kind: spill, root: \(root), never: 'spill_1_*', grace: 100ms",
    ])
    let partition = Partition(root + "/p", live: "table-2")
    let pinned = partition.generation("table-6")
    let orphan = partition.generation("table-8")
    let archived = Partition(root + "/archive", live: "table-2").generation("table-8")
    let kept = makeOrphan(root + "/spill_1_1")
    let upload = makeOrphan(root + "/spill_2_1")
    let watcher = try watch(config, rules: 2)
    #expect(wait(seconds: 60) { !exists(orphan) && !exists(upload) }, "\(watcher.audit)")
    watcher.catchUp(below: root)
    #expect(!wait(seconds: 1) { !exists(pinned) || !exists(archived) || !exists(kept) })
    for path in [pinned, kept] {
      let result = run(reapdBinary, ["explain", "--json", "--config", config, path])
      #expect(result.output.contains("\"reason\":\"kept-by-hand\""), "\(result)")
    }
  }
}
