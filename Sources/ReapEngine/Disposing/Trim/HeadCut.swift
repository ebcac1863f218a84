// Trimming in place: the head is taken out of the file. No byte is copied, no block is needed, and who
// appends goes on appending.

import Glibc
import OwnedDirectories
import ReapRules

struct HeadCut {
  private static let blanks: Int64 = 64 << 10

  let log: LogAtHand
  /// Where what is kept begins.
  let cut: Int64

  /// How many bytes would go.
  static func head(of file: Descriptor, cut: Int64) -> Int64 {
    Blanking.head(cut: cut, block: blockSize(of: file))
  }

  /// - Returns: how many bytes are gone; nil where the file system does not do it with this file.
  func run() throws(SystemError) -> Int64? {
    let head = Self.head(of: log.file, cut: cut)
    guard head > 0 else { return nil }
    let newline = try log.firstNewline(in: (head - 1)..<cut)
    let blanking = Blanking(head: head, firstNewline: newline)
    let before = ReadBuffer(capacity: 1)
    try before.fill(from: log.file, at: cut - 1, upTo: 1)
    guard before.holds([0x0A][...], at: 0), try status(of: log.file).size >= log.facts.size else {
      throw log.changed  // somebody else cuts it as well
    }
    guard let rest = blanking.rest else { return try takeOut(head) ? head : nil }
    // The newline last, and only then is the first line whole: killed in between, this leaves a blank
    // line or half of one that was to go, and never half of one that stays.
    let original = try blank(rest.lowerBound..<(rest.upperBound - 1))
    do throws(SystemError) {
      guard try takeOut(head) else {
        try restore(original, at: rest.lowerBound)
        return nil
      }
    } catch {
      try? restore(original, at: rest.lowerBound)
      throw error
    }
    try overwrite([0x20], at: rest.upperBound - 1 - head, in: log.file)
    return head
  }

  private func takeOut(_ head: Int64) throws(SystemError) -> Bool {
    do throws(SystemError) {
      // What was rotated away meanwhile is an archive.
      try log.checkName()
      try takeOutHead(head, of: log.file)
      // Whoever does not see this in time finds other bytes where it looks, and searches.
      if let mark = TrimMark(on: log.file) {
        try? setMark(TrimMark.name, mark.withoutHead(head).text, on: log.file)
      }
      return true
    } catch {
      // Bigger units than blocks (ext4's clusters, xfs's real-time extents), or none in extents.
      guard error.code == EINVAL || error.code == EOPNOTSUPP else { throw error }
      return false
    }
  }

  /// Puts blanks in the place of bytes; what stood there, as far as one piece holds it.
  private func blank(_ range: Range<Int64>) throws(SystemError) -> [UInt8] {
    let buffer = ReadBuffer(capacity: Int(min(Self.blanks, Int64(range.count)) + 1))
    try buffer.fill(from: log.file, at: range.lowerBound, upTo: min(range.count, Int(Self.blanks)))
    let original = buffer.bytes(0..<buffer.count)
    var offset = range.lowerBound
    while offset < range.upperBound {
      let count = min(Self.blanks, range.upperBound - offset)
      try overwrite([UInt8](repeating: 0x20, count: Int(count)), at: offset, in: log.file)
      offset += count
    }
    return original
  }

  private func restore(_ bytes: [UInt8], at offset: Int64) throws(SystemError) {
    try overwrite(bytes, at: offset, in: log.file)
  }
}
