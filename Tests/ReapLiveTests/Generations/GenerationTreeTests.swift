// A tree with every state that hypaware leaves: what can go goes, and nothing else is touched,
// whichever command looks.

import Foundation
import Glibc
import Testing

@Suite("Trees of generations", .serialized, .live)
struct GenerationTreeTests {
  @Test("watch disposes of what is dead and touches nothing else")
  func watch() throws {
    let scratch = Scratch()
    let states = GenerationStates(in: scratch)
    let before = states.portraits
    let watcher = try GenerationRule(states.root, in: scratch).watch()
    #expect(
      wait(seconds: 60) { !states.going.contains(where: exists) },
      "left: \(states.going.filter(exists)) \(watcher.background.error)")
    watcher.catchUp(below: states.root + "/datasets")
    states.expectUntouched(since: before)
    for case (let path, .goes(let reason)) in states.fates {
      let lines = watcher.audit(of: path)
      #expect(lines.map(\.action) == [.reaped], "\(path): \(lines)")
      #expect(lines.first?.reason == reason, "\(path)")
      #expect(lines.first?.kind == "generations")
    }
    for path in states.staying {
      let changed = watcher.audit(of: path).filter { $0.action != .refused }
      #expect(changed.isEmpty, "\(changed)")
    }
    #expect(watcher.stop().status == 0)
    states.expectUntouched(since: before)
  }

  @Test("Each state that is not understood is told once, however often it is looked at")
  func toldOnce() throws {
    let scratch = Scratch()
    let partition = Partition(scratch.directory("root/a") + "/source=x", cursor: "{")
    partition.generation("table")
    let watcher = try GenerationRule(scratch.path + "/root", in: scratch).watch()
    for number in 0..<30 {
      partition.put("cursor.json", "{")
      partition.put("table/data/rows-\(number).jsonl", Partition.rows)
    }
    watcher.catchUp(below: scratch.path + "/root")
    let told = watcher.background.error.split(separator: "\n").filter {
      $0.contains(partition.path)
    }
    #expect(told.count == 1, "\(told)")
    #expect(watcher.audit.count { $0.path?.contains("source=x") == true } <= 1)
  }

  @Test("sweep disposes of what needs no quarantine and touches nothing else")
  func sweep() {
    let scratch = Scratch()
    let states = GenerationStates(in: scratch)
    let before = states.portraits
    waitQuiet()
    let careful = GenerationRule(states.root, ["quarantine": ""], in: scratch).sweep().lines
    for case (let path, .goes(let reason)) in states.fates where reason == "quiet" {
      #expect(careful[path]?.reason == "needs-quarantine", "\(path)")
      #expect(exists(path))
    }
    _ = GenerationRule(states.root, in: scratch).sweep(["--dry-run"])
    states.expectUntouched(since: before)
    let summary = GenerationRule(states.root, in: scratch).sweep().summary
    #expect(!states.going.contains(where: exists), "left: \(states.going.filter(exists))")
    states.expectUntouched(since: before)
    #expect(summary?.failed == 0)
  }

  @Test("explain and list tell verdict and reason of every directory, and change nothing")
  func explain() {
    let scratch = Scratch()
    let states = GenerationStates(in: scratch)
    let before = states.portraits
    waitQuiet()
    let rule = GenerationRule(states.root, in: scratch)
    let listed = rule.list()
    for (path, fate) in states.fates {
      let told = rule.explain(path)
      let said = (told?.verdict, told?.reason)
      let row = (listed[path]?.verdict, listed[path]?.reason)
      switch fate {
      case .goes("stale-temporary"): break
      case .goes(let reason):
        #expect(said == ("dispose", reason), "explain \(path): \(told)")
        #expect(row == ("dispose", reason), "list \(path): \(listed[path])")
      case .stays(let verdict, let reason):
        #expect(said == (verdict, reason), "explain \(path): \(told)")
        #expect(row == (verdict, reason), "list \(path): \(listed[path])")
      case .foreign:
        #expect(said.0 != "dispose" && row.0 != "dispose", "\(path): \(told)")
      }
    }
    states.expectUntouched(since: before)
    #expect(!states.going.contains { !exists($0) })
  }

  @Test("explain of a partition shows its cursor, the live generation, and each other one")
  func explainPartition() {
    let scratch = Scratch()
    let partition = Partition(scratch.directory("root/a") + "/source=x", live: "table-2")
    partition.generation("table")
    partition.generation("table-3", committed: false)
    let rule = GenerationRule(scratch.path + "/root", ["quiet": "1h"], in: scratch)
    waitQuiet()  // past the grace
    let result = run(reapdBinary, ["explain", "--config", rule.path, partition.path])
    #expect(result.status == 0, "\(result.error)")
    for word in ["table-2", "live", "table-3", "recently-changed"] {
      #expect(result.output.contains(word), "\(word) is missing: \(result.output)")
    }
    let told = rule.explain(partition)
    #expect(told?.liveGeneration == "table-2" && told?.liveState == "complete", "\(told)")
    #expect(
      told?.generations.contains {
        $0.path == partition["table"] && $0.reason == "recently-changed"
      } == true, "\(told)")
  }

  @Test("A root that is a partition itself is served")
  func rootPartition() throws {
    let scratch = Scratch()
    let partition = Partition(scratch.directory("a/root"))
    let orphan = partition.generation("table-1")
    let watcher = try GenerationRule(partition.path, in: scratch).watch()
    #expect(wait(seconds: 60) { !exists(orphan) }, "\(watcher.background.error)")
    #expect(partition.isWhole("table"))
  }
}

extension GenerationStates {
  /// Everything that stays, as it looks, and what links lead to; but not the directories from
  /// which something goes.
  var portraits: [String] {
    let listing = "find $1 -printf '%p %i %s %T@ %C@ %l\\n' | sort"
    return (staying + [canary.path]).flatMap { path in
      let found = run("/bin/bash", ["-c", listing, "bash", path]).output
      return found.split(separator: "\n").map(String.init).filter { line in
        let name = String(line.split(separator: " ")[0])
        return !going.contains { ($0 + "/").hasPrefix(name + "/") }
      }
    }
  }

  func expectUntouched(since before: [String]) {
    let changed = Set(before).symmetricDifference(portraits).sorted()
    #expect(changed.isEmpty, "\(changed)")
  }
}
