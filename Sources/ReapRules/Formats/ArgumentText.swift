/// Arguments are bytes, and the parser of the command line takes text. So each byte that is not part
/// of UTF-8 travels through it as a scalar of its own, from a private plane that no script uses; one
/// of those that was really given travels as its bytes. Nothing is mended, and no two arguments
/// become one.
package enum ArgumentText {
  /// Of byte 0; the last but one block of the plane: its end has noncharacters.
  private static let base: UInt32 = 0x10FE00

  private static func byte(_ scalar: Unicode.Scalar) -> UInt8? {
    (base...(base + 0xFF)).contains(scalar.value) ? UInt8(scalar.value - base) : nil
  }

  package static func encode(_ bytes: [UInt8]) -> String {
    // Nearly always; the private plane begins with F4.
    if !bytes.contains(0xF4), let text = String(validating: bytes, as: UTF8.self) { return text }
    var result = ""
    var rest = bytes[...]
    while let first = rest.first {
      // No character of UTF-8 is longer than four bytes.
      let piece = (1...4).lazy.map { rest.prefix($0) }.first {
        String(validating: $0, as: UTF8.self) != nil
      }
      if let piece, let scalar = String(decoding: piece, as: UTF8.self).unicodeScalars.first,
        byte(scalar) == nil
      {
        result.unicodeScalars.append(scalar)
        rest = rest.dropFirst(piece.count)
      } else {
        Unicode.Scalar(base + UInt32(first)).map { result.unicodeScalars.append($0) }
        rest = rest.dropFirst()
      }
    }
    return result
  }

  package static func decode(_ text: String) -> [UInt8] {
    if !text.utf8.contains(0xF4) { return Array(text.utf8) }
    return text.unicodeScalars.flatMap { scalar in
      byte(scalar).map { [$0] } ?? Array(String(scalar).utf8)
    }
  }
}
