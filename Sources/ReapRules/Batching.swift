// When a batch of rows is flushed and an output file is closed: what a compaction decides.

/// How the rows of a compacted generation are packed.
package struct BatchLimits: Sendable, Equatable {
  /// A batch is flushed as soon as it holds this many bytes, uncompressed.
  package var batchBytes: Int64
  /// A batch is flushed as soon as it holds this many rows.
  package var batchRows: Int64
  /// A file is closed as soon as it holds this many bytes, as written.
  package var targetBytes: Int64

  /// Defaults of CONTRACT.md: 32 MiB, 10,000 rows, 128 MiB.
  package init(
    batchBytes: Int64 = 32 << 20, batchRows: Int64 = 10_000, targetBytes: Int64 = 128 << 20
  ) {
    self.batchBytes = batchBytes
    self.batchRows = batchRows
    self.targetBytes = targetBytes
  }
}

/// Counts lines into batches, whichever limit is met first.
///
/// A batch ends behind a line, so it holds at least one, whatever that line's size. Its bytes are
/// never held together: a batch is what one compressed member holds.
package struct Batching: Sendable {
  package let limits: BatchLimits
  package private(set) var bytes: Int64 = 0
  package private(set) var rows: Int64 = 0

  package init(_ limits: BatchLimits) { self.limits = limits }

  /// Takes in a line; true where the batch is to be flushed behind it.
  package mutating func add(lineOf size: Int64) -> Bool {
    bytes += size
    rows += 1
    return bytes >= limits.batchBytes || rows >= limits.batchRows
  }

  /// Begins the next batch; returns how many lines the last one held.
  package mutating func flush() -> Int64 {
    defer { (bytes, rows) = (0, 0) }
    return rows
  }

  /// Whether a file of this size is closed after the batch that was flushed to it last.
  package func closes(fileOf size: Int64) -> Bool { size >= limits.targetBytes }
}
