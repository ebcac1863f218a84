extension Evidence {
  /// Every stamp that tells the candidate's age. Nil: that clock is lacking.
  package struct Clocks: Sendable, Equatable {
    /// Wall clock, from the name.
    package var name: Nanoseconds?
    /// Wall clock, from the inode.
    package var birth: Nanoseconds?
    /// Monotonic, when reapd saw it come: made or moved in, or found after events were lost.
    package var sawCreation: Nanoseconds?
    /// Monotonic, when reapd first saw it.
    package var firstSeen: Nanoseconds

    package init(
      name: Nanoseconds? = nil, birth: Nanoseconds? = nil, sawCreation: Nanoseconds? = nil,
      firstSeen: Nanoseconds
    ) {
      self.name = name
      self.birth = birth
      self.sawCreation = sawCreation
      self.firstSeen = firstSeen
    }

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
}
