/// The only thing that decides about a deletion: pure, the same for every command.
package func judge(_ evidence: Evidence, rule: Rule, now: Now) -> Judgement {
  guard !rule.neverTakes(evidence.entry.name) else { return .keep(.keptByHand) }
  let judgement = rule.kind.judge(evidence, rule: rule, now: now)
  guard case .verdict(.dispose) = judgement else { return judgement }
  // Whatever its kind says of its owner's end:
  guard evidence.inside?.foreignDirectory == nil else { return .keep(.foreignInside) }
  // Without a claimed name it would go under the eyes of an owner that may come back.
  let isTooLong = evidence.entry.name.bytes.count > ClaimName.longestOriginal
  guard !isTooLong || evidence.isProvedByLock else { return .keep(.cannotClaim) }
  return judgement
}

extension Evidence {
  /// What keeps a directory whatever its lock file says.
  func objectionOfDirectory(_ inside: Inside, now: Now) -> Verdict? {
    // First: `restore` holds the directory's lock while it pins.
    if inside.isPinned { return .keep(.keptByHand, recheckAfter: nil) }
    if inside.isLocked { return .keep(.directoryLocked, recheckAfter: clocks.backOff(now: now)) }
    return inside.namedProcess != nil ? .unsure(.lockNamesProcess) : nil
  }

  /// What keeps a directory that no lock proves dead: somebody who can be seen uses it. No event
  /// tells of its end, so it is looked at again, less and less often.
  func objectionOfProcesses(now: Now) -> Judgement? {
    switch life {
    case nil: .gather(.life)
    case .nobody: nil
    case .unknown: .unsure(.processesUnknown)
    case .used(let use, _, _): .keep(use.reason, recheckAfter: clocks.backOff(now: now))
    }
  }
}

extension Evidence.Life.Use {
  var reason: Reason {
    switch self {
    case .workingDirectory, .rootDirectory: .workingDirectory
    case .openDirectory: .directoryOpen
    case .unlinkedFile: .fileOpen
    case .openFIFO: .fifoOpen
    case .boundSocket: .socketBound
    case .mount: .mountInside
    }
  }
}

extension Evidence.Clocks {
  /// When to look again at something that no event tells of: soon at first, then ever more seldom,
  /// at most as seldom as the usual backstop.
  package func backOff(now: Now) -> Nanoseconds {
    let known = saturatingDifference(now.monotonic, firstSeen)
    return max(nanosecondsPerSecond, min(known / 4, 300 * nanosecondsPerSecond))
  }

  /// How much of the grace is left; zero or less when it is over by every clock that counts.
  ///
  /// A stamp more than a grace in the future is contradictory, and a candidate without any stamp
  /// has no evidence of age: then monotonic time since reapd first saw it decides.
  package func remainingGrace(_ grace: Nanoseconds, now: Now) -> Nanoseconds {
    var remaining: Nanoseconds = 0
    var sinceFirstSeen = name == nil && birth == nil && sawCreation == nil
    for stamp in [name, birth] {
      guard let stamp else { continue }
      let age = saturatingDifference(now.wall, stamp)
      if age < -grace { sinceFirstSeen = true } else { remaining = max(remaining, grace - age) }
    }
    if let sawCreation { remaining = max(remaining, grace - (now.monotonic - sawCreation)) }
    if sinceFirstSeen { remaining = max(remaining, grace - (now.monotonic - firstSeen)) }
    return remaining
  }

  /// How long until nothing has changed for a grace, by the newest change time. One that is
  /// lacking, or more than a grace in the future, gives way to the time since first seen.
  package func remainingQuiet(
    since change: Nanoseconds?, grace: Nanoseconds, now: Now
  ) -> Nanoseconds {
    if let change {
      let age = saturatingDifference(now.wall, change)
      if age >= -grace { return grace - age }
    }
    return grace - (now.monotonic - firstSeen)
  }
}

/// Stamps come from names and file systems, so their differences may not fit.
package func saturatingDifference(_ left: Nanoseconds, _ right: Nanoseconds) -> Nanoseconds {
  let (difference, overflow) = left.subtractingReportingOverflow(right)
  return overflow ? (left < right ? .min / 2 : .max / 2) : max(difference, .min / 2)
}
