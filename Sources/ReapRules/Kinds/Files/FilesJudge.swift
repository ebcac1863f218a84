// The rule for kind `files`: what nobody has open is expendable, to age where a copy is proved, to
// pressure where that or the rule allows it; and goes at once where the rule waits for its copy only.

extension FilesSettings {
  /// Each line that does not return keeps the file in danger.
  package func judge(_ evidence: Evidence, rule: Rule, now: Now) -> Judgement {
    let entry = evidence.entry
    let temporary = FileTemporary(entry.name)
    guard rule.match.matches(temporary?.stem ?? entry.name) else { return .keep(.notMatched) }
    guard entry.type == .regularFile else { return .keep(.notAFile) }
    guard !Self.isNeverTaken(entry.name, temporary) else { return .keep(.keptByHand) }
    guard !entry.isMountPoint else { return .keep(.mountPoint) }
    guard rule.owners.allows(entry.owner) else { return .keep(.foreignOwner) }

    let grace = evidence.clocks.remainingGrace(rule.grace, now: now)
    guard grace <= 0 else { return .keep(.young, recheckAfter: grace) }

    if let objection = evidence.objectionOfSurroundings { return objection }
    // Before anything is opened, so that a claim can compare.
    guard let facts = evidence.ofKind.files?.facts else { return .gather(.files) }
    guard let inside = evidence.inside else { return .gather(.inside) }
    if let objection = objectionOfUse(evidence, inside, now: now) { return objection }
    guard temporary == nil else { return judgeTemporary(evidence, inside, rule: rule, now: now) }
    return judgeUnused(evidence, facts, inside, rule: rule, now: now)
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
    return evidence.objectionOfDirectory(inside, now: now).map { .verdict($0) }
  }

  private func judgeTemporary(
    _ evidence: Evidence, _ inside: Evidence.Inside, rule: Rule, now: Now
  ) -> Judgement {
    let rest = evidence.clocks.remainingQuiet(
      since: inside.newestChange, grace: rule.grace, now: now)
    return rest > 0
      ? .keep(.recentlyChanged, recheckAfter: rest) : .verdict(.dispose(.staleTemporary))
  }

  private func judgeUnused(
    _ evidence: Evidence, _ facts: FilesEvidence.Facts, _ inside: Evidence.Inside, rule: Rule,
    now: Now
  ) -> Judgement {
    var isFree = copy == .notRequired
    var recheck: Nanoseconds?
    if asks(evidence, inside, rule: rule, now: now) {
      switch evidence.ofKind.files?.copy {
      case nil: return .gather(.copy)
      case .proved(let time)?:
        if isDueAfterCopy(since: time, evidence, inside, rule: rule, now: now) {
          return .verdict(.dispose(.copied))
        }
        isFree = true
      case .none(_, let until)?: recheck = until.map { max(1, $0 - now.monotonic) }
      case .asked?: break
      }
    } else if case .command = copy {
      // The program is asked once age or pressure demands the file's end.
      isFree = true
    }
    guard isFree || allowLastCopy && pressure != nil else {
      return .keep(.noCopy, recheckAfter: recheck)
    }
    // What has names elsewhere frees nothing.
    let isLast = facts.links <= 1
    return .verdict(
      .expendable(
        Expendable(
          since: facts.written, bytes: isLast ? facts.allocated : 0, inodes: isLast ? 1 : 0,
          yieldsToAge: isFree)))
  }

  /// Whether it has to be known now whether there is a copy.
  private func asks(
    _ evidence: Evidence, _ inside: Evidence.Inside, rule: Rule, now: Now
  ) -> Bool {
    switch copy {
    case .unproved, .notRequired: return false
    case .receipts: return true
    case .command:
      guard evidence.demand == nil, evidence.ofKind.files?.copy == nil else { return true }
      return remainingBeforeAsking(evidence, inside, rule: rule, now: now).map { $0 <= 0 } ?? false
    }
  }

  /// A program's yes is good for the moment only: so it is asked once `after_copy` has passed since the
  /// last change, and believed at once.
  private func isDueAfterCopy(
    since time: Nanoseconds, _ evidence: Evidence, _ inside: Evidence.Inside, rule: Rule, now: Now
  ) -> Bool {
    guard let afterCopy else { return false }
    guard case .command = copy else { return saturatingDifference(now.wall, time) >= afterCopy }
    return remainingBeforeAsking(evidence, inside, rule: rule, now: now).map { $0 <= 0 } ?? false
  }

  /// How long before a program is asked whether the file may go; nil where no time makes it be asked.
  package func remainingBeforeAsking(
    _ evidence: Evidence, _ inside: Evidence.Inside, rule: Rule, now: Now
  ) -> Nanoseconds? {
    guard case .command = copy, let afterCopy else { return nil }
    return evidence.clocks.remainingQuiet(
      since: inside.newestChange, grace: max(rule.grace, afterCopy), now: now)
  }
}
