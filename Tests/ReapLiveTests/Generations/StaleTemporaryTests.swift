// Temporary files of dead writers go one by one, and no other file does.

import Foundation
import Glibc
import Testing

@Suite("Stale temporary files", .serialized, .live)
struct StaleTemporaryTests {
  private let scratch = Scratch()
  private let root: String
  private let partition: Partition
  // Numbers above the highest that a kernel gives (proc_sys_kernel(5), pid_max): nobody's.
  private let data = "table/data/c.parquet.tmp.4999242.1795216876837.a1b2c3"
  private let cursor = "cursor.json.4999242.0123456789ab.tmp"

  init() {
    root = scratch.directory("root")
    partition = Partition(root + "/a")
  }

  private func rule(_ keys: [String: String] = [:]) -> GenerationRule {
    GenerationRule(root, keys, in: scratch)
  }

  @Test("Beside the cursor and inside live generations they go, one audit line each")
  func go() throws {
    partition.put(data, "torn")
    let watcher = try rule().watch()
    // One that was there at the start, and ones that come.
    let late = "table/data/day=1/d.parquet.tmp.4999243.1795216876838.b1b2c3"
    partition.put(cursor, "torn")
    partition.put(late, "torn")
    for name in [data, cursor, late] {
      #expect(wait(seconds: 60) { !exists(partition[name]) }, "\(watcher.background.error)")
      #expect(wait { watcher.audit(of: partition[name]).count == 1 }, "\(watcher.audit)")
      let line = watcher.audit(of: partition[name]).first
      #expect(line?.action == .reaped)
      #expect(line?.reason == "stale-temporary")
      #expect(line?.files == 1 && (line?.bytes ?? 0) > 0)
    }
    #expect(partition.isWhole("table"))
    #expect(exists(partition["table/data/day=1"]))
  }

  @Test("An open one stays until it is closed")
  func open() throws {
    partition.put(data, "being written")
    partition.put(cursor, "being written")
    let writer = try Background(
      "/bin/bash",
      [
        "-c", "exec 8>>$1 9>>$2; echo open; exec sleep 1000", "bash", partition[data],
        partition[cursor],
      ], in: scratch)
    #expect(wait { writer.output == "open\n" })
    let watcher = try rule().watch()
    waitQuiet()
    watcher.catchUp(below: root)
    #expect(exists(partition[data]) && exists(partition[cursor]))
    writer.killHard()
    #expect(wait(seconds: 60) { !exists(partition[data]) }, "\(watcher.background.error)")
    #expect(wait(seconds: 60) { !exists(partition[cursor]) }, "\(watcher.background.error)")
  }

  @Test("A pinned one stays until it is not pinned any more")
  func pinned() throws {
    for name in [data, cursor] { partition.put(name, "torn") }
    let paths = [partition[data], partition[cursor]]
    #expect(run(reapdBinary, ["keep"] + paths).status == 0)
    let watcher = try rule().watch()
    waitQuiet()
    watcher.catchUp(below: root)
    #expect(paths.allSatisfy(exists), "\(watcher.audit)")
    #expect(run(reapdBinary, ["keep", "--undo"] + paths).status == 0)
    #expect(wait(seconds: 60) { !paths.contains(where: exists) }, "\(watcher.background.error)")
  }

  @Test("One that a living process wrote and closed stays until that process has ended")
  func standingStill() throws {
    // It stands between its last write and its rename, as a stopped one does.
    let writer = try Background(
      "/bin/bash",
      [
        "-c",
        """
        for name in table/data/c.parquet.tmp.$$.1795216876837.a1b2c3 cursor.json.$$.0123456789ab.tmp
        do echo whole > "$1/$name"; echo "$name"; done
        exec sleep 1000
        """, "bash", partition.path,
      ], in: scratch)
    #expect(wait { writer.lines.count == 2 })
    let names = writer.lines.map { String($0) }
    let watcher = try rule().watch()
    waitQuiet()
    watcher.catchUp(below: root)
    #expect(names.allSatisfy { exists(partition[$0]) }, "\(watcher.audit)")
    writer.killHard()
    for name in names {
      #expect(wait(seconds: 60) { !exists(partition[name]) }, "\(watcher.background.error)")
    }
  }

  @Test("Young ones, those of an unclear partition, and all with stale_temporaries: off stay")
  func stay() throws {
    partition.put(data, "torn")
    partition.put(cursor, "torn")
    let bad = Partition(root + "/bad")
    bad.put(data, "torn")
    bad.put(cursor, CursorText.table("table"))
    bad.put("cursor.json", "")
    let all = [partition[data], partition[cursor], bad[data], bad[cursor]]
    waitQuiet()
    for keys in [["stale_temporaries": "1h"], ["stale_temporaries": "off"]] {
      let watcher = try rule(keys).watch()
      watcher.catchUp(below: root)
      #expect(all.allSatisfy(exists), "\(keys)")
      #expect(watcher.stop().status == 0)
    }
    let watcher = try rule().watch()
    #expect(wait(seconds: 60) { !all[..<2].contains(where: exists) }, "\(watcher.background.error)")
    watcher.catchUp(below: root)
    #expect(all[2...].allSatisfy(exists))
  }

  @Test("sweep tidies up as well, and a dry run only says so")
  func sweep() {
    partition.put(data, "torn")
    partition.put(cursor, "torn")
    waitQuiet()
    let dry = rule().sweep(["--dry-run"]).lines
    for name in [data, cursor] {
      #expect(exists(partition[name]))
      #expect(dry[partition[name]]?.reason == "stale-temporary", "\(dry)")
    }
    // It needs no quarantine, whatever the rule's is.
    rule(["quarantine": "1h"]).sweep()
    #expect(!exists(partition[data]) && !exists(partition[cursor]))
    #expect(partition.isWhole("table"))
  }

  @Test("A link with such a name, and what it leads to, stay")
  func link() throws {
    let canary = scratch.path + "/canary"
    _ = FileManager.default.createFile(atPath: canary, contents: Data("x".utf8))
    symlink(canary, partition[data])
    symlink(canary, partition[cursor])
    let watcher = try rule().watch()
    waitQuiet()
    watcher.catchUp(below: root)
    #expect(exists(canary) && exists(partition[data]) && exists(partition[cursor]))
  }

  @Test("While the live generation's lock is held they stay: the writer's number may be another's")
  func owned() throws {
    partition.put("table/.lock", "")
    let owner = try Background(
      "/bin/bash",
      [
        "-c", "exec 9<$1 && flock -n 9 && echo locked && exec sleep 1000", "bash",
        partition["table/.lock"],
      ],
      in: scratch)
    #expect(wait { owner.output == "locked\n" }, "\(owner.error)")
    partition.put(data, "being written")
    let watcher = try rule(["lock": ".lock"]).watch()
    waitQuiet()
    watcher.catchUp(below: root, lockFile: true)
    #expect(exists(partition[data]), "\(watcher.audit)")
    owner.killHard()
    #expect(wait(seconds: 60) { !exists(partition[data]) }, "\(watcher.background.error)")
    #expect(partition.isWhole("table"))
  }

  @Test("A pin on the live generation, or on a directory in it, keeps them")
  func pinnedAround() throws {
    partition.put(data, "torn")
    let other = Partition(root + "/b")
    other.put(data, "torn")
    let paths = [partition["table"], other["table/data"]]
    #expect(run(reapdBinary, ["keep"] + paths).status == 0)
    let watcher = try rule().watch()
    waitQuiet()
    watcher.catchUp(below: root)
    #expect(exists(partition[data]) && exists(other[data]), "\(watcher.audit)")
    #expect(run(reapdBinary, ["keep", "--undo", paths[0]]).status == 0)
    #expect(wait(seconds: 60) { !exists(partition[data]) }, "\(watcher.background.error)")
    #expect(exists(other[data]))
  }
}
