import Glibc
package import OwnedDirectories
package import ReapRules
import Synchronization

/// One pass over a root: every candidate examined once, on all workers. For `sweep` and `list`.
package final class Sweep: Sendable {
  /// What was decided about one candidate.
  package struct Finding: Sendable {
    /// Below the root.
    package let path: CandidatePath
    package let verdict: Verdict
    package let evidence: Evidence
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
      claims: OwnClaims(condemned, below: root), claiming: claiming, owner: OwnerWatch(rule))
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
    case .gone, .needsWalk, .rootMoved, .condemned: break
    case .kept(var verdict, let evidence, let held):
      held?.descriptor.close()
      // A pass stays for no quarantine; `list` says what a reapd that stays would do.
      if case .condemn = verdict, !measuring {
        verdict = .keep(.needsQuarantine, recheckAfter: nil)
      }
      if reporting { reporter.kept(verdict, evidence, place) }
      add(path, verdict, evidence)
    case .wouldClaim(let verdict, let evidence):
      if reporting { reporter.wouldReap(verdict, evidence, place) }
      add(path, verdict, evidence)
    case .tidied(let verdict, let evidence, let files):
      if reporting { for file in files { reporter.removed(file, rule: rule, occasion) } }
      for file in files {
        guard let path = CandidatePath(bytes: file.path.dropFirst(root.pathBytes.count + 1))
        else { continue }
        add(path, .dispose(file.reason), file.evidence)
      }
      if let verdict { add(path, verdict, evidence) }
    case .putBack(let verdict, let evidence, let name):
      reporter.putBack(verdict, evidence, place, id: ClaimName(path.name)?.id)
      add(path.renamed(name), verdict, evidence)
    case .failed(let error, let evidence, let held):
      held?.descriptor.close()
      if reporting { reporter.failed(error, evidence, place) }
      add(path, .unsure(.unreadable), evidence, failure: error)
    case .claimed(let claimed):
      Removal.start(claimed, on: pool) { claimed, result in
        result.obstacle?.directory.close()
        self.reporter.reaped(claimed, result, occasion)
      }
      add(path, claimed.verdict, claimed.evidence)
    }
  }

  private func add(
    _ path: CandidatePath, _ verdict: Verdict, _ evidence: Evidence, failure: SystemError? = nil
  ) {
    var finding = Finding(path: path, verdict: verdict, evidence: evidence, failure: failure)
    // What was not looked into for its verdict is not for its size: a writer may be at its start.
    if measuring, evidence.lock != nil || evidence.partition != nil {
      finding.bytes = allocatedBytes(of: path, below: root)
    }
    findings.withLock { $0.append(finding) }
  }
}
