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
    case .ours: break
    case .none:
      let grace = evidence.clocks.remainingGrace(rule.grace, now: now)
      guard grace <= 0 else { return .keep(.young, recheckAfter: grace) }
    }

    guard let partition = evidence.partition else { return .gather(.partition) }
    if let objection = objection(of: partition, to: entry.name) { return .verdict(objection) }
    guard !evidence.restoredByHand else { return .keep(.restoredByHand) }
    let readersTime = retiredAfter - supersededFor(partition, marker: evidence.marker, now: now)
    guard readersTime <= 0 else { return .keep(.recentlySuperseded, recheckAfter: readersTime) }

    if lock != nil, evidence.lock == nil { return .gather(.lock) }
    switch evidence.lock {
    case .held: return .keep(.lockHeld)
    case .notAFile: return .unsure(.lockNotAFile)
    case .unreadable: return .unsure(.lockUnreadable)
    case .unknown: return .unsure(.lockUnknown)
    // A writer that has not locked yet proves nothing, and neither does one that never locks.
    case .missing, .taken, .takenUnlinked, nil: break
    }
    if ownerPidfile != nil, evidence.owner == nil { return .gather(.owner) }

    guard let surroundings = evidence.surroundings else { return .gather(.surroundings) }
    switch surroundings {
    case .clear: break
    case .mountInside: return .keep(.mountInside)
    case .rootInside: return .keep(.rootInside)
    case .unknown: return .unsure(.surroundingsUnknown)
    }

    guard let inside = evidence.inside else { return .gather(.inside) }
    switch inside.openness {
    case .nothingOpen: break
    case .open: return .keep(.fileOpen)
    case .unknown: return .unsure(.useUnknown)
    }

    let proof: Reason
    if let known = proofOfDeath(evidence) {
      proof = known
    } else {
      let wait = evidence.clocks.remainingQuiet(since: inside.newestChange, grace: quiet, now: now)
      guard wait <= 0 else { return .keep(.recentlyChanged, recheckAfter: wait) }
      proof = .quiet
    }
    if case .ours(let since) = evidence.claim {
      let leavesEarly = evidence.isPressed && (proof != .quiet || quarantineYields)
      let rest = quarantine(for: proof) - saturatingDifference(now.monotonic, since)
      guard leavesEarly || rest <= 0 else { return .keep(.quarantined, recheckAfter: rest) }
    }
    return .verdict(.dispose(proof))
  }

  /// How long a claimed generation is kept before its bytes go.
  package func quarantine(for proof: Reason) -> Nanoseconds {
    quarantine ?? (proof == .lockReleased ? 0 : Self.defaultQuarantine)
  }

  /// Why a partition as a whole, or the name that its cursor says, forbids to go on.
  func objection(of partition: Evidence.Partition, to name: EntryName?) -> Verdict? {
    guard partition.conflict == nil else { return .unsure(.claimConflict) }
    guard case .known(let live) = partition.cursor else { return .unsure(.cursorUnknown) }
    guard live != name else { return .keep(.live, recheckAfter: nil) }
    return switch partition.live {
    case .complete: nil
    case .incomplete: .unsure(.liveIncomplete)
    case .absent: .unsure(.liveAbsent)
    case .unknown: .unsure(.liveUnknown)
    }
  }

  /// How long ago the cursor moved on, at least: the longest span that one of the clocks proves.
  /// A stamp in the future proves none.
  private func supersededFor(
    _ partition: Evidence.Partition, marker: Nanoseconds?, now: Now
  ) -> Nanoseconds {
    var longest: Nanoseconds = 0
    for stamp in [partition.cursorChange, marker] {
      if let stamp { longest = max(longest, saturatingDifference(now.wall, stamp)) }
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
    return switch evidence.owner {
    // What changed after its exit is at least one other's, who may still flip to it.
    case .exited(_, let exit):
      (evidence.inside?.newestChange ?? .min) <= exit ? .ownerDead : nil
    case .absent where trustPids: .ownerDead
    case .absent, .alive, .unknown, nil: nil
    }
  }
}
