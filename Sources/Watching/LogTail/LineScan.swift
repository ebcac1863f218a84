// Where whole lines end in a piece of a file.

/// What to do with the bytes that were read behind a reading position.
package enum LineStep: Sendable, Equatable {
  /// So many bytes are whole lines: give them out.
  case lines(Int)
  /// So many bytes are the beginning of a line that is too long: give them out, marked as cut.
  case cut(Int)
  /// So many bytes are the rest of a line that was cut: pass over them.
  case pass(Int)
  /// The piece ends before the line does, and there may be more: read a larger piece.
  case enlarge
  /// The last line has no end yet.
  case wait
}

/// - Parameters:
///   - count: bytes read; `capacity` of them were asked for.
///   - first, last: where the first and the last newline stand among them.
///   - limit: the longest line, bytes without its newline; `capacity` never exceeds `limit` + 1,
///     so that no whole line in the piece can be longer.
///   - isSkipping: whether the position is within a line that was cut.
package func scanLines(
  count: Int, capacity: Int, first: Int?, last: Int?, limit: Int, isSkipping: Bool
) -> LineStep {
  if isSkipping { return count == 0 ? .wait : .pass(first.map { $0 + 1 } ?? count) }
  if let last { return .lines(last + 1) }
  if count > limit { return .cut(limit) }
  return count == capacity && capacity <= limit ? .enlarge : .wait
}
