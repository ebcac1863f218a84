// Keys of kind generations, written in a file, change what the binary does. Those that are not here
// are what other suites are about: lock, quiet, quarantine, retired_after, owner_pidfile, ….

import Foundation
import Glibc
import Testing

@Suite("Configured generations", .serialized, .live)
struct ConfiguredGenerationTests {
  private let scratch = Scratch()
  private let partition: Partition
  private var root: String { scratch.path + "/root" }

  init() { partition = Partition(scratch.path + "/root/a", cursor: nil) }

  /// Which generations a sweep leaves.
  private func left(by keys: [String: String]) -> [String] {
    _ = GenerationRule(root, keys, in: scratch).sweep()
    return names(in: partition.path).filter { name in
      var facts = stat()
      return lstat(partition[name], &facts) == 0 && facts.st_mode & S_IFMT == S_IFDIR
    }
  }

  @Test("cursor decides which file names the live generation")
  func cursor() {
    for name in ["table", "table-2"] { partition.generation(name) }
    partition.put("CURRENT", CursorText.table("table"))
    waitQuiet()
    #expect(left(by: [:]) == ["table", "table-2"], "without a cursor it is no partition")
    #expect(left(by: ["cursor": "CURRENT"]) == ["table"])
  }

  @Test("layouts and match decide how the cursor names it, and what is a generation")
  func layouts() {
    for name in ["gen-a", "gen-b", "gen-c", "table"] { partition.generation(name) }
    partition.put("cursor.json", "{\"current\": \"b\"}")
    waitQuiet()
    let all = ["gen-a", "gen-b", "gen-c", "table"]
    let layouts = "[{field: current, pattern: 'gen-{}'}]"
    #expect(left(by: [:]) == all)
    #expect(left(by: ["layouts": layouts]) == all, "gen-b fits no match")
    #expect(left(by: ["match": "'gen-*'"]) == all, "no layout applies")
    #expect(left(by: ["layouts": layouts, "match": "'gen-[bc]'"]) == ["gen-a", "gen-b", "table"])
  }

  @Test("complete decides what the live generation must contain")
  func complete() {
    partition.generation("table")
    partition.generation("table-2", committed: false)
    partition.put("table-2/parts/1.done", "")
    partition.put("cursor.json", CursorText.table("table-2"))
    waitQuiet()
    #expect(left(by: [:]) == ["table", "table-2"])
    #expect(left(by: ["complete": "parts/*.ok"]) == ["table", "table-2"])
    #expect(left(by: ["complete": "parts/*.done"]) == ["table-2"])
  }

  @Test("marker decides which file of a generation goes last, and is told of as its retirement")
  func marker() throws {
    for name in ["table", "table-2"] { partition.generation(name) }
    for name in ["OLD", ".retired"] { partition.put("table/" + name, "") }
    partition.put("table/data/stuck", "")
    partition.put("cursor.json", CursorText.table("table-2"))
    let stuck = partition["table/data/stuck"]
    guard shell("chattr +i '\(stuck)'").status == 0 else { return skip("chattr +i does not work") }
    defer { _ = shell("chattr -R -f -i '\(partition.path)'") }
    let rule = GenerationRule(root, ["marker": "OLD"], in: scratch)
    waitQuiet()  // within its grace nothing inside is looked at
    let evidence = rule.explain(partition["table"])?.evidence
    #expect(evidence?["marker_time"] != nil, "\(evidence)")
    let watcher = try rule.watch()
    #expect(wait(seconds: 60) { !watcher.audit(of: partition["table"], action: .failed).isEmpty })
    let claim = try #require(partition.claims(of: "table").first)
    #expect(names(in: partition[claim]).filter { $0 != "data" && $0 != "metadata" } == ["OLD"])
  }

  @Test("grace decides how old is old enough")
  func grace() {
    for name in ["table", "table-2"] { partition.generation(name) }
    partition.put("cursor.json", CursorText.table("table"))
    waitQuiet()
    #expect(left(by: ["grace": "1h"]) == ["table", "table-2"])
    #expect(left(by: ["grace": "100ms"]) == ["table"])
  }

  @Test("min_free_inodes decides when quarantine yields")
  func inodes() throws {
    for name in ["table", "table-2"] { partition.generation(name) }
    partition.put("cursor.json", CursorText.table("table"))
    let keys = ["quarantine": "1h", "quarantine_yields": "true"]
    let patient = try GenerationRule(
      root, keys.merging(["min_free_inodes": "1"]) { $1 }, in: scratch
    ).watch()
    patient.expectCondemned("table-2", of: partition)
    #expect(!wait(seconds: 7) { !exists(partition["table-2"]) }, "there are inodes")
    #expect(patient.stop().status == 0)
    #expect(partition.isWhole("table-2"))
    let pressed = try GenerationRule(
      root, keys.merging(["min_free_inodes": "1000000000000"]) { $1 }, in: scratch
    ).watch()
    #expect(
      wait(seconds: 60) { !pressed.audit(of: partition["table-2"], action: .reaped).isEmpty },
      "\(pressed.background.error)")
    #expect(partition.isWhole("table"))
  }
}
