/// The part of a name that a pattern's `{stem}` stands for: what its entry shares with the files that
/// belong to it.
package struct GlobStem: Sendable, Equatable {
  package static let mark = "{stem}"

  private let prefix: [UInt8]
  private let suffix: [UInt8]

  /// Nil for a pattern without `{stem}`.
  ///
  /// - Throws: where it stands there twice, or beside something that is no plain character: then what
  ///   it stands for could be read in several ways.
  init?(_ pattern: String) throws(Glob.Malformed) {
    let parts = pattern.split(
      separator: Self.mark, omittingEmptySubsequences: false)
    guard parts.count > 1 else { return nil }
    guard parts.count == 2 else { throw Glob.Malformed(reason: "{stem} stands there twice") }
    guard !pattern.utf8.contains(where: { "*?[]\\()|".utf8.contains($0) }) else {
      throw Glob.Malformed(reason: "only plain characters may stand beside {stem}")
    }
    (prefix, suffix) = (Array(parts[0].utf8), Array(parts[1].utf8))
  }

  /// The name in which it stands for that part; nil where there can be none.
  package func name(with part: some Sequence<UInt8>) -> EntryName? {
    EntryName(prefix + part + suffix)
  }

  /// Nil for a name that does not fit.
  package func part(of name: EntryName) -> [UInt8]? {
    let bytes = name.bytes
    guard bytes.count >= prefix.count + suffix.count, bytes.starts(with: prefix),
      bytes.suffix(suffix.count).elementsEqual(suffix)
    else { return nil }
    return Array(bytes[prefix.count..<bytes.count - suffix.count])
  }
}
