// Finding the place up to which a file was read, after the file was cut: in portions, so that the other
// logs have their turns meanwhile.

import OwnedDirectories

/// How far a search has come.
struct PositionSearch {
  /// Of the file when it began.
  let size: Int64
  let head: FileHead
  /// The next offset at which the remembered bytes may end.
  var candidate: Int64
  /// Where the data lies that candidates below are compared with; and where the next data below ends.
  var extents: [Range<Int64>]
}

extension TailSource {
  /// How long a search may take of one turn, ns.
  private static let searchTime: Int64 = 5_000_000
  /// More are not asked for: the rest counts as one.
  private static let extentLimit = 4096

  func beginSearch() throws(SystemError) {
    let size = try status(of: file).size
    search = PositionSearch(
      size: size, head: try FileHead(of: file, length: FileHead.size),
      candidate: firstCandidate(position, size: size), extents: extents(upTo: size))
  }

  /// Where the file has data; what was remembered cannot end in a hole.
  private func extents(upTo size: Int64) -> [Range<Int64>] {
    var found: [Range<Int64>] = []
    var offset: Int64 = 0
    let deadline = readMonotonic() + Self.searchTime
    while offset < size, let start = nextData(file, from: offset), start < size {
      let isMany = found.count >= Self.extentLimit || readMonotonic() >= deadline
      let end = isMany ? size : min(size, endOfData(file, from: start))
      found.append(start..<end)
      offset = end
    }
    return found
  }

  /// Goes on for a while; false where it is not at its end, or the place is gone.
  ///
  /// Backwards through the file a piece at a time: candidates lie close together.
  func continueSearch(_ buffer: ReadBuffer) throws(SystemError) -> Bool {
    guard var search else { return true }
    let deadline = readMonotonic() + Self.searchTime
    let isText = position.window.contains { $0 != 0 }
    buffer.resize(to: Self.pieceSize)
    var from = Int64.max
    while search.candidate > 0, isText {
      while let last = search.extents.last, last.lowerBound >= search.candidate {
        search.extents.removeLast()
      }
      guard let extent = search.extents.last else { break }
      if search.candidate > extent.upperBound {
        search.candidate = nextCandidate(search.candidate, atMost: extent.upperBound)
        continue
      }
      let length = min(search.candidate, Int64(ReadingPosition.windowSize))
      let start = search.candidate - length
      if start < from {
        guard readMonotonic() < deadline else {
          self.search = search
          return false
        }
        from = max(0, search.candidate - Int64(Self.pieceSize))
        try buffer.fill(from: file, at: from, upTo: Self.pieceSize)
      }
      if buffer.holds(position.window.suffix(Int(length)), at: Int(start - from)) {
        position.offset = search.candidate
        position.window = position.window.suffix(Int(length))
        self.search = nil
        return true
      }
      search.candidate -= ReadingPosition.granularity
    }
    // Cut again meanwhile: then the search says nothing.
    let after = try FileHead(of: file, length: search.head.length)
    guard search.head == after, try status(of: file).size >= search.size else {
      try beginSearch()
      return false
    }
    self.search = nil
    cutRecord = record
    position = .start
    head = FileHead(length: 0, hash: 0)
    // What was cut away may be in a copy, which comes first.
    return false
  }
}
