package import OwnedDirectories
package import ReapRules

/// A root itself, for `explain`: no rule removes it, and what it holds is for `list` to tell.
package struct RootExplanation: Sendable {
  package let path: [UInt8]
  package let rule: Rule
  /// How many it holds.
  package let candidates: Int

  package init(_ root: OpenRoot, rule: Rule) throws(SystemError) {
    path = root.pathBytes
    self.rule = rule
    var count = 0
    try eachCandidate(of: rule, in: root) { _ in count += 1 }
    candidates = count
  }

  package var json: JSONValue {
    .object([
      JSONValue.pathMember(path), ("rule", .string(rule.name)), ("kind", .string(rule.kind.name)),
      ("is_root", .bool(true)), ("candidates", .integer(Int64(candidates))),
    ])
  }

  package var text: String {
    """
    \(displayText(path))
      root of        rule \(rule.name) (kind \(rule.kind.name), grace \(formatDuration(rule.grace)))
      stays          a root is never removed, only candidates that lie in it
      candidates     \(candidates); `reapd list \(displayText(path))` shows each
    """
  }
}
