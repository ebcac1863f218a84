import OwnedDirectories

/// A stream on its way into libarchive, with the last two pieces of it still at hand: libarchive tells
/// where a header began once it has read it.
final class Tape {
  private let stream: any ByteStream
  private var pieces: (current: ByteBuffer, previous: ByteBuffer)
  /// Where the current piece begins in the stream.
  private var start: Int64 = 0
  private var isAtEnd = false
  /// What ended the stream before its end.
  private(set) var problem: SlimProblem?

  /// - Parameter pieceSize: a multiple of tar's blocks: none lies in two pieces.
  init(_ stream: any ByteStream, pieceSize: Int) {
    precondition(pieceSize % 512 == 0)
    self.stream = stream
    pieces = (ByteBuffer(capacity: pieceSize), ByteBuffer(capacity: pieceSize))
  }

  /// The next piece; nil at the end, and after a problem.
  func advance() -> ByteBuffer? {
    guard problem == nil, !isAtEnd else { return nil }
    start += Int64(pieces.current.count)
    pieces = (pieces.previous, pieces.current)
    pieces.current.clear()
    do {
      isAtEnd = try stream.read(into: pieces.current) < pieces.current.capacity
    } catch {
      problem = error
      return nil
    }
    return pieces.current
  }

  /// 512 bytes of the stream; nil for what is no longer, or not yet, at hand.
  func block(at offset: Int64) -> [UInt8]? {
    if offset >= start { return block(pieces.current, offset - start) }
    let previous = start - Int64(pieces.previous.count)
    return offset >= previous ? block(pieces.previous, offset - previous) : nil
  }

  private func block(_ piece: ByteBuffer, _ offset: Int64) -> [UInt8]? {
    guard let offset = Int(exactly: offset), offset >= 0, offset + 512 <= piece.count else {
      return nil
    }
    return piece.withBytes { bytes in (0..<512).map { bytes[offset + $0] } }
  }

  /// Reads what is left; how long all of it was, and whether nothing but zeros came from an offset on.
  func drain(zerosFrom offset: Int64) throws(SlimProblem) -> (length: Int64, isZero: Bool) {
    var isZero = true
    repeat {
      let from = Int(clamping: max(0, offset - start))
      if from < pieces.current.count {
        isZero = isZero && pieces.current.isZero(from: from)
      }
    } while advance() != nil
    if let problem { throw problem }
    return (start + Int64(pieces.current.count), isZero)
  }
}
