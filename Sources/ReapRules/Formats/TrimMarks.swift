// What a trim writes on the two files that it has to do with, as extended attributes: so much survives
// its being killed, and tells a reader where it stands.

/// Which file, on the file system that both are on.
package struct MarkedFile: Hashable, Sendable {
  package let inode: UInt64
  /// Wall clock, ns; 0 where the file system stores none.
  package let birth: Int64

  package init(inode: UInt64, birth: Int64?) {
    self.inode = inode
    self.birth = birth ?? 0
  }
}

/// On the new file: of which one it holds the tail. What follows that in it was appended to it, or came
/// late from the old one.
package struct TrimMark: Hashable, Sendable {
  package static let name = "user.reapd.trimmed"

  package let of: MarkedFile
  /// The new file's first byte, as an offset in the old one …
  package let cut: Int64
  /// … and the end of what was copied, in the old one as well.
  package let end: Int64

  package init(of: MarkedFile, cut: Int64, end: Int64) {
    self.of = of
    self.cut = cut
    self.end = end
  }

  package init?(_ text: String) {
    guard let numbers = numbers(in: text, count: 4) else { return nil }
    self.init(
      of: MarkedFile(inode: UInt64(bitPattern: numbers[0]), birth: numbers[1]), cut: numbers[2],
      end: numbers[3])
    guard cut >= 0, end >= cut else { return nil }
  }

  package var text: String {
    "1 \(Int64(bitPattern: of.inode)) \(of.birth) \(cut) \(end)"
  }
}

/// On the old file: how much of it is in the new one, and what is just being appended to that.
package struct DrainRecord: Hashable, Sendable {
  package static let name = "user.reapd.drained"

  /// A piece whose append was begun: whether it came to its end is seen in the file.
  package struct Piece: Hashable, Sendable {
    /// The file that it is appended to …
    package let to: MarkedFile
    /// … that file's size before …
    package let at: Int64
    /// … and how many bytes.
    package let length: Int64

    package init(to: MarkedFile, at: Int64, length: Int64) {
      self.to = to
      self.at = at
      self.length = length
    }
  }

  /// Everything before this offset is in the new file.
  package var upTo: Int64
  package var piece: Piece?

  package init(upTo: Int64, piece: Piece? = nil) {
    self.upTo = upTo
    self.piece = piece
  }

  package init?(_ text: String) {
    if let numbers = numbers(in: text, count: 1) {
      self.init(upTo: numbers[0])
    } else if let numbers = numbers(in: text, count: 5) {
      let file = MarkedFile(inode: UInt64(bitPattern: numbers[1]), birth: numbers[2])
      self.init(upTo: numbers[0], piece: Piece(to: file, at: numbers[3], length: numbers[4]))
      guard let piece, piece.at >= 0, piece.length > 0 else { return nil }
    } else {
      return nil
    }
    guard upTo >= 0 else { return nil }
  }

  package var text: String {
    guard let piece else { return "1 \(upTo)" }
    return "1 \(upTo) \(Int64(bitPattern: piece.to.inode)) \(piece.to.birth) \(piece.at) "
      + "\(piece.length)"
  }
}

/// The numbers behind the version, if there are that many.
private func numbers(in text: String, count: Int) -> [Int64]? {
  let words = text.split(separator: " ", omittingEmptySubsequences: false)
  guard words.count == count + 1, words[0] == "1" else { return nil }
  let numbers = words.dropFirst().compactMap { Int64($0) }
  return numbers.count == count ? numbers : nil
}
