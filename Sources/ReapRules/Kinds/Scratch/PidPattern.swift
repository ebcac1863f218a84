/// What a name or a link's target has to look like to say whose it is: `{pid}` stands for a process's
/// number, `{host}` for its machine's name, `*` for anything.
package struct PidPattern: Sendable, Equatable {
  package struct Match: Sendable, Equatable {
    package let pid: Int32
    package let host: [UInt8]?
  }

  private enum Part: Sendable, Equatable {
    case byte(UInt8)
    case pid, host, anything
  }

  package let text: String
  private let parts: [Part]

  /// Nil without `{pid}` exactly once, and with more than one of `{host}` and `*`: with two of them a
  /// target of a link, which anybody may write, could be made to take long.
  package init?(_ text: String) {
    self.text = text
    var parts: [Part] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.first {
      if rest.starts(with: "{pid}".utf8) {
        parts.append(.pid)
        rest = rest.dropFirst(5)
      } else if rest.starts(with: "{host}".utf8) {
        parts.append(.host)
        rest = rest.dropFirst(6)
      } else {
        parts.append(byte == UInt8(ascii: "*") ? .anything : .byte(byte))
        rest = rest.dropFirst()
      }
    }
    guard parts.count(where: { $0 == .pid }) == 1,
      parts.count(where: { $0 == .host || $0 == .anything }) <= 1
    else { return nil }
    self.parts = parts
  }

  /// Nil where it does not fit, or the digits are no number that a process can have.
  package func match(_ bytes: [UInt8]) -> Match? {
    match(parts[...], bytes[...], pid: nil, host: nil)
  }

  private func match(
    _ parts: ArraySlice<Part>, _ bytes: ArraySlice<UInt8>, pid: Int32?, host: [UInt8]?
  ) -> Match? {
    guard let part = parts.first else {
      guard bytes.isEmpty, let pid else { return nil }
      return Match(pid: pid, host: host)
    }
    let later = parts.dropFirst()
    switch part {
    case .byte(let byte):
      return bytes.first == byte
        ? match(later, bytes.dropFirst(), pid: pid, host: host) : nil
    case .pid:
      // All the digits there are: part of a number names somebody else.
      let digits = bytes.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      guard digits.first != UInt8(ascii: "0"),
        let number = Int32(String(decoding: digits, as: UTF8.self)), number > 1
      else { return nil }
      return match(later, bytes.dropFirst(digits.count), pid: number, host: host)
    case .host, .anything:
      let least = part == .host ? 1 : 0
      guard bytes.count >= least else { return nil }
      for length in (least...bytes.count).reversed() {
        // The digits of a pid begin where no digit stands before them.
        if later.first == .pid, let last = bytes.prefix(length).last,
          (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(last)
        {
          continue
        }
        let taken = part == .host ? Array(bytes.prefix(length)) : host
        if let found = match(later, bytes.dropFirst(length), pid: pid, host: taken) {
          return found
        }
      }
      return nil
    }
  }
}
