// The rule for kind `visits`: the archive of an earlier visit is slimmed, or goes, as soon as it has come
// to its place; those of the last visit and of the run, once the run is over. The verdict says what is
// tried: what leaves is what the disk is then proved to have.

extension VisitsSettings {
  /// Each line that does not return keeps the archive in danger.
  package func judge(_ evidence: Evidence, rule: Rule, now: Now) -> Judgement {
    let entry = evidence.entry
    guard rule.match.matches(Self.stem(of: entry.name)), let own = evidence.ofKind.visits
    else { return .keep(.notMatched) }
    guard entry.type == .regularFile else { return .keep(.notAFile) }
    guard !entry.isMountPoint else { return .keep(.mountPoint) }
    guard rule.owners.allows(entry.owner) else { return .keep(.foreignOwner) }
    let rest = evidence.clocks.remainingQuiet(since: own.change, grace: rule.grace, now: now)
    guard rest <= 0 || own.known != nil else { return .keep(.recentlyChanged, recheckAfter: rest) }
    if Self.isTemporary(entry.name) { return judgeTemporary(evidence, own, now: now) }

    guard let siblings = own.siblings else { return .gather(.files) }
    guard let (purpose, reason) = purpose(own.place, siblings) else { return .keep(.withinBounds) }
    if let known = own.known, known.purpose == purpose,
      let judgement = judge(known.state, now: now)
    {
      return judgement
    }
    guard rest <= 0 else { return .keep(.recentlyChanged, recheckAfter: rest) }
    guard siblings.beingMade == nil else {
      return .keep(.archiveBeingMade, recheckAfter: evidence.clocks.backOff(now: now))
    }
    if reason == .runOver, let objection = objectionOfRun(evidence, own, now: now) {
      return objection
    }
    guard let inside = evidence.inside else { return .gather(.inside) }
    return inside.isPinned ? .keep(.keptByHand) : .verdict(.dispose(reason))
  }

  /// What is to become of it, and for which reason; nil where it is left as it is.
  package func purpose(
    _ place: VisitsPlace, _ siblings: VisitsEvidence.Siblings
  ) -> (VisitsEvidence.Purpose, Reason)? {
    guard case .visit = place else {
      return onSuperseded == .keep ? nil : (.slim, .runOver)
    }
    if let keepArchives, siblings.newer >= keepArchives {
      return (onSuperseded == .slim ? .dropOrSlim : .drop, .overCount)
    }
    switch onSuperseded {
    case .slim: return (.slim, .superseded)
    // The newest are left as they are.
    case .drop: return keepArchives == nil ? (.drop, .supersededWhole) : nil
    case .keep: return nil
    }
  }

  private func judge(_ state: VisitsEvidence.Known.State, now: Now) -> Judgement? {
    switch state {
    case .underWay: return .keep(.slimming)
    case .done: return .keep(.asSmallAsItGets)
    case .refused(_, _, nil): return .keep(.cannotSlim)
    case .refused(_, _, let retry?):
      let rest = retry - now.monotonic
      return rest > 0 ? .keep(.slimmingWaits, recheckAfter: rest) : nil
    }
  }

  /// What keeps the last archives of a run that may go on.
  private func objectionOfRun(
    _ evidence: Evidence, _ own: VisitsEvidence, now: Now
  ) -> Judgement? {
    guard let owner = own.owner else { return .gather(.owner) }
    if case .alive = owner {
      return .keep(.ownerAlive, recheckAfter: evidence.clocks.backOff(now: now))
    }
    guard !isDead(owner) else { return nil }
    let rest = evidence.clocks.remainingQuiet(since: own.change, grace: quiet, now: now)
    return rest > 0 ? .keep(.recentlyChanged, recheckAfter: rest) : nil
  }

  private func isDead(_ owner: Evidence.Owner) -> Bool {
    switch owner {
    case .exited: true
    case .absent: trustPids
    case .alive, .unknown: false
    }
  }

  /// An archive that was never finished: by a run that was killed, or failed at it and went on.
  private func judgeTemporary(
    _ evidence: Evidence, _ own: VisitsEvidence, now: Now
  ) -> Judgement {
    guard let inside = evidence.inside else { return .gather(.inside) }
    if inside.isPinned { return .keep(.keptByHand) }
    switch inside.openness {
    case .open: return .keep(.fileOpen, recheckAfter: evidence.clocks.backOff(now: now))
    case .unknown: return .unsure(.useUnknown)
    case .nothingOpen: break
    }
    guard let owner = own.owner else { return .gather(.owner) }
    if isDead(owner) { return .verdict(.dispose(.ownerDead)) }
    let rest = evidence.clocks.remainingQuiet(since: own.change, grace: quiet, now: now)
    return rest > 0
      ? .keep(.recentlyChanged, recheckAfter: rest) : .verdict(.dispose(.staleTemporary))
  }
}
