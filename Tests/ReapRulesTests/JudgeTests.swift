// What the judge says of every kind of evidence on a spill directory, case by case.

import Testing

@testable import ReapRules

/// Evidence of an old, dead directory; each test spoils what it is about.
func deadEvidence(_ spoil: (inout Evidence) -> Void = { _ in }) -> Evidence {
  var evidence = Evidence(
    entry: .init(name: entryName("spill_1_2"), type: .directory, owner: 1000, isMountPoint: false),
    clocks: .init(name: second, birth: second, firstSeen: 0), ofKind: .spill, lock: .taken,
    surroundings: .clear, inside: .init(openness: .nothingOpen))
  evidence.life = .nobody
  spoil(&evidence)
  return evidence
}

let judgingTime = Now(wall: 1_000_000 * second, monotonic: 1_000 * second)

@Suite("The judge")
struct JudgeTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var title: String
    var expected: Judgement
    var evidence: Evidence
    var rule = spillRule()
    var testDescription: String { title }

    init(
      _ title: String, _ expected: Judgement, rule: Rule = spillRule(),
      _ spoil: (inout Evidence) -> Void
    ) {
      (self.title, self.expected, self.rule) = (title, expected, rule)
      evidence = deadEvidence(spoil)
    }
  }

  static func unlocked(_ evidence: inout Evidence) {
    evidence.lock = .missing
    evidence.inside?.newestChange = second
  }

  private static func sparing(_ pattern: String) -> Rule {
    var rule = spillRule()
    rule.never = [glob("other"), glob(pattern)]
    return rule
  }

  static let cases: [Case] = [
    Case("a foreign name is kept", .keep(.notMatched)) { $0.entry.name = entryName("upload_1") },
    Case("what never names is kept", .keep(.keptByHand), rule: sparing("spill_[0-9]*")) { _ in },
    Case("what never does not name goes", .verdict(.dispose(.lockReleased)), rule: sparing("x")) {
      _ in
    },
    Case("a file is kept", .keep(.notADirectory)) { $0.entry.type = .other },
    Case("a link is kept", .keep(.notADirectory)) { $0.entry.type = .symbolicLink },
    Case("a mount point is kept", .keep(.mountPoint)) { $0.entry.isMountPoint = true },
    Case("a foreign owner's is kept", .keep(.foreignOwner)) { $0.entry.owner = 0 },
    Case("any owner's may go", .verdict(.dispose(.lockReleased)), rule: spillRule(owners: .anyone))
    { $0.entry.owner = 7 },
    Case("a young one is kept", .keep(.young, recheckAfter: 20 * second)) {
      $0.clocks.birth = judgingTime.wall - 10 * second
    },
    Case("a held lock keeps", .keep(.lockHeld)) { $0.lock = .held },
    Case("a lock that is a link", .unsure(.lockNotAFile)) { $0.lock = .notAFile("link") },
    Case("an unreadable lock", .unsure(.lockUnreadable)) { $0.lock = .unreadable("EACCES") },
    Case("an unknown lock", .unsure(.lockUnknown)) { $0.lock = .unknown("ENOLCK") },
    Case(
      "a missing lock under missing_lock: keep", .keep(.missingLockKept),
      rule: spillRule(missingLock: .keep)
    ) { $0.lock = .missing },
    Case(
      "an unlinked lock under missing_lock: keep goes", .verdict(.dispose(.lockReleased)),
      rule: spillRule(missingLock: .keep)
    ) { $0.lock = .takenUnlinked },
    Case("a mount inside keeps", .keep(.mountInside)) { $0.surroundings = .mountInside("/x") },
    Case("a root inside keeps", .keep(.rootInside)) { $0.surroundings = .rootInside("/x") },
    Case("unknown mounts", .unsure(.surroundingsUnknown)) { $0.surroundings = .unknown("?") },
    Case("an open lock file keeps", .keep(.lockOpen)) { $0.inside?.openness = .open(".lock") },
    Case("an open unlinked lock keeps", .keep(.lockOpen)) {
      $0.lock = .takenUnlinked
      $0.inside?.openness = .open(".lock")
    },
    Case("unknown use", .unsure(.useUnknown)) { $0.inside?.openness = .unknown("EACCES") },
    Case("foreign contents keep", .keep(.foreignContents)) { $0.inside?.foreignEntry = "notes" },
    Case("without lock, an open file keeps", .keep(.fileOpen)) {
      unlocked(&$0)
      $0.inside?.openness = .open("chunk")
    },
    Case("without lock, unknown use", .unsure(.useUnknown)) {
      unlocked(&$0)
      $0.inside?.openness = .unknown("EACCES")
    },
    Case("without lock, a change keeps", .keep(.recentlyChanged, recheckAfter: 29 * second)) {
      unlocked(&$0)
      $0.inside?.newestChange = judgingTime.wall - second
    },
    Case("without lock, quiet, it goes", .verdict(.dispose(.lockMissing))) { unlocked(&$0) },
    Case("with the lock, changes do not count", .verdict(.dispose(.lockReleased))) {
      $0.inside?.newestChange = judgingTime.wall
    },
    Case("a released one goes", .verdict(.dispose(.lockReleased))) { _ in },
    Case("the lock is asked for first", .gather(.lock)) {
      ($0.lock, $0.surroundings, $0.inside) = (nil, nil, nil)
    },
    Case("then the surroundings", .gather(.surroundings)) {
      ($0.surroundings, $0.inside) = (nil, nil)
    },
    Case("then the inside", .gather(.inside)) { $0.inside = nil },
    Case("without lock, processes are asked for last", .gather(.life)) {
      unlocked(&$0)
      $0.life = nil
    },
    Case("with a free lock they are not", .verdict(.dispose(.lockReleased))) { $0.life = nil },
    Case("nor do they count then", .verdict(.dispose(.lockReleased))) {
      $0.life = .used(.workingDirectory, pid: 7, command: "sh")
    },
    Case("without lock, a working directory keeps", used(.workingDirectory)) {
      unlocked(&$0)
      $0.life = .used(.rootDirectory, pid: 7, command: "sh")
    },
    Case("so does an open directory", used(.directoryOpen)) {
      unlocked(&$0)
      $0.life = .used(.openDirectory, pid: 7, command: "sh")
    },
    Case("an open FIFO", used(.fifoOpen)) {
      unlocked(&$0)
      $0.life = .used(.openFIFO, pid: 7, command: "sh")
    },
    Case("a bound socket", used(.socketBound)) {
      unlocked(&$0)
      $0.life = .used(.boundSocket, pid: 7, command: "sh")
    },
    Case("a mount that another one sees", used(.mountInside)) {
      unlocked(&$0)
      $0.life = .used(.mount, pid: 7, command: "sh")
    },
    Case("without lock, processes that cannot be looked at", .unsure(.processesUnknown)) {
      unlocked(&$0)
      $0.life = .unknown("CAP_SYS_PTRACE")
    },
    Case("a lock on the directory keeps, whatever the lock file says", used(.directoryLocked)) {
      $0.inside?.isLocked = true
    },
    Case("so does a living process that the free lock file names", .unsure(.lockNamesProcess)) {
      $0.inside?.namedProcess = 7
    },
    Case("and a pin", .keep(.keptByHand)) { $0.inside?.isPinned = true },
    Case("another user's directory in it keeps", .keep(.foreignInside)) {
      $0.inside?.foreignDirectory = "cache/private"
    },
    Case("a name too long for a claimed one, and no lock", .keep(.cannotClaim)) {
      unlocked(&$0)
      $0.entry.name = entryName("spill_1_" + String(repeating: "7", count: 221))
    },
  ]

  /// It is known for 1,000 s: looked at again after a quarter of that.
  static func used(_ reason: Reason) -> Judgement { .keep(reason, recheckAfter: 250 * second) }

  @Test("What no event tells the end of is looked at less and less often, and never not at all")
  func backOff() {
    func wait(_ known: Nanoseconds) -> Nanoseconds {
      Evidence.Clocks(firstSeen: 0).backOff(now: Now(wall: 0, monotonic: known))
    }
    #expect(wait(0) == second && wait(-5 * second) == second && wait(4 * second) == second)
    #expect(wait(40 * second) == 10 * second && wait(.max) == 300 * second)
    // From one look to the next: so many in the first day.
    var (known, looks): (Nanoseconds, Int) = (0, 0)
    while known < 24 * 3600 * second {
      known += wait(known)
      looks += 1
    }
    #expect(looks < 330, "\(looks)")
  }

  @Test("Evidence leads to one judgement", arguments: cases)
  func table(example: Case) {
    #expect(judge(example.evidence, rule: example.rule, now: judgingTime) == example.expected)
  }

  @Test("Every reason that a judge can give is in one of the tables")
  func everyReason() {
    let fromTheEdge: Set<Reason> = [
      .unreadable, .replaced, .removalFailed, .needsQuarantine, .auditUnwritable,
    ]
    // What the judge makes of a demand, whatever its kind says.
    let demanded: Set<Reason> = [
      .overAge, .overCount, .overBytes, .roomNeeded, .pressure,
    ]
    let expected =
      Self.cases.map(\.expected) + GenerationJudgeTests.cases.map(\.expected)
      + TemporaryFileTests.cases.map(\.expected) + ScratchJudgeTests.cases.map(\.expected)
      + InstanceJudgeTests.cases.map(\.expected)
      + LogJudgeTests.cases.map(\.expected)
      + FilesJudgeTests.cases.map(\.expected)
      + (VisitsJudgeTests.archives + VisitsJudgeTests.lastOnes + VisitsJudgeTests.temporaries).map(
        \.expected)
    let reasons = expected.compactMap { judgement -> Reason? in
      if case .verdict(let verdict) = judgement { verdict.reason } else { nil }
    }
    #expect(Set(reasons).union(fromTheEdge).union(demanded) == Set(Reason.allCases))
  }

  @Test("Nothing is asked for inside the grace or of what is no candidate, whatever else is known")
  func nothingIsProbedEarly() {
    let spoilers: [(inout Evidence) -> Void] = [
      { $0.clocks.birth = judgingTime.wall }, { $0.clocks.name = judgingTime.wall },
      { $0.clocks.sawCreation = judgingTime.monotonic }, { $0.entry.type = .symbolicLink },
      { $0.entry.isMountPoint = true }, { $0.entry.owner = 1 },
      { $0.entry.name = entryName("other") },
    ]
    for spoil in spoilers {
      var evidence = deadEvidence(spoil)
      (evidence.lock, evidence.surroundings, evidence.inside) = (nil, nil, nil)
      guard case .verdict(.keep) = judge(evidence, rule: spillRule(), now: judgingTime) else {
        Issue.record("\(evidence) was not kept at once")
        continue
      }
    }
  }

  @Test("Every reason has a code of lowercase words and an explanation", arguments: Reason.allCases)
  func words(reason: Reason) {
    #expect(reason.rawValue.utf8.allSatisfy { (97...122).contains($0) || $0 == 45 })
    #expect(!reason.explanation.isEmpty)
  }
}
