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
