// A generation that is there in two halves, one of them claimed: joined where it is wanted, and
// never in the way of its partition for good.

import Foundation
import Glibc
import Testing

@Suite("Halves of generations", .serialized, .live)
struct HalvesTests {
  private static let stamp = ".reapd.1795216876835000000."
  private let scratch = Scratch()
  private let root: String
  private let partition: Partition
  private var claim: String { partition[Self.stamp + "table-2"] }

  init() {
    root = scratch.directory("root")
    partition = Partition(root + "/datasets/a/source=x")
  }

  private func rule(_ keys: [String: String] = [:]) -> GenerationRule {
    GenerationRule(root, keys, in: scratch)
  }

  /// As a writer leaves it that stood still before its commit while an earlier version of reapd
  /// claimed its generation: the rows are in the claimed half, the metadata in the other.
  private func split() {
    partition.put(Self.stamp + "table-2/data/rows.jsonl", Partition.rows)
    partition.put(Self.stamp + "table-2/data/more/part.jsonl", "{}\n")
    mkdir(partition[Self.stamp + "table-2/metadata"], 0o755)
    partition.put("table-2/metadata/v1.metadata.json", "{}\n")
    mkdir(partition["table-2/data"], 0o755)
  }

  @Test(
    "Where the cursor names it they are joined, at a start and in a sweep",
    arguments: [true, false])
  func joined(watching: Bool) throws {
    split()
    partition.flip(to: "table-2")
    let rule = rule(["quarantine": "1h"])
    let watcher = watching ? try rule.watch() : nil
    if !watching { _ = rule.sweep() }
    #expect(wait(seconds: 60) { partition.isWhole("table-2") }, "\(names(in: partition.path))")
    #expect(exists(partition["table-2/data/more/part.jsonl"]))
    #expect(wait { !exists(claim) })
    if let watcher {
      #expect(wait { watcher.audit(of: partition["table-2"], action: .restored).count == 1 })
      // The partition is not stuck: the superseded one is condemned.
      watcher.expectCondemned("table", of: partition)
    }
  }

  @Test("A flip while reapd is at work joins them too")
  func flip() throws {
    split()
    let watcher = try rule(["quarantine": "1h"]).watch()
    let condemned = { watcher.audit(of: partition["table-2"], action: .condemned).count }
    #expect(wait(seconds: 60) { condemned() == 2 }, "both halves are condemned")
    partition.flip(to: "table-2")
    #expect(
      wait(seconds: 60) { partition.isWhole("table-2") && !exists(claim) },
      "\(names(in: partition.path)) \(watcher.background.error)")
  }

  @Test("Where the cursor names another one, each half goes like any orphan")
  func orphans() throws {
    split()
    let watcher = try rule(["quarantine": "1s"]).watch()
    #expect(
      wait(seconds: 60) { names(in: partition.path) == ["cursor.json", "table"] },
      "\(names(in: partition.path)) \(watcher.background.error)")
    #expect(wait { watcher.audit(of: partition["table-2"], action: .reaped).count == 2 })
    #expect(partition.isWhole("table"))
  }

  @Test("Where a writer of it lives, they are joined")
  func livingWriter() throws {
    split()
    let writer = try Background("/bin/sleep", ["1000"], in: scratch)
    let temporary = "data/late.jsonl.tmp.\(writer.pid).1795216876835.a1b2c3"
    partition.put(Self.stamp + "table-2/" + temporary, "half a row")
    let watcher = try rule(["quarantine": "1h", "stale_temporaries": "off"]).watch()
    #expect(wait(seconds: 60) { !exists(claim) }, "\(watcher.background.error)")
    #expect(exists(partition["table-2/" + temporary]) && partition.isWhole("table-2"))
    writer.killHard()
    watcher.expectCondemned("table-2", of: partition)
  }

  @Test("A half whose removal has begun is finished, never put back")
  func removalBegun() throws {
    split()
    #expect(chmod(claim, 0o5700) == 0)
    partition.put("table-2/data/rows.jsonl", Partition.rows)
    partition.flip(to: "table-2")
    let watcher = try rule(["quarantine": "1h"]).watch()
    #expect(wait(seconds: 60) { !exists(claim) }, "\(watcher.background.error)")
    #expect(partition.isWhole("table-2"))
    #expect(!exists(partition["table-2/data/more"]))
  }

  @Test("Halves of the live one that collide both stay, with all beside them, and it is told once")
  func collision() throws {
    split()
    partition.put("table-2/data/rows.jsonl", "{\"id\":3}\n")
    partition.flip(to: "table-2")
    let bystander = partition.generation("table-3")
    let other = Partition(root + "/other")
    let elsewhere = other.generation("table-2")
    let rule = rule()
    let watcher = try rule.watch()
    #expect(wait(seconds: 60) { !exists(elsewhere) }, "\(watcher.background.error)")
    for _ in 0..<10 { partition.flip(to: "table-2") }
    watcher.catchUp(below: root)
    #expect(exists(claim + "/data/rows.jsonl") && exists(claim + "/data/more/part.jsonl"))
    #expect(exists(partition["table-2/metadata/v1.metadata.json"]))
    #expect(partition.isWhole("table") && exists(bystander))
    #expect(rule.explain(bystander)?.reason == "claim-conflict")
    let told = watcher.audit.filter { $0.reason == "claim-conflict" }
    #expect(told.count == 1, "\(told)")
    // Without the newer half, the other has its name again, and the partition goes on.
    #expect(shell("rm -rf '\(partition["table-2"])'").status == 0)
    #expect(wait(seconds: 60) { partition.isWhole("table-2") == false && !exists(claim) })
    #expect(exists(partition["table-2/data/rows.jsonl"]))
    partition.put("table-2/metadata/v1.metadata.json", "{}\n")
    partition.flip(to: "table-2")
    #expect(wait(seconds: 60) { !exists(bystander) }, "\(watcher.background.error)")
  }

  @Test("What has a claimed one's name need be no generation: once it is gone, that is put back")
  func fileInTheWay() throws {
    let claim = partition[Self.stamp + "table"]
    #expect(rename(partition["table"], claim) == 0)
    partition.put("table", "a file of somebody's")
    let watcher = try rule(["quarantine": "1h"]).watch()
    #expect(exists(claim), "nothing is put back over it")
    #expect(unlink(partition["table"]) == 0)
    #expect(wait { partition.isWhole("table") }, "\(names(in: partition.path))")
    #expect(wait { watcher.audit(of: partition["table"], action: .restored).count == 1 })
  }
}
