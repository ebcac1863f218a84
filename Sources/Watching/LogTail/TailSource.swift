// One file of a followed log: open, with the position up to which it was given out.

package import OwnedDirectories

/// A piece of a log as it is handed on; the bytes stay in the buffer until the call returns.
package struct TailPiece {
  package enum Kind: Sendable, Equatable {
    /// Whole lines, newlines included.
    case lines
    /// The beginning of a line longer than the limit; the rest of it is passed over.
    case cut
    /// A last line without its newline, of a file that will not be read on.
    case torn
  }

  package let kind: Kind
  package let buffer: ReadBuffer
  package let range: Range<Int>
  /// Where the piece begins in its file, bytes.
  package let offset: Int64
  /// Which of the followed paths.
  package let log: Int
  /// The file that it is read from.
  package let file: FileIdentity
}

/// Hands a piece on; how many of its bytes were taken: all, or whole lines from its beginning where
/// nobody takes any more.
package typealias TailOutput = (TailPiece) -> Int

final class TailSource {
  /// A read's worth: fits the second-level cache, and costs few calls.
  static let pieceSize = 256 << 10
  /// Pieces read in one go before others get their turn: 16 MiB.
  static let piecesPerTurn = 64

  enum Outcome {
    case atEnd(grew: Bool, isDeleted: Bool)
    case paused
    case refused
    /// Not at the bytes with which it began when what lies beside it was judged: it was cut since.
    case cutUnread
  }

  /// What is known of a file of which nothing was read since it was made, or since it was cut: what was
  /// cut off it in that time is told by nothing but the copy that lies beside it.
  struct Beginning {
    /// A copy that came to be there before is none of what was cut off it since, ns.
    var after: Int64
    /// Nor is what was compressed and had its last line before, ns.
    var packedSince: Int64
    /// The first bytes, as they were when what lies beside it was judged last.
    var head: FileHead?
  }

  /// Of an archive that was not begun with, the archive itself.
  var file: Descriptor
  let identity: FileIdentity
  var position: ReadingPosition {
    didSet { if position.offset > 0 { beginning = nil } }
  }
  let log: Int
  let limit: Int
  /// What was read of the file before it turned out to have been cut below the position, which is at
  /// the beginning since; nil once that was seen to.
  var cutRecord: ReadRecord?
  /// Of the file at the path, for as long as nothing was read of it.
  var beginning: Beginning?
  /// Under way, where it is what an archive holds; nothing is read before its end.
  var unpacking: Unpacking?
  /// The archive that it comes from.
  var archive: FileIdentity?
  /// From when on it was looked for beside the log, wall clock, ns: for as long as nothing was read of it,
  /// the next start looks for it again, under whatever name.
  var soughtSince: Int64?
  let isOnOverlay: Bool
  /// Files that trims have put in its place, one after the other: it is read up to the first one's cut.
  var successors: [TrimmedFile] = []
  /// What was given out already, and comes once more.
  var late = LateLines()
  /// The first bytes of what was read, as long as that is there.
  var head = FileHead(length: 0, hash: 0)
  private let check = ReadBuffer(capacity: ReadingPosition.windowSize)
  /// Under way after the file was cut; it goes on at the next turn.
  private var search: PositionSearch?
  /// Up to where nothing but NULs was found behind the position; 0: nothing is known.
  var nulsUntil: Int64 = 0

  init(
    _ file: Descriptor, _ identity: FileIdentity, at position: ReadingPosition, log: Int,
    limit: Int
  ) {
    self.file = file
    self.identity = identity
    self.position = position
    self.log = log
    self.limit = limit
    isOnOverlay = OwnedDirectories.isOnOverlay(file)
    let length = Int(min(position.offset, Int64(FileHead.size)))
    if length > 0, let head = try? FileHead(of: file, length: length) { self.head = head }
  }

  /// Gives out what is there.
  func read(_ buffer: ReadBuffer, _ output: TailOutput) throws(SystemError) -> Outcome {
    var capacity = min(Self.pieceSize, limit + 1)
    var grew = false
    for _ in 0..<Self.piecesPerTurn {
      if search != nil, try !continueSearch(buffer) { return .paused }
      guard let count = try load(buffer, capacity) else { continue }
      let before = position.window.count
      let piece = before..<(before + count)
      if position.offset == 0 {
        if let judged = beginning?.head,
          FileHead(buffer.bytes(piece.prefix(judged.length))) != judged
        {
          return .cutUnread
        }
        // Before any of it is given out: cut in the middle of that, it is found in its copy by this.
        head = FileHead(buffer.bytes(piece.prefix(FileHead.size)))
      }
      let text = buffer.textBeforeNULs(in: piece)
      if !position.isSkipping, count > 0, text == 0 {
        switch try passNULs(buffer, piece) {
        case .passed: grew = true
        case .paused: return .paused
        case .nothingBehind: return try atEnd(grew)
        }
        continue
      }
      let lines = position.isSkipping ? piece : before..<(before + text)
      let step = scanLines(
        count: lines.count, capacity: capacity,
        first: position.isSkipping ? buffer.first(0x0A, in: lines).map { $0 - before } : nil,
        last: position.isSkipping ? nil : buffer.last(0x0A, in: lines).map { $0 - before },
        limit: limit, isSkipping: position.isSkipping)
      switch step {
      case .lines(let size), .cut(let size):
        let isCut = step == .cut(size)
        if !isCut, !late.isEmpty {
          guard giveNew(buffer, before..<(before + size), output) else { return .refused }
          grew = true
          continue
        }
        guard give(isCut ? .cut : .lines, buffer, before, size, output) else { return .refused }
        position.isSkipping = isCut
        grew = true
      case .pass(let size):
        position.isSkipping = buffer.last(0x0A, in: before..<(before + size)) == nil
        advance(buffer, before, size)
        grew = true
      case .enlarge:
        capacity = min(capacity * 2, limit + 1)
      case .wait: return try atEnd(grew)
      }
    }
    return .paused
  }

  private func atEnd(_ grew: Bool) throws(SystemError) -> Outcome {
    if head.length < FileHead.size, position.offset > Int64(head.length) {
      head = try longerHead(upTo: Int(min(position.offset, Int64(FileHead.size))))
    }
    return .atEnd(grew: grew, isDeleted: try status(of: file).links == 0)
  }

  /// The head as long as that, unless the file was cut since.
  func longerHead(upTo length: Int) throws(SystemError) -> FileHead {
    guard length > head.length else { return head }
    let buffer = ReadBuffer(capacity: length)
    try buffer.fill(from: file, at: 0, upTo: length)
    let bytes = buffer.bytes(0..<buffer.count)
    let isSame = head.length == 0 || FileHead(bytes.prefix(head.length)) == head
    return isSame ? FileHead(bytes) : head
  }

  /// Whether all that comes before the next file was read.
  func hasCome(to next: TrimmedFile?) -> Bool {
    guard let next else { return false }
    // Cut off by whoever has it open, it will not come there any more.
    return position.offset >= next.cut || ((try? status(of: file).size) ?? .max) < next.cut
  }

  /// What was read of it so far.
  var record: ReadRecord { ReadRecord(head: head, position: position) }

  /// Gives out a last line that has no end, because none will come.
  func readTorn(_ buffer: ReadBuffer, _ output: TailOutput) throws(SystemError) -> Bool {
    guard !position.isSkipping, let count = try load(buffer, limit + 1), count > 0 else {
      return true
    }
    let start = position.window.count
    guard buffer.textBeforeNULs(in: start..<(start + count)) > 0 else { return true }
    return give(.torn, buffer, start, min(count, limit), output)
  }

  private func give(
    _ kind: TailPiece.Kind, _ buffer: ReadBuffer, _ start: Int, _ size: Int, _ output: TailOutput
  ) -> Bool {
    let piece = TailPiece(
      kind: kind, buffer: buffer, range: start..<(start + size), offset: position.offset, log: log,
      file: identity)
    let taken = output(piece)
    if taken > 0 { advance(buffer, start, taken) }
    return taken == size
  }

  /// Gives out whole lines, but for those that were already.
  private func giveNew(_ buffer: ReadBuffer, _ range: Range<Int>, _ output: TailOutput) -> Bool {
    var run = range.lowerBound
    var start = run
    while let newline = buffer.first(0x0A, in: start..<range.upperBound) {
      let end = newline + 1
      if late.take(buffer.bytes(start..<end)) {
        guard run == start || give(.lines, buffer, run, start - run, output) else { return false }
        advance(buffer, start, end - start)
        run = end
      }
      start = end
    }
    return run == range.upperBound
      || give(.lines, buffer, run, range.upperBound - run, output)
  }

  func advance(_ buffer: ReadBuffer, _ start: Int, _ size: Int) {
    let end = start + size
    position.window = buffer.bytes(max(0, end - ReadingPosition.windowSize)..<end)
    position.offset += Int64(size)
  }

  /// Reads on from the position, and the remembered bytes before it; how many bytes follow them,
  /// or nil when the position had to be looked for: then try again.
  ///
  /// The remembered bytes are compared before *and* after: a head cut off while the read is under
  /// way moves its later pages, but not those that were read already.
  private func load(_ buffer: ReadBuffer, _ capacity: Int) throws(SystemError) -> Int? {
    let before = position.window.count
    let left = successors.first.map { max(0, $0.cut - position.offset) } ?? .max
    let wanted = before + Int(min(Int64(capacity), left))
    if buffer.capacity < wanted || buffer.capacity > 2 * wanted + Self.pieceSize {
      buffer.resize(to: wanted)
    }
    let start = position.offset - Int64(before)
    try buffer.fill(from: file, at: start, upTo: wanted)
    guard buffer.holds(position.window[...], at: 0) else {
      try beginSearch()
      return nil
    }
    guard buffer.count > before else { return 0 }
    guard try stands(position.window[...], endingAt: position.offset) else {
      try beginSearch()
      return nil
    }
    return buffer.count - before
  }

  func beginSearch() throws(SystemError) {
    search = try PositionSearch(position, in: file)
  }

  /// Goes on looking for the position; false where that is not at its end, or the place is gone.
  func continueSearch(_ buffer: ReadBuffer) throws(SystemError) -> Bool {
    switch try search?.step(buffer, pieceSize: Self.pieceSize) {
    case nil: return true
    case .unfinished: return false
    case .cutAgain:
      try beginSearch()
      return false
    case .found(let place):
      position = place
      search = nil
      head = try FileHead(of: file, length: Int(min(place.offset, Int64(FileHead.size))))
      return true
    case .gone:
      search = nil
      cutRecord = record
      position = .start
      head = FileHead(length: 0, hash: 0)
      return false
    }
  }

  /// Whether it was cut below the position, found out at once, unless that takes longer.
  ///
  /// - Parameter time: how long it may take, ns.
  func isCut(within time: Int64) throws(SystemError) -> Bool {
    guard position.offset > 0 else { return false }
    if search == nil {
      if try stands(position.window[...], endingAt: position.offset) { return false }
      try beginSearch()
    }
    let deadline = readMonotonic() + time
    let buffer = ReadBuffer(capacity: Self.pieceSize)
    while search != nil, readMonotonic() < deadline { _ = try continueSearch(buffer) }
    return cutRecord != nil
  }

  private func stands(_ bytes: ArraySlice<UInt8>, endingAt end: Int64) throws(SystemError) -> Bool {
    try check.fill(from: file, at: end - Int64(bytes.count), upTo: bytes.count)
    return check.holds(bytes, at: 0)
  }
}

extension FileHead {
  /// The first bytes of an open file, hashed; fewer where there are fewer.
  init(of file: Descriptor, length: Int) throws(SystemError) {
    let buffer = ReadBuffer(capacity: max(1, length))
    try buffer.fill(from: file, at: 0, upTo: length)
    self.init(buffer.bytes(0..<buffer.count))
  }
}
