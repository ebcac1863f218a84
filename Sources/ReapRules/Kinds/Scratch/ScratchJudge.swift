// The rule for kind `scratch`: alive if any way says so; dead only if one proves it and none is in
// doubt.

extension ScratchSettings {
  /// The one place that decides about scratch. Each line that does not return keeps it in danger;
  /// what disposes stands only at the end, when every objection has been heard.
  package func judge(_ evidence: Evidence, rule: Rule, now: Now) -> Judgement {
    let entry = evidence.entry
    guard rule.match.matches(entry.name) else { return .keep(.notMatched) }
    switch entry.type {
    case .directory where entries.takesDirectories, .regularFile where entries.takesFiles: break
    default: return .keep(entries.takesDirectories ? .notADirectory : .notAFile)
    }
    guard !entry.isMountPoint else { return .keep(.mountPoint) }
    guard rule.owners.allows(entry.owner) else { return .keep(.foreignOwner) }

    let grace = evidence.clocks.remainingGrace(rule.grace, now: now)
    guard grace <= 0 else { return .keep(.young, recheckAfter: grace) }

    if let objection = objectionOfOwner(evidence, now: now) { return objection }
    if lockFile != nil {
      guard let lock = evidence.lock else { return .gather(.lock) }
      if let objection = lock.objection { return objection }
    }
    if let objection = evidence.objectionOfSurroundings { return objection }
    guard let inside = evidence.inside else { return .gather(.inside) }
    if let objection = objectionOfUse(evidence, inside, now: now) { return objection }
    return judgeUnused(evidence, inside, now: now)
  }

  private func objectionOfOwner(_ evidence: Evidence, now: Now) -> Judgement? {
    guard namesProcess else { return nil }
    return switch evidence.ofKind.scratch?.process {
    case nil: .gather(.owner)
    case .alive?: .keep(.ownerAlive, recheckAfter: evidence.clocks.backOff(now: now))
    case .unknown?: .unsure(.ownerUnknown)
    case .dead?, .nothing?: nil
    }
  }

  /// Signs of life count whether the rule asks for them or not; not to be able to look is a doubt where
  /// it does, and where there is no proof.
  private func objectionOfUse(
    _ evidence: Evidence, _ inside: Evidence.Inside, now: Now
  ) -> Judgement? {
    // First: whoever pins a file has it open meanwhile.
    if inside.isPinned { return .keep(.keptByHand) }
    let isDoubt = needsOpenness || !evidence.isProvedByLock
    switch inside.openness {
    case .open: return .keep(.fileOpen, recheckAfter: evidence.clocks.backOff(now: now))
    case .unknown where isDoubt: return .unsure(.useUnknown)
    case .unknown, .nothingOpen: break
    }
    if let objection = evidence.objectionOfDirectory(inside, now: now) {
      return .verdict(objection)
    }
    if case .unknown? = evidence.life, !isDoubt { return nil }
    return evidence.objectionOfProcesses(now: now)
  }

  private func judgeUnused(
    _ evidence: Evidence, _ inside: Evidence.Inside, now: Now
  ) -> Judgement {
    var proof: Reason? = evidence.isProvedByLock ? .lockReleased : nil
    if proof == nil, case .dead? = evidence.ofKind.scratch?.process { proof = .ownerDead }
    // Its removal was decided upon once, and has begun: nobody is served by half of it.
    if evidence.claim == .unfinished { return .verdict(.dispose(proof ?? .quiet)) }
    if needsBoot {
      switch isOlderThanBoot(evidence, inside) {
      case nil: return .unsure(.bootUnknown)
      case true?: proof = proof ?? .beforeBoot
      case false?: break
      }
    }
    if proof == nil {
      guard let quiet else { return .keep(.unproved) }
      let wait = evidence.clocks.remainingQuiet(since: inside.newestChange, grace: quiet, now: now)
      guard wait <= 0 else { return .keep(.recentlyChanged, recheckAfter: wait) }
    }
    return .verdict(afterQuarantine(evidence, proof ?? .quiet, inside, now: now))
  }

  /// Nil where it cannot be told.
  private func isOlderThanBoot(_ evidence: Evidence, _ inside: Evidence.Inside) -> Bool? {
    guard case .at(let boot)? = evidence.ofKind.scratch?.boot, let birth = evidence.clocks.birth,
      let change = inside.newestChange
    else { return nil }
    return birth < boot && change < boot
  }

  private func afterQuarantine(
    _ evidence: Evidence, _ proof: Reason, _ inside: Evidence.Inside, now: Now
  ) -> Verdict {
    let span = quarantine ?? (proof == .quiet ? Self.defaultQuarantine : 0)
    guard span > 0 else { return .dispose(proof) }
    guard let condemned = evidence.ofKind.scratch?.condemned else {
      return .condemn(proof, for: span)
    }
    // Somebody was at work in it since: what follows begins from nothing, at once.
    if let before = condemned.newestChange, let change = inside.newestChange, before != change {
      return .keep(.recentlyChanged, recheckAfter: 1)
    }
    let rest = span - saturatingDifference(now.monotonic, condemned.since)
    return rest > 0 ? .keep(.quarantined, recheckAfter: rest) : .dispose(proof)
  }
}
