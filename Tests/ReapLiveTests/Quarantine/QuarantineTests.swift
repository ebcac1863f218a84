// Generations in quarantine: in their place, reprieved by any sign of life, and never lost.

import Foundation
import Glibc
import Testing

@Suite("Quarantine", .serialized, .live)
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

  /// The last reprieve of a generation: its reason and id.
  private func reprieve(_ watcher: Watcher, _ name: String) -> (reason: String, id: String)? {
    watcher.audit(of: partition[name], action: .reprieved).last.map {
      ($0.reason, $0.id ?? "")
    }
  }

  @Test("A flip to a condemned generation reprieves it at once; it never left its place")
  func flip() throws {
    let inode = inodeOf(partition.generation("table-2"))
    let watcher = try rule().watch()
    var live = "table"
    for round in 1...5 {
      let other = live == "table" ? "table-2" : "table"
      watcher.expectCondemned(other, of: partition, times: (round + 1) / 2)
      partition.flip(to: other)
      let reprieved = { watcher.audit(of: partition[other], action: .reprieved) }
      #expect(
        wait(seconds: 60) { reprieved().count == (round + 1) / 2 }, "\(watcher.background.error)")
      let id = watcher.audit(of: partition[other], action: .condemned).last?.id
      #expect(reprieved().last?.id == id)
      #expect(reprieved().last?.reason == "live", "\(reprieved())")
      #expect(partition.isWhole(other))
      live = other
    }
    #expect(inodeOf(partition["table-2"]) == inode)
    #expect(watcher.audit.allSatisfy { $0.action != .reaped })
  }

  @Test("A quarantine that is over ends with the bytes gone at once, under the id that began it")
  func over() throws {
    let orphan = partition.generation("table-2")
    let watcher = try rule(["quarantine": "2s"]).watch()
    #expect(wait(seconds: 60) { watcher.audit(of: orphan, action: .reaped).count == 1 })
    let condemned = try #require(watcher.audit(of: orphan, action: .condemned).first)
    let reaped = try #require(watcher.audit(of: orphan, action: .reaped).first)
    let id = try #require(condemned.id)
    #expect(id.count == 19 && Int64(id) != nil && reaped.id == id)
    #expect(condemned.reason == "quiet" && reaped.reason == "quiet")
    let deadline = try #require(condemned.deadline)
    #expect(condemned.time < deadline)
    #expect(deadline <= reaped.time)
    #expect(reaped.files == 2)
    #expect(names(in: partition.path) == ["cursor.json", "table"])
  }

  @Test("A change in it reprieves it, and the next judgement begins from nothing")
  func change() throws {
    let orphan = partition.generation("table-2")
    let watcher = try rule(["quarantine": "4s", "quiet": "1s"]).watch()
    watcher.expectCondemned("table-2", of: partition)
    // Old by the time that the quarantine is over, and a sign of life all the same.
    partition.put("table-2/data/more.jsonl", "{}\n")
    watcher.expectCondemned("table-2", of: partition, times: 2)
    #expect(reprieve(watcher, "table-2")?.reason == "recently-changed")
    #expect(wait(seconds: 60) { watcher.audit(of: orphan, action: .reaped).count == 1 })
    let ids = watcher.audit(of: orphan, action: .condemned).compactMap(\.id)
    #expect(reprieve(watcher, "table-2")?.id == ids[0] && Set(ids).count == ids.count)
    #expect(
      watcher.audit(of: orphan, action: .reaped).first?.id == ids.last,
      "\(watcher.audit(of: orphan))")
  }

  @Test("A cursor that is rewritten in place, and kept open, reprieves what it names")
  func openCursor() throws {
    partition.generation("table-2")
    let watcher = try rule().watch()
    watcher.expectCondemned("table-2", of: partition)
    let cursor = open(partition["cursor.json"], O_RDWR | O_CLOEXEC)
    defer { close(cursor) }
    let text = CursorText.naming("table-2")
    #expect(ftruncate(cursor, 0) == 0 && pwrite(cursor, text, text.utf8.count, 0) > 0)
    #expect(wait { reprieve(watcher, "table-2")?.reason == "live" }, "\(watcher.audit)")
    watcher.expectCondemned("table", of: partition)
    #expect(watcher.audit.allSatisfy { $0.reason != "cursor-unknown" })
  }

  @Test("A living process that a temporary file in it names keeps it; with its end it is condemned")
  func livingWriter() throws {
    let orphan = partition.generation("table-2", committed: false)
    let writer = try Background("/bin/sleep", ["1000"], in: scratch)
    partition.put("table-2/data/rows.jsonl.tmp.\(writer.pid).1795216876835.a1b2c3", "half a row")
    let rule = rule(["stale_temporaries": "off"])
    let watcher = try rule.watch()
    #expect(wait(seconds: 60) { rule.explain(orphan)?.reason == "owner-alive" })
    let other = Partition(root + "/other")
    other.generation("table-2")
    watcher.expectCondemned("table-2", of: other)
    #expect(watcher.audit(of: orphan, action: .condemned).isEmpty)
    writer.killHard()
    watcher.expectCondemned("table-2", of: partition)
  }

  @Test("What a killed reapd left half removed does not stand in the way of its name's successor")
  func halfRemoved() throws {
    let partition = Partition(root + "/a", live: "epoch=3")
    let orphan = partition.generation("epoch=2")
    let claimed = partition[".reapd.1795216876835000000.epoch=3"]
    _ = partition.generation(".reapd.1795216876835000000.epoch=3", committed: false)
    #expect(chmod(claimed, 0o5700) == 0)
    let watcher = try GenerationRule(root, in: scratch).watch()
    #expect(
      wait(seconds: 60) { !exists(orphan) && !exists(claimed) }, "\(watcher.background.error)")
    #expect(partition.isWhole("epoch=3"))
  }

  @Test("reapd killed during quarantine, the cursor flipped meanwhile: nothing is to be put back")
  func killedAndFlipped() throws {
    partition.generation("table-2")
    let rule = rule()
    let watcher = try rule.watch()
    watcher.expectCondemned("table-2", of: partition)
    watcher.background.killHard()
    partition.flip(to: "table-2")
    let next = try rule.watch()
    next.expectCondemned("table", of: partition)
    #expect(partition.isWhole("table-2") && next.audit(of: partition["table-2"]).count == 1)
  }

  @Test("A quarantine begins anew at each start; what an earlier version claimed is put back")
  func killedAndStarted() throws {
    let orphan = partition.generation("table-2")
    let rule = rule()
    let watcher = try rule.watch()
    watcher.expectCondemned("table-2", of: partition)
    watcher.background.killHard()
    let ancient = ".reapd.1000000000000000001.table-2"
    #expect(rename(orphan, partition[ancient]) == 0)
    let next = try rule.watch()
    next.expectCondemned("table-2", of: partition, times: 2)
    #expect(next.audit(of: orphan, action: .restored).count == 1)
    #expect(next.audit(of: orphan, action: .reaped).isEmpty)
    let ids = next.audit(of: orphan, action: .condemned).compactMap(\.id)
    #expect(Set(ids).count == 2 && names(in: partition.path).count == 3)
  }

  @Test("A rule that a reread configuration ends reprieves what it has in quarantine")
  func ruleEnds() throws {
    partition.generation("table-2")
    let rule = rule()
    let watcher = try rule.watch()
    watcher.expectCondemned("table-2", of: partition)
    #expect(rename(self.rule(["enabled": "false"]).path, rule.path) == 0)
    watcher.background.signal(SIGHUP)
    #expect(
      wait { reprieve(watcher, "table-2")?.reason == "rule-ended" }, "\(watcher.background.error)")
    #expect(partition.isWhole("table-2"))
    #expect(watcher.stop().status == 0)
  }

  @Test("A clean end reprieves what rests on no lock", arguments: [SIGTERM, SIGINT])
  func cleanEnd(signal: Int32) throws {
    partition.generation("table-2")
    let watcher = try rule().watch()
    watcher.expectCondemned("table-2", of: partition)
    watcher.background.signal(signal)
    #expect(watcher.background.exitStatus(within: 60) == 0, "\(watcher.background.error)")
    #expect(partition.isWhole("table-2") && partition.claims(of: "table-2").isEmpty)
    #expect(reprieve(watcher, "table-2")?.reason == "exit")
  }

  @Test("explain and list tell of a quarantine, its end and its id from another process")
  func told() throws {
    let orphan = partition.generation("table-2")
    let rule = rule()
    // On a busy machine its time may be over by now.
    #expect(["keep", "condemn"].contains(rule.explain(orphan)?.verdict))
    #expect(wait(seconds: 60) { rule.explain(orphan)?.verdict == "condemn" })
    let watcher = try rule.watch()
    watcher.expectCondemned("table-2", of: partition)
    let line = try #require(watcher.audit(of: orphan, action: .condemned).first)
    let explained = rule.explain(orphan)
    #expect(explained?.reason == "quarantined", "\(explained)")
    #expect(explained?.id == line.id)
    #expect(explained?.deadline == line.deadline)
    #expect(rule.list()[orphan]?.reason == "quarantined")
    let text = run(reapdBinary, ["explain", "--config", rule.path, partition.path]).output
    #expect(text.contains("reapd keep \(orphan)") && text.contains(line.id ?? "?"))
    watcher.background.killHard()
    #expect(rule.explain(orphan)?.verdict == "condemn")
  }

  @Test("Claimed names that somebody else made are finished only if judged dead")
  func foreignClaims() throws {
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
