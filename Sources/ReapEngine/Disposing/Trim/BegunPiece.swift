// A piece of the old file whose append was begun by a reapd that was killed, or met a full disk: it is
// in the log whole, in part, or not at all. A kill ends a write at the end of a page.

import Glibc
import OwnedDirectories
import ReapRules

struct BegunPiece {
  private static let window = 256 << 10
  private static let page: Int64 = 4096

  private let piece: DrainRecord.Piece
  private let upTo: Int64
  private let original: EntryName
  private let directory: Descriptor
  /// What was to be appended.
  private let bytes: [UInt8]
  private let firstLine: Int

  init(
    _ piece: DrainRecord.Piece, from old: Descriptor, _ upTo: Int64, _ original: EntryName,
    at directory: Descriptor
  ) throws(SystemError) {
    self.piece = piece
    self.upTo = upTo
    self.original = original
    self.directory = directory
    let buffer = ReadBuffer(capacity: Int(min(piece.length, 8 << 20)))
    try buffer.fill(from: old, at: upTo, upTo: buffer.capacity)
    bytes = buffer.bytes(0..<buffer.count)
    firstLine = bytes.firstIndex(of: 0x0A).map { $0 + 1 } ?? bytes.count
  }

  /// What is left to be done then.
  func settled() throws(SystemError) -> DrainRecord {
    let log: Descriptor
    do throws(SystemError) {
      log = try openLog(original, at: directory)
    } catch {
      guard error.code == ENOENT else { throw error }
      return DrainRecord(upTo: upTo)
    }
    defer { log.close() }
    let there = try status(of: log)
    let isSame = MarkedFile(there.identity) == piece.to
    // Cut in place since, it is anywhere in it.
    let from = isSame && piece.at <= there.size ? piece.at : 0
    guard !bytes.isEmpty, let (start, length) = try find(in: log, from: from, isSame: isSame) else {
      return DrainRecord(upTo: upTo)
    }
    guard length < bytes.count else { return DrainRecord(upTo: upTo + Int64(length)) }
    // Whole lines stand; the beginning of one gives way to blanks, and comes once more. Elsewhere than
    // at the end of a page, what stands there is another's line, which begins like ours.
    let whole = bytes[..<length].lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    if whole < length, (start + Int64(length)) % Self.page == 0 {
      let blanks = [UInt8](repeating: 0x20, count: length - whole)
      try overwrite(blanks, at: start + Int64(whole), in: log)
    }
    return DrainRecord(upTo: upTo + Int64(whole))
  }

  /// Where it begins in the log, and how much of it is there.
  private func find(
    in log: Descriptor, from: Int64, isSame: Bool
  ) throws(SystemError) -> (start: Int64, length: Int)? {
    if isSame, from == piece.at {
      let length = try commonLength(log, at: from)
      // Less than a line proves something only where a killed write would have ended.
      if length >= firstLine || length > 0 && (from + Int64(length)) % Self.page == 0 {
        return (from, length)
      }
    }
    let needle = bytes[..<min(firstLine, Self.window / 2)]
    let buffer = ReadBuffer(capacity: Self.window)
    var offset = from
    while true {
      try buffer.fill(from: log, at: offset, upTo: buffer.capacity)
      guard buffer.count >= needle.count else { return nil }
      var start: Int? = 0
      var isLineStart = offset == from
      while let at = start, at + needle.count <= buffer.count {
        if isLineStart, buffer.holds(needle, at: at) {
          let length = try commonLength(log, at: offset + Int64(at))
          if length >= firstLine { return (offset + Int64(at), length) }
        }
        start = buffer.first(0x0A, in: at..<buffer.count).map { $0 + 1 }
        isLineStart = true
      }
      guard buffer.count == buffer.capacity else { return nil }
      // The next window begins with the last newline behind which this one was too short.
      let rest = buffer.count - needle.count
      let last = buffer.last(0x0A, in: 0..<rest) ?? 0
      offset += Int64(last > 0 ? last : rest)
    }
  }

  private func commonLength(_ log: Descriptor, at start: Int64) throws(SystemError) -> Int {
    let buffer = ReadBuffer(capacity: Self.window)
    var length = 0
    while length < bytes.count {
      try buffer.fill(
        from: log, at: start + Int64(length), upTo: min(Self.window, bytes.count - length))
      guard buffer.count > 0 else { return length }
      let found = buffer.bytes(0..<buffer.count)
      let equal = zip(found, bytes[length...]).prefix { $0 == $1 }.count
      length += equal
      if equal < found.count { return length }
    }
    return length
  }
}
