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

/// What became of the place up to which a file was read.
package enum Relocation: Sendable, Equatable {
  /// The head was cut off: the same place now has this offset.
  case moved(to: Int64)
  /// It is not in the file any more: what is there now was never read.
  case gone
}

/// Looks for the remembered bytes at every place to which cutting the head can have moved them,
/// the least cut first.
///
/// - Parameter matches: whether the file holds these bytes, ending at this offset.
package func relocate<Failure: Error>(
  _ position: ReadingPosition, size: Int64,
  matches: (ArraySlice<UInt8>, Int64) throws(Failure) -> Bool
) throws(Failure) -> Relocation {
  let step = ReadingPosition.granularity
  var candidate = position.offset - step
  if candidate > size { candidate -= (candidate - size + step - 1) / step * step }
  while candidate > 0 {
    // Where less is left before it than is remembered, what is left must do.
    if try matches(
      position.window.suffix(Int(min(candidate, Int64(ReadingPosition.windowSize)))), candidate)
    {
      return .moved(to: candidate)
    }
    candidate -= step
  }
  return .gone
}
