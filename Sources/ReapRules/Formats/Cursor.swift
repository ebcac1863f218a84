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
  let value: JSONValue
  do { value = try JSONValue(parsing: bytes) } catch { return .unknown("\(error)") }
  guard case .object = value else { return .unknown("it is not a JSON object") }
  for layout in settings.layouts {
    guard let named = layout.directory(in: value) else { continue }
    switch named {
    case .unknown: return named
    case .known(let name):
      guard match.matches(name) else {
        return .unknown("it names \(shown(name.bytes)), which is no generation by the rule's match")
      }
      return named
    }
  }
  return .unknown("no layout of the rule applies to it")
}

extension CursorLayout {
  /// Nil where the layout does not apply to that cursor.
  fileprivate func directory(in cursor: JSONValue) -> CursorReading? {
    switch self {
    case .hypaware:
      // An object without any member of this layout may be for the next one.
      guard ["epoch", "tableDir", "layout"].contains(where: { cursor[$0] != nil }) else {
        return nil
      }
      return hypawareDirectory(in: cursor)
    case .member(let field, let pattern):
      guard let member = cursor[field] else { return nil }
      switch member {
      case .string(let text) where text.isEmpty: return .unknown("its \(field) is empty")
      case .string(let text): return directoryName(pattern.prefix + text + pattern.suffix, field)
      case .integer(let number):
        return directoryName(pattern.prefix + "\(number)" + pattern.suffix, field)
      default: return .unknown("its \(field) is neither a text nor a whole number")
      }
    }
  }

  private func hypawareDirectory(in cursor: JSONValue) -> CursorReading {
    // Its own reader refuses such a cursor whole, whatever else it says.
    guard let epoch = cursor["epoch"]?.integer else { return .unknown("it has no numeric epoch") }
    if let tableDir = cursor["tableDir"] {
      guard let text = tableDir.string else { return .unknown("its tableDir is not a text") }
      return directoryName(text, "tableDir")
    }
    if let layout = cursor["layout"] {
      guard let text = layout.string else { return .unknown("its layout is not a text") }
      if text == "source-table" { return directoryName("table", "layout") }
    }
    return directoryName("epoch=\(epoch)", "epoch")
  }

  private func directoryName(_ text: String, _ field: String) -> CursorReading {
    // NAME_MAX of linux/limits.h.
    guard let name = EntryName(text), name.bytes.count <= 255 else {
      return .unknown("its \(field) gives \(shown(Array(text.utf8))), which is no directory's name")
    }
    return .known(name)
  }
}

/// A name inside a reason: printable, and cut where it would fill the screen.
private func shown(_ bytes: [UInt8]) -> String {
  "'" + displayText(Array(bytes.prefix(80))) + (bytes.count > 80 ? "…'" : "'")
}
