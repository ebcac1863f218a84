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

/// The roots of a command that makes a single pass.
struct Passes {
  var open: [Pass] = []
  /// Whether a root that the command line names does not exist. One of a configuration file may
  /// come later; one that somebody has typed is a mistake.
  var lackNamedRoot = false

  /// Those over one root together, in their order.
  var byRoot: [[Pass]] {
    var groups: [[Pass]] = []
    var places: [FilePath: Int] = [:]
    for pass in open {
      if let place = places[pass.root.path] {
        groups[place].append(pass)
      } else {
        places[pass.root.path] = groups.count
        groups.append([pass])
      }
    }
    return groups
  }

  /// Ends the command with the code for that, once the other roots were seen to.
  func finish() throws {
    if lackNamedRoot { throw ExitCode(ExitStatus.badData.rawValue) }
  }
}

extension [Pass] {
  /// One pass for all of them, which have one root. What each has found.
  func run(
    for purpose: Sweep.Purpose, _ reporter: Reporter, noting: (Int) -> Void = { _ in }
  ) throws(SystemError) -> [[Sweep.Finding]] {
    let pool = WorkerPool()
    let sweeps = map {
      Sweep(
        rule: $0.rule, root: $0.root, roots: $0.otherRoots, mounts: $0.mounts, reporter: reporter,
        for: purpose, pool: pool)
    }
    return try Sweep.run(sweeps, noting: noting)
  }
}

/// Opens the root of every enabled rule. One that does not exist holds nothing, and is passed over.
func openPasses(
  _ setup: Setup, logger: Logger, exclusive: Bool
) throws -> Passes {
  _ = raiseDescriptorLimit()
  guard setup.configuration.enabled else {
    logger.notice("enabled is false: nothing is done")
    return Passes()
  }
  let mounts = MountView()
  let setup = try withoutUnusable(setup, logger)
  for rule in setup.configuration.rules where !rule.enabled {
    logger.notice("rule \(rule.name) is switched off: nothing is done in \(rule.root)")
  }
  let rules = setup.configuration.rules.filter(\.enabled)
  let paths = rules.map { resolveRoot($0.root) }
  var passes = Passes()
  var absent: [String] = []
  for (rule, path) in zip(rules, paths) {
    do {
      let root = try openRoot(path, rule: rule, mounts: mounts, exclusive: exclusive)
      if let trouble = root.lock?.takeTrouble() { logger.warning("\(trouble)") }
      passes.open.append(
        Pass(rule: rule, root: root, otherRoots: setup.roots.map(resolveRoot), mounts: mounts))
    } catch {
      // It was looked at before: somebody has put something else there meanwhile.
      if setup.isCatalogue, case .notADirectory = error {
        logger.warning("\(error) (preset \(rule.name))")
        continue
      }
      guard case .absent = error else { throw fail(error, fromFile: setup.fromFile) }
      if setup.isCatalogue {
        absent.append(rule.name)
      } else if setup.namesRoots {
        complain("\(error)")
        passes.lackNamedRoot = true
      } else {
        logger.notice("\(error) (rule \(rule.name)): nothing to do there")
      }
    }
  }
  if !absent.isEmpty { logger.notice("nothing is there of: \(absent.joined(separator: ", "))") }
  return passes
}
