// What lies between the end of one member and the data of the next, as far as it must be known to take
// the next one out: the global headers before it, which stay, and what the member is.

/// The headers that one member has.
package struct HeaderChain: Equatable, Sendable {
  /// Bytes of the global headers (pax, type `g`) that it begins with; they hold for what follows, too.
  package let globalLength: Int64
  /// Bytes of all headers, the member's own among them.
  package let length: Int64
  /// The typeflag of the member's own header; 0 for an old one, and for the end's empty block.
  package let type: UInt8

  package static let blockSize: Int64 = 512
  /// Headers in front of one member; writers put two or three.
  private static let longest = 16
  /// libarchive takes no longer extended header.
  private static let largest: Int64 = 1 << 20

  /// Nil where it is in another form than a member that may be left out: a global header behind one of
  /// the member's own, a volume's label, or a header too far away to be seen.
  ///
  /// - Parameter block: the 512 bytes at an offset of the stream.
  package init?(at start: Int64, block: (Int64) -> [UInt8]?) {
    var (offset, global, hasOwn) = (start, Int64(0), false)
    for _ in 0..<Self.longest {
      guard let header = block(offset), header.count == Int(Self.blockSize) else { return nil }
      let type = header[156]
      switch type {
      case UInt8(ascii: "g"), UInt8(ascii: "x"), UInt8(ascii: "L"), UInt8(ascii: "K"):
        guard let size = tarNumber(header[124..<136]), size <= Self.largest else { return nil }
        offset += Self.blockSize + paddedToBlock(size)
        if type != UInt8(ascii: "g") {
          hasOwn = true
        } else if hasOwn {
          return nil
        } else {
          global = offset - start
        }
      default:
        globalLength = global
        length = offset + Self.blockSize - start
        self.type = type
        return
      }
    }
    return nil
  }

  /// Whether that is a plain file: `0`, the old NUL, or `7` (a file in one piece on the disk).
  package var isPlainFile: Bool {
    type == 0 || type == UInt8(ascii: "0") || type == UInt8(ascii: "7")
  }
}

/// How much room data of a size takes in a tar stream.
package func paddedToBlock(_ size: Int64) -> Int64 { (size + 511) / 512 * 512 }

/// A number as tar headers have it: octal digits, or (first bit set) binary (POSIX.1-2001, pax; GNU tar).
/// Nil for anything else, and for what is below zero or above 2^62.
package func tarNumber(_ field: ArraySlice<UInt8>) -> Int64? {
  guard let first = field.first else { return nil }
  if first & 0x80 != 0 {
    guard first == 0x80 else { return nil }
    var value: Int64 = 0
    for byte in field.dropFirst() {
      guard value < 1 << 54 else { return nil }
      value = value << 8 | Int64(byte)
    }
    return value
  }
  let digits = field.drop { $0 == 0x20 }.prefix { (0x30...0x37).contains($0) }
  guard !digits.isEmpty else { return nil }
  let rest = field[digits.endIndex...]
  guard rest.first.map({ $0 == 0 || $0 == 0x20 }) ?? true else { return nil }
  return digits.reduce(Int64(0)) { $0 << 3 | Int64($1 - 0x30) }
}
