// Names of files that are written aside and then renamed; one left behind is an orphan.

/// A temporary file's name, taken apart.
package enum TemporaryName: Hashable, Sendable {
  /// `<cursor>.<pid>.<12 hex>.tmp`, beside the cursor.
  case cursor(pid: Int32)
  /// `<final>.tmp.<pid>.<unix ms>.<6 letters or digits>`, inside a generation.
  case data(pid: Int32)

  package var pid: Int32 {
    switch self {
    case .cursor(let pid), .data(let pid): pid
    }
  }

  /// Reads the name of a temporary cursor; nil for any other name.
  package init?(cursor: EntryName, _ name: EntryName) {
    guard name.bytes.starts(with: cursor.bytes) else { return nil }
    let parts = Self.parts(name.bytes.dropFirst(cursor.bytes.count))
    guard parts.count == 4, parts[0].isEmpty, parts[3].elementsEqual("tmp".utf8),
      let pid = Self.pid(parts[1]), parts[2].count == 12, parts[2].allSatisfy(Self.isLowercaseHex)
    else { return nil }
    self = .cursor(pid: pid)
  }

  /// Reads the name of a temporary data file; nil for any other name.
  package init?(data name: EntryName) {
    let parts = Self.parts(name.bytes[...])
    guard parts.count >= 5 else { return nil }
    let tail = Array(parts.suffix(4))
    guard parts.dropLast(4).contains(where: { !$0.isEmpty }), tail[0].elementsEqual("tmp".utf8),
      let pid = Self.pid(tail[1]), tail[2].count == 13, tail[2].allSatisfy(isDigit),
      tail[3].count == 6, tail[3].allSatisfy(Self.isAlphanumeric)
    else { return nil }
    self = .data(pid: pid)
  }

  private static func parts(_ bytes: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
    bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
  }

  /// A number as a kernel gives it: without sign and leading zero.
  private static func pid(_ part: ArraySlice<UInt8>) -> Int32? {
    guard part.allSatisfy(isDigit), part.first != UInt8(ascii: "0") else { return nil }
    return Int32(String(decoding: part, as: UTF8.self))
  }

  private static func isLowercaseHex(_ byte: UInt8) -> Bool {
    isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
  }
}
