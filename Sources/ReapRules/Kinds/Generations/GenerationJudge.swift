// The rule for kind `generations`: tables of which a cursor names the live one, and the others are
// dead once nobody can make it name them again.

extension GenerationSettings {
  /// The one place that decides about a generation, live until every line has been passed.
  ///
  /// `recheckAfter` is given where time alone may change the verdict.
  package func judge(_ evidence: Evidence, rule: Rule, now: Now) -> Judgement {
    let entry = evidence.entry
    guard rule.match.matches(entry.name) else { return .keep(.notMatched) }
    guard entry.type == .directory else { return .keep(.notADirectory) }
    guard !entry.isMountPoint else { return .keep(.mountPoint) }
    guard rule.owners.allows(entry.owner) else { return .keep(.foreignOwner) }

    switch evidence.claim {
    case .found: return .keep(.claimFound)
    case .split, .unfinished: break
    case .none:
      let grace = evidence.clocks.remainingGrace(rule.grace, now: now)
      guard grace <= 0 else { return .keep(.young, recheckAfter: grace) }
    }

    // What was gathered of another kind tells nothing here.
    guard let own = evidence.generations else { return .unsure(.unreadable) }
    guard let partition = own.partition else { return .gather(.partition) }
    // What is half removed is not what the cursor means, if that stands there whole.
    let meant = evidence.claim == .unfinished && partition.live == .complete ? nil : entry.name
    if let objection = objection(of: partition, to: meant) { return .verdict(objection) }
    let readersTime = retiredAfter - supersededFor(partition, now: now)
    guard readersTime <= 0 || evidence.claim == .unfinished else {
      return .keep(.recentlySuperseded, recheckAfter: readersTime)
    }

    if lock != nil, evidence.lock == nil { return .gather(.lock) }
    // A writer that has not locked yet proves nothing, and neither does one that never locks.
    if let objection = evidence.lock?.objection { return objection }
    if ownerPidfile != nil, own.owner == nil { return .gather(.owner) }

    if let objection = evidence.objectionOfSurroundings { return objection }

    guard let inside = evidence.inside else { return .gather(.inside) }
    if let objection = evidence.objectionOfDirectory(inside, now: now) {
      return .verdict(objection)
    }
    switch inside.openness {
    case .nothingOpen: break
    case .open: return .keep(.fileOpen)
    case .unknown: return .unsure(.useUnknown)
    }

    return judgeUnopened(evidence, inside, now: now)
  }

  /// One that nothing spoke for so far: whether what is known proves it dead.
  private func judgeUnopened(
    _ evidence: Evidence, _ inside: Evidence.Inside, now: Now
  ) -> Judgement {
    let known = proofOfDeath(evidence)
    // No event tells of its end: the process is not watched.
    if known != .lockReleased, inside.writer != nil {
      return .keep(.ownerAlive, recheckAfter: writerRecheck)
    }
    if known != .lockReleased, evidence.claim == .unfinished,
      let objection = evidence.objectionOfProcesses(now: now)
    {
      return objection
    }
    // Its removal was decided upon once, and has begun: nobody is served by half of it.
    if evidence.claim == .unfinished { return .verdict(.dispose(known ?? .quiet)) }
    if known == nil {
      let wait = evidence.clocks.remainingQuiet(since: inside.newestChange, grace: quiet, now: now)
      guard wait <= 0 else { return .keep(.recentlyChanged, recheckAfter: wait) }
      let longer = ownersTime(evidence, newestChange: inside.newestChange, now: now)
      guard longer <= 0 else { return .keep(.ownerAlive, recheckAfter: longer) }
    }
    if known != .lockReleased, let objection = evidence.objectionOfProcesses(now: now) {
      return objection
    }
    return .verdict(afterQuarantine(evidence, known ?? .quiet, inside, now: now))
  }

  /// What is dead, by its quarantine: condemned first where it has one, and kept until that is over.
  private func afterQuarantine(
    _ evidence: Evidence, _ proof: Reason, _ inside: Evidence.Inside, now: Now
  ) -> Verdict {
    let span = quarantine(for: proof)
    guard span > 0 else { return .dispose(proof) }
    guard let condemned = evidence.generations?.condemned else { return .condemn(proof, for: span) }
    // Somebody was at work in it since: what follows begins from nothing, at once.
    if let before = condemned.newestChange, let change = inside.newestChange, before != change {
      return .keep(.recentlyChanged, recheckAfter: 1)
    }
    let rest = span - saturatingDifference(now.monotonic, condemned.since)
    guard rest <= 0 || leavesEarly(evidence, condemned, proof) else {
      return .keep(.quarantined, recheckAfter: rest)
    }
    return .dispose(proof)
  }

  /// Whether it goes before its quarantine is over, for want of room.
  private func leavesEarly(
    _ evidence: Evidence, _ condemned: Evidence.Condemnation, _ proof: Reason
  ) -> Bool {
    let member = Retention.Member(
      0, proof != .quiet || quarantineYields ? .expendable(rank: 0) : .stays,
      since: condemned.since)
    return evidence.generations?.shortage?.relief(from: Retention.order(of: [member])).isEmpty
      == false
  }

  /// How long something is left where it is after it was judged dead, before it is judged again.
  package func quarantine(for proof: Reason) -> Nanoseconds {
    quarantine ?? (proof == .quiet ? Self.defaultQuarantine : 0)
  }

  /// How often a living process that a temporary file names is looked for again: seldom enough to
  /// cost nothing, and often enough that its end shows within a fraction of `quiet`.
  private var writerRecheck: Nanoseconds {
    max(nanosecondsPerSecond, min(quiet / 4, 300 * nanosecondsPerSecond))
  }

  /// How much longer than `quiet` a generation is left alone for a living owner: what changed since
  /// that process began may be its work, for twice `quiet`. It lives for weeks, and what it gave up
  /// is an orphan too.
  private func ownersTime(
    _ evidence: Evidence, newestChange: Nanoseconds?, now: Now
  ) -> Nanoseconds {
    guard case .alive(_, let start) = evidence.generations?.owner else { return 0 }
    if let newestChange, newestChange < saturatingDifference(start, Self.clockTolerance) {
      return 0
    }
    let span = quiet.multipliedReportingOverflow(by: 2)
    return evidence.clocks.remainingQuiet(
      since: newestChange, grace: span.overflow ? .max / 2 : span.partialValue, now: now)
  }

  /// The start of a process is known to whole ticks and seconds (proc_pid_stat(5), btime).
  private static let clockTolerance: Nanoseconds = 2 * nanosecondsPerSecond

  /// Why a partition as a whole, or the name that its cursor says, forbids to go on.
  func objection(of partition: Evidence.Partition, to name: EntryName?) -> Verdict? {
    guard case .known(let live) = partition.cursor else { return .unsure(.cursorUnknown) }
    guard live != name else { return .keep(.live, recheckAfter: nil) }
    guard partition.conflict == nil else { return .unsure(.claimConflict) }
    return switch partition.live {
    case .complete: nil
    case .incomplete: .unsure(.liveIncomplete)
    case .absent: .unsure(.liveAbsent)
    case .unknown: .unsure(.liveUnknown)
    }
  }

  /// How long ago the cursor moved on, at least: the longest span that one of the clocks proves.
  /// A stamp in the future proves none. The marker proves nothing: one that is older than the
  /// cursor's change may stem from an earlier retirement, and one that is younger proves less.
  private func supersededFor(_ partition: Evidence.Partition, now: Now) -> Nanoseconds {
    var longest: Nanoseconds = 0
    if let change = partition.cursorChange {
      longest = max(longest, saturatingDifference(now.wall, change))
    }
    if let since = partition.liveSince {
      longest = max(longest, saturatingDifference(now.monotonic, since))
    }
    return longest
  }

  /// What proves that nobody is left to make the cursor name it again; nil where only time can.
  private func proofOfDeath(_ evidence: Evidence) -> Reason? {
    if lock != nil, evidence.lock == .taken || evidence.lock == .takenUnlinked {
      return .lockReleased
    }
    guard ownerPidfile != nil else { return nil }
    return switch evidence.generations?.owner {
    // What changed after its exit is at least one other's, who may still flip to it.
    case .exited(_, let exit):
      (evidence.inside?.newestChange ?? .min) <= exit ? .ownerDead : nil
    case .absent where trustPids: .ownerDead
    case .absent, .alive, .unknown, nil: nil
    }
  }
}
