/// JSON as reapd writes it: one line, keys in the order they were given.
package enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  case integer(Int64)
  /// Finite; JSON has no other.
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([(String, JSONValue)])

  package static func == (left: JSONValue, right: JSONValue) -> Bool { left.text == right.text }

  package var text: String {
    var result = ""
    write(to: &result)
    return result
  }

  private func write(to result: inout String) {
    switch self {
    case .null: result += "null"
    case .bool(let value): result += value ? "true" : "false"
    case .integer(let value): result += "\(value)"
    case .number(let value): result += value.isFinite ? "\(value)" : "null"
    case .string(let value): Self.quote(value, to: &result)
    case .array(let values):
      result += "["
      for (index, value) in values.enumerated() {
        if index > 0 { result += "," }
        value.write(to: &result)
      }
      result += "]"
    case .object(let members):
      result += "{"
      for (index, member) in members.enumerated() {
        if index > 0 { result += "," }
        Self.quote(member.0, to: &result)
        result += ":"
        member.1.write(to: &result)
      }
      result += "}"
    }
  }

  private static func quote(_ value: String, to result: inout String) {
    result += "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      // A JSON line is printed as it is: what would do something to a terminal is escaped, too.
      case _ where scalar.isUnprintable:
        for unit in String(scalar).utf16 {
          let hex = String(unit, radix: 16)
          result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        }
      default: result.unicodeScalars.append(scalar)
      }
    }
    result += "\""
  }

  /// `path` for bytes that are UTF-8, `path_b64` for others: file names are bytes.
  package static func pathMember(
    _ bytes: [UInt8], named name: String = "path"
  ) -> (String, JSONValue) {
    if let text = String(validating: bytes, as: UTF8.self) { return (name, .string(text)) }
    return (name + "_b64", .string(base64(bytes)))
  }

  /// The member of that name; nil where there is none, and for what is not an object.
  package subscript(name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    // Bytes are compared: String's own equality takes "é" and "e\u{301}" for one name.
    return members.first { $0.0.utf8.elementsEqual(name.utf8) }?.1
  }

  package var string: String? {
    if case .string(let value) = self { value } else { nil }
  }

  package var integer: Int64? {
    if case .integer(let value) = self { value } else { nil }
  }

  package var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  package var array: [JSONValue]? {
    if case .array(let values) = self { values } else { nil }
  }

  /// As `JSON.stringify(value, null, 2)` writes it: a member or element a line, two spaces a level.
  package var indentedText: String { indented("") }

  private func indented(_ indent: String) -> String {
    let inner = indent + "  "
    func lines(_ lines: [String], _ open: String, _ close: String) -> String {
      lines.isEmpty
        ? open + close
        : open + "\n" + lines.map { inner + $0 }.joined(separator: ",\n") + "\n" + indent + close
    }
    switch self {
    case .array(let values): return lines(values.map { $0.indented(inner) }, "[", "]")
    case .object(let members):
      return lines(
        members.map { JSONValue.string($0.0).text + ": " + $0.1.indented(inner) }, "{", "}")
    default: return text
    }
  }
}

/// RFC 4648 base64 with padding.
package func base64(_ bytes: [UInt8]) -> String {
  let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  var text = ""
  for start in stride(from: 0, to: bytes.count, by: 3) {
    let group = bytes[start..<min(start + 3, bytes.count)]
    var word: UInt32 = 0
    for offset in 0..<3 {
      word = word << 8 | (start + offset < bytes.count ? UInt32(bytes[start + offset]) : 0)
    }
    for digit in 0..<4 {
      text.append(
        digit <= group.count ? alphabet[Int(word >> UInt32(18 - 6 * digit)) & 63] : "=")
    }
  }
  return text
}
