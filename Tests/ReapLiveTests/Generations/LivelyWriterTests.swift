// A writer that appends, compacts and purges in hypaware's order of steps, and stands still at any of
// them for nearly as long as `quiet` and `quarantine` allow, while a reader follows the cursor.

import Foundation
import Glibc
import Synchronization
import Testing

@Suite("A writer that stands still", .serialized, .live)
struct LivelyWriterTests {
  private let scratch = Scratch()

  @Test("It loses no row, and its reader no read, in 10,000 of them")
  func lively() throws {
    let root = scratch.directory("cache")
    let partition = Partition(root + "/datasets/a/source=x", cursor: nil)
    let keys = ["quiet": "1s", "quarantine": "3s", "retired_after": "2s"]
    let watcher = try GenerationRule(root, keys, in: scratch).watch()
    let end = scratch.path + "/end"
    let writer = try Background(
      buildDirectory + "/DoomedCompactor",
      [partition.path, "--lively", end, "--stop-every", "25"], in: scratch)
    defer { writer.signal(SIGCONT) }
    #expect(wait { writer.output.contains("started") || isStopped(writer.pid) })
    let reader = LivelyReader(partition)
    var random = SystemRandomNumberGenerator()
    var stops = 0
    let begun = Date()
    func reaped() -> Int { watcher.audit.count { $0.action == .reaped } }
    while Date().timeIntervalSince(begun) < 240,
      reader.tally.reads < 10_000 || stops < 12 || reaped() < 3
    {
      guard isStopped(writer.pid) else {
        wait(seconds: 1) { isStopped(writer.pid) }
        continue
      }
      stops += 1
      let pause = Double.random(in: 0..<3.2, using: &random)
      let stopped = Date()
      wait(seconds: pause + 1) { Date().timeIntervalSince(stopped) >= pause }
      writer.signal(SIGCONT)
      wait(seconds: 1) { !isStopped(writer.pid) }
    }
    _ = FileManager.default.createFile(atPath: end, contents: nil)
    #expect(
      wait(seconds: 60) {
        if isStopped(writer.pid) { writer.signal(SIGCONT) }
        return writer.output.contains("done")
      }, "\(writer.output.suffix(200))")
    let tally = reader.stop()
    #expect(tally.failures.isEmpty, "\(tally.failures.prefix(5)) \(watcher.background.error)")
    #expect(tally.reads >= 10_000 && stops >= 12 && reaped() >= 3)
    let rows = writer.lines.last?.split(separator: " ").last.flatMap { Int($0) }
    #expect(rows != nil && LivelyReader.read(partition) == .rows(rows ?? -1))
    let condemned = watcher.audit.count { $0.action == .condemned }
    print(
      "a writer stopped \(stops) times: \(tally.reads) reads, \(tally.overtaken) overtaken,",
      "\(condemned) condemned, \(reaped()) reaped, \(rows ?? -1) rows")
    #expect(
      wait(seconds: 60) { names(in: partition.path).count { $0.hasPrefix("table") } == 1 },
      "\(names(in: partition.path))")
  }
}

/// Follows a partition's cursor all the time, in a thread of its own.
private final class LivelyReader: Sendable {
  struct Tally {
    var reads = 0
    var overtaken = 0
    var failures: [String] = []
    fileprivate var isStopping = false
    fileprivate var hasStopped = false
  }

  enum Finding: Equatable {
    case rows(Int)
    case problem(String)
  }

  private let state = Mutex(Tally())

  init(_ partition: Partition) {
    let path = partition.path
    Thread.detachNewThread { self.run(Partition(path, cursor: nil)) }
  }

  var tally: Tally { state.withLock { $0 } }

  func stop() -> Tally {
    state.withLock { $0.isStopping = true }
    wait(seconds: 60) { state.withLock { $0.hasStopped } }
    return tally
  }

  private func run(_ partition: Partition) {
    while !state.withLock({ $0.isStopping }) {
      let cursor = FileManager.default.contents(atPath: partition["cursor.json"])
      let finding = Self.read(partition)
      let isOvertaken =
        FileManager.default.contents(atPath: partition["cursor.json"]) != cursor
      state.withLock { tally in
        switch finding {
        case .rows: tally.reads += 1
        // Readers begin again where the cursor has moved on since, and before there is one.
        case .problem where isOvertaken || cursor == nil: tally.overtaken += 1
        case .problem(let problem): tally.failures.append(problem)
        }
      }
    }
    state.withLock { $0.hasStopped = true }
  }

  /// What the cursor leads to: the newest metadata of the live generation, and every file of it.
  static func read(_ partition: Partition) -> Finding {
    guard let cursor = json(partition["cursor.json"], as: CursorFile.self),
      let live = cursor.tableDir
    else { return .problem("the cursor is not to be read") }
    let versions = names(in: partition[live + "/metadata"]).compactMap {
      $0.hasSuffix(".metadata.json") ? Int($0.dropFirst().prefix { $0.isNumber }) : nil
    }
    guard let newest = versions.max() else { return .problem("\(live): no metadata") }
    let path = partition[live + "/metadata/v\(newest).metadata.json"]
    guard let metadata = json(path, as: Metadata.self) else {
      return .problem("\(live): its metadata is not to be read")
    }
    var rows = 0
    for file in metadata.files {
      guard let data = FileManager.default.contents(atPath: partition[live + "/" + file]) else {
        return .problem("\(live): \(file) is not there")
      }
      rows += data.count { $0 == 10 }
    }
    return rows == metadata.rows
      ? .rows(rows) : .problem("\(live): \(rows) rows of \(metadata.rows)")
  }

  private struct Metadata: Decodable {
    let files: [String]
    let rows: Int
  }

  private static func json<Value: Decodable>(_ path: String, as type: Value.Type) -> Value? {
    FileManager.default.contents(atPath: path).flatMap {
      try? JSONDecoder().decode(Value.self, from: $0)
    }
  }
}
