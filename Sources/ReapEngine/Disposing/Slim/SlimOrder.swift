// One archive that is to be slimmed or dropped, by the same code that `reapd slim` runs.

import Archives
import OwnedDirectories
import ReapRules

struct SlimOrder: Sendable {
  let path: CandidatePath
  /// The node, or the run: what the archive and all that proves it lie below. Open until `close`.
  let base: OpenRoot
  /// The rule's root, open as long.
  let root: OpenRoot
  let identity: FileIdentity
  let verdict: Verdict
  let purpose: VisitsEvidence.Purpose
  let evidence: Evidence
  let dryRun: Bool
  /// Nothing changes that could not be told; asked when it comes to that.
  let mayChange: @Sendable () -> Bool
  let trigger: Trigger
  let wokenAt: Nanoseconds?
  /// The newest of a node come first: they hold the others.
  let rank: Int

  func close() {
    base.release()
    root.release()
  }

  /// The archive's path, relative to its base.
  private var archive: [UInt8] {
    guard case .visit? = VisitsPlace(path.directory) else { return path.name.bytes }
    let visit = path.directory.split(separator: UInt8(ascii: "/")).last ?? []
    return visit + [UInt8(ascii: "/")] + path.name.bytes
  }

  func run() -> SlimOutcome {
    var outcome = SlimOutcome()
    guard base.isInPlace, let name = try? MemberName(parsing: archive) else {
      outcome.problem = SlimProblem(.changed, "its directory was moved meanwhile")
      return outcome
    }
    let careful = CarefulSlimming(name, below: base.descriptor, at: base.path)
    func slimming(_ purpose: SlimPurpose) -> SlimOutcome {
      careful.run(
        for: purpose, dryRun: dryRun,
        objection: {
          archiveBeingMade($0)
            ?? (mayChange() ? nil : SlimProblem(.system, "the audit cannot be written"))
        })
    }
    switch purpose {
    case .slim: return slimming(.slim)
    case .drop: return slimming(.drop)
    case .dropOrSlim:
      outcome = slimming(.drop)
      return outcome.problem?.reason == .notProved ? slimming(.slim) : outcome
    }
  }
}

extension SlimReason {
  /// When to try again what a reason has kept, if it may pass by itself.
  var pause: Nanoseconds? {
    switch self {
    case .live, .inUse, .changed: 10 * nanosecondsPerSecond
    case .noRoom, .system: 300 * nanosecondsPerSecond
    default: nil
    }
  }

  /// Whether there was simply nothing to be gained.
  var isDone: Bool { self == .nothingProved || self == .noGain }
}
