// Takes members that name a file out of a JSON text, and leaves every other byte as it is.

package struct StoreEdit: Sendable {
  /// A file's address in stores: `/images/x.png`, or the same with any host in front.
  package struct Address: Sendable {
    private let path: [UInt8]

    package init(_ file: CandidatePath) { path = [UInt8(ascii: "/")] + file.bytes }

    func isNamed(by value: [UInt8]) -> Bool {
      let named = Self.withoutHost(value)
      return named.elementsEqual(path) || Self.decoded(named).elementsEqual(path)
    }

    /// What follows `scheme://host` or `//host`; all of it where neither stands there.
    private static func withoutHost(_ value: [UInt8]) -> ArraySlice<UInt8> {
      let slashes = Array("//".utf8)
      let scheme = value.prefix { $0 != UInt8(ascii: "/") }
      guard value.dropFirst(scheme.count).starts(with: slashes),
        scheme.isEmpty || scheme.count > 1 && scheme.last == UInt8(ascii: ":")
      else { return value[...] }
      return value.dropFirst(scheme.count + 2).drop { $0 != UInt8(ascii: "/") }
    }

    /// `%41` is `A`.
    private static func decoded(_ text: ArraySlice<UInt8>) -> [UInt8] {
      var result: [UInt8] = []
      var rest = text
      while let byte = rest.popFirst() {
        let pair = rest.prefix(2)
        if byte == UInt8(ascii: "%"), pair.count == 2, pair.allSatisfy(isHexadecimal),
          let value = UInt8(String(decoding: pair, as: UTF8.self), radix: 16)
        {
          result.append(value)
          rest = rest.dropFirst(2)
        } else {
          result.append(byte)
        }
      }
      return result
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
      isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }
  }

  private struct Member {
    let range: Range<Int>
    let isCut: Bool
  }

  private let text: [UInt8]
  private let fields: Set<[UInt8]>
  private let address: Address
  private var index = 0
  private var cuts: [Range<Int>] = []

  /// The text without the members of those names whose value is the address.
  ///
  /// - Returns: nil where it has none.
  /// - Throws: where it is no JSON: nothing is known of it then.
  package static func removing(
    _ fields: [String], naming file: CandidatePath, from text: [UInt8]
  ) throws(JSONProblem) -> [UInt8]? {
    // By the parser that refuses whatever two readers could understand differently.
    _ = try JSONValue(parsing: text)
    var edit = StoreEdit(text: text, fields: Set(fields.map { Array($0.utf8) }), Address(file))
    edit.value()
    guard !edit.cuts.isEmpty else { return nil }
    return edit.result
  }

  private init(text: [UInt8], fields: Set<[UInt8]>, _ address: Address) {
    self.text = text
    self.fields = fields
    self.address = address
  }

  private var result: [UInt8] {
    var kept: [UInt8] = []
    kept.reserveCapacity(text.count)
    var end = 0
    for cut in cuts.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if cut.lowerBound > end { kept += text[end..<cut.lowerBound] }
      end = max(end, cut.upperBound)
    }
    return kept + text[end...]
  }

  // MARK: - The text, which is known to be JSON

  private mutating func skipSpace() {
    while index < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[index]) { index += 1 }
  }

  private mutating func skipPast(_ byte: UInt8) -> Bool {
    skipSpace()
    guard index < text.count, text[index] == byte else { return false }
    index += 1
    return true
  }

  private mutating func value() {
    skipSpace()
    switch text[index] {
    case UInt8(ascii: "{"): object()
    case UInt8(ascii: "["):
      index += 1
      guard !skipPast(UInt8(ascii: "]")) else { return }
      repeat { value() } while skipPast(UInt8(ascii: ","))
      _ = skipPast(UInt8(ascii: "]"))
    case UInt8(ascii: "\""): _ = string()
    default:
      let ends = Array(",]} \t\r\n".utf8)
      while index < text.count, !ends.contains(text[index]) { index += 1 }
    }
  }

  private mutating func object() {
    index += 1
    var members: [Member] = []
    guard !skipPast(UInt8(ascii: "}")) else { return }
    repeat {
      skipSpace()
      let start = index
      let name = string()
      _ = skipPast(UInt8(ascii: ":"))
      skipSpace()
      var isCut = false
      if text[index] == UInt8(ascii: "\"") {
        let named = string()
        isCut = fields.contains(name) && address.isNamed(by: named)
      } else {
        value()
      }
      members.append(Member(range: start..<index, isCut: isCut))
    } while skipPast(UInt8(ascii: ","))
    _ = skipPast(UInt8(ascii: "}"))
    cut(members)
  }

  /// Each with the comma that follows it; the last ones with the one before.
  private mutating func cut(_ members: [Member]) {
    var lastKept: Int?
    for (place, member) in members.enumerated() {
      guard member.isCut else {
        lastKept = member.range.upperBound
        continue
      }
      if place + 1 < members.count {
        cuts.append(member.range.lowerBound..<members[place + 1].range.lowerBound)
      } else {
        cuts.append((lastKept ?? member.range.lowerBound)..<member.range.upperBound)
      }
    }
  }

  /// The string that begins here, its escapes resolved.
  private mutating func string() -> [UInt8] {
    index += 1
    let start = index
    while text[index] != UInt8(ascii: "\"") {
      index += text[index] == UInt8(ascii: "\\") ? 2 : 1
    }
    defer { index += 1 }
    guard text[start..<index].contains(UInt8(ascii: "\\")) else {
      return Array(text[start..<index])
    }
    guard case .string(let plain)? = try? JSONValue(parsing: text[(start - 1)...index]) else {
      return []
    }
    return Array(plain.utf8)
  }
}
