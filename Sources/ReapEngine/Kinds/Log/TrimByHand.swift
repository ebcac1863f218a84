// One log that a person names: the same looks that a watch makes, until there is nothing left to wait
// for.

import Glibc
package import OwnedDirectories
package import ReapRules

package struct TrimByHand {
  /// What came of one look.
  package struct Step: Sendable {
    /// Nil where it was kept.
    package let action: AuditRecord.Action?
    package let reason: Reason
    package let bytes: Int64
    package let log: LogEvidence?
    package let failure: SystemError?
  }

  private let rule: SharedRule
  private let root: OpenRoot
  private let reporter: Reporter
  private let examination: Examination

  /// - Parameter claiming: whether something may be changed.
  package init(
    rule: Rule, root: OpenRoot, mounts: MountView, reporter: Reporter, claiming: Bool
  ) {
    self.rule = SharedRule(rule)
    self.root = root
    self.reporter = reporter
    var rights = Examination.Rights()
    rights.claiming = claiming
    if let audit = reporter.audit { rights.mayRemove = { audit.mayRemove } }
    examination = Examination(
      rule: self.rule, kind: kindEdge(of: rule), root: root,
      surroundings: SurroundingsView(mounts: mounts, roots: []), claims: OwnClaims(),
      rights: rights)
  }

  /// Trims it, if it is to be trimmed; nil where it is not there.
  package func trim(_ name: EntryName) -> Step? { look(at: CandidatePath(name)) }

  /// Drains what trims have left of it; what is still to be waited for.
  package func drain() -> [Step] {
    candidates(of: rule.rule, inDirectory: [], below: root)
      .filter { ClaimName($0.name) != nil }.compactMap(look)
  }

  private func look(at path: CandidatePath) -> Step? {
    let examined = examination.run(
      LookRequest(path, firstSeen: readMonotonic(), mayTakeTime: true))
    examined.held?.descriptor.close()
    let original = path.renamed(ClaimName(path.name)?.original ?? path.name)
    reporter.note(
      examined, Place(rule, root: root, path: original, occasion: Occasion(trigger: .manual)),
      claimID: ClaimName(path.name)?.id)
    if let trim = examined.trim {
      return Step(
        action: .trimmed, reason: trim.reason, bytes: trim.bytes,
        log: LogEvidence(trim.evidence.ofKind),
        failure: nil)
    }
    guard let verdict = examined.verdict else { return nil }
    var action: AuditRecord.Action?
    switch examined.outcome {
    case .wouldClaim: action = verdict.wouldAction
    case .failed: action = .failed
    default: break
    }
    return Step(
      action: action, reason: verdict.reason, bytes: 0,
      log: examined.evidence.flatMap { LogEvidence($0.ofKind) },
      failure: examined.failure)
  }
}
