// The rule for kind `spill`: one directory per upload, owned for as long as its lock is held.

extension SpillSettings {
  /// The one place that decides about a spill directory. Each line that does not return keeps it
  /// in danger; `.dispose` stands only at the end, when every objection has been heard.
  package func judge(_ evidence: Evidence, rule: Rule, now: Now) -> Judgement {
    let entry = evidence.entry
    guard rule.match.matches(entry.name) else { return .keep(.notMatched) }
    guard entry.type == .directory else { return .keep(.notADirectory) }
    guard !entry.isMountPoint else { return .keep(.mountPoint) }
    guard rule.owners.allows(entry.owner) else { return .keep(.foreignOwner) }

    let grace = evidence.clocks.remainingGrace(rule.grace, now: now)
    guard grace <= 0 else { return .keep(.young, recheckAfter: grace) }

    guard let lock = evidence.lock else { return .gather(.lock) }
    if let objection = lock.objection { return objection }
    if lock == .missing, missingLock == .keep { return .keep(.missingLockKept) }

    if let objection = evidence.objectionOfSurroundings { return objection }

    guard let inside = evidence.inside else { return .gather(.inside) }
    if lock == .missing {
      let quiet = evidence.clocks.remainingQuiet(
        since: inside.newestChange, grace: rule.grace, now: now)
      guard quiet <= 0 else { return .keep(.recentlyChanged, recheckAfter: quiet) }
    }
    switch inside.openness {
    case .nothingOpen: break
    case .open: return .keep(lock == .missing ? .fileOpen : .lockOpen)
    case .unknown: return .unsure(.useUnknown)
    }
    guard inside.foreignEntry == nil else { return .keep(.foreignContents) }
    if let objection = evidence.objectionOfDirectory(inside, now: now) {
      return .verdict(objection)
    }
    if lock == .missing, let objection = evidence.objectionOfProcesses(now: now) {
      return objection
    }

    return .verdict(.dispose(lock == .missing ? .lockMissing : .lockReleased))
  }
}
