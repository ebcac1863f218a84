// What must hold of the judge for any evidence at all, from seeded random evidence.

import Testing

@testable import ReapRules

@Suite("The judge, on any evidence")
struct JudgePropertyTests {
  static let grace = 30 * second

  /// Independent of the judge: whether a stamp says that the grace is over.
  static func isOld(_ clocks: Evidence.Clocks, _ now: Now) -> Bool {
    var mustWait = [Nanoseconds]()
    var contradicts = clocks.name == nil && clocks.birth == nil && clocks.sawCreation == nil
    for stamp in [clocks.name, clocks.birth].compactMap({ $0 }) {
      let future = Double(stamp) - Double(now.wall)
      if future > Double(grace) { contradicts = true } else { mustWait.append(now.wall - stamp) }
    }
    if let saw = clocks.sawCreation { mustWait.append(now.monotonic - saw) }
    if contradicts { mustWait.append(now.monotonic - clocks.firstSeen) }
    return mustWait.allSatisfy { $0 >= grace }
  }

  static func randomEvidence(_ random: inout SeededRandom) -> Evidence {
    func stamp(_ now: Nanoseconds) -> Nanoseconds? {
      random.pick([
        nil, now - grace, now - grace + 1, now - 100 * second, now - random.below(2 * grace),
        now + grace, now + grace + 1, now + random.below(3 * grace), 0,
      ])
    }
    func mostly<Value>(_ usual: Value, _ others: [Value]) -> Value {
      random.chance(75) ? usual : random.pick(others)
    }
    let clocks = Evidence.Clocks(
      name: stamp(judgingTime.wall), birth: stamp(judgingTime.wall),
      sawCreation: random.pick([nil, 0, judgingTime.monotonic - random.below(2 * grace)]),
      firstSeen: judgingTime.monotonic - random.below(3 * grace))
    let entry = Evidence.Entry(
      name: mostly(entryName("spill_1_2"), [entryName("x")]),
      type: mostly(.directory, [.symbolicLink, .other]), owner: mostly(1000, [0, 1001]),
      isMountPoint: mostly(false, [true]))
    let lock = random.pick([
      Evidence.Lock.held, .taken, .taken, .takenUnlinked, .missing, .missing, .notAFile("x"),
      .unreadable("x"), .unknown("x"),
    ])
    let inside = Evidence.Inside(
      openness: mostly(.nothingOpen, [.open("x"), .unknown("x")]),
      newestChange: stamp(judgingTime.wall), foreignEntry: mostly(nil, ["x"]))
    var evidence = Evidence(
      entry: entry, clocks: clocks, ofKind: .spill, lock: mostly(lock, [nil]),
      surroundings: mostly(.clear, [nil, .mountInside("x"), .rootInside("x"), .unknown("x")]),
      inside: mostly(inside, [nil]))
    evidence.life = mostly(
      .nobody, [nil, .used(.openFIFO, pid: 7, command: "x"), .unknown("x")])
    evidence.inside?.isLocked = mostly(false, [true])
    evidence.inside?.namedProcess = mostly(nil, [7])
    evidence.inside?.isPinned = mostly(false, [true])
    return evidence
  }

  @Test("What is disposed of is beyond every objection, restated independently")
  func disposalIsSafe() {
    var disposed = 0
    for seed in UInt64(1)...40_000 {
      var random = SeededRandom(seed: seed)
      let evidence = Self.randomEvidence(&random)
      let missingLock: MissingLock = random.chance(80) ? .reap : .keep
      let rule = spillRule(grace: Self.grace, missingLock: missingLock)
      let judgement = judge(evidence, rule: rule, now: judgingTime)
      if case .gather = judgement { #expect(Self.isOld(evidence.clocks, judgingTime), "\(seed)") }
      guard case .verdict(.dispose(let reason)) = judgement else { continue }
      disposed += 1
      let isFree = evidence.lock == .taken || evidence.lock == .takenUnlinked
      let change = evidence.inside?.newestChange ?? .max
      let quietClock =
        change > judgingTime.wall + Self.grace
        ? judgingTime.monotonic - evidence.clocks.firstSeen : judgingTime.wall - change
      let isQuiet = quietClock >= Self.grace
      let isSafe =
        evidence.entry.name == entryName("spill_1_2") && evidence.entry.type == .directory
        && evidence.entry.owner == 1000 && !evidence.entry.isMountPoint
        && Self.isOld(evidence.clocks, judgingTime)
        && (isFree || (evidence.lock == .missing && isQuiet && missingLock == .reap))
        && evidence.surroundings == .clear && evidence.inside?.openness == .nothingOpen
        && evidence.inside?.foreignEntry == nil && (isFree || evidence.life == .nobody)
        && evidence.inside?.isLocked == false && evidence.inside?.isPinned == false
        && evidence.inside?.namedProcess == nil
        && reason == (isFree ? .lockReleased : .lockMissing)
      if !isSafe { Issue.record("seed \(seed): disposed of \(evidence)") }
    }
    #expect(disposed > 100, "random evidence must reach the disposal often")
  }

  @Test("More evidence of life never makes it go")
  func monotone() {
    let more: [(inout Evidence) -> Void] = [
      { $0.life = .used(.workingDirectory, pid: 7, command: "x") }, { $0.life = .unknown("x") },
      { $0.inside?.isLocked = true }, { $0.inside?.namedProcess = 7 },
      { $0.inside?.isPinned = true }, { $0.inside?.openness = .open("x") },
      { $0.lock = .held }, { $0.clocks.sawCreation = judgingTime.monotonic },
    ]
    let rule = spillRule(grace: Self.grace)
    for seed in UInt64(1)...5000 {
      var random = SeededRandom(seed: seed)
      let evidence = Self.randomEvidence(&random)
      guard case .verdict(let verdict) = judge(evidence, rule: rule, now: judgingTime) else {
        continue
      }
      if case .dispose = verdict { continue }
      for change in more {
        var livelier = evidence
        change(&livelier)
        if case .verdict(.dispose) = judge(livelier, rule: rule, now: judgingTime) {
          Issue.record("seed \(seed): \(verdict) became dispose")
        }
      }
    }
  }

  @Test("What is kept for its age goes, or is kept for another reason, after that time")
  func recheckIsExact() {
    for seed in UInt64(1)...20_000 {
      var random = SeededRandom(seed: seed)
      let evidence = Self.randomEvidence(&random)
      let rule = spillRule(grace: Self.grace)
      guard
        case .verdict(.keep(let reason, .some(let wait))) = judge(
          evidence, rule: rule, now: judgingTime)
      else { continue }
      func later(_ span: Nanoseconds) -> Judgement {
        judge(
          evidence, rule: rule,
          now: Now(wall: judgingTime.wall + span, monotonic: judgingTime.monotonic + span))
      }
      #expect(wait > 0, "seed \(seed)")
      #expect(later(wait) != .keep(reason, recheckAfter: 0), "seed \(seed)")
      if case .verdict(.keep(reason, .some(let rest))) = later(wait) {
        // A stamp was more than a grace ahead, and counts once it is less.
        #expect(rest <= 2 * Self.grace, "seed \(seed)")
      }
    }
  }
}
