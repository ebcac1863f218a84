import ArgumentParser
import Logging
import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

/// One rule with its root open, for commands that make a single pass.
struct Pass {
  let rule: Rule
  let root: OpenRoot
  let otherRoots: [FilePath]
  let mounts: MountView
}

/// Opens the root of every enabled rule. One that does not exist holds nothing, and is passed over.
func openPasses(
  _ setup: Setup, logger: Logger, exclusive: Bool
) throws -> [Pass] {
  _ = raiseDescriptorLimit()
  guard setup.configuration.enabled else {
    logger.notice("enabled is false: nothing is done")
    return []
  }
  let mounts = MountView()
  let rules = setup.configuration.rules.filter(\.enabled)
  let paths = rules.map { resolveRoot($0.root) }
  var passes: [Pass] = []
  for (rule, path) in zip(rules, paths) {
    do {
      let root = try openRoot(path, rule: rule, mounts: mounts, exclusive: exclusive)
      if let trouble = root.lock?.takeTrouble() { logger.warning("\(trouble)") }
      passes.append(
        Pass(rule: rule, root: root, otherRoots: setup.roots.map(resolveRoot), mounts: mounts))
    } catch {
      guard case .absent = error else { throw fail(error, fromFile: setup.fromFile) }
      logger.notice("\(error): nothing to do")
    }
  }
  return passes
}
