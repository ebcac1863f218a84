import OwnedDirectories
package import ReapRules

/// A directory in which candidates lie, for `explain`: what its cursor says, and each candidate.
package struct PartitionExplanation: Sendable {
  package let path: [UInt8]
  package let rule: Rule
  package let partition: Evidence.Partition
  package let generations: [Explanation]

  /// - Parameter directory: below the root; empty for the root itself.
  /// - Returns: nil where no such directory is, or none in which candidates are looked for.
  package static func of(
    _ directory: [UInt8], rule: Rule, root: OpenRoot, roots: [FilePath], mounts: MountView,
    condemned: [CondemnedRecord] = []
  ) -> PartitionExplanation? {
    guard case .generations(let settings) = rule.kind, rule.reaches(directory),
      let place = try? root.place(directory)
    else { return nil }
    defer { place.release() }
    let memory = PartitionMemory()
    let open = OpenFiles(below: place.pathBytes)
    let gathering = PartitionGathering(
      settings: settings, match: rule.match, partition: place, place: directory,
      claims: OwnClaims(), memory: memory)
    return PartitionExplanation(
      path: place.pathBytes, rule: rule, partition: gathering.gather(),
      generations: candidates(of: rule, inDirectory: directory, below: root).compactMap {
        Explanation.of(
          $0, rule: rule, root: root, roots: roots, mounts: mounts, memory: memory, open: open,
          condemned: condemned)
      })
  }

  package var json: JSONValue {
    .object(
      [
        JSONValue.pathMember(path), ("rule", .string(rule.name)), ("kind", .string(rule.kind.name)),
      ] + partition.members + [("generations", .array(generations.map(\.json)))])
  }

  package var text: String {
    let head = [
      displayText(path),
      "  cursor           \(partition.cursor.text)",
      "  live generation  \(partition.live.text)",
    ]
    return ([head.joined(separator: "\n")] + generations.map(\.text)).joined(separator: "\n\n")
  }
}
