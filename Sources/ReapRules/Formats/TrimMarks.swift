// What a trim writes on the two files that it has to do with, as extended attributes: so much survives
// its being killed, and tells a reader where it stands.

/// Whoever may write to a file may set its marks: no offset in them is so large that what is added to
/// it overflows.
private let offsets: ClosedRange<Int64> = 0...(1 << 60)

/// A file may be as long as can be counted: then the sum is none that is read back.
private func sum(_ offset: Int64, _ length: Int64) -> Int64 {
  let (sum, isOver) = offset.addingReportingOverflow(length)
  return isOver ? .max : sum
}

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

/// On a file that a trim has made: of which ones it holds the tail, the last one first.
package struct TrimMark: Hashable, Sendable {
  package static let name = "user.reapd.trimmed"
  /// Who has missed more trims than this looks for its place otherwise.
  private static let most = 8

  package struct Origin: Hashable, Sendable {
    package let of: MarkedFile
    /// What is at an offset there is here at one that is so much less …
    package var shift: Int64
    /// … up to this offset there. What came after it came late, and is anywhere.
    package var end: Int64

    package init(of: MarkedFile, shift: Int64, end: Int64) {
      self.of = of
      self.shift = shift
      self.end = end
    }

    /// What is before that there is not here.
    package var cut: Int64 { min(shift, end) }
  }

  package let origins: [Origin]

  /// Of a copy of a file from the cut to the end, both offsets in that.
  ///
  /// - Parameter own: the mark that the file itself has.
  package init(of file: MarkedFile, own: TrimMark?, cut: Int64, end: Int64) {
    let earlier = (own?.origins ?? []).map {
      Origin(of: $0.of, shift: sum($0.shift, cut), end: min($0.end, sum($0.shift, end)))
    }
    origins = Array(([Origin(of: file, shift: cut, end: end)] + earlier).prefix(Self.most))
  }

  private init(origins: [Origin]) { self.origins = origins }

  package init?(_ text: String) {
    guard let numbers = numbers(in: text), !numbers.isEmpty, numbers.count % 4 == 0 else {
      return nil
    }
    origins = stride(from: 0, to: numbers.count, by: 4).map { index in
      Origin(
        of: MarkedFile(inode: UInt64(bitPattern: numbers[index]), birth: numbers[index + 1]),
        shift: numbers[index + 2], end: numbers[index + 3])
    }
    guard origins.allSatisfy({ offsets.contains($0.shift) && offsets.contains($0.end) }) else {
      return nil
    }
  }

  /// As it is once so many bytes more were taken out at the beginning.
  package func withoutHead(_ length: Int64) -> TrimMark {
    TrimMark(origins: origins.map { Origin(of: $0.of, shift: sum($0.shift, length), end: $0.end) })
  }

  /// With the last file only: that much fits into any inode.
  package var shortest: TrimMark { TrimMark(origins: Array(origins.prefix(1))) }

  package subscript(file: MarkedFile) -> Origin? { origins.first { $0.of == file } }

  package var text: String {
    "1"
      + origins.map {
        " \(Int64(bitPattern: $0.of.inode)) \($0.of.birth) \($0.shift) \($0.end)"
      }.joined()
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
      guard let piece, offsets.contains(piece.at), piece.length > 0,
        offsets.contains(piece.length)
      else { return nil }
    } else {
      return nil
    }
    guard offsets.contains(upTo) else { return nil }
  }

  package var text: String {
    guard let piece else { return "1 \(upTo)" }
    return "1 \(upTo) \(Int64(bitPattern: piece.to.inode)) \(piece.to.birth) \(piece.at) "
      + "\(piece.length)"
  }
}

/// On a copy, from before it takes the log's name until it is seen to have done so: another file may
/// have had that name by then, and has the claimed one now.
package struct PlacingMark: Hashable, Sendable {
  package static let name = "user.reapd.placing"

  /// Of the copy's claimed name.
  package let claimedAt: Nanoseconds
  /// How much was copied, bytes.
  package let size: Int64

  package init(claimedAt: Nanoseconds, size: Int64) {
    self.claimedAt = claimedAt
    self.size = size
  }

  package init?(_ text: String) {
    guard let numbers = numbers(in: text, count: 2), offsets.contains(numbers[1]) else {
      return nil
    }
    self.init(claimedAt: numbers[0], size: numbers[1])
  }

  package var text: String { "1 \(claimedAt) \(size)" }
}

/// The numbers behind the version, if there are that many; nil for another version or form.
private func numbers(in text: String, count: Int? = nil) -> [Int64]? {
  let words = text.split(separator: " ", omittingEmptySubsequences: false)
  guard words.first == "1" else { return nil }
  let numbers = words.dropFirst().compactMap { Int64($0) }
  return numbers.count == words.count - 1 && numbers.count == count ?? numbers.count ? numbers : nil
}
