// Every way in which an owner of scratch shows itself, in every state, beside every other one.

import Testing

@testable import ReapRules

@Suite("Two ways of kind scratch beside each other")
struct ScratchPairTests {
  enum State: CaseIterable { case alive, dead, unsure, silent }

  /// One way, and how the evidence looks in which it says something.
  struct Way: Sendable {
    let name: String
    let way: ScratchSettings.Way
    let states: [State]
    let tell: @Sendable (State, inout Evidence) -> Void
  }

  static let ways = [
    Way(
      name: "lock", way: .lock(ScratchPath("../{name}.lock")!), states: State.allCases
    ) { state, evidence in
      evidence.lock =
        switch state {
        case .alive: .held
        case .dead: .taken
        case .unsure: .notAFile("a FIFO")
        case .silent: .missing
        }
    },
    Way(
      name: "pid", way: .pidInFile(PidFile(path: ScratchPath(".pid")!)), states: State.allCases
    ) { state, evidence in
      evidence.ofKind.scratch?.process =
        switch state {
        case .alive: .alive(5)
        case .dead: .dead(5)
        case .unsure: .unknown("another host's")
        case .silent: .nothing
        }
    },
    Way(name: "open", way: .open, states: [.alive, .unsure, .silent]) { state, evidence in
      evidence.inside?.openness =
        switch state {
        case .alive: .open("f")
        case .unsure: .unknown("no lease")
        case .dead, .silent: .nothingOpen
        }
    },
    Way(name: "boot", way: .boot, states: [.dead, .unsure, .silent]) { state, evidence in
      evidence.ofKind.scratch?.boot =
        switch state {
        case .dead: .at(50 * second)
        case .unsure: .unknown("the clock was set")
        case .alive, .silent: .at(5 * second)
        }
    },
  ]

  private static func evidence() -> Evidence {
    var own = ScratchEvidence()
    own.process = .nothing
    own.boot = .at(5 * second)
    var evidence = Evidence(
      entry: .init(name: EntryName("w-5")!, type: .directory, owner: 0, isMountPoint: false),
      clocks: .init(birth: 10 * second, firstSeen: 0), ofKind: .scratch(own), lock: .missing,
      surroundings: .clear, inside: .init(openness: .nothingOpen, newestChange: 20 * second))
    evidence.life = .nobody
    return evidence
  }

  private func isDisposed(
    _ evidence: Evidence, _ ways: [ScratchSettings.Way], quiet: Nanoseconds?
  ) throws -> Bool {
    var settings = ScratchSettings(ownedBy: ways)
    settings.quiet = quiet
    settings.quarantine = 0
    let rule = Rule(
      name: "s", root: "/x/y", match: try Glob("w-*"), grace: 1, owners: .anyone,
      kind: .scratch(settings))
    let now = Now(wall: 1_000 * second, monotonic: 1_000 * second)
    guard case .verdict(let verdict) = judge(evidence, rule: rule, now: now) else {
      Issue.record("something is still asked for")
      return false
    }
    if case .dispose = verdict { return true }
    return false
  }

  @Test(
    "Alive if any says so; dead if one proves it and none is in doubt; what is quiet, otherwise")
  func pairs() throws {
    for first in Self.ways {
      for second in Self.ways where second.name != first.name {
        for one in first.states {
          for other in second.states {
            var evidence = Self.evidence()
            first.tell(one, &evidence)
            second.tell(other, &evidence)
            let said = [one, other]
            let isObjected = said.contains(.alive) || said.contains(.unsure)
            let isProved = said.contains(.dead)
            let words = "\(first.name) \(one), \(second.name) \(other)"
            for quiet in [nil, 1] as [Nanoseconds?] {
              #expect(
                try isDisposed(evidence, [first.way, second.way], quiet: quiet)
                  == (!isObjected && (isProved || quiet != nil)), "\(words)")
            }
          }
        }
      }
    }
  }

  @Test("One sign of life more never turns keep into dispose")
  func monotone() throws {
    for seed in UInt64(1)...4_000 {
      var random = SeededRandom(seed: seed)
      let ways = Self.ways.filter { _ in Bool.random(using: &random) }
      guard !ways.isEmpty else { continue }
      var evidence = Self.evidence()
      for way in ways { way.tell(way.states.randomElement(using: &random)!, &evidence) }
      let quiet: Nanoseconds? = [nil, 1, 2_000 * second].randomElement(using: &random)!
      let before = try isDisposed(evidence, ways.map(\.way), quiet: quiet)
      let more = ways.filter { $0.states.contains(.alive) }.randomElement(using: &random)
      more?.tell(.alive, &evidence)
      let after = try isDisposed(evidence, ways.map(\.way), quiet: quiet)
      #expect(before || !after, "seed \(seed)")
    }
  }
}
