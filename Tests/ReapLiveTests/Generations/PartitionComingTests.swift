// Partitions that appear, vanish and move at any time and any depth: nothing is missed.

import Foundation
import Glibc
import Testing

@Suite("Partitions that come and go", .serialized, .live)
struct PartitionComingTests {
  private let scratch = Scratch()
  private let root: String
  private let rule: GenerationRule

  init() {
    root = scratch.directory("root")
    // A free lock is the proof, so that nothing waits for anything but the grace; in which a generation is
    // made whole on a loaded machine, too.
    let keys = ["grace": "1s", "lock": ".lock", "quiet": "1h", "quarantine": ""]
    rule = GenerationRule(root, keys, in: scratch)
  }

  @Test("Partitions made in one go, in a fast loop, are all found")
  func appearing() throws {
    let watcher = try rule.watch()
    let made = (0..<200).map { number -> Partition in
      let depth = number % 5
      let parents = (0..<depth).map { "level\($0)=\(number / 20)" } + ["source=\(number)"]
      let partition = Partition(root + "/" + parents.joined(separator: "/"))
      partition.generation("table-2", lockFile: true)
      return partition
    }
    #expect(
      wait(seconds: 120) { !made.contains { exists($0["table-2"]) } },
      "left: \(made.count { exists($0["table-2"]) }) \(watcher.background.error)")
    #expect(made.allSatisfy { $0.isWhole("table") })
    #expect(watcher.stop().summary?.backstopNeeded == 0)
  }

  @Test("A tree that another process makes with mkdir -p and copies is found whole")
  func copied() throws {
    let model = Partition(scratch.directory("model"))
    model.generation("table-2", lockFile: true)
    let watcher = try rule.watch()
    let command = """
      for i in $(seq 200); do mkdir -p '\(root)'/$i/a/b/c; cp -r '\(model.path)'/. '\(root)'/$i/a/b/c; done
      """
    #expect(shell(command).status == 0)
    let made = (1...200).map { "\(root)/\($0)/a/b/c" }
    #expect(
      wait(seconds: 120) { !made.contains { exists($0 + "/table-2") } },
      "left: \(made.count { exists($0 + "/table-2") }) \(watcher.background.error)")
    #expect(made.allSatisfy { exists($0 + "/table/metadata/v1.metadata.json") })
  }

  @Test("Partitions moved within, out of and into the root are judged where they are")
  func moved() throws {
    let outside = scratch.directory("outside")
    _ = Partition(root + "/a/b/within")
    let leaving = Partition(root + "/a/leaving")
    let coming = Partition(outside + "/deep/coming")
    coming.generation("table-2", lockFile: true)
    let watcher = try rule.watch()
    watcher.catchUp(below: root, lockFile: true)

    mkdir(root + "/z", 0o755)
    #expect(rename(root + "/a/b", root + "/z/y") == 0)
    #expect(rename(leaving.path, outside + "/left") == 0)
    #expect(rename(outside + "/deep", root + "/came") == 0)
    let moved = root + "/z/y/within"
    let gone = [root + "/came/coming/table-2"]
    #expect(wait(seconds: 60) { !gone.contains(where: exists) }, "\(watcher.background.error)")
    // Events from where it was do not reach what it is now.
    let left = Partition(outside + "/left", cursor: nil).generation("table-2", lockFile: true)
    let orphan = Partition(moved, cursor: nil).generation("table-2", lockFile: true)
    #expect(wait(seconds: 60) { !exists(orphan) }, "\(watcher.background.error)")
    #expect(wait { watcher.audit(of: orphan, action: .reaped).count == 1 }, "\(watcher.audit)")
    watcher.catchUp(below: root, lockFile: true)
    #expect(exists(left))
    for path in [moved, outside + "/left", root + "/came/coming"] {
      #expect(exists(path + "/table/metadata/v1.metadata.json"))
    }
  }

  @Test("Partitions that vanish under its hands trouble nobody else")
  func vanishing() throws {
    let watcher = try rule.watch()
    for round in 0..<100 {
      let partition = Partition(root + "/p\(round % 3)/q/r")
      partition.generation("table-2", lockFile: true)
      if round % 2 == 0 { letPass(.random(in: 0...0.15), "gone at any moment of a look") }
      #expect(shell("rm -rf '\(root)/p\(round % 3)'").status == 0)
    }
    watcher.catchUp(below: root, lockFile: true)
    #expect(watcher.audit.allSatisfy { $0.action != .failed }, "\(watcher.audit)")
    #expect(watcher.stop().status == 0)
  }

  @Test("A cursor that comes last makes its directory a partition, and one removed unmakes it")
  func cursorLast() throws {
    let watcher = try rule.watch()
    let late = Partition(root + "/a/late", cursor: nil)
    late.generation("table")
    let orphan = late.generation("table-2", lockFile: true)
    watcher.catchUp(below: root, lockFile: true)
    #expect(exists(orphan), "nothing says which one is live")
    late.flip(to: "table")
    #expect(wait(seconds: 60) { !exists(orphan) }, "\(watcher.background.error)")
    unlink(late["cursor.json"])
    let next = late.generation("table-3", lockFile: true)
    watcher.catchUp(below: root, lockFile: true)
    #expect(exists(next) && late.isWhole("table"))
    late.flip(to: "table-3")
    watcher.catchUp(below: root, lockFile: true)
    #expect(late.isWhole("table-3"))
  }
}
