// Generations in quarantine: put back the moment the cursor names them, and never lost.

import Foundation
import Glibc
import Testing

@Suite("Quarantine", .serialized)
struct QuarantineTests {
  private let scratch = Scratch()
  private let root: String
  private let partition: Partition

  init() {
    root = scratch.directory("root")
    partition = Partition(root + "/datasets/a/source=x")
  }

  private func rule(_ keys: [String: String] = [:]) -> GenerationRule {
    GenerationRule(root, ["quarantine": "1h"].merging(keys) { $1 }, in: scratch)
  }

  @Test("A flip to a claimed generation puts it back at once, under exactly its name")
  func flip() throws {
    defer { withExtendedLifetime(scratch) {} }
    partition.generation("table-2")
    let watcher = try rule().watch()
    var figures: [Double] = []
    var live = "table"
    for round in 1...5 {
      let other = live == "table" ? "table-2" : "table"
      watcher.expectClaimed(other, of: partition)
      let inode = inodeOf(partition[partition.claims(of: other).first ?? ""])
      partition.flip(to: other)
      let flipped = Date()
      #expect(wait(seconds: 60) { exists(partition[other]) }, "\(watcher.background.error)")
      figures.append(Date().timeIntervalSince(flipped) * 1000)
      #expect(partition.isWhole(other) && partition.claims(of: other).isEmpty)
      #expect(inodeOf(partition[other]) == inode)
      let restored = { watcher.audit(of: partition[other], action: "restored") }
      #expect(wait { restored().count == (round + 1) / 2 }, "\(watcher.audit)")
      // The look that follows the claim may be the first to see the new cursor; a rescan brought it
      // about where the other one was kept for want of this one.
      let trigger = restored().last?["trigger"] as? String ?? ""
      #expect(
        ["cursor-change", "created", "grace-over", "rescan"].contains(trigger), "\(trigger)")
      #expect(
        restored().last?["id"] as? String
          == watcher.audit(of: partition[other], action: "claimed").last?["id"] as? String)
      live = other
    }
    print("cursor flip to put back, ms: \(figures.map { String(format: "%.1f", $0) })")
  }

  @Test("A quarantine that is over ends with the bytes gone, under the id of the claim")
  func over() throws {
    defer { withExtendedLifetime(scratch) {} }
    let orphan = partition.generation("table-2")
    let watcher = try rule(["quarantine": "2s"]).watch()
    #expect(wait(seconds: 60) { watcher.audit(of: orphan, action: "reaped").count == 1 })
    let claimed = try #require(watcher.audit(of: orphan, action: "claimed").first)
    let reaped = try #require(watcher.audit(of: orphan, action: "reaped").first)
    let id = try #require(claimed["id"] as? String)
    #expect(id.count == 19 && Int64(id) != nil && reaped["id"] as? String == id)
    #expect(claimed["reason"] as? String == "quiet" && reaped["reason"] as? String == "quiet")
    #expect((claimed["time"] as? String ?? "z") < (reaped["time"] as? String ?? ""))
    #expect((reaped["files"] as? Int ?? 0) == 2)
    #expect(names(in: partition.path) == ["cursor.json", "table"])
  }

  @Test("What a killed reapd left half removed does not stand in the way of its name's successor")
  func halfRemoved() throws {
    defer { withExtendedLifetime(scratch) {} }
    let partition = Partition(root + "/a", live: "epoch=3")
    let orphan = partition.generation("epoch=2")
    let claimed = partition[".reapd.1795216876835000000.epoch=3"]
    _ = partition.generation(".reapd.1795216876835000000.epoch=3", committed: false)
    #expect(chmod(claimed, 0o5700) == 0)
    let watcher = try GenerationRule(root, in: scratch).watch()
    #expect(wait(seconds: 60) { !exists(orphan) }, "\(watcher.background.error)")
    #expect(partition.isWhole("epoch=3"))
    partition.generation("epoch=4")
    partition.flip(to: "epoch=4")
    #expect(
      wait(seconds: 60) { !exists(claimed) && !exists(partition["epoch=3"]) },
      "\(names(in: partition.path)) \(watcher.background.error)")
    #expect(partition.isWhole("epoch=4"))
  }

  @Test("Where the name exists again, both stay, and everything in that partition")
  func conflict() throws {
    defer { withExtendedLifetime(scratch) {} }
    partition.generation("table-2")
    let rule = rule()
    let watcher = try rule.watch()
    watcher.expectClaimed("table-2", of: partition)
    let claim = partition[partition.claims(of: "table-2").first ?? ""]
    partition.generation("table-2")
    partition.put("table-2/data/rows.jsonl", Partition.rows + "{\"id\":3}\n")
    partition.flip(to: "table-2")
    for _ in 0..<10 { partition.flip(to: "table-2") }
    let bystander = partition.generation("table-3")
    let other = Partition(root + "/other")
    other.generation("table-2")
    watcher.expectClaimed("table-2", of: other)
    #expect(exists(claim + "/metadata/v1.metadata.json"))
    #expect(exists(partition["table-2/metadata/v1.metadata.json"]))
    #expect(partition.isWhole("table") && exists(bystander))
    #expect(watcher.audit(of: partition["table-2"], action: "restored").isEmpty)
    #expect(rule.explain(bystander)["reason"] as? String == "claim-conflict")
    let told = watcher.audit.filter { $0["reason"] as? String == "claim-conflict" }
    #expect(told.count == 1, "\(told)")
    #expect(
      watcher.background.error.split(separator: "\n").count { $0.contains("source=x") } == 1,
      "\(watcher.background.error)")
    // Without the newer one, the flip that came first is served.
    #expect(shell("rm -rf '\(partition["table-2"])'").status == 0)
    #expect(wait(seconds: 60) { partition.isWhole("table-2") }, "\(watcher.background.error)")
    #expect(!exists(claim))
  }

  @Test("What has a claimed one's name need be no generation: once it is gone, that is put back")
  func fileInTheWay() throws {
    defer { withExtendedLifetime(scratch) {} }
    let claim = partition[".reapd.1795216876835000000.table"]
    #expect(rename(partition["table"], claim) == 0)
    partition.put("table", "a file of somebody's")
    let watcher = try rule().watch()
    #expect(exists(claim), "nothing is put back over it")
    #expect(unlink(partition["table"]) == 0)
    #expect(wait { partition.isWhole("table") }, "\(names(in: partition.path))")
    #expect(wait { watcher.audit(of: partition["table"], action: "restored").count == 1 })
  }

  @Test("reapd killed during quarantine, the cursor flipped meanwhile: the next start puts it back")
  func killedAndFlipped() throws {
    defer { withExtendedLifetime(scratch) {} }
    partition.generation("table-2")
    let rule = rule()
    let watcher = try rule.watch()
    watcher.expectClaimed("table-2", of: partition)
    watcher.background.killHard()
    partition.flip(to: "table-2")
    #expect(!exists(partition["table-2"]))
    let next = try rule.watch()
    #expect(wait(seconds: 60) { exists(partition["table-2"]) }, "\(next.background.error)")
    #expect(partition.isWhole("table-2"))
    #expect(wait { next.audit(of: partition["table-2"], action: "restored").count == 1 })
    // It is judged again like everything else: now the other one is dead.
    next.expectClaimed("table", of: partition)
    #expect(partition.isWhole("table-2"))
  }

  @Test("reapd killed during quarantine: the next start puts back, judges again, begins anew")
  func killedAndStarted() throws {
    defer { withExtendedLifetime(scratch) {} }
    let orphan = partition.generation("table-2")
    let rule = rule()
    let watcher = try rule.watch()
    watcher.expectClaimed("table-2", of: partition)
    let first = partition.claims(of: "table-2")
    watcher.background.killHard()
    // A clock that was set since: as if it were from long ago, its quarantine over.
    let ancient = ".reapd.1000000000000000001.table-2"
    #expect(rename(partition[first[0]], partition[ancient]) == 0)
    let next = try rule.watch()
    #expect(wait(seconds: 60) { next.audit(of: orphan, action: "claimed").count == 2 })
    #expect(next.audit(of: orphan, action: "restored").count == 1)
    #expect(next.audit(of: orphan, action: "reaped").isEmpty)
    let again = partition.claims(of: "table-2")
    #expect(again.count == 1 && again != first && again != [ancient], "\(again)")
  }

  @Test("A rule that a reread configuration ends puts back what it has in quarantine")
  func ruleEnds() throws {
    defer { withExtendedLifetime(scratch) {} }
    let orphan = partition.generation("table-2")
    let rule = rule()
    let watcher = try rule.watch()
    watcher.expectClaimed("table-2", of: partition)
    #expect(rename(self.rule(["enabled": "false"]).path, rule.path) == 0)
    watcher.background.signal(SIGHUP)
    #expect(wait { partition.isWhole("table-2") }, "\(watcher.background.error)")
    #expect(partition.claims(of: "table-2").isEmpty)
    #expect(wait { watcher.audit(of: orphan, action: "restored").count == 1 })
    #expect(watcher.stop().status == 0)
    #expect(partition.isWhole("table-2"))
  }

  @Test("A clean end puts back what rests on no lock", arguments: [SIGTERM, SIGINT])
  func cleanEnd(signal: Int32) throws {
    defer { withExtendedLifetime(scratch) {} }
    let orphan = partition.generation("table-2")
    let watcher = try rule().watch()
    watcher.expectClaimed("table-2", of: partition)
    watcher.background.signal(signal)
    #expect(watcher.background.exitStatus(within: 60) == 0, "\(watcher.background.error)")
    #expect(partition.isWhole("table-2") && partition.claims(of: "table-2").isEmpty)
    #expect(watcher.audit(of: orphan, action: "restored").count == 1)
  }

  @Test("Claimed names that somebody else made are finished only if judged dead")
  func foreignClaims() throws {
    defer { withExtendedLifetime(scratch) {} }
    let stamp = ".reapd.1700000000000000001."
    for name in ["tables_backup", "cursor.json", "table-1x"] {
      partition.generation(stamp + name)
    }
    let watcher = try rule(["quarantine": "0s"]).watch()
    watcher.catchUp(below: root)
    for name in ["tables_backup", "cursor.json", "table-1x"] {
      #expect(exists(partition[stamp + name + "/data/rows.jsonl"]), "\(name)")
    }
    #expect(partition.isWhole("table"))
  }

  private func inodeOf(_ path: String) -> ino_t {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_ino : 0
  }
}
