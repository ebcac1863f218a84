// The rule for kind `log`: whatever is larger than it may be is trimmed. The way to that is part of the
// verdict's evidence, so that what is said before is what is done.

extension LogSettings {
  package func judge(_ evidence: Evidence, rule: Rule, now: Now) -> Judgement {
    let entry = evidence.entry
    guard rule.match.matches(entry.name) else { return .keep(.notMatched) }
    guard entry.type == .regularFile else { return .keep(.notAFile) }
    guard !entry.isMountPoint else { return .keep(.mountPoint) }
    guard rule.owners.allows(entry.owner) else { return .keep(.foreignOwner) }
    guard let log = LogEvidence(evidence.ofKind) else { return .unsure(.unreadable) }
    guard evidence.claim == .none else { return judgeOld(evidence, log, now: now) }

    guard log.size > maxBytes else { return .keep(.withinBounds) }
    guard let inside = evidence.inside else { return .gather(.inside) }
    if inside.isPinned { return .keep(.keptByHand) }
    // A writer that has just made it may not have opened it for good yet. What a trim made is as old as
    // what it was made of.
    let grace = log.isFromTrim ? 0 : evidence.clocks.remainingGrace(rule.grace, now: now)
    guard grace <= 0 else { return .keep(.young, recheckAfter: grace) }
    guard let cut = log.cut, cut > 0 else {
      return .keep(log.size > kept.bytes ?? .max ? .nothingToCut : .withinBounds)
    }
    if inPlace == .always, log.mayCollapse, log.head == 0 { return .keep(.nothingToCut) }
    guard log.holders != nil || inPlace == .never else { return .gather(.life) }
    guard TrimWay(for: log, by: self) != nil else {
      return .keep(.notInPlace, recheckAfter: evidence.clocks.backOff(now: now))
    }
    return .verdict(.dispose(.overLimit))
  }

  /// What has a claimed name: the old file of a trimmed log, as a rule.
  private func judgeOld(_ evidence: Evidence, _ log: LogEvidence, now: Now) -> Judgement {
    guard let inside = evidence.inside, let old = log.old else { return .gather(.inside) }
    if inside.isPinned { return .keep(.keptByHand) }
    switch old {
    case .unknown: return .keep(.claimFound)
    case .unfinishedCopy(isOpen: true):
      return .keep(.fileOpen, recheckAfter: evidence.clocks.backOff(now: now))
    case .unfinishedCopy(isOpen: false): return .verdict(.dispose(.abandonedCopy))
    case .drained(_, isOpen: true):
      return .keep(.draining, recheckAfter: evidence.clocks.backOff(now: now))
    case .drained(_, isOpen: false): return .verdict(.dispose(.drained))
    }
  }
}
