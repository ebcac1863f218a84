// Programs that make generations are stopped and killed at every step: what is on the disk then is
// an orphan that nothing refers to, or a complete and live generation.

import Foundation
import Glibc
import Testing

/// A partition in hypaware's format with one live generation.
struct TestPartition {
  let path: String
  static let rows = (0..<100).map { "{\"id\":\($0),\"text\":\"row \($0)\"}\n" }.joined()

  init(_ name: String = "source=x", in scratch: Scratch, epochs: Bool = false) {
    path = scratch.directory("cache/datasets/a/\(name)")
    let live = epochs ? "epoch=0" : "table"
    _ = scratch.directory("cache/datasets/a/\(name)/\(live)/data")
    _ = scratch.directory("cache/datasets/a/\(name)/\(live)/metadata")
    put("\(live)/metadata/v1.metadata.json", "{}")
    put("\(live)/data/rows.jsonl", Self.rows)
    put("cursor.json", epochs ? Self.epochCursor : Self.tableCursor)
  }

  static let tableCursor = """
    {
      "epoch": 0,
      "rowCount": 100,
      "compaction": null,
      "layout": "source-table",
      "tableDir": "table"
    }
    """
  static let epochCursor = "{\n  \"epoch\": 0,\n  \"rowCount\": 100,\n  \"compaction\": null\n}"

  func put(_ name: String, _ text: String) { put(name, Data(text.utf8)) }

  func put(_ name: String, _ data: Data) {
    try? FileManager.default.createDirectory(
      atPath: ("\(path)/\(name)" as NSString).deletingLastPathComponent,
      withIntermediateDirectories: true)
    #expect(FileManager.default.createFile(atPath: "\(path)/\(name)", contents: data))
  }

  func text(_ name: String) -> String {
    String(
      decoding: FileManager.default.contents(atPath: "\(path)/\(name)") ?? Data(), as: UTF8.self)
  }

  /// What the cursor names; nil if it names nothing.
  var live: String? { CursorFile(Data(text("cursor.json").utf8))?.live }

  var generations: [String] {
    names(in: path).filter { $0.hasPrefix("table") || $0.hasPrefix("epoch=") }
  }

  /// Whether the live generation is complete, with every row.
  var isWhole: Bool {
    guard let live else { return false }
    return exists("\(path)/\(live)/metadata/v1.metadata.json")
      && text("\(live)/data/rows.jsonl") == Self.rows
  }

  func start(_ arguments: [String] = [], in scratch: Scratch) throws -> Background {
    try Background(buildDirectory + "/DoomedCompactor", [path] + arguments, in: scratch)
  }
}

/// Whether somebody holds a BSD lock on a file; false where there is none.
private func isLocked(_ path: String) -> Bool {
  let file = open(path, O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { return false }
  defer { close(file) }
  return flock(file, LOCK_EX | LOCK_NB) != 0
}

private let steps = [
  "directory-made", "lock-taken", "locked", "file-made", "file-closed", "data-synced",
  "metadata-prepared", "committed", "cursor-prepared", "cursor-compared", "cursor-replaced",
  "flipped", "retired",
]

@Suite(.live) struct GenerationWriterTests {
  @Test("Killed at any step, it leaves an orphan or a live generation", arguments: steps)
  func killedAtEachStep(_ step: String) throws {
    let scratch = Scratch()
    for epochs in [false, true] {
      let partition = TestPartition(epochs ? "client=e" : "source=t", in: scratch, epochs: epochs)
      let old = try #require(partition.live)
      let writer = try partition.start(["--stop-at", step], in: scratch)
      #expect(wait { writer.output.contains(step + " ") }, "\(writer.output) \(writer.error)")
      let made = try #require(partition.generations.first { $0 != old })
      let number = try #require(steps.firstIndex(of: step))
      let lock = "\(partition.path)/\(made)/.lock"
      #expect(exists(lock) == (number >= 2), "the lock file has its name too early or too late")
      #expect(isLocked(lock) == (number >= 2), "the owner lives, and its lock is free")
      writer.killHard()

      #expect(!isLocked(lock))
      #expect(partition.isWhole)
      #expect(partition.live == (number >= 10 ? made : old))
      #expect(exists("\(partition.path)/\(made)/metadata/v1.metadata.json") == (number >= 7))
      #expect(exists("\(partition.path)/\(old)/.retired") == (step == "retired"))
      let others = names(in: partition.path).filter {
        !partition.generations.contains($0) && $0 != "cursor.json"
      }
      let pattern = "^cursor\\.json\\.[0-9]+\\.[0-9a-f]{12}\\.tmp$"
      #expect(others.allSatisfy { $0.range(of: pattern, options: .regularExpression) != nil })
      #expect(others.count == (step == "cursor-prepared" || step == "cursor-compared" ? 1 : 0))

      let next = try partition.start(in: scratch)
      #expect(next.exitStatus() == 0)
      #expect(next.output.contains("done "), "\(next.output)")
      #expect(partition.isWhole)
      #expect(partition.live != made && partition.live != old)
    }
  }

  @Test("The cursor it writes is hypaware's, byte for byte")
  func cursorFormat() throws {
    let scratch = Scratch()
    let tables = TestPartition("source=t", in: scratch)
    tables.put(
      "cursor.json", TestPartition.tableCursor.dropLast() + ",\n  \"own\": {\"x\": []}\n}\n")
    #expect(try tables.start(in: scratch).exitStatus() == 0)
    let at = try #require(
      tables.text("cursor.json").firstMatch(of: /[0-9-]+T[0-9:]+\.[0-9]{3}Z/).map { String($0.0) })
    #expect(
      tables.text("cursor.json") == """
        {
          "epoch": 0,
          "rowCount": 100,
          "compaction": {
            "previousTableDir": "table",
            "compactedAt": "\(at)",
            "resettleBaselineFiles": 1,
            "dataFilesBefore": 1,
            "writerGeneration": 2
          },
          "layout": "source-table",
          "tableDir": "\(try #require(tables.live))",
          "own": {
            "x": []
          }
        }

        """)
    let epochs = TestPartition("client=e", in: scratch, epochs: true)
    #expect(try epochs.start(in: scratch).exitStatus() == 0)
    #expect(epochs.live == "epoch=1")
    #expect(epochs.text("cursor.json").contains("\"previousEpoch\": 0,"))
  }

  @Test("A stale writer gets an error, and the newer cursor stays")
  func staleWriter() throws {
    let scratch = Scratch()
    let changes: [(String, (TestPartition) -> Void)] = [
      ("bytes", { $0.put("cursor.json", TestPartition.tableCursor + "\n") }),
      (
        "identity",
        {
          $0.put("cursor.new", TestPartition.tableCursor)
          rename($0.path + "/cursor.new", $0.path + "/cursor.json")
        }
      ),
      ("flip", { _ = try? $0.start(in: scratch).exitStatus() }),
      ("gone", { unlink($0.path + "/cursor.json") }),
    ]
    for (name, change) in changes {
      let partition = TestPartition("source=\(name)", in: scratch)
      let writer = try partition.start(["--raise-stop-at", "committed"], in: scratch)
      #expect(wait { writer.output.contains("committed") && isStopped(writer.pid) })
      let mine = try #require(partition.generations.first { $0 != "table" })
      change(partition)
      let cursor = partition.text("cursor.json")
      writer.signal(SIGCONT)
      #expect(writer.exitStatus() == 0)
      #expect(writer.output.contains("failed stale"), "\(name): \(writer.output)")
      #expect(partition.text("cursor.json") == cursor, "\(name): flipped back")
      #expect(!exists("\(partition.path)/\(mine)"), "\(name): it leaves what it made")
      #expect(names(in: partition.path).filter { $0.hasSuffix(".tmp") } == [])
    }
  }

  @Test("It does not flip to a generation that was moved away, or whose lock file was replaced")
  func displaced() throws {
    let scratch = Scratch()
    for kind in ["moved", "lock"] {
      let partition = TestPartition("source=\(kind)", in: scratch)
      let writer = try partition.start(["--raise-stop-at", "committed"], in: scratch)
      #expect(wait { writer.output.contains("committed") && isStopped(writer.pid) })
      let made =
        partition.path + "/" + (try #require(partition.generations.first { $0 != "table" }))
      if kind == "moved" {
        rename(made, partition.path + "/.reapd.1.x")
      } else {
        unlink(made + "/.lock")
        close(open(made + "/.lock", O_WRONLY | O_CREAT, 0o666))
      }
      writer.signal(SIGCONT)
      #expect(writer.exitStatus() == 0)
      #expect(writer.output.contains("failed displaced"), "\(writer.output)")
      #expect(partition.live == "table")
    }
  }

  @Test("It waits while another process holds the cursor's lock")
  func cursorLock() throws {
    let scratch = Scratch()
    let partition = TestPartition(in: scratch)
    let cursor = open(partition.path + "/cursor.json", O_RDONLY | O_CLOEXEC)
    #expect(flock(cursor, LOCK_EX | LOCK_NB) == 0)
    let writer = try partition.start(in: scratch)
    #expect(wait { writer.output.contains("cursor-prepared") })
    #expect(!wait(seconds: 0.3) { writer.output.contains("cursor-compared") })
    #expect(partition.live == "table")
    close(cursor)
    #expect(writer.exitStatus() == 0)
    #expect(writer.output.contains("done "))
    #expect(partition.isWhole && partition.live != "table")
  }

  @Test("A reader that follows the cursor never fails, over 50 flips and 40 kills")
  func reader() throws {
    let scratch = Scratch()
    let partition = TestPartition(in: scratch)
    let flips = try partition.start(["--count", "50"], in: scratch)
    var reads = 0
    var failures: [String] = []
    func follow() {
      reads += 1
      if !partition.isWhole { failures.append(partition.text("cursor.json")) }
    }
    while flips.isRunning { follow() }
    #expect(
      flips.output.components(separatedBy: "done ").count == 51, "\(flips.output.suffix(300))")
    for _ in 0..<40 {
      let writer = try partition.start(["--count", "100"], in: scratch)
      let target = Int.random(in: 1...60)
      wait {
        follow()
        return writer.output.count { $0 == "\n" } >= target
      }
      writer.killHard()
      follow()
    }
    print("the reader followed the cursor \(reads) times")
    #expect(reads > 100)
    #expect(failures == [])
  }
}
