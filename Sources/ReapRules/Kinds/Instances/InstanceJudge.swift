// The rule for kind `instances`: what is complete and in no use is expendable, what was never completed
// goes once it is abandoned, and all else stays.

extension InstanceSettings {
  /// Each line that does not return keeps the instance in danger.
  package func judge(_ evidence: Evidence, rule: Rule, now: Now) -> Judgement {
    let entry = evidence.entry
    guard rule.match.matches(entry.name) else { return .keep(.notMatched) }
    guard entry.type == .directory else { return .keep(.notADirectory) }
    guard !entry.isMountPoint else { return .keep(.mountPoint) }
    guard rule.owners.allows(entry.owner) else { return .keep(.foreignOwner) }

    let grace = evidence.clocks.remainingGrace(rule.grace, now: now)
    guard grace <= 0 else { return .keep(.young, recheckAfter: grace) }

    if lock != nil {
      guard let lock = evidence.lock else { return .gather(.lock) }
      if let objection = lock.objection { return objection }
    }
    if let objection = evidence.objectionOfSurroundings { return objection }
    guard let files = evidence.ofKind.instances?.files else { return .gather(.files) }
    guard let inside = evidence.inside else { return .gather(.inside) }
    // Also of what stays: `max_bytes` counts all that is complete.
    if weighs, files.missing == nil, evidence.weight == nil { return .gather(.weight) }
    if let objection = objectionOfUse(evidence, inside, now: now) { return objection }
    // Its removal was decided upon once, and has begun: nobody is served by half of it.
    if evidence.claim == .unfinished { return .verdict(.dispose(.abandoned)) }
    if let objection = objectionOfProtection(evidence, files, inside, now: now) { return objection }
    guard files.missing == nil else { return judgeIncomplete(evidence, inside, now: now) }
    return judgeComplete(evidence, files, inside, rule: rule, now: now)
  }

  private func objectionOfUse(
    _ evidence: Evidence, _ inside: Evidence.Inside, now: Now
  ) -> Judgement? {
    // First: whoever pins it has it open meanwhile.
    if inside.isPinned { return .keep(.keptByHand) }
    switch inside.openness {
    case .open: return .keep(.fileOpen, recheckAfter: evidence.clocks.backOff(now: now))
    case .unknown: return .unsure(.useUnknown)
    case .nothingOpen: break
    }
    if let objection = evidence.objectionOfDirectory(inside, now: now) {
      return .verdict(objection)
    }
    return evidence.objectionOfProcesses(now: now)
  }

  /// A protecting file says nothing any more once nothing has happened for long. One that cannot be read
  /// says so for as long as it is there.
  private func objectionOfProtection(
    _ evidence: Evidence, _ files: InstanceEvidence.Files, _ inside: Evidence.Inside, now: Now
  ) -> Judgement? {
    switch files.protection {
    case .none: return nil
    case .unknown: return .keep(.protected)
    case .since(_, let start):
      // A start that lies ahead says nothing: the file itself is no older than the newest change.
      let isAhead = start > now.wall
      let change = inside.newestChange ?? (isAhead ? nil : start)
      let rest = evidence.clocks.remainingQuiet(
        since: isAhead ? change : max(start, change ?? start), grace: protectStaleAfter, now: now)
      return rest > 0 ? .keep(.protected, recheckAfter: rest) : nil
    }
  }

  private func judgeIncomplete(
    _ evidence: Evidence, _ inside: Evidence.Inside, now: Now
  ) -> Judgement {
    guard let abandonedAfter else { return .keep(.incomplete) }
    let rest = evidence.clocks.remainingQuiet(
      since: inside.newestChange, grace: abandonedAfter, now: now)
    return rest > 0
      ? .keep(.incomplete, recheckAfter: rest) : .verdict(.dispose(.abandoned))
  }

  private func judgeComplete(
    _ evidence: Evidence, _ files: InstanceEvidence.Files, _ inside: Evidence.Inside, rule: Rule,
    now: Now
  ) -> Judgement {
    var expendable = Expendable(
      since: .min / 4, bytes: evidence.weight?.bytes, inodes: evidence.weight?.inodes)
    guard files.odd == nil else { return .unsure(.timeUnknown) }
    switch files.time {
    case .at(let time) where saturatingDifference(time, now.wall) <= rule.grace:
      expendable.since = time
    // It lies in the future, and so contradicts the clock.
    case .at: return .unsure(.timeUnknown)
    case .unknown where badTimestamp == .oldest:
      // It may be being written just now.
      let rest = evidence.clocks.remainingQuiet(
        since: inside.newestChange, grace: rule.grace, now: now)
      guard rest <= 0 else { return .keep(.recentlyChanged, recheckAfter: rest) }
    case .unknown: return .unsure(.timeUnknown)
    }
    return .verdict(.expendable(expendable))
  }
}
