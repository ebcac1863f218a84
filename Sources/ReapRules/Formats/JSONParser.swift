// Reading JSON that other programs wrote: RFC 8259, strictly, with bounded nesting.

/// Why a text is not JSON, and where.
package struct JSONProblem: Error, Equatable, Sendable, CustomStringConvertible {
  /// Bytes before the place where it went wrong; the length of the text where that ends too early.
  package let offset: Int
  package let what: String

  package init(offset: Int, what: String) {
    self.offset = offset
    self.what = what
  }

  package var description: String { "\(what), at byte \(offset)" }
}

extension JSONValue {
  /// Deeper than anything reapd has to read, and far from the end of a thread's stack.
  package static let nestingLimit = 64

  /// Reads one value and nothing behind it but white space.
  ///
  /// Stricter than the grammar where two readers could understand two things: a member that is
  /// there twice, half a surrogate pair, and a number beyond a double's range are errors.
  /// Integers that fit 64 bits are `.integer`, all other numbers `.number`.
  package init(parsing text: some Collection<UInt8>) throws(JSONProblem) {
    var parser = JSONParser(bytes: Array(text))
    self = try parser.document()
  }
}

private struct JSONParser {
  let bytes: [UInt8]
  var index = 0
  var depth = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

  private func problem(_ what: String, at offset: Int? = nil) -> JSONProblem {
    JSONProblem(offset: offset ?? index, what: what)
  }

  private func expected(_ what: String) -> JSONProblem {
    problem(next == nil ? "it ends where \(what) is expected" : "\(what) is expected")
  }

  mutating func document() throws(JSONProblem) -> JSONValue {
    skipSpace()
    if next == nil { throw problem("it is empty") }
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { throw problem("a byte order mark") }
    let value = try value()
    skipSpace()
    if next != nil { throw problem("something follows the value") }
    return value
  }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      index += 1
    }
  }

  private mutating func value() throws(JSONProblem) -> JSONValue {
    switch next {
    case UInt8(ascii: "{"): try object()
    case UInt8(ascii: "["): try array()
    case UInt8(ascii: "\""): .string(try string())
    case UInt8(ascii: "t"): try word("true", .bool(true))
    case UInt8(ascii: "f"): try word("false", .bool(false))
    case UInt8(ascii: "n"): try word("null", .null)
    case .some(let byte)
    where byte == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte):
      try number()
    default: throw expected("a value")
    }
  }

  private mutating func word(
    _ word: StaticString, _ value: JSONValue
  ) throws(JSONProblem) -> JSONValue {
    let expected = Array(word.description.utf8)
    guard bytes[index...].starts(with: expected) else { throw problem("'\(word)' is expected") }
    index += expected.count
    return value
  }

  private mutating func enter() throws(JSONProblem) {
    depth += 1
    guard depth <= JSONValue.nestingLimit else {
      throw problem("it is nested more than \(JSONValue.nestingLimit) deep")
    }
    index += 1
    skipSpace()
  }

  /// Passes the separator, or the end; true where another element follows.
  private mutating func another(before end: UInt8, _ wanted: String) throws(JSONProblem) -> Bool {
    skipSpace()
    switch next {
    case UInt8(ascii: ","):
      index += 1
      skipSpace()
      return true
    case end:
      leave()
      return false
    default: throw expected(wanted)
    }
  }

  private mutating func leave() {
    index += 1
    depth -= 1
  }

  private mutating func array() throws(JSONProblem) -> JSONValue {
    try enter()
    var values: [JSONValue] = []
    if next == UInt8(ascii: "]") {
      leave()
      return .array([])
    }
    repeat { values.append(try value()) } while try another(before: UInt8(ascii: "]"), "',' or ']'")
    return .array(values)
  }

  private mutating func object() throws(JSONProblem) -> JSONValue {
    try enter()
    var members: [(String, JSONValue)] = []
    var names: Set<[UInt8]> = []
    if next == UInt8(ascii: "}") {
      leave()
      return .object([])
    }
    repeat {
      guard next == UInt8(ascii: "\"") else { throw expected("a member's name") }
      let start = index
      let name = try string()
      guard names.insert(Array(name.utf8)).inserted else {
        throw problem("the member '\(displayText(Array(name.utf8)))' is there twice", at: start)
      }
      skipSpace()
      guard next == UInt8(ascii: ":") else { throw expected("':'") }
      index += 1
      skipSpace()
      members.append((name, try value()))
    } while try another(before: UInt8(ascii: "}"), "',' or '}'")
    return .object(members)
  }

  private mutating func digits() throws(JSONProblem) {
    let start = index
    while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { index += 1 }
    guard index > start else { throw expected("a digit") }
  }

  private mutating func number() throws(JSONProblem) -> JSONValue {
    let start = index
    var isInteger = true
    if next == UInt8(ascii: "-") { index += 1 }
    if next == UInt8(ascii: "0") { index += 1 } else { try digits() }
    if next == UInt8(ascii: ".") {
      isInteger = false
      index += 1
      try digits()
    }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      isInteger = false
      index += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { index += 1 }
      try digits()
    }
    let text = String(decoding: bytes[start..<index], as: UTF8.self)
    if isInteger, let integer = Int64(text) { return .integer(integer) }
    guard let number = Double(text), number.isFinite else {
      throw problem("a number beyond the range of a double", at: start)
    }
    return .number(number)
  }

  private mutating func string() throws(JSONProblem) -> String {
    let start = index
    index += 1
    var text: [UInt8] = []
    var runStart = index
    while true {
      guard let byte = next else { throw expected("the end of a string") }
      switch byte {
      case UInt8(ascii: "\""):
        text += bytes[runStart..<index]
        index += 1
        guard let string = String(validating: text, as: UTF8.self) else {
          throw problem("a string that is not UTF-8", at: start)
        }
        return string
      case UInt8(ascii: "\\"):
        text += bytes[runStart..<index]
        text += try escape()
        runStart = index
      case 0..<0x20: throw problem("a control character in a string")
      default: index += 1
      }
    }
  }

  private mutating func escape() throws(JSONProblem) -> [UInt8] {
    let start = index
    index += 1
    guard let byte = next else { throw expected("an escape") }
    index += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"):
      let unit = try codeUnit()
      // RFC 8259, section 7: beyond the basic plane, two escapes make one character.
      if (0xD800..<0xDC00).contains(unit), bytes[index...].starts(with: "\\u".utf8) {
        index += 2
        let low = try codeUnit()
        if (0xDC00..<0xE000).contains(low),
          let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
        {
          return Array(String(Character(scalar)).utf8)
        }
      } else if let scalar = Unicode.Scalar(unit) {
        return Array(String(Character(scalar)).utf8)
      }
      throw problem("half a surrogate pair", at: start)
    default: throw problem("an unknown escape", at: start)
    }
  }

  private mutating func codeUnit() throws(JSONProblem) -> UInt32 {
    var unit: UInt32 = 0
    for _ in 0..<4 {
      let digit: UInt8
      switch next {
      case .some(let byte) where (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte):
        digit = byte - UInt8(ascii: "0")
      case .some(let byte) where (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20):
        digit = (byte | 0x20) - UInt8(ascii: "a") + 10
      default: throw expected("a hexadecimal digit")
      }
      unit = unit << 4 | UInt32(digit)
      index += 1
    }
    return unit
  }
}
