// A reader that follows a partition's cursor to the live generation all the time.

import Foundation
import Glibc
import Synchronization

/// Runs in a thread of its own until it is stopped.
final class CursorReader: Sendable {
  struct Tally {
    var reads = 0
    /// Reads during which the cursor moved on, so that they began again.
    var overtaken = 0
    var failures: [String] = []
    fileprivate var isStopping = false
    fileprivate var hasStopped = false
  }

  private let state = Mutex(Tally())
  private let partition: String
  private let rows: String

  /// - Parameter rows: what every live generation must hold.
  init(_ partition: String, rows: String) {
    self.partition = partition
    self.rows = rows
    Thread.detachNewThread { self.run() }
  }

  func stop() -> Tally {
    state.withLock { $0.isStopping = true }
    wait(seconds: 60) { state.withLock { $0.hasStopped } }
    return state.withLock { $0 }
  }

  private func run() {
    while !state.withLock({ $0.isStopping }) {
      follow()
      letPass(0.0005, "the pace of the reader")
    }
    state.withLock { $0.hasStopped = true }
  }

  private func follow() {
    while true {
      let cursor = bytes("cursor.json")
      let problem = readLive(cursor)
      guard let problem else { return state.withLock { $0.reads += 1 } }
      // Readers begin again if the cursor has moved on since they read it.
      guard bytes("cursor.json") == cursor else {
        state.withLock { $0.overtaken += 1 }
        continue
      }
      return state.withLock { $0.failures.append(problem) }
    }
  }

  /// Nil where everything is there.
  private func readLive(_ cursor: Data?) -> String? {
    guard let cursor, let parsed = CursorFile(cursor) else {
      return "the cursor is not to be read"
    }
    guard let live = parsed.live else { return "the cursor names nothing" }
    guard bytes(live + "/metadata/v1.metadata.json") != nil else { return "\(live): no metadata" }
    guard let found = bytes(live + "/data/rows.jsonl") else { return "\(live): no rows" }
    return found == Data(rows.utf8) ? nil : "\(live): \(found.count) bytes of rows"
  }

  private func bytes(_ name: String) -> Data? {
    FileManager.default.contents(atPath: partition + "/" + name)
  }
}
