/// Where a file that belongs to an entry lies: below the entry, beside it, or the entry itself.
/// Written relative to the entry, with `{name}` for its name and `{stem}` for the part of that which
/// the match's `{stem}` stands for.
package struct ScratchPath: Sendable, Equatable {
  package enum Place: Sendable { case itself, inside, beside }

  package let text: String
  package let place: Place
  /// What follows the entry's own path, or that of the directory that holds it.
  private let rest: [UInt8]
  /// Of one beside the entry, in a directory that is the same for all entries.
  package let signal: ScratchSignal?

  /// Nil for an absolute path, one that leaves the directory that holds the entry, or one that does
  /// not say what it names.
  package init?(_ text: String) {
    self.text = text
    guard text != "." else {
      (place, rest, signal) = (.itself, [], nil)
      return
    }
    let isBeside = text.hasPrefix("../")
    let rest = Array(text.utf8.dropFirst(isBeside ? 3 : 0))
    // As names with something for the entry's name in them: neither `..` nor an empty one.
    let parts = rest.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard !parts.isEmpty, parts.allSatisfy({ EntryName($0) != nil }) else { return nil }
    (place, self.rest) = (isBeside ? .beside : .inside, rest)
    signal = isBeside ? ScratchSignal(parts.map { Array($0) }) : nil
  }

  /// Whether it names one entry for each candidate, in the directory that holds both.
  package var isSibling: Bool {
    place == .beside && !rest.contains(UInt8(ascii: "/")) && holdsName
  }

  private var holdsName: Bool { text.contains("{name}") || holdsStem }
  package var holdsStem: Bool { text.contains(GlobStem.mark) }

  /// The sibling's name; nil where it cannot be one.
  package func sibling(of name: EntryName, _ stem: GlobStem?) -> EntryName? {
    guard isSibling, let sibling = EntryName(path(for: name, stem)), sibling != name else {
      return nil
    }
    return sibling
  }

  /// What the siblings of all entries begin with.
  func beginnings(of match: Glob) -> Set<[UInt8]> {
    let head = Array(rest.prefix { $0 != UInt8(ascii: "{") })
    let isName = rest.dropFirst(head.count).starts(with: "{name}".utf8)
    return isName ? Set(match.beginnings.map { head + $0 }) : [head]
  }

  /// The path from the entry or, of one beside it, from the directory that holds both; with the name
  /// filled in.
  package func path(for name: EntryName, _ stem: GlobStem?) -> [UInt8] {
    let marks = [
      (Array("{name}".utf8), name.bytes), (Array(GlobStem.mark.utf8), stem?.part(of: name) ?? []),
    ]
    var result: [UInt8] = []
    var left = rest[...]
    while let byte = left.first {
      if let (mark, meant) = marks.first(where: { left.starts(with: $0.0) }) {
        result += meant
        left = left.dropFirst(mark.count)
      } else {
        result.append(byte)
        left = left.dropFirst()
      }
    }
    return result
  }
}
