// A file that a trim has put in a log's place: it holds the tail of the one before, and late lines of that
// are carried over into it. So the same reading goes on in it, at the place that the trim has noted.

import OwnedDirectories
import ReapRules

/// A file that follows the one that is read.
struct TrimmedFile {
  let file: Descriptor
  let identity: FileIdentity
  /// Of which of those before it.
  let origin: TrimMark.Origin

  /// Where it begins, in the file before.
  var cut: Int64 { origin.cut }
}

/// Used on the tail's thread only.
struct TrimSuccession {
  private static let pieceSize = 256 << 10
  /// Lines of the old file that were given out before the new one was seen; bytes.
  private static let lateLimit: Int64 = 64 << 20

  let log: TailedLog

  init(_ log: TailedLog) { self.log = log }

  /// Takes what stands at the path now for the successor of what was read there; false where no trim says
  /// that it is one.
  func take(_ current: (file: Descriptor, status: FileStatus)) -> Int? {
    guard let mark = TrimMark(on: current.file), let id = log.machine.newest,
      let source = log.sources[id]
    else { return nil }
    return take(current, mark, after: source) ? id : nil
  }

  func take(
    _ current: (file: Descriptor, status: FileStatus), _ mark: TrimMark, after source: TailSource
  ) -> Bool {
    let identity = current.status.identity
    if source.successors.contains(where: { $0.identity == identity }) {
      current.file.close()
      return true
    }
    // Whoever may write to the file may set its mark: one that begins behind the end of what is read
    // is none of it.
    let last = source.successors.last
    guard let origin = mark[MarkedFile(last?.identity ?? source.identity)],
      let size = try? status(of: last?.file ?? source.file).size, origin.cut <= size
    else { return false }
    source.successors.append(TrimmedFile(file: current.file, identity: identity, origin: origin))
    log.newest = identity
    return true
  }

  /// Goes on in the next file, where all that comes before it was read.
  func goOn(_ id: Int, _ source: TailSource) throws(SystemError) -> TailSource {
    var source = source
    while let next = source.successors.first, source.hasCome(to: next) {
      let read = source.position
      let position = try place(of: read, in: next)
      let following = log.source(next.file, next.identity, at: position)
      following.successors = Array(source.successors.dropFirst())
      following.late = source.late
      if read.offset > next.origin.end {
        noteLate(source, next.origin.end..<read.offset, in: &following.late)
      }
      log.watches.close(source.file, of: id)
      log.sources[id] = following
      log.watches.follow(following.file, as: id)
      source = following
    }
    return source
  }

  /// Where a place in the old file is in the new one: what came late of it comes once more.
  private func place(
    of read: ReadingPosition, in next: TrimmedFile
  ) throws(SystemError) -> ReadingPosition {
    let origin = next.origin
    let offset = min(read.offset, origin.end) - origin.shift
    guard offset > 0 else { return .start }
    let length = min(offset, Int64(ReadingPosition.windowSize))
    let buffer = ReadBuffer(capacity: Int(length))
    try buffer.fill(from: next.file, at: offset - length, upTo: Int(length))
    let isCopied = read.offset <= origin.end
    let known = read.window.suffix(Int(length))
    if buffer.count < length || isCopied && !buffer.holds(known, at: buffer.count - known.count) {
      // Its head was taken out since the mark was read.
      return try search(read, in: next.file) ?? .start
    }
    return ReadingPosition(
      offset: offset, window: buffer.bytes(0..<buffer.count),
      isSkipping: read.isSkipping && isCopied)
  }

  private func noteLate(_ source: TailSource, _ range: Range<Int64>, in late: inout LateLines) {
    let buffer = ReadBuffer(capacity: Self.pieceSize)
    var rest: [UInt8] = []
    var offset = range.lowerBound
    let end = min(range.upperBound, range.lowerBound + Self.lateLimit)
    while offset < end,
      (try? buffer.fill(
        from: source.file, at: offset, upTo: Int(min(end - offset, Int64(Self.pieceSize)))))
        != nil, buffer.count > 0
    {
      offset += Int64(buffer.count)
      rest += buffer.bytes(0..<buffer.count)
      rest = late.note(linesOf: rest)
    }
  }

  // MARK: - After a stop

  /// Where a file of a checkpoint that is gone was read up to, in the file at the path; nil where no trim
  /// has made that of it.
  func resume(
    _ saved: TailCheckpoint.File, in current: (file: Descriptor, status: FileStatus)
  ) -> (position: ReadingPosition, late: LateLines, lost: Int64)? {
    guard let mark = TrimMark(on: current.file), saved.position.offset > 0 else { return nil }
    let read = saved.position
    guard let origin = mark[MarkedFile(saved.identity)] else {
      // Trimmed too often since: the bytes before the place tell.
      return (try? search(read, in: current.file)).flatMap { $0 }.map { ($0, LateLines(), 0) }
    }
    let next = TrimmedFile(
      file: current.file, identity: current.status.identity, origin: origin)
    guard read.offset >= next.cut else { return (.start, LateLines(), next.cut - read.offset) }
    guard let position = try? place(of: read, in: next) else { return nil }
    var late = LateLines()
    if read.offset > origin.end {
      let length = Int(min(read.offset - origin.end, Int64(read.window.count)))
      _ = late.note(linesOf: Array(read.window.suffix(length)))
    }
    return (position, late, 0)
  }

  /// Looks for the place behind the remembered bytes, which is the end of a line.
  private func search(
    _ read: ReadingPosition, in file: Descriptor
  ) throws(SystemError) -> ReadingPosition? {
    guard read.window.count >= 32, read.window.last == 0x0A else { return nil }
    let buffer = ReadBuffer(capacity: Self.pieceSize)
    var end = try status(of: file).size
    while end > 0 {
      let start = max(0, end - Int64(Self.pieceSize))
      try buffer.fill(from: file, at: start, upTo: Int(end - start))
      var upper = buffer.count
      while let newline = buffer.last(0x0A, in: 0..<upper) {
        let length = min(read.window.count, newline + 1)
        // At the beginning of a piece the one before it tells.
        if length == read.window.count || start == 0,
          buffer.holds(read.window.suffix(length), at: newline + 1 - length)
        {
          return ReadingPosition(
            offset: start + Int64(newline) + 1, window: read.window.suffix(length),
            isSkipping: false)
        }
        upper = newline
      }
      guard start > 0 else { return nil }
      end = start + Int64(min(read.window.count, buffer.count / 2))
    }
    return nil
  }
}

/// Lines that were read in the old file, behind what was copied: they come once more in the new one, and
/// are not given out again.
struct LateLines {
  private var counts: [[UInt8]: Int] = [:]

  var isEmpty: Bool { counts.isEmpty }

  /// Notes whole lines; what is left behind the last newline.
  mutating func note(linesOf bytes: [UInt8]) -> [UInt8] {
    var start = 0
    while let newline = bytes[start...].firstIndex(of: 0x0A) {
      counts[Array(bytes[start...newline]), default: 0] += 1
      start = newline + 1
    }
    return Array(bytes[start...])
  }

  /// Whether a line is one of them; then it is, once.
  mutating func take(_ line: [UInt8]) -> Bool {
    guard let count = counts[line] else { return false }
    counts[line] = count > 1 ? count - 1 : nil
    return true
  }
}
