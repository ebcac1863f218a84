// Every state that hypaware leaves on disk, in its exact format, and what is to become of it.

import Foundation
import Glibc
import Testing

struct GenerationStates {
  enum Fate: Sendable {
    case goes(String)
    case stays(String, String)
    /// No candidate at all: never disposed of, whatever is said about it.
    case foreign
  }

  let root: String
  /// What links in the tree lead to.
  let canary: Partition
  private(set) var fates: [(path: String, fate: Fate)] = []

  var going: [String] {
    fates.compactMap { if case .goes = $0.fate { $0.path } else { nil } }
  }
  var staying: [String] {
    fates.compactMap { if case .goes = $0.fate { nil } else { $0.path } }
  }

  private mutating func goes(_ path: String, _ reason: String = "quiet") {
    fates.append((path, .goes(reason)))
  }
  private mutating func stays(_ path: String, _ verdict: String, _ reason: String) {
    fates.append((path, .stays(verdict, reason)))
  }
  private mutating func foreign(_ path: String) { fates.append((path, .foreign)) }

  init(in scratch: Scratch) {
    root = scratch.directory("hypaware/cache")
    canary = Partition(scratch.path + "/outside/source=canary")
    canary.generation("table-1795216876835")
    sourceTables()
    epochs()
    badCursors()
    badLiveOnes()
    foreignNames()
    nestedOnes()
    temporaries()
  }

  private func partition(_ name: String, cursor: String?) -> Partition {
    Partition(root + "/datasets/a/" + name, cursor: cursor)
  }

  private mutating func sourceTables() {
    let fresh = partition("source=fresh", cursor: CursorText.table("table"))
    stays(fresh.generation("table"), "keep", "live")

    // Crashed after the flip: the old one has no marker.
    let flipped = CursorText.table("table-1795216876835", previous: "table")
    let unmarked = partition("source=unmarked", cursor: flipped)
    goes(unmarked.generation("table"))
    stays(unmarked.generation("table-1795216876835"), "keep", "live")

    let retired = partition("source=retired", cursor: flipped)
    goes(retired.generation("table", retired: true))
    stays(retired.generation("table-1795216876835"), "keep", "live")

    // Crashed before the commit: an empty one, one that was being written, one without data.
    let crashed = partition("source=crashed", cursor: CursorText.table("table"))
    stays(crashed.generation("table"), "keep", "live")
    mkdir(crashed["table-1795216876836"], 0o755)
    goes(crashed["table-1795216876836"])
    let partial = crashed.generation("table-1795216876837", committed: false)
    crashed.put("table-1795216876837/data/b.parquet.tmp.4999242.1795216876837.a1b2c3", "torn")
    goes(partial)
    // Crashed between commit and flip.
    goes(crashed.generation("table-1795216876838"))

    let named = partition(
      "source=layout-only",
      cursor: "{\n  \"epoch\": 3,\n  \"rowCount\": 1,\n  \"layout\": \"source-table\"\n}")
    stays(named.generation("table"), "keep", "live")
    goes(named.generation("epoch=3"))

    // A stale append has flipped the cursor back.
    let back = partition("source=flipped-back", cursor: CursorText.table("table"))
    stays(back.generation("table", retired: true), "keep", "live")
    goes(back.generation("table-1795216876835"))
  }

  private mutating func epochs() {
    let first = partition("client=a/date=2026-11-20", cursor: CursorText.epoch(0))
    stays(first.generation("epoch=0"), "keep", "live")
    let second = partition("client=a/date=2026-11-21", cursor: CursorText.epoch(1))
    goes(second.generation("epoch=0", retired: true))
    stays(second.generation("epoch=1"), "keep", "live")
    goes(second.generation("epoch=2", committed: false))
    goes(second.generation("table"))
  }

  private mutating func badCursors() {
    let bad = [
      "empty": "", "torn": "{\n  \"epoch\": 0,\n  \"rowC", "list": "[]", "null": "null",
      "text": "\"table\"", "no-epoch": "{\"tableDir\": \"table\"}",
      "text-epoch": "{\"epoch\": \"0\", \"tableDir\": \"table\"}",
      "slash": CursorText.table("table/data"), "up": CursorText.table(".."),
      "up-slash": CursorText.table("../source=fresh/table"), "dot": CursorText.table("."),
      "no-name": CursorText.table(""), "number": "{\"epoch\": 0, \"tableDir\": 7}",
      "foreign-name": CursorText.table("tables_backup"),
      "twice": "{\"epoch\": 0, \"tableDir\": \"table\", \"tableDir\": \"table-1\"}",
      "huge": CursorText.table("table") + String(repeating: " ", count: 1 << 21),
    ]
    for (name, text) in bad {
      undecided(partition("bad=" + name, cursor: text), "cursor-unknown")
    }
    let directory = partition("bad=directory", cursor: nil)
    mkdir(directory["cursor.json"], 0o755)
    undecided(directory, "cursor-unknown")
    let link = partition("bad=link", cursor: nil)
    symlink(canary["cursor.json"], link["cursor.json"])
    undecided(link, "cursor-unknown")
    let fifo = partition("bad=fifo", cursor: nil)
    mkfifo(fifo["cursor.json"], 0o600)
    undecided(fifo, "cursor-unknown")
    // Without any cursor it is no partition.
    let bare = partition("bare", cursor: nil)
    for name in ["table", "table-1795216876835", "epoch=0"] { foreign(bare.generation(name)) }
  }

  private mutating func badLiveOnes() {
    let cursor = CursorText.table("table-1795216876899")
    undecided(partition("live=absent", cursor: cursor), "live-absent")
    let empty = partition("live=empty", cursor: cursor)
    mkdir(empty["table-1795216876899"], 0o755)
    undecided(empty, "live-incomplete")
    let partial = partition("live=partial", cursor: cursor)
    partial.generation("table-1795216876899", committed: false)
    undecided(partial, "live-incomplete")
    let link = partition("live=link", cursor: cursor)
    symlink(canary["table"], link["table-1795216876899"])
    undecided(link, "live-unknown")
    let file = partition("live=file", cursor: cursor)
    file.put("table-1795216876899", "")
    undecided(file, "live-unknown")
  }

  /// Puts in what could go if the partition could be understood.
  private mutating func undecided(_ partition: Partition, _ reason: String) {
    for name in ["table", "epoch=7"] {
      stays(partition.generation(name, retired: name == "table"), "unsure", reason)
    }
    partition.put("cursor.json.4999242.0123456789ab.tmp", CursorText.table("table"))
    foreign(partition["cursor.json.4999242.0123456789ab.tmp"])
  }

  private mutating func foreignNames() {
    let partition = partition("source=foreign", cursor: CursorText.table("table"))
    stays(partition.generation("table"), "keep", "live")
    let others = [
      "tables_backup", "table-1x", "table-", "Table", "table.bak", "epoch=", "epoch=1x", "xtable",
      ".table-1", "epoch-1",
    ]
    for name in others { foreign(partition.generation(name, retired: true)) }
    partition.put("table-5", "a file")
    stays(partition["table-5"], "keep", "not-a-directory")
    symlink(canary["table-1795216876835"], partition["table-6"])
    stays(partition["table-6"], "keep", "not-a-directory")
    goes(partition.generation("table-7"))
    // Nothing below these is a partition.
    for name in ["_hypaware_spool", ".retired", ".hidden"] {
      let inner = Partition(partition[name] + "/source=x")
      foreign(inner.generation("table-1"))
    }
    for place in ["_hypaware_spool/a", "datasets/_hypaware_spool", "datasets/.retired"] {
      foreign(Partition(root + "/" + place).generation("table-1"))
    }
    // What looks like a partition inside a table is that table's data.
    foreign(Partition(partition["table/data/source=y"]).generation("table-1"))
    symlink(canary.path, root + "/datasets/link")
  }

  private mutating func nestedOnes() {
    let outer = partition("source=x", cursor: CursorText.table("table"))
    stays(outer.generation("table"), "keep", "live")
    goes(outer.generation("table-1795216876835"))
    let inner = Partition(
      outer["client=a/date=b/deep/er"], cursor: CursorText.table("table-1", previous: "table"))
    stays(inner.generation("table-1"), "keep", "live")
    goes(inner.generation("table", retired: true))
  }

  private mutating func temporaries() {
    let partition = partition("source=temporary", cursor: CursorText.table("table"))
    stays(partition.generation("table"), "keep", "live")
    for name in [
      "cursor.json.4999242.0123456789ab.tmp",
      "table/data/c.parquet.tmp.4999242.1795216876837.a1b2c3",
      "table/metadata/v2.metadata.json.tmp.4999001.1795216876837.ABCDEF",
    ] {
      partition.put(name, "torn")
      goes(partition[name], "stale-temporary")
    }
    for name in [
      "cursor.json.4999242.0123456789AB.tmp", "cursor.json.4242.tmp", "cursor.json.bak",
      "table/data/c.parquet.tmp", "table/data/c.tmp.x.1795216876837.a1b2c3",
      "table/data/c.tmp.4999242.1795216876837.a1b2c3.parquet",
    ] {
      partition.put(name, "no temporary of theirs")
      foreign(partition[name])
    }
  }
}
