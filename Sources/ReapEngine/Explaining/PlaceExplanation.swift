import OwnedDirectories
package import ReapRules

/// A directory in which candidates lie, for `explain`: what it says of them, and each one.
package struct PlaceExplanation: Sendable {
  package let path: [UInt8]
  package let rule: Rule
  private let facts: PlaceFacts
  package let generations: [Explanation]

  /// - Parameter directory: below the root; empty for the root itself.
  /// - Returns: nil where no such directory is, or none in which candidates are looked for.
  package static func of(
    _ directory: [UInt8], rule: Rule, root: OpenRoot, roots: [FilePath], mounts: MountView,
    condemned: [CondemnedRecord] = []
  ) -> PlaceExplanation? {
    guard rule.reaches(directory), let place = try? root.place(directory) else { return nil }
    defer { place.release() }
    let kind = kindEdge(of: rule)
    let spot = Spot(
      shared: SharedRule(rule), directory: place, place: directory, claims: OwnClaims())
    guard let facts = kind.facts(of: spot) else { return nil }
    let open = OpenFiles(below: place.pathBytes)
    return PlaceExplanation(
      path: place.pathBytes, rule: rule, facts: facts,
      generations: candidates(of: rule, inDirectory: directory, below: root).compactMap {
        Explanation.of(
          $0, rule: rule, kind: kind, root: root, roots: roots, mounts: mounts, open: open,
          condemned: condemned)
      })
  }

  package var json: JSONValue {
    .object(
      [
        JSONValue.pathMember(path), ("rule", .string(rule.name)), ("kind", .string(rule.kind.name)),
      ] + facts.members + [("generations", .array(generations.map(\.json)))])
  }

  private func spaces(_ label: String) -> String {
    String(repeating: " ", count: max(1, 17 - label.count))
  }

  package var text: String {
    let head =
      [displayText(path)]
      + facts.lines.map { "  " + $0.label + spaces($0.label) + $0.text }
    return ([head.joined(separator: "\n")] + generations.map(\.text)).joined(separator: "\n\n")
  }
}
