import Logging
import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

/// Makes room by a rule, before a spawn: the same pass that `sweep` makes.
struct Pruning {
  /// What came of it.
  enum Outcome {
    case swept(Summary)
    /// A reapd is at work there, and prunes by its own rule.
    case left(to: String)
    /// The root is not there yet.
    case nothingThere
  }

  private let chosen: ChosenRule
  private let place: FilePath
  private let audit: AuditOptions

  init(_ chosen: ChosenRule, _ place: FilePath, _ audit: AuditOptions) {
    self.chosen = chosen
    self.place = place
    self.audit = audit
  }

  func run() throws -> Outcome {
    if let missing = missingFromProc() {
      throw fail(.systemLacks, "/proc is needed to prune and not there (\(missing))")
    }
    _ = raiseDescriptorLimit()
    var handler = PlainLog()
    handler.logLevel = .warning
    let logger = Logger(label: "reapd") { [handler] _ in handler }
    guard chosen.configuration.enabled, chosen.rule.enabled else {
      logger.warning("the rule \(chosen.rule.name) is disabled: nothing is pruned")
      return .swept(Summary())
    }
    let mounts = MountView()
    let root: OpenRoot
    do {
      root = try openRoot(place, rule: chosen.rule, mounts: mounts, exclusive: true)
    } catch {
      switch error {
      case .absent: return .nothingThere
      case .held: return .left(to: "\(error)")
      default: throw fail(error, fromFile: chosen.configuration.source != nil)
      }
    }
    defer { root.release(unlocking: true) }
    if let trouble = root.lock?.takeTrouble() { logger.warning("\(trouble)") }
    let reporter = Reporter(
      audit: try audit.open(chosen.configuration, logger, isRequired: true), logger: logger,
      hearing: .listed)
    defer { reporter.audit?.close() }
    let roots = chosen.configuration.rules.map { resolveRoot($0.root) } + [place]
    let pass = Pass(rule: chosen.rule, root: root, otherRoots: roots, mounts: mounts)
    do throws(SystemError) {
      _ = try [pass].run(for: .sweep(claiming: true), reporter)
    } catch {
      throw fail(.someFailed, "\(place): \(error)")
    }
    return .swept(reporter.summary)
  }
}
