// What an audit log says is condemned: another process has no other way to know.

/// A candidate in quarantine, as the line that began it says.
package struct CondemnedRecord: Sendable, Equatable {
  /// Absolute.
  package let path: [UInt8]
  package let rule: String
  /// Of the line, and so of the condemnation: wall clock, nanoseconds since 1970.
  package let id: Nanoseconds
  /// Wall clock; when its quarantine will be over. Nil where that is beyond all time.
  package let deadline: Nanoseconds?
  /// What it was judged dead on.
  package let reason: String
}

/// Collects, from the lines of an audit log in their order, what is condemned at its end.
package struct CondemnedRecords: Sendable {
  private var open: [Nanoseconds: CondemnedRecord] = [:]

  package init() {}

  /// The oldest first.
  package var records: [CondemnedRecord] { open.values.sorted { $0.id < $1.id } }

  /// Takes in one line; any other line than those that begin or end a quarantine is passed over.
  package mutating func take(_ line: ArraySlice<UInt8>) {
    // Nearly all lines are of other actions, and parsing each would take its time.
    guard Self.words.contains(where: { contains(line.prefix(Self.headLength), $0) }),
      let json = try? JSONValue(parsing: line),
      let id = json["id"]?.string.flatMap(Nanoseconds.init)
    else { return }
    guard json["action"]?.string == AuditRecord.Action.condemned.rawValue else {
      open[id] = nil
      return
    }
    guard let path = Self.path(of: json), let rule = json["rule"]?.string,
      let reason = json["reason"]?.string
    else { return }
    open[id] = CondemnedRecord(
      path: path, rule: rule, id: id,
      deadline: json["deadline"]?.string.flatMap { parseTimestamp($0) }, reason: reason)
  }

  /// `{"v":1,"time":"…","action":"…"`, and some to spare.
  private static let headLength = 96
  private static let words = [
    AuditRecord.Action.condemned, .reprieved, .reaped,
  ].map { Array("\"action\":\"\($0.rawValue)\"".utf8) }

  private static func path(of json: JSONValue) -> [UInt8]? {
    if let text = json["path"]?.string { return Array(text.utf8) }
    return json["path_b64"]?.string.flatMap(decodeBase64)
  }
}

private func contains(_ bytes: ArraySlice<UInt8>, _ word: [UInt8]) -> Bool {
  guard bytes.count >= word.count else { return false }
  return (bytes.startIndex...(bytes.endIndex - word.count)).contains {
    bytes[$0..<($0 + word.count)].elementsEqual(word)
  }
}

/// Reads RFC 4648 base64 with padding; nil for anything else.
package func decodeBase64(_ text: String) -> [UInt8]? {
  let digits = Array(text.utf8)
  guard digits.count % 4 == 0 else { return nil }
  var bytes: [UInt8] = []
  for start in stride(from: 0, to: digits.count, by: 4) {
    let isLast = start + 4 == digits.count
    let padding = isLast ? digits[(start + 2)...].count { $0 == UInt8(ascii: "=") } : 0
    var word: UInt32 = 0
    for offset in 0..<4 {
      if offset >= 4 - padding {
        guard digits[start + offset] == UInt8(ascii: "=") else { return nil }
        word <<= 6
        continue
      }
      guard let value = base64Value(digits[start + offset]) else { return nil }
      word = word << 6 | value
    }
    let group = [UInt8(word >> 16 & 255), UInt8(word >> 8 & 255), UInt8(word & 255)]
    bytes += group.prefix(3 - padding)
  }
  return bytes
}

private func base64Value(_ digit: UInt8) -> UInt32? {
  switch digit {
  case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
  case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a")) + 26
  case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0")) + 52
  case UInt8(ascii: "+"): 62
  case UInt8(ascii: "/"): 63
  default: nil
  }
}
