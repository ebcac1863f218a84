// What `usage` says besides of archives that contain each other.

package import ReapRules
import OwnedDirectories

/// What grows so at a rule's root; nothing where the root cannot be used.
package func growthWarnings(of rule: Rule) -> [GrowthWarning] {
  guard
    let root = try? openRoot(
      resolveRoot(rule.root), rule: rule, mounts: MountView(), exclusive: false)
  else { return [] }
  defer { root.release() }
  return kindEdge(of: rule).growthWarnings(by: rule, at: root)
}
