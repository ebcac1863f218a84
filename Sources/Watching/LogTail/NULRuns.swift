// Runs of NULs before a line: what a writer leaves that goes on at its old offset after its log was cut
// (copytruncate without O_APPEND). They are holes as a rule, and may be larger than any disk.

import OwnedDirectories

extension TailSource {
  enum NULs {
    case passed
    /// So many that others have their turn first.
    case paused
    /// Nothing but NULs up to the end: room that was made beforehand, and may be filled yet.
    case nothingBehind
  }

  /// How much of data that is all NULs is looked through in one turn, pieces.
  private static let nulPieces = 16

  /// Moves the position, which is at the beginning of a line, to the next byte that is no NUL.
  func passNULs(_ buffer: ReadBuffer, _ piece: Range<Int>) throws(SystemError) -> NULs {
    if let text = buffer.firstNonNUL(in: piece) {
      advance(buffer, piece.lowerBound, text - piece.lowerBound)
      return .passed
    }
    // The run is longer than what was read: over the holes first.
    let size = try status(of: file).size
    var offset = max(position.offset + Int64(piece.count), nulsUntil)
    for _ in 0..<Self.nulPieces {
      guard offset < size, let data = nextData(file, from: offset), data < size else {
        nulsUntil = 0
        return .nothingBehind
      }
      buffer.resize(to: Self.pieceSize)
      try buffer.fill(from: file, at: data, upTo: Self.pieceSize)
      guard buffer.count > 0 else { return .nothingBehind }
      if let text = buffer.firstNonNUL(in: 0..<buffer.count) {
        nulsUntil = 0
        position.offset = data + Int64(text)
        position.window = [UInt8](
          repeating: 0, count: Int(min(position.offset, Int64(ReadingPosition.windowSize))))
        return .passed
      }
      offset = data + Int64(buffer.count)
    }
    nulsUntil = offset
    return .paused
  }
}

extension ReadBuffer {
  /// How many bytes of a range stand before a NUL that begins it or follows a newline; all, where there
  /// is none.
  func textBeforeNULs(in range: Range<Int>) -> Int {
    var rest = range
    while let nul = first(0, in: rest) {
      if nul == range.lowerBound { return 0 }
      if holds([0x0A], at: nul - 1) { return nul - range.lowerBound }
      guard let newline = first(0x0A, in: nul..<range.upperBound) else { break }
      rest = newline..<range.upperBound
    }
    return range.count
  }
}
