/// A relative path of globs, one for each level: `metadata/v+([0-9]).metadata.json`.
package struct GlobPath: Hashable, Sendable {
  package let pattern: String
  /// Never empty.
  package let components: [Glob]

  package init(_ pattern: String) throws(Glob.Malformed) {
    var components: [Glob] = []
    for part in pattern.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
      guard !part.isEmpty else {
        throw Glob.Malformed(
          reason: pattern.isEmpty ? "the pattern is empty" : "a part between '/' is empty")
      }
      let text = String(decoding: part, as: UTF8.self)
      guard text != ".", text != ".." else {
        throw Glob.Malformed(reason: "'\(text)' is the name of no entry")
      }
      components.append(try Glob(text))
    }
    self.pattern = pattern
    self.components = components
  }
}
