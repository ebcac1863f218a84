// When a batch of rows is flushed and an output file is closed: what a compaction decides.

/// Counts lines into batches, whichever limit is met first.
///
/// A batch ends behind a line, so it holds at least one, whatever that line's size. Its bytes are
/// never held together: a batch is what one compressed member holds.
package struct Batching: Sendable {
  package let settings: CompactionSettings
  package private(set) var bytes: Int64 = 0
  package private(set) var rows: Int64 = 0

  package init(_ settings: CompactionSettings) { self.settings = settings }

  /// Takes in a line; true where the batch is to be flushed behind it.
  package mutating func add(lineOf size: Int64) -> Bool {
    bytes += size
    rows += 1
    return bytes >= settings.batchBytes || rows >= settings.batchRows
  }

  /// Begins the next batch; returns how many lines the last one held.
  package mutating func flush() -> Int64 {
    defer { (bytes, rows) = (0, 0) }
    return rows
  }

  /// Whether a file of this size is closed after the batch that was flushed to it last.
  package func closes(fileOf size: Int64) -> Bool { size >= settings.targetBytes }
}
