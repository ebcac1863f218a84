/// A file that belongs to an entry and names its owner's process: a number that is all of its first
/// line, or a member of a JSON object.
package struct PidFile: Sendable, Equatable {
  package let path: ScratchPath
  /// The member that holds the number; nil for a file of text.
  package let field: String?
  /// The member that holds when the process began; nil where the file tells none.
  package let startField: String?

  package init(path: ScratchPath, field: String? = nil, startField: String? = nil) {
    self.path = path
    self.field = field
    self.startField = startField
  }

  /// What such a file says.
  package struct Content: Sendable, Equatable {
    package let pid: Int32
    package let start: JSONValue?
  }

  /// Nil where it holds no number that a process can have, or not the start that it should.
  package func content(_ bytes: [UInt8]) -> Content? {
    guard let field else {
      let line = bytes.prefix { $0 != UInt8(ascii: "\n") }
      let text = String(decoding: line, as: UTF8.self).trimmed
      return Self.pid(Int64(text)).map { Content(pid: $0, start: nil) }
    }
    guard let json = try? JSONValue(parsing: bytes), let pid = Self.pid(json[field]?.integer)
    else { return nil }
    guard let startField else { return Content(pid: pid, start: nil) }
    return json[startField].map { Content(pid: pid, start: $0) }
  }

  private static func pid(_ number: Int64?) -> Int32? {
    number.flatMap(Int32.init(exactly:)).flatMap { $0 > 1 ? $0 : nil }
  }
}

extension String {
  fileprivate var trimmed: Substring {
    let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" }
    guard let end = lastIndex(where: { !isSpace($0) }) else { return "" }
    return self[...end].drop(while: isSpace)
  }
}
