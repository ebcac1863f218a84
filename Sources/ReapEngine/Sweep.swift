import Glibc
import Logging
package import OwnedDirectories
package import ReapRules
import Synchronization

/// One pass over a root: every candidate examined once, on all workers. For `sweep` and `list`.
package final class Sweep: Sendable {
  /// What was decided about one candidate, and what came of it.
  package struct Finding: Sendable {
    /// Below the root.
    package let path: CandidatePath
    /// What was decided.
    package let verdict: Verdict
    package let evidence: Evidence
    /// What came of it; nil where it was kept.
    package var action: AuditRecord.Action?
    /// As the audit has it.
    package var reason: Reason
    package var failure: SystemError?
    /// Allocated bytes; nil where nothing inside may be touched, or it is being removed.
    package var bytes: Int64?
  }

  private let rule: Rule
  private let root: OpenRoot
  private let reporter: Reporter
  private let examination: Examination
  private let pool: WorkerPool
  private let measuring: Bool
  private let findings = Mutex<[Finding]>([])
  private let hasMoved = Mutex(false)

  /// - Parameters:
  ///   - claiming: false for a dry run and for `list`.
  ///   - measuring: also add up what each candidate past its grace occupies.
  ///   - condemned: what another process has condemned, for a pass that only looks.
  package init(
    rule: Rule, root: OpenRoot, roots: [FilePath], mounts: MountView, reporter: Reporter,
    claiming: Bool, measuring: Bool = false, condemned: [CondemnedRecord] = []
  ) {
    self.rule = rule
    self.root = root
    self.reporter = reporter
    self.measuring = measuring
    examination = Examination(
      rule: rule, root: root,
      surroundings: SurroundingsView(mounts: mounts, roots: roots),
      claims: OwnClaims(condemned, below: root), claiming: claiming, owner: OwnerWatch(rule),
      audit: reporter.audit)
    pool = WorkerPool()
  }

  /// Returns when everything that was claimed is removed. Findings are in order of name.
  package func run(reporting: Bool = true) throws(SystemError) -> [Finding] {
    try eachCandidate(of: rule, in: root) { path in
      pool.submit { self.examine(path, reporting) }
    }
    pool.drain()
    reporter.tellUntold(isLast: true)
    return findings.withLock {
      $0.sorted { $0.path.bytes.lexicographicallyPrecedes($1.path.bytes) }
    }
  }

  private func examine(_ path: CandidatePath, _ reporting: Bool) {
    let result = examination.run(
      path, firstSeen: readMonotonic(), sawCreation: nil, mayWalk: true)
    let occasion = Occasion(trigger: .manual)
    let original = path.renamed(ClaimName(path.name)?.original ?? path.name)
    let place = Place(rule: rule, root: root, path: original, occasion: occasion)
    switch result {
    case .gone, .needsWalk, .condemned: break
    case .rootMoved:
      let isFirst = hasMoved.withLock { moved in
        defer { moved = true }
        return !moved
      }
      guard isFirst else { return }
      reporter.logger.error("\(root.path) was moved or replaced during the pass")
      reporter.count { $0.failed += 1 }
    case .kept(var verdict, let evidence, let held):
      held?.descriptor.close()
      // A pass stays for no quarantine; `list` says what a reapd that stays would do.
      if case .condemn = verdict, !measuring {
        verdict = .keep(.needsQuarantine, recheckAfter: nil)
      }
      if reporting { reporter.kept(verdict, evidence, place) }
      if verdict.reason.traits.hearing == .onceForAll {
        reporter.count { $0.failed += 1 }
        add(path, verdict, evidence, .failed)
      } else {
        add(path, verdict, evidence)
      }
    case .wouldClaim(let verdict, let evidence):
      if reporting { reporter.wouldReap(verdict, evidence, place) }
      add(path, verdict, evidence, .wouldReap)
    case .tidied(let verdict, let evidence, let files):
      if reporting { for file in files { reporter.removed(file, rule: rule, occasion) } }
      for file in files {
        guard let path = CandidatePath(bytes: file.path.dropFirst(root.pathBytes.count + 1))
        else { continue }
        add(
          path, .dispose(file.reason), file.evidence, file.wouldOnly ? .wouldReap : .reaped)
      }
      if let verdict { add(path, verdict, evidence) }
    case .putBack(let verdict, let evidence, let name):
      reporter.putBack(verdict, evidence, place, id: ClaimName(path.name)?.id)
      add(path.renamed(name), verdict, evidence, .restored)
    case .failed(let error, let evidence, let held):
      held?.descriptor.close()
      if reporting { reporter.failed(error, evidence, place) }
      add(path, .unsure(Reason(of: error)), evidence, .failed, error)
    case .claimed(let claimed):
      Removal.start(claimed, on: pool) { claimed, result in
        result.obstacle?.directory.close()
        self.reporter.reaped(claimed, result, occasion)
        // Put back, since it holds another user's directory: nothing came of the claim.
        guard result.foreignDirectory == nil else {
          return self.add(path, .keep(.foreignInside, recheckAfter: nil), claimed.evidence)
        }
        let action: AuditRecord.Action = result.failure == nil ? .reaped : .failed
        self.add(path, claimed.verdict, claimed.evidence, action, result.failure)
      }
    }
  }

  private func add(
    _ path: CandidatePath, _ verdict: Verdict, _ evidence: Evidence,
    _ action: AuditRecord.Action? = nil, _ failure: SystemError? = nil
  ) {
    var finding = Finding(
      path: path, verdict: verdict, evidence: evidence, action: action, reason: verdict.reason,
      failure: failure)
    if action == .failed, case .dispose = verdict { finding.reason = .removalFailed }
    // What was not looked into for its verdict is not for its size: a writer may be at its start.
    if measuring, evidence.lock != nil || evidence.generations?.partition != nil {
      finding.bytes = allocatedBytes(of: path, below: root)
    }
    findings.withLock { $0.append(finding) }
  }
}
