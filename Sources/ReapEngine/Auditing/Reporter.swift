package import Logging
import OwnedDirectories
package import ReapRules
import Synchronization

/// Turns outcomes into audit lines, counts and log messages: the same for watch and sweep.
package final class Reporter: Sendable {
  package let audit: AuditLog?
  package let logger: Logger
  /// What a person hears of each decision, besides the audit.
  package enum Hearing: Sendable {
    /// Refusals and trouble.
    case audited
    /// Each removal as well, as it is done.
    case told
    /// Trouble: the command itself lists what came of each candidate.
    case listed
  }

  private let hearing: Hearing
  private let counts = Mutex(Summary())
  /// What was said of each path, so that a refusal is in the audit once and not in a loop.
  private static let rememberedPaths = 100_000
  private let said = Mutex<[[UInt8]: Set<String>]>([:])
  /// By rule and root: what tells of no deletion is told at a bounded rate.
  private let budgets = Mutex<[BudgetKey: RefusalBudget]>([:])

  private let missingRights = Mutex<Set<String>>([])

  private struct BudgetKey: Hashable {
    let rule: String
    let kind: String
    let root: FilePath
  }

  package init(audit: AuditLog?, logger: Logger, hearing: Hearing = .audited) {
    self.audit = audit
    self.logger = logger
    self.hearing = hearing
  }

  private var levelOfRemovals: Logger.Level { hearing == .told ? .info : .debug }
  private var levelOfRefusals: Logger.Level { hearing == .listed ? .debug : .info }

  package var summary: Summary { counts.withLock { $0 } }

  package func count(_ change: @Sendable (inout Summary) -> Void) {
    counts.withLock { change(&$0) }
  }

  /// What came of an examination; of a claim only when it is carried out.
  ///
  /// - Parameter claimID: of the claimed name that the candidate has or had.
  func note(_ examined: Examined, _ place: Place, claimID: String?) {
    for file in examined.files { removed(file, place.occasion, rule: place.rule) }
    if let trim = examined.trim { trimmed(trim, place) }
    guard let verdict = examined.verdict, let evidence = examined.evidence else { return }
    switch examined.outcome {
    case .kept, .tidied: kept(verdict, evidence, place)
    case .wouldClaim: wouldReap(verdict, evidence, place)
    case .putBack: putBack(verdict, evidence, place, id: claimID)
    case .failed: if let failure = examined.failure { failed(failure, evidence, place) }
    case .condemned:
      if let condemnation = examined.condemnation {
        condemned(verdict, evidence, place, condemnation)
      }
    case .claimed, .gone, .rootMoved, .needsWalk: break
    }
  }

  func reaped(_ claimed: Claimed, _ result: RemovalResult, _ occasion: Occasion) {
    if result.foreignDirectory != nil, result.failure == nil {
      return leftAlone(claimed, result, occasion)
    }
    let path = claimed.spot.directory.path(of: claimed.original)
    let micros = occasion.wokenAt.map { max(0, claimed.claimedAt - $0) / 1000 }
    var record = AuditRecord(
      wall: readClocks().wall, action: .reaped, rule: claimed.rule.name,
      kind: claimed.rule.kind.name, path: path, reason: claimed.verdict.reason.rawValue,
      trigger: occasion.trigger, bytes: result.bytes, files: result.files,
      latencyMicroseconds: micros, evidence: claimed.evidence.json)
    if claimed.rule.kind.quarantines { record.id = claimed.id }
    counts.withLock {
      $0.bytes += result.bytes
      $0.files += result.files
      guard result.failure == nil else { return }
      $0.reaped += 1
      if occasion.trigger == .backstop { $0.backstopNeeded += 1 }
    }
    for remark in result.remarks { logger.notice("rule \(claimed.rule.name): \(remark)") }
    guard let failure = result.failure else {
      said.withLock { $0[path] = nil }
      note(record)
      return
    }
    record.action = .failed
    record.reason = Reason.removalFailed.rawValue
    record.evidence = .object([
      ("error", .string("\(failure)")), ("claimed_as", .string(claimed.name.display)),
    ])
    if once(record, "cannot remove: \(failure)", .warning) { counts.withLock { $0.failed += 1 } }
  }

  /// A pass through a group is over.
  ///
  /// - Parameter left: of the group.
  func pruned(_ result: RetentionPass<CandidatePath>.Result, _ left: GroupCounts, _ rule: Rule) {
    counts.withLock {
      $0.pruned += result.pruned
      $0.reclaimed += result.bytes
    }
    guard result.pruned + result.kept > 0 else { return }
    var text =
      "\(result.pruned) pruned (\(roughSize(result.bytes))), \(left.kept) kept, \(left.protected) protected"
    if result.kept > 0 { text += "; \(result.kept) were to go, and are in use by now" }
    if result.left > 0 { text += "; \(result.left) more go in the next pass" }
    if result.hasGivenUp { text += "; too little became free by it: no more goes for free room" }
    logger.notice(
      "\(text)",
      metadata: [
        "rule": "\(rule.name)", "pruned": "\(result.pruned)", "kept": "\(left.kept)",
        "protected": "\(left.protected)", "reclaimed": "\(result.bytes)",
      ])
  }

  /// The directory holds what its owner could not have removed, and has its own name again.
  private func leftAlone(_ claimed: Claimed, _ result: RemovalResult, _ occasion: Occasion) {
    var evidence = claimed.evidence
    evidence.inside?.foreignDirectory = result.foreignDirectory
    let place = Place(
      claimed.spot.shared, root: claimed.spot.directory,
      path: CandidatePath(directory: [], claimed.original), occasion: occasion)
    let verdict = Verdict.keep(.foreignInside, recheckAfter: nil)
    if claimed.name != claimed.original {
      putBack(verdict, evidence, place, id: ClaimName(claimed.name)?.id)
    }
    kept(verdict, evidence, place)
  }

  private func trimmed(_ trim: TrimReport, _ place: Place) {
    counts.withLock {
      switch trim.action {
      case .reaped:
        $0.reaped += 1
        $0.files += 1
      case .slimmed: $0.slimmed += 1
      default: $0.trimmed += 1
      }
      $0.bytes += trim.bytes
    }
    var record = record(trim.action, trim.reason, trim.evidence, place)
    record.bytes = trim.bytes
    record.files = 1
    note(record)
  }

  /// Something that nothing is done about.
  ///
  /// - Parameters:
  ///   - path: absolute.
  ///   - reason: its code in the audit.
  func warn(
    _ text: String, of path: [UInt8], _ reason: String, _ members: [(String, JSONValue)],
    _ rule: Rule, _ trigger: Trigger
  ) {
    logger.warning("\(text)", metadata: ["path": "\(displayText(path))", "rule": "\(rule.name)"])
    audit?.append(
      AuditRecord(
        wall: readClocks().wall, action: .warned, rule: rule.name, kind: rule.kind.name, path: path,
        reason: reason, trigger: trigger, evidence: .object(members)))
  }

  func wouldReap(_ verdict: Verdict, _ evidence: Evidence, _ place: Place) {
    var record = record(verdict.wouldAction, verdict.reason, evidence, place)
    record.dryRun = true
    if once(record, record.narration ?? "", levelOfRemovals) {
      counts.withLock { $0.wouldReap += 1 }
    }
  }

  func putBack(_ verdict: Verdict, _ evidence: Evidence, _ place: Place, id: String?) {
    counts.withLock { $0.restored += 1 }
    guard mayTell(place.rule) else { return }
    var record = record(.restored, verdict.reason, evidence, place)
    if place.rule.kind.quarantines { record.id = id }
    record.latencyMicroseconds = place.occasion.wokenAt.map { max(0, readMonotonic() - $0) / 1000 }
    audit?.append(record)
    logger.notice(
      "put back under its own name: \(verdict.reason.explanation)",
      metadata: ["path": "\(displayText(place.path))"])
  }

  /// A quarantine begins.
  func condemned(
    _ verdict: Verdict, _ evidence: Evidence, _ place: Place,
    _ condemnation: Evidence.Condemnation
  ) {
    guard case .condemn(_, let span) = verdict else { return }
    counts.withLock { $0.condemned += 1 }
    var record = record(.condemned, verdict.reason, evidence, place)
    record.id = "\(condemnation.id)"
    let (deadline, isBeyond) = condemnation.id.addingReportingOverflow(span)
    record.deadline = isBeyond ? nil : deadline
    note(record)
  }

  /// A quarantine ends, and what was in it stays.
  ///
  /// - Parameter reason: the sign of life, as its code.
  func reprieved(
    _ condemnation: Evidence.Condemnation, _ reason: String, _ evidence: Evidence?,
    _ place: Place
  ) {
    counts.withLock { $0.reprieved += 1 }
    note(
      AuditRecord(
        wall: readClocks().wall, action: .reprieved, rule: place.rule.name,
        kind: place.rule.kind.name, path: place.path, reason: reason,
        trigger: place.occasion.trigger, evidence: evidence?.json ?? .object([]),
        id: "\(condemnation.id)"))
  }

  /// A candidate that an operator gave its own name again.
  package func restored(
    _ path: [UInt8], rule: Rule, reason: String, trigger: Trigger, id: String
  ) {
    counts.withLock { $0.restored += 1 }
    audit?.append(
      AuditRecord(
        wall: readClocks().wall, action: .restored, rule: rule.name, kind: rule.kind.name,
        path: path, reason: reason, trigger: trigger, id: id))
  }

  /// A single file.
  func removed(_ file: RemovedFile, _ occasion: Occasion, rule: Rule) {
    let record = AuditRecord(
      wall: readClocks().wall, action: file.wouldOnly ? .wouldReap : .reaped, rule: rule.name,
      kind: rule.kind.name, path: file.path, reason: file.reason.rawValue,
      trigger: occasion.trigger, bytes: file.wouldOnly ? 0 : file.bytes,
      files: file.wouldOnly ? 0 : 1, dryRun: file.wouldOnly, evidence: file.evidence.json)
    guard !file.wouldOnly else {
      if once(record, record.narration ?? "", levelOfRemovals) {
        counts.withLock { $0.wouldReap += 1 }
      }
      return
    }
    counts.withLock {
      $0.reaped += 1
      $0.files += 1
      $0.bytes += file.bytes
      if occasion.trigger == .backstop { $0.backstopNeeded += 1 }
    }
    note(record)
  }

  /// A keep that is no part of normal life is told once per path and reason; of a partition that is
  /// not understood, once for all that lies in it.
  func kept(_ verdict: Verdict, _ evidence: Evidence, _ place: Place) {
    let partition = place.path.lastIndex(of: UInt8(ascii: "/")).map { Array(place.path[..<$0]) }
    guard verdict.isRefusal else {
      // Told each time that it is looked at, for whoever wants to see the looks.
      if logger.logLevel <= .debug {
        logger.debug(
          "kept (\(verdict.reason.rawValue)): \(verdict.reason.explanation)",
          metadata: ["path": "\(displayText(place.path))"])
      }
      said.withLock { said in
        guard !said.isEmpty else { return }
        said[place.path] = nil
        // The live one is what it is, also while its name is there twice.
        if let gathered = evidence.generations?.partition, gathered.conflict == nil, let partition {
          said[partition] = nil
        }
      }
      return
    }
    warnOfMissingRights(evidence)
    var record = record(.refused, verdict.reason, evidence, place)
    let concernsAll = verdict.reason.traits.hearing == .oncePerPartition
    if concernsAll, let partition { record.path = partition }
    if once(
      record, verdict.reason.explanation, concernsAll ? .warning : levelOfRefusals,
      within: place.rule)
    {
      counts.withLock { $0.refused += 1 }
    }
  }

  func failed(_ error: SystemError, _ evidence: Evidence, _ place: Place) {
    var record = record(.failed, Reason(of: error), evidence, place)
    record.evidence = .object([("error", .string("\(error)"))])
    if once(record, "\(error)", .warning, within: place.rule) { counts.withLock { $0.failed += 1 } }
  }

  /// A capability that is missing stands in the way of all that needs it: told once, by its name.
  private func warnOfMissingRights(_ evidence: Evidence) {
    var reasons: [String] = []
    if case .unknown(let why)? = evidence.inside?.openness { reasons.append(why) }
    if case .unknown(let why)? = evidence.life { reasons.append(why) }
    for why in reasons where why.contains("CAP_") {
      guard missingRights.withLock({ $0.insert(why).inserted }) else { continue }
      logger.warning("\(why); what depends on it is kept")
    }
  }

  package func forget(_ path: [UInt8]) {
    said.withLock { if !$0.isEmpty { $0[path] = nil } }
  }

  /// A line of the audit that in a terminal is told as well.
  private func note(_ record: AuditRecord) {
    audit?.append(record)
    let level = levelOfRemovals
    guard logger.logLevel <= level, let words = record.narration else { return }
    logger.log(level: level, "\(words)", metadata: ["path": "\(displayText(record.path))"])
  }

  private func record(
    _ action: AuditRecord.Action, _ reason: Reason, _ evidence: Evidence, _ place: Place
  ) -> AuditRecord {
    AuditRecord(
      wall: readClocks().wall, action: action, rule: place.rule.name, kind: place.rule.kind.name,
      path: place.path, reason: reason.rawValue, trigger: place.occasion.trigger,
      evidence: evidence.json)
  }

  @discardableResult
  private func once(
    _ record: AuditRecord, _ message: String, _ level: Logger.Level, within budget: Rule? = nil
  ) -> Bool {
    let key = "\(record.action) \(record.reason)"
    let isNew = said.withLock { said in
      // Names whose end went unseen stay; rather tell some twice than remember without bound.
      if said.count > Self.rememberedPaths { said.removeAll() }
      // All of it, not the last: a mount that comes and goes would have each told in turn.
      return said[record.path, default: []].insert(key).inserted
    }
    guard isNew else { return false }
    if let budget, !mayTell(budget) { return true }
    audit?.append(record)
    logger.log(level: level, "\(message)", metadata: ["path": "\(displayText(record.path))"])
    return true
  }
}

extension Reporter {
  private func mayTell(_ rule: Rule) -> Bool {
    let key = BudgetKey(rule: rule.name, kind: rule.kind.name, root: rule.root)
    let now = readMonotonic()
    return budgets.withLock { $0[key, default: RefusalBudget()].spend(now: now) }
  }

  /// Monotonic; when `tellUntold` has something to say.
  package var untoldDue: Nanoseconds? {
    budgets.withLock { $0.isEmpty ? nil : $0.values.compactMap(\.due).min() }
  }

  /// One line for all that was refused or put back beyond the budget of its rule.
  ///
  /// - Parameter isLast: nothing follows, so what is not due yet is told too.
  package func tellUntold(isLast: Bool = false) {
    let now = readMonotonic()
    let told = budgets.withLock { budgets in
      budgets.keys.compactMap { key in
        budgets[key]!.tell(now: now, isLast: isLast).map { (key, $0) }
      }
    }
    for (key, count) in told {
      audit?.append(
        AuditRecord(
          wall: readClocks().wall, action: .refused, rule: key.rule, kind: key.kind,
          path: key.root.bytes, reason: "refusals-not-told", trigger: .rescan,
          evidence: .object([
            ("count", .integer(Int64(count))),
            ("told_per_minute", .integer(Int64(RefusalBudget.perWindow))),
          ])))
      logger.warning(
        """
        \(counted(count, "more refusal")) in \(key.root) \(count == 1 ? "was" : "were") counted, \
        not told one by one: somebody makes names there that reapd may not remove
        """)
    }
  }
}

/// What brought an examination about.
package struct Occasion: Sendable {
  package let trigger: Trigger
  /// Monotonic arrival of the event, ns.
  package let wokenAt: Nanoseconds?

  package init(trigger: Trigger, wokenAt: Nanoseconds? = nil) {
    self.trigger = trigger
    self.wokenAt = wokenAt
  }
}
