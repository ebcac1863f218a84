// What belongs in a stage archive, and what must never be in one.

import ReapRules

/// Decides by a path's components, relative to the node.
package enum StageContents {
  /// Whether it is left out, with all that is below it.
  ///
  /// Of the node itself: older visits and archives, which made archives double with each visit, and what
  /// is only on its way to one. At any depth: the homes of the coding agent, its login and its settings.
  package static func leavesOut(_ path: [[UInt8]]) -> Bool {
    guard let name = path.last else { return false }
    if path.count == 1 {
      if visitNumber(name) != nil || archives.contains(name) { return true }
      if name.starts(with: Array(".reapd-".utf8)) { return true }
    }
    if name.starts(with: Array("codex-home".utf8)) { return true }
    return path.count > 1 && path[path.count - 2] == Array(".codex".utf8) && secrets.contains(name)
  }

  private static let archives = ["stage.tgz", "run.tgz", "stage.tgz.tmp", "run.tgz.tmp"]
    .map { Array($0.utf8) }
  private static let secrets = ["auth.json", "config.toml"].map { Array($0.utf8) }
}
