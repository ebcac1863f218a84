// Finding the place up to which a file was read, after the file was cut: in portions, so that the other
// logs have their turns meanwhile.

import OwnedDirectories

/// A search under way, backwards through the file a piece at a time: candidates lie close together.
struct PositionSearch {
  enum Step {
    case found(ReadingPosition)
    case unfinished
    /// What was cut away may be in a copy, which comes first.
    case gone
    /// The file was cut again meanwhile: then the search says nothing.
    case cutAgain
  }

  /// How long a search may take of one turn, ns.
  private static let time: Int64 = 5_000_000
  /// More are not asked for: the rest counts as one.
  private static let extentLimit = 4096

  private let file: Descriptor
  /// What is looked for.
  private let position: ReadingPosition
  /// Of the file when it began.
  private let size: Int64
  private let head: FileHead
  /// The next offset at which the remembered bytes may end.
  private var candidate: Int64
  /// Where the data lies that candidates below are compared with; and where the next data below ends.
  private var extents: [Range<Int64>]

  init(_ position: ReadingPosition, in file: Descriptor) throws(SystemError) {
    self.file = file
    self.position = position
    size = try status(of: file).size
    head = try FileHead(of: file, length: FileHead.size)
    candidate = firstCandidate(position, size: size)
    extents = Self.extents(of: file, upTo: size)
  }

  /// Where the file has data; what was remembered cannot end in a hole.
  private static func extents(of file: Descriptor, upTo size: Int64) -> [Range<Int64>] {
    var found: [Range<Int64>] = []
    var offset: Int64 = 0
    let deadline = readMonotonic() + time
    while offset < size, let start = nextData(file, from: offset), start < size {
      let isMany = found.count >= extentLimit || readMonotonic() >= deadline
      let end = isMany ? size : min(size, endOfData(file, from: start))
      found.append(start..<end)
      offset = end
    }
    return found
  }

  /// Goes on for a while.
  mutating func step(_ buffer: ReadBuffer, pieceSize: Int) throws(SystemError) -> Step {
    let deadline = readMonotonic() + Self.time
    let isText = position.window.contains { $0 != 0 }
    buffer.resize(to: pieceSize)
    var from = Int64.max
    while candidate > 0, isText {
      while let last = extents.last, last.lowerBound >= candidate { extents.removeLast() }
      guard let extent = extents.last else { break }
      if candidate > extent.upperBound {
        candidate = nextCandidate(candidate, atMost: extent.upperBound)
        continue
      }
      let length = min(candidate, Int64(ReadingPosition.windowSize))
      let start = candidate - length
      if start < from {
        guard readMonotonic() < deadline else { return .unfinished }
        from = max(0, candidate - Int64(pieceSize))
        try buffer.fill(from: file, at: from, upTo: pieceSize)
      }
      if buffer.holds(position.window.suffix(Int(length)), at: Int(start - from)) {
        var found = position
        found.offset = candidate
        found.window = position.window.suffix(Int(length))
        return .found(found)
      }
      candidate -= ReadingPosition.granularity
    }
    let after = try FileHead(of: file, length: head.length)
    guard head == after, try status(of: file).size >= size else { return .cutAgain }
    return .gone
  }
}
