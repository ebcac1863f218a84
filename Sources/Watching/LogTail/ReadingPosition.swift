// How far a file was given out, and where that place is after the file was cut at its head.

/// An offset that can be found again: with the bytes that stand before it.
package struct ReadingPosition: Sendable, Equatable {
  /// How many bytes are remembered. Several lines of a log, so with several stamps: the same bytes
  /// hardly stand elsewhere, unless the log repeats itself exactly.
  package static let windowSize = 1024
  /// File systems cut whole blocks off, and none has smaller ones (xfs: 512 to 64 Ki, ext4: 1 Ki up).
  package static let granularity: Int64 = 512

  /// Bytes from the file's beginning.
  package var offset: Int64
  /// The bytes before the offset, as many as there are up to `windowSize`.
  package var window: [UInt8]
  /// Within a line that was cut for its length.
  package var isSkipping: Bool

  package static let start = ReadingPosition(offset: 0, window: [], isSkipping: false)

  package init(offset: Int64, window: [UInt8], isSkipping: Bool) {
    self.offset = offset
    self.window = window
    self.isSkipping = isSkipping
  }
}

/// Where the remembered bytes may end in a file whose head was cut off: the place to which the least
/// that can have been cut moved them. Below it lies one every `granularity` bytes.
package func firstCandidate(_ position: ReadingPosition, size: Int64) -> Int64 {
  let step = ReadingPosition.granularity
  let candidate = position.offset - step
  return candidate > size ? nextCandidate(candidate, atMost: size) : candidate
}

/// The first of these places that is no further than that.
package func nextCandidate(_ candidate: Int64, atMost limit: Int64) -> Int64 {
  let step = ReadingPosition.granularity
  guard candidate > limit else { return candidate }
  return candidate - (candidate - limit + step - 1) / step * step
}
