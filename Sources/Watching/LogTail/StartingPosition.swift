// Where to begin in a file that is followed for the first time.

import OwnedDirectories

/// What of the lines that are there already is given out.
package enum TailStart: Sendable, Equatable {
  case start
  /// So many of the last lines; a torn one counts. With 0 a torn one is waited for.
  case lines(Int)
}

/// The position before the last lines of an open file, always at the beginning of a line.
func startingPosition(
  _ file: Descriptor, _ start: TailStart
) throws(SystemError) -> ReadingPosition {
  guard case .lines(let count) = start else { return .start }
  let buffer = ReadBuffer(capacity: TailSource.pieceSize)
  let size = try status(of: file).size
  var end = size
  if count > 0, size > 0 {
    try buffer.fill(from: file, at: size - 1, upTo: 1)
    if buffer.holds([0x0A], at: 0) { end -= 1 }  // it ends the last line
  }
  var left = max(1, count)
  search: while end > 0 {
    let from = max(0, end - Int64(buffer.capacity))
    try buffer.fill(from: file, at: from, upTo: Int(end - from))
    var rest = 0..<buffer.count
    while let newline = buffer.last(0x0A, in: rest) {
      left -= 1
      end = from + Int64(newline) + 1
      if left == 0 { break search }
      rest = 0..<newline
    }
    end = from
  }
  let length = min(end, Int64(ReadingPosition.windowSize))
  try buffer.fill(from: file, at: end - length, upTo: Int(length))
  return ReadingPosition(offset: end, window: buffer.bytes(0..<buffer.count), isSkipping: false)
}
