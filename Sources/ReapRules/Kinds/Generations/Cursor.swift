// Reading the file that names a partition's live generation: known beyond doubt, or unknown.

/// What a cursor says.
package enum CursorReading: Hashable, Sendable {
  case known(EntryName)
  /// Why nothing in its partition may be touched.
  case unknown(String)

  package var name: EntryName? {
    if case .known(let name) = self { name } else { nil }
  }
}

/// More than any cursor; a larger file is something else, and is not read into memory.
package let cursorSizeLimit = 1 << 20

/// Reads a whole cursor. Whatever cannot be understood as the name of a generation is unknown:
/// a writer that leaves such a cursor may find its live table by means that reapd does not know.
///
/// - Parameters:
///   - bytes: all of the file, or more than `cursorSizeLimit` bytes of it.
///   - match: of the rule, which tells generations from other directories.
package func readCursor(
  _ bytes: some Collection<UInt8>, settings: GenerationSettings, match: Glob
) -> CursorReading {
  guard bytes.count <= cursorSizeLimit else { return .unknown("it is larger than 1 MiB") }
  let value: JSONValue?
  let problem: String
  do {
    let parsed = try JSONValue(parsing: bytes)
    if case .object = parsed { value = parsed } else { value = nil }
    problem = value == nil ? "it is not a JSON object" : "no layout of the rule applies to it"
  } catch {
    (value, problem) = (nil, "\(error)")
  }
  for layout in settings.layouts {
    if case .text(let pattern) = layout {
      return generation(oneLine(of: bytes, pattern), match)
    }
    if let value, let named = layout.directory(in: value) { return generation(named, match) }
  }
  return .unknown(problem)
}

/// Reads the target of a cursor that is a symbolic link: the name of an entry beside it, with or
/// without `./` before it.
package func readCursorLink(
  _ target: [UInt8], settings: GenerationSettings, match: Glob
) -> CursorReading {
  for case .link(let pattern) in settings.layouts {
    let name = target.starts(with: "./".utf8) ? target.dropFirst(2) : target[...]
    guard EntryName(name) != nil else {
      return .unknown("it leads to \(shown(target)), which is no name beside it")
    }
    return generation(directoryName(pattern, name, "its target"), match)
  }
  return .unknown("it is a symbolic link, which no layout of the rule reads")
}

/// What a layout gives, unless the rule's match does not take it for a generation.
private func generation(_ named: CursorReading, _ match: Glob) -> CursorReading {
  guard case .known(let name) = named, !match.matches(name) else { return named }
  return .unknown("it names \(shown(name.bytes)), which is no generation by the rule's match")
}

/// The text of a cursor that is one line, with or without its end, in place of `{}`.
private func oneLine(
  of bytes: some Collection<UInt8>, _ pattern: CursorPattern
) -> CursorReading {
  var line = Array(bytes)
  if line.last == UInt8(ascii: "\n") { line.removeLast() }
  guard !line.isEmpty else { return .unknown("it is empty") }
  // A carriage return, too: what wrote that may mean more by it than a name.
  guard line.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
    return .unknown("it is more than one line of text")
  }
  return directoryName(pattern, line, "its text")
}

private func directoryName(
  _ pattern: CursorPattern, _ text: some Collection<UInt8>, _ what: String
) -> CursorReading {
  directoryName(Array(pattern.prefix.utf8) + text + Array(pattern.suffix.utf8), what)
}

private func directoryName(_ bytes: [UInt8], _ what: String) -> CursorReading {
  // NAME_MAX of linux/limits.h.
  guard let name = EntryName(bytes), name.bytes.count <= 255 else {
    return .unknown("\(what) gives \(shown(bytes)), which is no directory's name")
  }
  return .known(name)
}

extension CursorLayout {
  /// Nil where the layout does not apply to that cursor.
  fileprivate func directory(in cursor: JSONValue) -> CursorReading? {
    switch self {
    case .text, .link: return nil
    case .hypaware:
      // An object without any member of this layout may be for the next one.
      guard ["epoch", "tableDir", "layout"].contains(where: { cursor[$0] != nil }) else {
        return nil
      }
      return hypawareDirectory(in: cursor)
    case .member(let field, let pattern):
      switch member(field, of: cursor) {
      case .absent: return nil
      case .ambiguous: return .unknown("it has both a member \(field) and that path")
      case .noObject: return .unknown("its \(field) leads through what is no object")
      case .found(.string(let text)) where text.isEmpty: return .unknown("its \(field) is empty")
      case .found(.string(let text)): return directoryName(pattern, text.utf8, "its \(field)")
      case .found(.integer(let number)):
        return directoryName(pattern, "\(number)".utf8, "its \(field)")
      case .found: return .unknown("its \(field) is neither a text nor a whole number")
      }
    }
  }

  private enum Member {
    case absent, ambiguous, noObject
    case found(JSONValue)
  }

  /// The member of that very name, dots and all, or the one that the dots lead to; a cursor that
  /// has both contradicts itself.
  private func member(_ field: String, of cursor: JSONValue) -> Member {
    let literal = cursor[field]
    let path = field.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard path.count > 1 else { return literal.map(Member.found) ?? .absent }
    var value = cursor
    for name in path {
      guard case .object = value else { return literal.map(Member.found) ?? .noObject }
      guard let next = value[name] else { return literal.map(Member.found) ?? .absent }
      value = next
    }
    return literal == nil ? .found(value) : .ambiguous
  }

  private func hypawareDirectory(in cursor: JSONValue) -> CursorReading {
    // Hypaware refuses such a cursor as a whole, whatever else it says.
    guard let epoch = cursor["epoch"]?.integer else { return .unknown("it has no numeric epoch") }
    if let tableDir = cursor["tableDir"] {
      guard let text = tableDir.string else { return .unknown("its tableDir is not a text") }
      return directoryName(Array(text.utf8), "its tableDir")
    }
    if let layout = cursor["layout"] {
      guard let text = layout.string else { return .unknown("its layout is not a text") }
      if text == "source-table" { return directoryName(Array("table".utf8), "its layout") }
    }
    return directoryName(Array("epoch=\(epoch)".utf8), "its epoch")
  }
}

/// A name inside a reason: printable, and cut where it would fill the screen.
private func shown(_ bytes: [UInt8]) -> String {
  "'" + displayText(Array(bytes.prefix(80))) + (bytes.count > 80 ? "…'" : "'")
}
