// Writers of generations killed at each of their steps beside a real reapd, and a reader that
// follows the cursor meanwhile.

import Foundation
import Glibc
import Testing

@Suite("Killed writers of generations", .serialized, .live)
struct GenerationKillTests {
  private static let lockedSteps = [
    "directory-made", "lock-taken", "locked", "file-made", "file-closed", "data-synced",
    "metadata-prepared", "committed", "cursor-prepared", "cursor-compared", "cursor-replaced",
    "flipped", "retired",
  ]
  private static let plainSteps = [
    "directory-made", "file-made", "file-closed", "committed", "cursor-prepared", "flipped",
    "retired",
  ]
  private let scratch = Scratch()
  private var root: String { scratch.path + "/cache" }

  @Test("200 writers that lock, killed at every step: readers never fail, every orphan goes")
  func locking() throws {
    // Long enough that nobody is quiet between mkdir and lock on a busy machine.
    let keys = ["lock": ".lock", "quiet": "3s", "stale_temporaries": "3s"]
    try drill(keys, Self.lockedSteps, [])
  }

  @Test("200 writers without any lock, killed at every step: nothing is lost, every orphan goes")
  func plain() throws {
    let keys = ["quiet": "2s", "quarantine": "2s", "stale_temporaries": "2s"]
    try drill(keys, Self.plainSteps, ["--plain"])
  }

  private func drill(
    _ keys: [String: String], _ steps: [String], _ arguments: [String]
  ) throws {
    let partitions = [
      TestPartition("source=t", in: scratch), TestPartition("client=e", in: scratch, epochs: true),
    ]
    let rule = GenerationRule(root, keys, in: scratch)
    let watcher = try rule.watch()
    let readers = partitions.map { CursorReader($0.path, rows: TestPartition.rows) }
    var failed: [String] = []
    for run in 0..<200 {
      let partition = partitions[run % 2]
      let step = steps[run / 2 % steps.count]
      let writer = try partition.start(arguments + ["--stop-at", step], in: scratch)
      #expect(
        wait(seconds: 60) {
          // Where the old one is gone already, there is nothing left to mark as retired.
          ["failed", "done ", step + " "].contains { writer.output.contains($0) }
        }, "\(writer.output) \(writer.error)")
      if writer.output.contains("failed") { failed.append(writer.output) }
      writer.killHard()
    }
    if !failed.isEmpty { print("writers that gave up: \(failed.count), such as \(failed[0])") }
    for partition in partitions {
      #expect(
        wait(seconds: 120) {
          names(in: partition.path) == ["cursor.json", partition.live ?? "?"].sorted()
        }, "left: \(names(in: partition.path)) \(watcher.background.error)")
      #expect(partition.isWhole)
    }
    for reader in readers {
      let tally = reader.stop()
      #expect(tally.failures.isEmpty, "\(tally.failures.prefix(5))")
      #expect(tally.reads > 100)
      print(
        "followed the cursor \(tally.reads) times, overtaken \(tally.overtaken) times")
    }
    // What was live at any time was never disposed of before another one was.
    #expect(watcher.audit.allSatisfy { $0.action != .failed }, "\(watcher.audit)")
    let (status, summary) = watcher.stop()
    #expect(status == 0)
    #expect(summary?.backstopNeeded == 0)
    #expect(partitions.allSatisfy { $0.isWhole })
    watcher.printLatencies("killed writers")
  }

  @Test(
    "A writer without lock, stopped between commit and flip: its flip lands, nothing is lost",
    arguments: [false, true])
  func pausedPlain(epochs: Bool) throws {
    let partition = TestPartition("source=p", in: scratch, epochs: epochs)
    let old = try #require(partition.live)
    let rule = GenerationRule(root, ["quarantine": "1h"], in: scratch)
    let watcher = try rule.watch()
    let reader = CursorReader(partition.path, rows: TestPartition.rows)
    let writer = try partition.start(["--plain", "--raise-stop-at", "committed"], in: scratch)
    #expect(wait(seconds: 60) { isStopped(writer.pid) }, "\(writer.output)")
    let new = try #require(partition.generations.first { $0 != old })
    let made = Partition(partition.path, cursor: nil)
    watcher.expectCondemned(new, of: made)
    writer.signal(SIGCONT)
    #expect(writer.exitStatus(within: 60) == 0)
    #expect(writer.output.contains("done"), "\(writer.output)")
    #expect(partition.live == new)
    #expect(wait(seconds: 60) { partition.isWhole }, "\(names(in: partition.path))")
    #expect(wait { watcher.audit(of: made[new], action: .reprieved).count == 1 })
    // The other one is dead now; the reprieved one stays.
    watcher.expectCondemned(old, of: made)
    #expect(partition.isWhole)
    let tally = reader.stop()
    #expect(tally.failures.isEmpty, "\(tally.failures)")
  }

  @Test("A writer that locks is left alone however long it is stopped, at every step")
  func pausedLocking() throws {
    let rule = GenerationRule(
      scratch.directory("cache"), ["lock": ".lock", "quarantine": ""], in: scratch)
    let watcher = try rule.watch()
    let stops = [
      "locked", "file-made", "file-closed", "data-synced", "committed", "cursor-compared",
    ]
    let partitions = stops.map { TestPartition("source=\($0)", in: scratch) }
    let writers = try zip(stops, partitions).map { step, partition in
      try partition.start(["--raise-stop-at", step], in: scratch)
    }
    #expect(wait(seconds: 60) { writers.allSatisfy { isStopped($0.pid) } })
    waitQuiet()
    watcher.catchUp(below: root, lockFile: true)
    for (writer, partition) in zip(writers, partitions) {
      #expect(partition.generations.count == 2, "\(partition.generations)")
      writer.signal(SIGCONT)
      #expect(writer.exitStatus(within: 60) == 0)
      #expect(writer.output.contains("done"), "\(writer.output)")
      #expect(partition.live != "table" && partition.isWhole)
    }
  }
}
