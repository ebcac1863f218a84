/// What a line of a newline-delimited JSON file is.
package enum LineKind: Sendable, Equatable {
  /// An object or an array, complete as far as its structure tells.
  case row
  /// Nothing but white space.
  case blank
  /// Anything else: torn, or no row at all.
  case malformed
}

/// Finds the lines of newline-delimited JSON in a stream of any pieces, and tells which are rows.
///
/// It looks at structure only: strings end, brackets match, one object or array fills the line.
/// That tells a torn row from a whole one at several hundred megabytes a second; a full parse per
/// row would cost more than compressing it. A newline always ends a line: in JSON none can stand
/// inside a string. Its memory is the same whatever a row's size.
package struct RowScan: Sendable {
  private enum Phase: Sendable { case before, string, escape, between, after, broken }

  private var phase = Phase.before
  private var depth = 0
  /// A bit for each open bracket, 1 for braces. Deeper than 64 only the number is compared.
  private var braces: UInt64 = 0

  package init() {}

  /// Scans on from `start`, and returns the index behind the next newline and what that line was;
  /// nil where the bytes end first: the line goes on in the next piece.
  ///
  /// - Parameter skipText: as `endOfText`, for whoever can do it faster: nearly all bytes of usual
  ///   rows are passed by it.
  package mutating func nextLine(
    in bytes: Span<UInt8>, from start: Int,
    skipText: (Span<UInt8>, Int) -> Int = endOfText(_:from:)
  ) -> (end: Int, kind: LineKind)? {
    var index = start
    let count = bytes.count
    while index < count {
      switch phase {
      case .string:
        index = skipText(bytes, index)
        guard index < count else { return nil }
        switch bytes[index] {
        case UInt8(ascii: "\""): phase = .between
        case UInt8(ascii: "\\"): phase = .escape
        case UInt8(ascii: "\n"): return (index + 1, endLine())
        default: phase = .broken
        }
        index += 1
      case .escape:
        guard bytes[index] != UInt8(ascii: "\n") else { return (index + 1, endLine()) }
        phase = .string
        index += 1
      case .between:
        let byte = bytes[index]
        switch byte {
        case UInt8(ascii: "\""): phase = .string
        case UInt8(ascii: "{"): open(brace: true)
        case UInt8(ascii: "["): open(brace: false)
        case UInt8(ascii: "}"): close(brace: true)
        case UInt8(ascii: "]"): close(brace: false)
        case UInt8(ascii: "\n"): return (index + 1, endLine())
        default: if byte < 0x20, byte != 0x09, byte != 0x0D { phase = .broken }
        }
        index += 1
      case .before:
        switch bytes[index] {
        case 0x20, 0x09, 0x0D: break
        case UInt8(ascii: "{"): open(brace: true)
        case UInt8(ascii: "["): open(brace: false)
        case UInt8(ascii: "\n"): return (index + 1, endLine())
        default: phase = .broken
        }
        index += 1
      case .after:
        switch bytes[index] {
        case 0x20, 0x09, 0x0D: break
        case UInt8(ascii: "\n"): return (index + 1, endLine())
        default: phase = .broken
        }
        index += 1
      case .broken:
        while index < count, bytes[index] != UInt8(ascii: "\n") { index += 1 }
        guard index < count else { return nil }
        return (index + 1, endLine())
      }
    }
    return nil
  }

  /// Ends a line: with its newline, or with the file where that is missing.
  package mutating func endLine() -> LineKind {
    defer { self = RowScan() }
    switch phase {
    case .before: return .blank
    case .after: return .row
    case .string, .escape, .between, .broken: return .malformed
    }
  }

  /// Whether what was read of the line so far could be the beginning of a row.
  package var mayBecomeRow: Bool { phase != .broken }

  private mutating func open(brace: Bool) {
    if depth < 64 { braces = braces << 1 | (brace ? 1 : 0) }
    depth += 1
    phase = .between
  }

  private mutating func close(brace: Bool) {
    depth -= 1
    if depth < 64 {
      guard (braces & 1 == 1) == brace else {
        phase = .broken
        return
      }
      braces >>= 1
    }
    if depth == 0 { phase = .after }
  }
}

/// The index of the first byte, at or behind the one given, at which the text of a JSON string may
/// end: a quotation mark, a backslash or a control character; the number of bytes if there is none.
package func endOfText(_ bytes: Span<UInt8>, from start: Int) -> Int {
  var index = start
  while index < bytes.count {
    let byte = bytes[index]
    if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { break }
    index += 1
  }
  return index
}
