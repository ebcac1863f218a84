import Glibc
package import OwnedDirectories
package import ReapRules
import Synchronization

/// One pass over a root: every candidate examined once, on all workers. For `sweep` and `list`.
package final class Sweep: Sendable {
  /// What was decided about one candidate.
  package struct Finding: Sendable {
    package let name: EntryName
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
  package init(
    rule: Rule, root: OpenRoot, roots: [String], mounts: MountView, reporter: Reporter,
    claiming: Bool, measuring: Bool = false
  ) {
    self.rule = rule
    self.root = root
    self.reporter = reporter
    self.measuring = measuring
    examination = Examination(
      rule: rule, root: root,
      surroundings: SurroundingsView(mounts: mounts, roots: roots.filter { $0 != root.path }),
      claims: OwnClaims(), claiming: claiming)
    pool = WorkerPool()
  }

  /// Returns when everything that was claimed is removed. Findings are in order of name.
  package func run(reporting: Bool = true) throws(SystemError) -> [Finding] {
    var names: [EntryName] = []
    var listing = DirectoryListing(root.descriptor)
    defer { listing.finish() }
    while true {
      let batch = try listing.nextBatch()
      guard !batch.isEmpty else { break }
      for entry in batch where rule.match.matches(ClaimName(entry.name)?.original ?? entry.name) {
        names.append(entry.name)
      }
    }
    for name in names { pool.submit { self.examine(name, reporting) } }
    pool.drain()
    reporter.tellUntold(isLast: true)
    return findings.withLock {
      $0.sorted { $0.name.bytes.lexicographicallyPrecedes($1.name.bytes) }
    }
  }

  private func examine(_ name: EntryName, _ reporting: Bool) {
    let result = examination.run(
      name, firstSeen: readMonotonic(), sawCreation: nil, mayWalk: true)
    let occasion = Occasion(trigger: .manual)
    let original = ClaimName(name)?.original ?? name
    let place = Place(rule: rule, root: root, name: original, occasion: occasion)
    switch result {
    case .gone, .needsWalk, .rootMoved: break
    case .kept(let verdict, let evidence, let held):
      held?.descriptor.close()
      if reporting { reporter.kept(verdict, evidence, place) }
      add(name, verdict, evidence)
    case .wouldClaim(let verdict, let evidence):
      if reporting { reporter.wouldReap(verdict, evidence, place) }
      add(name, verdict, evidence)
    case .putBack(let verdict, let evidence, let name):
      reporter.putBack(verdict, evidence, place)
      add(name, verdict, evidence)
    case .failed(let error, let evidence, let held):
      held?.descriptor.close()
      if reporting { reporter.failed(error, evidence, place) }
      add(name, .unsure(.unreadable), evidence, failure: error)
    case .claimed(let claimed):
      Removal.start(claimed, on: pool) { claimed, result in
        result.obstacle?.directory.close()
        self.reporter.reaped(claimed, result, occasion)
      }
      add(name, claimed.verdict, claimed.evidence)
    }
  }

  private func add(
    _ name: EntryName, _ verdict: Verdict, _ evidence: Evidence, failure: SystemError? = nil
  ) {
    var finding = Finding(name: name, verdict: verdict, evidence: evidence, failure: failure)
    // Without a lock in its evidence a candidate was not looked into, and is not for its size.
    if measuring, evidence.lock != nil { finding.bytes = allocatedBytes(of: name) }
    findings.withLock { $0.append(finding) }
  }

  private func allocatedBytes(of name: EntryName) -> Int64? {
    var bytes: Int64 = 0
    var links = HardLinks()
    guard var descent = try? TreeDescent(from: root.descriptor) else { return nil }
    defer { descent.abandon() }
    do throws(SystemError) {
      try descent.enter(name)
      while descent.depth > 0 {
        if let next = descent.nextSubdirectory() {
          try descent.enter(next)
          continue
        }
        let batch = try descent.nextBatch()
        guard !batch.isEmpty else {
          try descent.leave()
          continue
        }
        var subdirectories: [DirectoryEntry] = []
        for entry in batch {
          guard let facts = try? status(of: entry.name, at: descent.current) else { continue }
          if facts.type == .directory { subdirectories.append(entry) }
          if facts.type == .directory || links.isCounted(facts) { bytes += facts.allocated }
        }
        descent.add(subdirectories)
      }
    } catch {
      return nil
    }
    return bytes
  }
}
