/// A shell pattern over the bytes of a name: `*`, `?`, `[a-z]`, `[!a-z]`, and `\` before a literal.
package struct Glob: Hashable, Sendable {
  package let pattern: String
  private let tokens: [Token]

  private enum Token: Hashable {
    case anyRun
    case anyByte
    case literal(UInt8)
    case oneOf(ranges: [ClosedRange<UInt8>], negated: Bool)
  }

  /// What is wrong with a pattern, in words for its author.
  package struct Malformed: Error, Equatable {
    package let reason: String
  }

  package init(_ pattern: String) throws(Malformed) {
    guard !pattern.isEmpty else { throw Malformed(reason: "the pattern is empty") }
    self.pattern = pattern
    self.tokens = try Self.parse(Array(pattern.utf8))
  }

  private static func parse(_ bytes: [UInt8]) throws(Malformed) -> [Token] {
    var tokens: [Token] = []
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      switch byte {
      case UInt8(ascii: "*"):
        if tokens.last != .anyRun { tokens.append(.anyRun) }
      case UInt8(ascii: "?"): tokens.append(.anyByte)
      case UInt8(ascii: "/"): throw Malformed(reason: "a name never contains '/'")
      case UInt8(ascii: "\\"):
        guard index < bytes.count else { throw Malformed(reason: "'\\' stands at the end") }
        tokens.append(.literal(bytes[index]))
        index += 1
      case UInt8(ascii: "["): tokens.append(try parseSet(bytes, &index))
      default: tokens.append(.literal(byte))
      }
    }
    return tokens
  }

  /// Reads a set whose `[` was just passed; `index` ends behind its `]`.
  private static func parseSet(_ bytes: [UInt8], _ index: inout Int) throws(Malformed) -> Token {
    var negated = false
    var ranges: [ClosedRange<UInt8>] = []
    if index < bytes.count, bytes[index] == UInt8(ascii: "!") || bytes[index] == UInt8(ascii: "^") {
      negated = true
      index += 1
    }
    let first = index
    while index < bytes.count, bytes[index] != UInt8(ascii: "]") || index == first {
      let low = bytes[index]
      if index + 2 < bytes.count, bytes[index + 1] == UInt8(ascii: "-"),
        bytes[index + 2] != UInt8(ascii: "]")
      {
        guard low <= bytes[index + 2] else {
          throw Malformed(reason: "a range in [...] runs backwards")
        }
        ranges.append(low...bytes[index + 2])
        index += 3
      } else {
        ranges.append(low...low)
        index += 1
      }
    }
    guard index < bytes.count else { throw Malformed(reason: "'[' without ']'") }
    index += 1
    return .oneOf(ranges: ranges, negated: negated)
  }

  /// Linear in practice: on a mismatch only the latest `*` is widened.
  package func matches(_ name: EntryName) -> Bool {
    let bytes = name.bytes
    var position = 0
    var token = 0
    var retry: (token: Int, position: Int)?
    while position < bytes.count {
      if token < tokens.count {
        if case .anyRun = tokens[token] {
          retry = (token + 1, position)
          token += 1
          continue
        }
        if Self.accepts(tokens[token], bytes[position]) {
          token += 1
          position += 1
          continue
        }
      }
      guard let widened = retry else { return false }
      retry = (widened.token, widened.position + 1)
      (token, position) = (widened.token, widened.position + 1)
    }
    while token < tokens.count, case .anyRun = tokens[token] { token += 1 }
    return token == tokens.count
  }

  private static func accepts(_ token: Token, _ byte: UInt8) -> Bool {
    switch token {
    case .anyRun, .anyByte: true
    case .literal(let literal): literal == byte
    case .oneOf(let ranges, let negated): ranges.contains { $0.contains(byte) } != negated
    }
  }
}
