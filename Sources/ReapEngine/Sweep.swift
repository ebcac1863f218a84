import Glibc
import Logging
package import OwnedDirectories
package import ReapRules
import Synchronization

extension Sweep.Finding {
  /// Of its group.
  fileprivate var member: Retention.Member<CandidatePath> {
    guard case .expendable(let own) = verdict, action == nil else {
      return Retention.Member(path, .stays, since: 0, bytes: evidence.weight?.bytes)
    }
    return Retention.Member(
      path, .expendable(rank: own.rank), since: own.since, bytes: own.bytes, inodes: own.inodes,
      yieldsToAge: own.yieldsToAge)
  }
}

/// One pass over a root: every candidate examined once, on all workers. For `sweep`, `list` and
/// `survey`.
package final class Sweep: Sendable {
  /// What the pass is for. What is decided is the same for all of them.
  package enum Purpose: Sendable {
    /// Not `claiming`: a dry run.
    case sweep(claiming: Bool)
    /// What a reapd that stays would do, and what each candidate occupies.
    case list
    /// What a sweep would do, and what that would free.
    case survey
  }

  /// What was decided about one candidate, and what came of it.
  package struct Finding: Sendable {
    /// Below the root.
    package let path: CandidatePath
    /// What was decided.
    package let verdict: Verdict
    package let evidence: Evidence
    /// What came of the candidate; nil where it was kept.
    package var action: AuditRecord.Action?
    /// As the audit has it.
    package var reason: Reason
    package var failure: SystemError?
    /// Allocated bytes; nil where nothing inside may be touched, or it is being removed.
    package var bytes: Int64?
  }

  private let rule: SharedRule
  private let root: OpenRoot
  private let reporter: Reporter
  private let examination: Examination
  private let pool: WorkerPool
  private let purpose: Purpose
  private let findings = Mutex<[Finding]>([])
  private let hasMoved = Mutex(false)
  private let probe: Mutex<RoomProbe>

  /// - Parameters:
  ///   - condemned: what another process has condemned, for a pass that only looks.
  ///   - pool: one for all passes that run together.
  package init(
    rule: Rule, root: OpenRoot, roots: [FilePath], mounts: MountView, reporter: Reporter,
    for purpose: Purpose, condemned: [CondemnedRecord] = [], pool: WorkerPool = WorkerPool()
  ) {
    let shared = SharedRule(rule)
    self.rule = shared
    self.root = root
    self.reporter = reporter
    self.purpose = purpose
    var rights = Examination.Rights()
    if case .sweep(let claiming) = purpose {
      rights.claiming = claiming
    } else {
      rights.claiming = false
    }
    if let audit = reporter.audit { rights.mayRemove = { audit.mayRemove } }
    examination = Examination(
      rule: shared, kind: kindEdge(of: rule), root: root,
      surroundings: SurroundingsView(mounts: mounts, roots: roots),
      claims: OwnClaims(condemned, below: root), rights: rights)
    self.pool = pool
    probe = Mutex(
      RoomProbe(isPatient: true) { [logger = reporter.logger, path = root.path] in
        logger.warning("\(path): its file system does not tell what is free: nothing goes for room")
      })
  }

  /// Passes by several rules over one root, with one pool. Returns when everything that was claimed
  /// is removed; the findings of each are in order of name.
  ///
  /// - Parameter noting: is told now and then how many more entries of the root were listed.
  package static func run(
    _ sweeps: [Sweep], noting: (Int) -> Void = { _ in }
  ) throws(SystemError) -> [[Finding]] {
    guard let first = sweeps.first else { return [] }
    defer { first.reporter.tellUntold(isLast: true) }
    do throws(SystemError) {
      for sweep in sweeps where sweep.rule.rule.kind.hasPlaces {
        try eachCandidate(of: sweep.rule.rule, in: sweep.root) { sweep.submit($0) }
      }
      let flat = sweeps.filter { !$0.rule.rule.kind.hasPlaces }
      if !flat.isEmpty {
        try eachCandidate(of: flat.map(\.rule.rule), in: first.root, noting: noting) {
          flat[$0].submit($1)
        }
      }
    } catch {
      first.pool.drain()
      throw error
    }
    for sweep in sweeps where sweep.rule.part.retention != nil {
      sweep.pool.settle()
      sweep.keepWithinBounds()
    }
    first.pool.drain()
    return sweeps.map { $0.sortedFindings }
  }

  package func run() throws(SystemError) -> [Finding] { try Self.run([self])[0] }

  /// What the bounds of a candidate's group demand its end for now.
  static func demand(
    on path: CandidatePath, by rule: Rule, root: OpenRoot, roots: [FilePath], mounts: MountView
  ) -> Retention.Demand? {
    guard rule.kind.part.retention != nil else { return nil }
    let silent = Reporter(
      audit: nil, logger: Logger(label: "reapd") { _ in SwiftLogNoOpLogHandler() })
    let sweep = Sweep(
      rule: rule, root: root, roots: roots, mounts: mounts, reporter: silent, for: .survey)
    return (try? sweep.run())?.first { $0.path == path }?.evidence.demand
  }

  private var sortedFindings: [Finding] {
    findings.withLock {
      $0.sorted { $0.path.bytes.lexicographicallyPrecedes($1.path.bytes) }
    }
  }

  private func submit(_ path: CandidatePath, _ demand: Retention.Demand? = nil) {
    pool.submit { self.examine(path, demand) }
  }

  // MARK: - Groups

  /// Judges those of a group again, with the demand, that its bounds say go: as watch does it.
  private func keepWithinBounds() {
    guard let retention = rule.part.retention else { return }
    let isDry = if case .sweep(claiming: true) = purpose { false } else { true }
    var begun: Pressure.Begun = []
    var yield = RoomYield<CandidatePath>()
    // What would be gone by now, were it no dry run.
    var imagined = RoomGain()
    while true {
      let members = findings.withLock { $0.filter { $0.action == nil }.map(\.member) }
      let choice = retention.choose(
        from: members, room: room.map(imagined.added), now: readClocks().wall, begun: begun)
      guard !choice.going.isEmpty else { break }
      var pass = RetentionPass(choice, bounds: retention.room, after: yield, isDry: isDry)
      for member in carryOut(&pass) where isDry { imagined.add(member) }
      begun = pass.begun
      yield = pass.yield
      if isReporting { reporter.pruned(pass.result, counts, rule.rule) }
      guard !pass.result.hasGivenUp else { break }
    }
    if isReporting { reporter.count { [counts] in $0.protected += counts.protected } }
  }

  /// Of its group, what is left.
  private var counts: GroupCounts {
    findings.withLock { GroupCounts($0.lazy.filter { $0.action == nil }.map(\.member)) }
  }

  private var room: FreeRoom? { probe.withLock { $0.room(at: root.descriptor) } }

  /// - Returns: those that went, or would.
  private func carryOut(
    _ pass: inout RetentionPass<CandidatePath>
  ) -> [Retention.Member<CandidatePath>] {
    var gone: [Retention.Member<CandidatePath>] = []
    while !pass.isOver {
      // Some file systems free later than they remove.
      let isAsked = pass.asksForRoom
      let asked = pass.next(
        room: probe.withLock { $0.room(at: root.descriptor, settling: isAsked) })
      let paths = Set(asked.map(\.id))
      let before = findings.withLock { findings in
        defer { findings.removeAll { paths.contains($0.path) } }
        return findings.filter { paths.contains($0.path) }
      }
      for one in asked { submit(one.id, one.demand) }
      pool.settle()
      let after = findings.withLock { findings in
        Dictionary(
          findings.lazy.filter { paths.contains($0.path) }.map { ($0.path, $0) }
        ) { $1 }
      }
      for finding in before {
        switch after[finding.path]?.action {
        case .reaped?:
          gone.append(finding.member)
          probe.withLock { $0.noteRemoval() }
          pass.removed(finding.path, bytes: after[finding.path]?.bytes ?? 0)
        case .wouldReap?:
          gone.append(finding.member)
          pass.removed(finding.path, bytes: finding.member.bytes ?? 0)
        case nil where after[finding.path] == nil: pass.removed(finding.path, bytes: 0)
        default: pass.kept(finding.path)
        }
      }
    }
    if pass.asksForRoom {
      _ = pass.next(room: probe.withLock { $0.room(at: root.descriptor, settling: true) })
    }
    return gone
  }

  private func examine(_ path: CandidatePath, _ demand: Retention.Demand?) {
    let examined = examination.run(
      LookRequest(path, firstSeen: readMonotonic(), mayTakeTime: true),
      KnownBefore(demand: demand))
    examined.held?.descriptor.close()
    let occasion = Occasion(trigger: demand?.cause.trigger ?? .manual)
    let original = path.renamed(ClaimName(path.name)?.original ?? path.name)
    let place = Place(rule, root: root, path: original, occasion: occasion)
    if examined.outcome == .rootMoved { return tellMoved() }
    // A pass stays for no quarantine; `list` says what a reapd that stays would do.
    let told = if case .list = purpose { examined } else { examined.needingQuarantine }
    if isReporting || told.outcome == .putBack {
      reporter.note(told, place, claimID: ClaimName(path.name)?.id)
    }
    for file in told.files { add(file) }
    if let trim = told.trim {
      return add(original, .dispose(trim.reason), trim.evidence, trim.action)
    }
    if let claimed = told.claimed { return remove(claimed, path, occasion) }
    guard let verdict = told.verdict, let evidence = told.evidence else { return }
    switch told.outcome {
    case .kept where verdict.reason.traits.hearing == .onceForAll:
      reporter.count { $0.failed += 1 }
      add(path, verdict, evidence, .failed)
    case .kept, .tidied: add(path, verdict, evidence)
    case .putBack: add(original, verdict, evidence, .restored)
    case .wouldClaim, .failed:
      let action =
        told.outcome == .wouldClaim ? verdict.wouldAction : told.outcome.consequences.action
      add(path, verdict, evidence, action, told.failure)
    case .condemned, .claimed, .gone, .rootMoved, .needsWalk: break
    }
  }

  private var isReporting: Bool { if case .sweep = purpose { true } else { false } }

  private func isMeasured(_ verdict: Verdict) -> Bool {
    switch purpose {
    case .sweep: false
    case .list: true
    case .survey: if case .dispose = verdict { true } else { false }
    }
  }

  private func tellMoved() {
    let isFirst = hasMoved.withLock { moved in
      defer { moved = true }
      return !moved
    }
    guard isFirst else { return }
    reporter.logger.error("\(root.path) was moved or replaced during the pass")
    reporter.count { $0.failed += 1 }
  }

  private func remove(_ claimed: Claimed, _ path: CandidatePath, _ occasion: Occasion) {
    Removal.start(claimed, on: pool) { claimed, result in
      result.obstacle?.directory.close()
      self.reporter.reaped(claimed, result, occasion)
      // Put back, since it holds another user's directory: nothing came of the claim.
      guard result.foreignDirectory == nil else {
        return self.add(path, .keep(.foreignInside, recheckAfter: nil), claimed.evidence)
      }
      let action: AuditRecord.Action = result.failure == nil ? .reaped : .failed
      self.add(
        path, claimed.verdict, claimed.evidence, action, result.failure,
        freed: result.bytes)
    }
  }

  private func add(_ file: RemovedFile) {
    guard let path = CandidatePath(bytes: file.path.dropFirst(root.pathBytes.count + 1))
    else { return }
    add(path, .dispose(file.reason), file.evidence, file.wouldOnly ? .wouldReap : .reaped)
  }

  private func add(
    _ path: CandidatePath, _ verdict: Verdict, _ evidence: Evidence,
    _ action: AuditRecord.Action? = nil, _ failure: SystemError? = nil, freed: Int64? = nil
  ) {
    var finding = Finding(
      path: path, verdict: verdict, evidence: evidence, action: action, reason: verdict.reason,
      failure: failure, bytes: freed)
    if action == .failed, case .dispose = verdict { finding.reason = .removalFailed }
    // What was not looked into for its verdict is not for its size: a writer may be at its start.
    if isMeasured(verdict), evidence.lock != nil || evidence.inside != nil || evidence.isLookedInto
    {
      finding.bytes = allocatedBytes(of: path, below: root)
    }
    findings.withLock { $0.append(finding) }
  }
}
