/// The only thing that decides about a deletion: pure, the same for every command.
package func judge(_ evidence: Evidence, rule: Rule, now: Now) -> Judgement {
  guard !rule.neverTakes(evidence.entry.name) else { return .keep(.keptByHand) }
  return switch rule.kind {
  case .spill(let settings): settings.judge(evidence, rule: rule, now: now)
  case .generations(let settings): settings.judge(evidence, rule: rule, now: now)
  }
}

extension Evidence.Clocks {
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
