/// The name of one directory entry as the kernel stores it: bytes, not text.
///
/// Never empty, never `.` or `..`, without `/` and NUL; anything else goes, newlines and invalid
/// UTF-8 included.
package struct EntryName: Hashable, Sendable {
  package let bytes: [UInt8]

  /// Nil where the bytes cannot be the name of an entry.
  package init?(_ bytes: some Sequence<UInt8>) { self.init(Array(bytes)) }

  /// Without generics: listings make one for each entry.
  package init?(_ bytes: [UInt8]) {
    guard !bytes.isEmpty, !bytes.contains(where: { $0 == 0x2F || $0 == 0 }) else { return nil }
    guard bytes.count > 2 || bytes.contains(where: { $0 != 0x2E }) else { return nil }
    self.bytes = bytes
  }

  /// Eight bytes at a time: the table of a schedule hashes every name that an event brings.
  package func hash(into hasher: inout Hasher) {
    var word: UInt64 = 0
    for (index, byte) in bytes.enumerated() {
      word = word << 8 | UInt64(byte)
      if index & 7 == 7 { hasher.combine(word) }
    }
    hasher.combine(word)
    hasher.combine(bytes.count)
  }

  package init?(_ text: String) { self.init(text.utf8) }

  /// The name for a person: text where it is UTF-8, control and stray bytes escaped as `\xNN`.
  package var display: String { displayText(bytes) }
}

/// Bytes of a path or name for a person: printable UTF-8 as it is, everything else as `\xNN`.
package func displayText(_ bytes: [UInt8]) -> String {
  func escaped(_ byte: UInt8) -> String {
    let digits = Array("0123456789abcdef")
    return "\\x\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
  }
  let isPrintable = { (byte: UInt8) in (0x20..<0x7F).contains(byte) }
  // Nearly always; and the tables of Unicode take their time.
  if bytes.allSatisfy(isPrintable) { return String(decoding: bytes, as: UTF8.self) }
  guard let text = String(validating: bytes, as: UTF8.self) else {
    return bytes.map { isPrintable($0) ? String(UnicodeScalar($0)) : escaped($0) }.joined()
  }
  var result = ""
  for scalar in text.unicodeScalars {
    if scalar.isUnprintable {
      for byte in String(scalar).utf8 { result += escaped(byte) }
    } else {
      result.unicodeScalars.append(scalar)
    }
  }
  return result
}

/// `displayText` of a text that was put together from several: a newline in it came with one of them.
package func displayText(_ text: String) -> String { displayText(Array(text.utf8)) }

/// `displayText` of each line of a text.
package func displayLines(_ text: String) -> String {
  if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) || $0 == 0x0A }) { return text }
  return text.split(separator: "\n", omittingEmptySubsequences: false).map {
    displayText(String($0))
  }
  .joined(separator: "\n")
}

extension Unicode.Scalar {
  /// Whether it does something to a terminal or to its neighbours instead of being seen: controls
  /// (C1 too: U+009B is an escape sequence by itself), marks of direction and other formats,
  /// separators of lines.
  package var isUnprintable: Bool {
    if value < 0x7F { return value < 0x20 }
    // Most of what is written in other scripts; the tables of Unicode take their time.
    if (0x3000..<0xFE00).contains(value) { return false }
    switch properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: return true
    default: return false
    }
  }
}
