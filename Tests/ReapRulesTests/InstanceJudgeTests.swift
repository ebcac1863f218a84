// Evidence of an instance and what it leads to, one row each.

import Testing

@testable import ReapRules

@Suite("The judge of instances")
struct InstanceJudgeTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var evidence: Evidence
    var settings: InstanceSettings
    var expected: Judgement
  }

  static let made = judgingTime.wall - 5000 * second
  static let hour = 3600 * second

  static func evidence(_ change: (inout Evidence) -> Void = { _ in }) -> Evidence {
    var evidence = Evidence(
      entry: .init(
        name: entryName("spica-3480f633"), type: .directory, owner: 1000, isMountPoint: false),
      clocks: .init(birth: made - 1000 * second, firstSeen: 0),
      ofKind: .instances(InstanceEvidence()))
    evidence.surroundings = .clear
    evidence.ofKind.instances?.files = .init(time: .at(made))
    evidence.inside = .init(openness: .nothingOpen, newestChange: judgingTime.wall - 2 * hour)
    evidence.life = .nobody
    change(&evidence)
    return evidence
  }

  static func row(
    _ what: String, _ expected: Judgement, _ settings: (inout InstanceSettings) -> Void = { _ in },
    _ change: (inout Evidence) -> Void = { _ in }
  ) -> Case {
    var own = InstanceSettings()
    own.protect = [entryName(".tournament_lock")]
    settings(&own)
    return Case(
      testDescription: what, evidence: evidence(change), settings: own, expected: expected)
  }

  static let complete = Judgement.verdict(.expendable(Expendable(since: made)))
  static let lock = entryName(".tournament_lock")

  static let cases: [Case] = [
    row("complete and unused: expendable", complete),
    row("another name", .keep(.notMatched)) { _ in
    } _: {
      $0.entry.name = entryName("other")
    },
    row("a link", .keep(.notADirectory)) { _ in
    } _: {
      $0.entry.type = .symbolicLink
    },
    row("a mount", .keep(.mountPoint)) { _ in
    } _: {
      $0.entry.isMountPoint = true
    },
    row("another user's", .keep(.foreignOwner)) { _ in
    } _: {
      $0.entry.owner = 1
    },
    row("its files are read first", .gather(.files)) { _ in
    } _: {
      $0.ofKind.instances?.files = nil
    },
    row("then what is in it", .gather(.inside)) { _ in
    } _: {
      $0.inside = nil
    },
    row("its weight where a bound needs it", .gather(.weight)) { $0.maxBytes = 1 },
    row(
      "a weight is handed on",
      .verdict(.expendable(Expendable(since: made, bytes: 5, inodes: 2)))
    ) {
      $0.maxBytes = 1
    } _: {
      $0.weight = .init(bytes: 5, inodes: 2)
    },
    row("without min_free none is needed", complete) { $0.prunesToMinFree = true },
    row("pinned", .keep(.keptByHand)) { _ in
    } _: {
      $0.inside?.isPinned = true
    },
    row("open", .keep(.fileOpen, recheckAfter: 250 * second)) { _ in
    } _: {
      $0.inside?.openness = .open("data")
    },
    row("perhaps open", .unsure(.useUnknown)) { _ in
    } _: {
      $0.inside?.openness = .unknown("EACCES")
    },
    row("a working directory", .keep(.workingDirectory, recheckAfter: 250 * second)) { _ in
    } _: {
      $0.life = .used(.workingDirectory, pid: 7, command: "python3")
    },
    row("processes cannot be seen", .unsure(.processesUnknown)) { _ in
    } _: {
      $0.life = .unknown("CAP_SYS_PTRACE")
    },
    row("its lock is held", .keep(.lockHeld)) {
      $0.lock = entryName(".lock")
    } _: {
      $0.lock = .held
    },
    row("its lock is free", complete) {
      $0.lock = entryName(".lock")
    } _: {
      $0.lock = .taken
    },
    row("no lock there says nothing", complete) {
      $0.lock = entryName(".lock")
    } _: {
      $0.lock = .missing
    },
    row("protected, since a short time", .keep(.protected, recheckAfter: hour - 60 * second)) {
      _ in
    } _: {
      $0.ofKind.instances?.files?.protection = .since(lock, judgingTime.wall - 60 * second)
    },
    row(
      "protected for long, but something happens in it",
      .keep(.protected, recheckAfter: hour - 10 * second)
    ) { _ in
    } _: {
      $0.ofKind.instances?.files?.protection = .since(lock, judgingTime.wall - 90 * hour)
      $0.inside?.newestChange = judgingTime.wall - 10 * second
    },
    row("a start that lies ahead, and nothing happens", complete) { _ in
    } _: {
      $0.ofKind.instances?.files?.protection = .since(lock, judgingTime.wall + 60 * second)
    },
    row(
      "a start that lies ahead, and something happens",
      .keep(.protected, recheckAfter: hour - 10 * second)
    ) { _ in
    } _: {
      $0.ofKind.instances?.files?.protection = .since(lock, judgingTime.wall + 9 * hour)
      $0.inside?.newestChange = judgingTime.wall - 10 * second
    },
    row("its manifest is a link", .unsure(.timeUnknown)) {
      $0.badTimestamp = .oldest
    } _: {
      $0.ofKind.instances?.files?.time = .unknown("a link")
      $0.ofKind.instances?.files?.odd = "manifest.json is a symbolic link"
    },
    row("protected once", complete) { _ in
    } _: {
      $0.ofKind.instances?.files?.protection = .since(lock, judgingTime.wall - 90 * hour)
    },
    row("protected by what cannot be read", .keep(.protected)) { _ in
    } _: {
      $0.ofKind.instances?.files?.protection = .unknown(lock, "no JSON")
    },
    row("being made", .keep(.incomplete, recheckAfter: hour - 60 * second)) { _ in
    } _: {
      $0.ofKind.instances?.files?.missing = "manifest.json"
      $0.inside?.newestChange = judgingTime.wall - 60 * second
    },
    row("abandoned", .verdict(.dispose(.abandoned))) { _ in
    } _: {
      $0.ofKind.instances?.files?.missing = "manifest.json"
    },
    row("abandoned, which is kept for ever", .keep(.incomplete)) {
      $0.abandonedAfter = nil
    } _: {
      $0.ofKind.instances?.files?.missing = "manifest.json"
    },
    row("abandoned, and open", .keep(.fileOpen, recheckAfter: 250 * second)) { _ in
    } _: {
      $0.ofKind.instances?.files?.missing = "manifest.json"
      $0.inside?.openness = .open("data")
    },
    row("half removed", .verdict(.dispose(.abandoned))) { _ in
    } _: {
      $0.claim = .unfinished
    },
    row("a manifest without a time", .unsure(.timeUnknown)) { _ in
    } _: {
      $0.ofKind.instances?.files?.time = .unknown("null")
    },
    row(
      "… which counts as the oldest",
      .verdict(.expendable(Expendable(since: .min / 4)))
    ) {
      $0.badTimestamp = .oldest
    } _: {
      $0.ofKind.instances?.files?.time = .unknown("null")
    },
    row(
      "… unless it is being written",
      .keep(.recentlyChanged, recheckAfter: 25 * second)
    ) {
      $0.badTimestamp = .oldest
    } _: {
      $0.ofKind.instances?.files?.time = .unknown("null")
      $0.inside?.newestChange = judgingTime.wall - 5 * second
    },
    row("a time to come", .unsure(.timeUnknown)) {
      $0.badTimestamp = .oldest
    } _: {
      $0.ofKind.instances?.files?.time = .at(judgingTime.wall + hour)
    },
    row(
      "a clock a little ahead", .verdict(.expendable(Expendable(since: judgingTime.wall + second)))
    ) { _ in
    } _: {
      $0.ofKind.instances?.files?.time = .at(judgingTime.wall + second)
    },
  ]

  private func made(_ expected: Judgement) -> Nanoseconds {
    if case .verdict(.expendable(let own)) = expected { own.since } else { Self.made }
  }

  @Test("A demand of what has another age by now is none")
  func another() {
    var evidence = Self.evidence()
    evidence.demand = .init(.count, since: Self.made - 1)
    #expect(judge(evidence, rule: rule(InstanceSettings()), now: judgingTime) == Self.complete)
  }

  private func rule(_ settings: InstanceSettings) -> Rule {
    Rule(
      name: "spica", root: "/srv/instances", match: glob("spica-*"), grace: 30 * second,
      owners: .users([1000]), kind: .instances(settings))
  }

  @Test("Evidence leads to one judgement", arguments: cases)
  func table(example: Case) {
    #expect(
      judge(example.evidence, rule: rule(example.settings), now: judgingTime) == example.expected)
  }

  @Test(
    "A demand makes a deletion of what is expendable, for its own reason, and of nothing else",
    arguments: [Retention.Cause.age, .count, .bytes, .room, .pressure])
  func demand(cause: Retention.Cause) {
    let reasons: [Retention.Cause: Reason] = [
      .age: .overAge, .count: .overCount, .bytes: .overBytes, .room: .roomNeeded,
      .pressure: .pressure,
    ]
    for example in Self.cases {
      var evidence = example.evidence
      evidence.demand = .init(cause, since: made(example.expected))
      let judgement = judge(evidence, rule: rule(example.settings), now: judgingTime)
      if case .verdict(.expendable) = example.expected {
        #expect(judgement == .verdict(.dispose(reasons[cause]!)), "\(example.testDescription)")
      } else {
        #expect(judgement == example.expected, "\(example.testDescription)")
      }
    }
  }
}
