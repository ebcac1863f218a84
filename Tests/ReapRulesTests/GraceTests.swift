// The grace, at the boundary of each clock that can tell a candidate's age.

import Testing

@testable import ReapRules

@Suite("The grace")
struct GraceTests {
  static let grace = 30 * second
  static let clocks: [any WritableKeyPath<Evidence.Clocks, Nanoseconds?> & Sendable] = [
    \.name, \.birth, \.sawCreation,
  ]

  private func remaining(
    firstSeen: Nanoseconds = 0, _ set: (inout Evidence.Clocks) -> Void
  ) -> Nanoseconds {
    var clocks = Evidence.Clocks(firstSeen: firstSeen)
    set(&clocks)
    return clocks.remainingGrace(Self.grace, now: judgingTime)
  }

  @Test("It ends exactly one grace after the stamp of any clock")
  func boundaries() {
    for clock in Self.clocks {
      let now = clock == \.sawCreation ? judgingTime.monotonic : judgingTime.wall
      #expect(remaining { $0[keyPath: clock] = now } == Self.grace)
      #expect(remaining { $0[keyPath: clock] = now - Self.grace + 1 } == 1)
      #expect(remaining { $0[keyPath: clock] = now - Self.grace } == 0)
      #expect(remaining { $0[keyPath: clock] = now - Self.grace - 1 } == 0)
    }
  }

  @Test("The youngest clock decides")
  func youngest() {
    #expect(
      remaining {
        $0.name = judgingTime.wall - 5 * second
        $0.birth = judgingTime.wall - 9 * second
        $0.sawCreation = judgingTime.monotonic - 2 * second
      } == 28 * second)
  }

  @Test("A wall stamp ahead by a grace or less is believed")
  func slightlyAhead() {
    for clock in Self.clocks.prefix(2) {
      #expect(remaining { $0[keyPath: clock] = judgingTime.wall + 1 } == Self.grace + 1)
      #expect(
        remaining { $0[keyPath: clock] = judgingTime.wall + Self.grace } == 2 * Self.grace)
    }
  }

  @Test("A wall stamp further ahead gives way to the time since it was first seen")
  func farAhead() {
    for clock in Self.clocks.prefix(2) {
      let ahead = judgingTime.wall + Self.grace + 1
      #expect(remaining { $0[keyPath: clock] = ahead } == 0)
      let seen = judgingTime.monotonic - second
      #expect(remaining(firstSeen: seen) { $0[keyPath: clock] = ahead } == 29 * second)
    }
  }

  @Test("Without any stamp the time since it was first seen decides")
  func noStamps() {
    let now = judgingTime.monotonic
    #expect(remaining(firstSeen: now - Self.grace + 1) { _ in } == 1)
    #expect(remaining(firstSeen: now - Self.grace) { _ in } == 0)
  }

  @Test("First seen does not count where another stamp does")
  func firstSeenGivesWay() {
    #expect(remaining(firstSeen: judgingTime.monotonic) { $0.birth = 0 } == 0)
    #expect(remaining(firstSeen: judgingTime.monotonic) { $0.sawCreation = 0 } == 0)
  }

  @Test("Quiet ends exactly one grace after the newest change")
  func quiet() {
    let clocks = Evidence.Clocks(firstSeen: judgingTime.monotonic - second)
    func quiet(_ change: Nanoseconds?) -> Nanoseconds {
      clocks.remainingQuiet(since: change, grace: Self.grace, now: judgingTime)
    }
    #expect(quiet(judgingTime.wall - Self.grace) == 0)
    #expect(quiet(judgingTime.wall - Self.grace + 1) == 1)
    #expect(quiet(judgingTime.wall + Self.grace) == 2 * Self.grace)
    #expect(quiet(judgingTime.wall + Self.grace + 1) == 29 * second)
    #expect(quiet(nil) == 29 * second)
  }

  @Test("The most extreme stamps and the longest grace of a rule never trap")
  func extremes() {
    let stamps: [Nanoseconds?] = [nil, .min, .min + 1, -1, 0, 1, .max / 2, .max - 1, .max]
    let longest = 365 * 86400 * second
    for name in stamps {
      for birth in stamps {
        for wall in [Nanoseconds.min, -1, 0, judgingTime.wall, .max] {
          for grace in [1, Self.grace, longest] {
            let clocks = Evidence.Clocks(name: name, birth: birth, firstSeen: 0)
            let now = Now(wall: wall, monotonic: judgingTime.monotonic)
            let left = clocks.remainingGrace(grace, now: now)
            #expect((0...2 * grace).contains(left))
            _ = clocks.remainingQuiet(since: birth, grace: grace, now: now)
          }
        }
      }
    }
  }
}
