// What must hold of the judge for any evidence at all on a generation, from seeded evidence.

import Testing

@testable import ReapRules

@Suite("The judge of generations, on any evidence")
struct GenerationPropertyTests {
  static let now = generationTime

  static func randomRule(_ random: inout SeededRandom) -> Rule {
    let locks = random.chance(40)
    let names = random.chance(40)
    let (trusts, yields) = (random.chance(50), random.chance(30))
    let quarantine = random.pick([nil, nil, 0, 60 * second, 2 * hour])
    return generationRule {
      $0.lock = locks ? entryName(".lock") : nil
      $0.ownerPidfile = names ? OwnerPidfile(path: "/x") : nil
      ($0.trustPids, $0.quarantineYields, $0.quarantine) = (trusts, yields, quarantine)
    }
  }

  static func randomEvidence(_ random: inout SeededRandom) -> Evidence {
    func mostly<Value>(_ usual: Value, _ others: [Value]) -> Value {
      random.chance(80) ? usual : random.pick(others)
    }
    func stamp(_ now: Nanoseconds, _ span: Nanoseconds) -> Nanoseconds? {
      random.pick([
        nil, now - span, now - span + 1, now - 3 * span, now - 3 * span,
        now - random.below(2 * span),
        now + 1, now + random.below(3 * span), 0, .max, .min,
      ])
    }
    var evidence = Evidence(
      entry: .init(
        name: mostly(entryName("table"), [entryName("table-1"), entryName("tables")]),
        type: mostly(.directory, [.symbolicLink, .regularFile, .other]),
        owner: mostly(1000, [0]), isMountPoint: mostly(false, [true])),
      clocks: .init(
        birth: mostly(0, [now.wall - random.below(hour), nil]),
        firstSeen: now.monotonic - random.below(3 * hour)),
      ofKind: .generations(GenerationEvidence()),
      lock: mostly(
        random.pick([.taken, .missing]),
        [nil, .held, .takenUnlinked, .notAFile("x"), .unreadable("x"), .unknown("x")]),
      surroundings: mostly(.clear, [nil, .mountInside("x"), .rootInside("x"), .unknown("x")]),
      inside: mostly(
        .init(
          openness: mostly(.nothingOpen, [.open("x"), .unknown("x")]),
          newestChange: stamp(now.wall, hour)), [nil]))
    evidence.claim = random.pick([.none, .none, .none, .split, .unfinished, .found])
    if random.chance(60) {
      evidence.condemned = .init(
        since: now.monotonic - random.below(3 * hour),
        newestChange: mostly(
          evidence.inside?.newestChange, [nil, evidence.inside?.newestChange.map { $0 &- 1 }]),
        id: now.wall)
    }
    evidence.life = mostly(.nobody, [nil, .used(.mount, pid: 7, command: "x"), .unknown("x")])
    evidence.inside?.isLocked = mostly(false, [true])
    evidence.inside?.writer = mostly(nil, [7])
    evidence.inside?.isPinned = mostly(false, [true])
    var partition = Evidence.Partition(
      cursor: mostly(.known(entryName("table-1")), [.unknown("x"), .known(entryName("table"))]),
      live: mostly(.complete, [.incomplete, .absent, .unknown("x")]),
      cursorChange: stamp(now.wall, 600 * second))
    partition.liveSince = random.pick([nil, now.monotonic - random.below(1200 * second)])
    partition.conflict = mostly(nil, ["table"])
    evidence.partition = mostly(partition, [nil])
    evidence.marker = random.chance(30) ? stamp(now.wall, 600 * second) : nil
    evidence.owner = random.pick([
      nil, .alive(pid: 1, since: now.wall - random.below(3 * hour)), .exited(pid: 1, at: .max),
      .exited(pid: 1, at: stamp(now.wall, 2 * hour) ?? 0), .absent(pid: 1), .unknown("x"),
    ])
    evidence.shortage = random.chance(30) ? RoomShortage(bytes: 1) : nil
    return evidence
  }

  static func isDisposal(_ evidence: Evidence, _ rule: Rule) -> Reason? {
    guard case .verdict(.dispose(let reason)) = judge(evidence, rule: rule, now: now) else {
      return nil
    }
    return reason
  }

  static func ago(_ stamp: Nanoseconds?, _ now: Nanoseconds) -> Double {
    stamp.map { Double(now) - Double($0) } ?? -.infinity
  }

  static func hasExited(_ evidence: Evidence, since change: Nanoseconds?) -> Bool {
    guard case .exited(_, let exit) = evidence.owner else { return false }
    guard let change else { return true }
    return Double(exit) >= Double(change)
  }

  /// Restated independently of the judge, in doubles, which cannot overflow.
  static func isSafe(_ evidence: Evidence, _ settings: GenerationSettings, _ reason: Reason) -> Bool
  {
    guard let partition = evidence.partition, let inside = evidence.inside else { return false }
    let superseded = max(
      ago(partition.cursorChange, now.wall), ago(partition.liveSince, now.monotonic))
    let isFinished = evidence.claim == .unfinished
    let isFree = evidence.lock == .taken || evidence.lock == .takenUnlinked
    let isFuture = ago(inside.newestChange, now.wall) < -Double(hour)
    let unchanged =
      inside.newestChange == nil || isFuture
      ? Double(now.monotonic - evidence.clocks.firstSeen) : ago(inside.newestChange, now.wall)
    let proved =
      switch reason {
      case .lockReleased: isFree && settings.lock != nil
      case .ownerDead:
        settings.ownerPidfile != nil
          && (hasExited(evidence, since: inside.newestChange)
            || (evidence.owner == .absent(pid: 1) && settings.trustPids))
      case .quiet: isFinished || (unchanged >= Double(hour) && isNobodys(evidence, unchanged))
      default: false
      }
    let span = settings.quarantine ?? (reason == .quiet ? hour : 0)
    var waited = span == 0 || isFinished
    if let condemned = evidence.condemned {
      let isSame =
        condemned.newestChange == nil || condemned.newestChange == inside.newestChange
        || inside.newestChange == nil
      waited =
        waited
        || (isSame
          && (now.monotonic - condemned.since >= span
            || (evidence.shortage != nil && (reason != .quiet || settings.quarantineYields))))
    }
    let isMeant = partition.cursor.name == evidence.entry.name
    let isSound = [nil, .missing, .taken, .takenUnlinked].contains(evidence.lock)
    let name = evidence.entry.name
    return (name == entryName("table") || name == entryName("table-1"))
      && evidence.entry.type == .directory
      && evidence.entry.owner == 1000 && !evidence.entry.isMountPoint
      && partition.cursor.name != nil && (!isMeant || isFinished) && evidence.claim != .found
      && partition.live == .complete
      && partition.conflict == nil && !inside.isPinned && !inside.isLocked
      && (evidence.life == .nobody || reason == .lockReleased)
      && (inside.writer == nil || reason == .lockReleased)
      && (superseded >= Double(600 * second) || isFinished) && isSound
      && evidence.surroundings == .clear
      && inside.openness == .nothingOpen && proved && waited
  }

  /// Whether no living owner that the pid file names may be at work in it.
  static func isNobodys(_ evidence: Evidence, _ unchanged: Double) -> Bool {
    guard case .alive(_, let start) = evidence.owner else { return true }
    if let change = evidence.inside?.newestChange, Double(change) < Double(start) - 2e9 {
      return true
    }
    return unchanged >= 2 * Double(hour)
  }

  @Test("What is disposed of is beyond every objection, restated independently")
  func disposalIsSafe() {
    var disposed: [Reason: Int] = [:]
    for seed in UInt64(1)...40_000 {
      var random = SeededRandom(seed: seed)
      let evidence = Self.randomEvidence(&random)
      let rule = Self.randomRule(&random)
      guard let reason = Self.isDisposal(evidence, rule),
        case .generations(let settings) = rule.kind
      else { continue }
      disposed[reason, default: 0] += 1
      if !Self.isSafe(evidence, settings, reason) {
        Issue.record("seed \(seed): disposed of \(evidence)")
      }
    }
    for proof in [Reason.lockReleased, .ownerDead, .quiet] {
      #expect(disposed[proof, default: 0] > 50, "\(proof) must be reached often")
    }
  }

  static let signsOfLife: [(String, @Sendable (inout Evidence) -> Void)] = [
    (
      "the cursor names it",
      {
        let name = $0.entry.name
        $0.partition?.cursor = .known(name)
        if $0.claim == .unfinished { $0.claim = .none }
      }
    ),
    ("the cursor cannot be read", { $0.partition?.cursor = .unknown("torn") }),
    ("its name is there twice", { $0.partition?.conflict = "table" }),
    ("the live one is gone", { $0.partition?.live = .absent }),
    ("the live one is incomplete", { $0.partition?.live = .incomplete }),
    ("its lock is held", { $0.lock = .held }),
    ("a file in it is open", { $0.inside?.openness = .open("x") }),
    ("use is unknown", { $0.inside?.openness = .unknown("x") }),
    ("somebody pinned it", { $0.inside?.isPinned = true }),
    ("its directory is locked", { $0.inside?.isLocked = true }),
    ("something is mounted in it", { $0.surroundings = .mountInside("x") }),
  ]

  @Test("A sign of life keeps it, whatever else is known", arguments: signsOfLife.indices)
  func signOfLife(index: Int) {
    for seed in UInt64(1)...5000 {
      var random = SeededRandom(seed: seed)
      var evidence = Self.randomEvidence(&random)
      let rule = Self.randomRule(&random)
      Self.signsOfLife[index].1(&evidence)
      if Self.isDisposal(evidence, rule) != nil {
        Issue.record("seed \(seed): \(Self.signsOfLife[index].0), and it was disposed of")
      }
    }
  }

  static let moreLife: [(String, @Sendable (inout Evidence) -> Void)] = [
    ("a change", { $0.inside?.newestChange = now.wall }),
    ("a living owner", { $0.owner = .alive(pid: 1, since: now.wall - hour) }),
    ("a process in it", { $0.life = .used(.workingDirectory, pid: 7, command: "x") }),
    ("a living writer", { $0.inside?.writer = 7 }),
    ("a condemnation that began just now", { $0.condemned?.since = now.monotonic }),
    ("no condemnation", { $0.condemned = nil }),
    ("an owner unknown", { $0.owner = .unknown("x") }),
    ("no lock file", { if $0.lock == .taken || $0.lock == .takenUnlinked { $0.lock = .missing } }),
    ("no marker", { $0.marker = nil }),
    ("a cursor replaced just now", { $0.partition?.cursorChange = now.wall }),
    ("a live generation seen just now", { $0.partition?.liveSince = now.monotonic }),
    ("seen just now", { $0.clocks.firstSeen = now.monotonic }),
    ("enough room", { $0.shortage = nil }),
    ("a claim found", { $0.claim = .found }),
  ]

  @Test("More evidence of life never makes it go", arguments: moreLife.indices)
  func monotone(index: Int) {
    for seed in UInt64(1)...5000 {
      var random = SeededRandom(seed: seed)
      let evidence = Self.randomEvidence(&random)
      let rule = Self.randomRule(&random)
      var livelier = evidence
      Self.moreLife[index].1(&livelier)
      guard case .verdict(let verdict) = judge(evidence, rule: rule, now: Self.now) else {
        continue
      }
      if case .dispose = verdict { continue }
      if Self.isDisposal(livelier, rule) != nil {
        Issue.record("seed \(seed): \(Self.moreLife[index].0) changed \(verdict) to dispose")
      }
    }
  }

  @Test("What is kept for a time is judged otherwise, or waits for the next thing, after that time")
  func recheckIsExact() {
    for seed in UInt64(1)...20_000 {
      var random = SeededRandom(seed: seed)
      let evidence = Self.randomEvidence(&random)
      let rule = Self.randomRule(&random)
      guard
        case .verdict(.keep(let reason, .some(let wait))) = judge(
          evidence, rule: rule, now: Self.now)
      else { continue }
      #expect(wait > 0, "seed \(seed)")
      let later = Now(wall: Self.now.wall + wait, monotonic: Self.now.monotonic + wait)
      guard case .verdict(.keep(reason, .some(let rest))) = judge(evidence, rule: rule, now: later)
      else { continue }
      // Stamps in the future prove nothing until they are past, and count from then.
      #expect(rest > 0, "seed \(seed)")
      // The end of a process shows in no clock: it is asked for again.
      #expect(
        [
          .recentlySuperseded, .recentlyChanged, .ownerAlive, .directoryLocked, .mountInside,
        ].contains(reason), "seed \(seed)")
    }
  }
}
