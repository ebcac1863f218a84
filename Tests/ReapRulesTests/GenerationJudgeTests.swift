// What the judge says of every kind of evidence on a generation, case by case.

import Testing

@testable import ReapRules

let hour = 3600 * second

func generationRule(
  owners: Rule.Owners = .users([1000]), _ change: (inout GenerationSettings) -> Void = { _ in }
) -> Rule {
  var settings = GenerationSettings()
  change(&settings)
  return Rule(
    name: "hypaware", root: "/data/cache", match: GenerationSettings.defaultGlob,
    grace: 30 * second, owners: owners, kind: .generations(settings))
}

/// One where the writer locks, and one that names its process.
let lockedRule = generationRule { $0.lock = entryName(".lock") }
let ownedRule = generationRule { $0.ownerPidfile = OwnerPidfile(path: "/run/x.pid") }

let generationTime = Now(wall: 1_000_000 * second, monotonic: 100_000 * second)

/// Evidence of an old generation, condemned and past every wait; each test spoils what it is about.
func deadGeneration(_ spoil: (inout Evidence) -> Void = { _ in }) -> Evidence {
  var evidence = Evidence(
    entry: .init(name: entryName("table"), type: .directory, owner: 1000, isMountPoint: false),
    clocks: .init(birth: second, firstSeen: 0), ofKind: .generations(GenerationEvidence()),
    surroundings: .clear,
    inside: .init(openness: .nothingOpen, newestChange: second))
  evidence.partition = Evidence.Partition(
    cursor: .known(entryName("table-1")), live: .complete, cursorChange: second, liveSince: 0)
  evidence.condemned = .init(since: 0, newestChange: second, id: second)
  evidence.life = .nobody
  spoil(&evidence)
  return evidence
}

@Suite("The judge of generations")
struct GenerationJudgeTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var title: String
    var expected: Judgement
    var evidence: Evidence
    var rule: Rule
    var testDescription: String { title }

    init(
      _ title: String, _ expected: Judgement, rule: Rule = generationRule(),
      _ spoil: (inout Evidence) -> Void
    ) {
      (self.title, self.expected, self.rule) = (title, expected, rule)
      evidence = deadGeneration(spoil)
    }
  }

  static let cases: [Case] =
    candidacy + partition + superseded + inside + proofs + quarantine
    + halves + owners + life

  static let candidacy: [Case] = [
    Case("a foreign name is kept", .keep(.notMatched)) { $0.entry.name = entryName("tables") },
    Case("a file is kept", .keep(.notADirectory)) { $0.entry.type = .regularFile },
    Case("a link is kept", .keep(.notADirectory)) { $0.entry.type = .symbolicLink },
    Case("a mount point is kept", .keep(.mountPoint)) { $0.entry.isMountPoint = true },
    Case("a foreign owner's is kept", .keep(.foreignOwner)) { $0.entry.owner = 0 },
    Case("a claim that was found is given back", .keep(.claimFound)) { $0.claim = .found },
    Case("a young one is kept", .keep(.young, recheckAfter: 20 * second)) {
      $0.clocks.birth = generationTime.wall - 10 * second
    },
    Case("the grace is none of a claimed half's", .verdict(.dispose(.quiet))) {
      $0.clocks.birth = generationTime.wall - 10 * second
      $0.claim = .unfinished
    },
  ]

  static let partition: [Case] = [
    Case("the partition is asked for first", .gather(.partition)) {
      ($0.partition, $0.surroundings, $0.inside) = (nil, nil, nil)
    },
    Case("a conflict keeps all", .unsure(.claimConflict)) { $0.partition?.conflict = "table" },
    Case("an unknown cursor keeps all", .unsure(.cursorUnknown)) {
      $0.partition?.cursor = .unknown("torn")
    },
    Case("the live one is kept", .keep(.live)) { $0.entry.name = entryName("table-1") },
    Case("the live one is kept, complete or not", .keep(.live)) {
      $0.entry.name = entryName("table-1")
      $0.partition?.live = .incomplete
    },
    Case("the live one is kept, though marked", .keep(.live)) {
      $0.entry.name = entryName("table-1")
      $0.marker = second
    },
    Case("an absent live one keeps the others", .unsure(.liveAbsent)) {
      $0.partition?.live = .absent
    },
    Case("an incomplete live one keeps the others", .unsure(.liveIncomplete)) {
      $0.partition?.live = .incomplete
    },
    Case("an unknown live one keeps the others", .unsure(.liveUnknown)) {
      $0.partition?.live = .unknown("EACCES")
    },
    Case("the live one is the live one, in two halves too", .keep(.live)) {
      $0.entry.name = entryName("table-1")
      $0.partition?.conflict = "table-1"
    },
  ]

  static let superseded: [Case] = [
    Case("readers have their time", .keep(.recentlySuperseded, recheckAfter: 590 * second)) {
      $0.partition?.cursorChange = generationTime.wall - 10 * second
      $0.partition?.liveSince = generationTime.monotonic - 5 * second
    },
    Case("to the last nanosecond", .keep(.recentlySuperseded, recheckAfter: 1)) {
      $0.partition?.cursorChange = generationTime.wall - 600 * second + 1
      $0.partition?.liveSince = nil
    },
    Case("and no longer", .verdict(.dispose(.quiet))) {
      $0.partition?.cursorChange = generationTime.wall - 600 * second
      $0.partition?.liveSince = nil
    },
    Case("an append does not begin that time anew", .verdict(.dispose(.quiet))) {
      $0.partition?.cursorChange = generationTime.wall
      $0.partition?.liveSince = generationTime.monotonic - 600 * second
    },
    Case("a marker proves nothing", .keep(.recentlySuperseded, recheckAfter: 600 * second)) {
      $0.partition?.cursorChange = generationTime.wall
      $0.partition?.liveSince = nil
      $0.marker = generationTime.wall - 600 * second
    },
    Case("stamps in the future do not", .keep(.recentlySuperseded, recheckAfter: 600 * second)) {
      $0.partition?.cursorChange = .max
      $0.partition?.liveSince = nil
    },
    Case("nor do stamps that lack", .keep(.recentlySuperseded, recheckAfter: 600 * second)) {
      $0.partition?.cursorChange = nil
      $0.partition?.liveSince = nil
    },
  ]

  static let inside: [Case] = [
    Case("the lock is asked for where there is one", .gather(.lock), rule: lockedRule) { _ in },
    Case("a held lock keeps", .keep(.lockHeld), rule: lockedRule) { $0.lock = .held },
    Case("a lock that is a link", .unsure(.lockNotAFile), rule: lockedRule) {
      $0.lock = .notAFile("link")
    },
    Case("an unreadable lock", .unsure(.lockUnreadable), rule: lockedRule) {
      $0.lock = .unreadable("EACCES")
    },
    Case("an unknown lock", .unsure(.lockUnknown), rule: lockedRule) {
      $0.lock = .unknown("ENOLCK")
    },
    Case("the owner is asked for where a file names it", .gather(.owner), rule: ownedRule) { _ in },
    Case("then the surroundings", .gather(.surroundings)) {
      ($0.surroundings, $0.inside) = (nil, nil)
    },
    Case("a mount inside keeps", .keep(.mountInside)) { $0.surroundings = .mountInside("/x") },
    Case("a root inside keeps", .keep(.rootInside)) { $0.surroundings = .rootInside("/x") },
    Case("unknown mounts", .unsure(.surroundingsUnknown)) { $0.surroundings = .unknown("?") },
    Case("then the inside", .gather(.inside)) { $0.inside = nil },
    Case("an open file keeps", .keep(.fileOpen)) { $0.inside?.openness = .open("data/1") },
    Case("an open file keeps beside a free lock", .keep(.fileOpen), rule: lockedRule) {
      $0.lock = .taken
      $0.inside?.openness = .open("data/1")
    },
    Case("an open file keeps after the owner's death", .keep(.fileOpen), rule: ownedRule) {
      $0.owner = .exited(pid: 7, at: .max)
      $0.inside?.openness = .open("data/1")
    },
    Case("unknown use", .unsure(.useUnknown)) { $0.inside?.openness = .unknown("EACCES") },
  ]

  static func busy(_ evidence: inout Evidence) {
    evidence.inside?.newestChange = generationTime.wall - 60 * second
  }

  static let recentlyChanged = Judgement.keep(.recentlyChanged, recheckAfter: 3540 * second)

  static let proofs: [Case] = [
    Case("a free lock is proof", .verdict(.dispose(.lockReleased)), rule: lockedRule) {
      busy(&$0)
      $0.lock = .taken
    },
    Case("so is one unlinked", .verdict(.dispose(.lockReleased)), rule: lockedRule) {
      busy(&$0)
      $0.lock = .takenUnlinked
    },
    Case("no lock file is no proof", recentlyChanged, rule: lockedRule) {
      busy(&$0)
      $0.lock = .missing
    },
    Case("but no objection", .verdict(.dispose(.quiet)), rule: lockedRule) { $0.lock = .missing },
    Case("a lock that the rule does not name is no proof", recentlyChanged) {
      busy(&$0)
      $0.lock = .taken
    },
    Case("an owner seen to exit is proof", .verdict(.dispose(.ownerDead)), rule: ownedRule) {
      busy(&$0)
      $0.owner = .exited(pid: 7, at: .max)
    },
    Case("what changed after its exit is another's", recentlyChanged, rule: ownedRule) {
      busy(&$0)
      $0.owner = .exited(pid: 7, at: generationTime.wall - 60 * second - 1)
    },
    Case("an owner that rule does not name is none", recentlyChanged) {
      busy(&$0)
      $0.owner = .exited(pid: 7, at: .max)
    },
    Case("an absent owner is no proof", recentlyChanged, rule: ownedRule) {
      busy(&$0)
      $0.owner = .absent(pid: 7)
    },
    Case(
      "an absent owner is proof with trust_pids", .verdict(.dispose(.ownerDead)),
      rule: generationRule {
        $0.ownerPidfile = OwnerPidfile(path: "/x")
        $0.trustPids = true
      }
    ) {
      busy(&$0)
      $0.owner = .absent(pid: 7)
    },
    Case("a living owner is no proof", recentlyChanged, rule: ownedRule) {
      busy(&$0)
      $0.owner = .alive(pid: 7, since: 0)
    },
    Case("and no objection after twice quiet", .verdict(.dispose(.quiet)), rule: ownedRule) {
      $0.owner = .alive(pid: 7, since: 0)
    },
    Case("an unknown owner is neither", recentlyChanged, rule: ownedRule) {
      busy(&$0)
      $0.owner = .unknown("no such file")
    },
    Case("a marker is no proof", recentlyChanged) {
      busy(&$0)
      $0.marker = second
    },
    Case("quiet to the last nanosecond", .keep(.recentlyChanged, recheckAfter: 1)) {
      $0.inside?.newestChange = generationTime.wall - hour + 1
    },
    Case("and no longer", .verdict(.condemn(.quiet, for: hour))) {
      $0.inside?.newestChange = generationTime.wall - hour
      $0.condemned = nil
    },
    Case("a change in the future counts from when it was seen", recentlyChanged) {
      $0.inside?.newestChange = generationTime.wall + hour + 1
      $0.clocks.firstSeen = generationTime.monotonic - 60 * second
    },
  ]

  @Test("Evidence leads to one judgement", arguments: cases)
  func table(example: Case) {
    #expect(judge(example.evidence, rule: example.rule, now: generationTime) == example.expected)
  }

  @Test("Nothing inside is asked for before the grace is over and the cursor names another one")
  func nothingIsProbedEarly() {
    for example in Self.candidacy + Self.partition + Self.superseded {
      guard case .verdict(let verdict) = example.expected, verdict != .dispose(.quiet)
      else { continue }
      var evidence = example.evidence
      (evidence.lock, evidence.surroundings, evidence.inside) = (nil, nil, nil)
      if !Self.partition.contains(where: { $0.title == example.title }),
        verdict.reason != .recentlySuperseded
      {
        evidence.partition = nil
      }
      let judgement = judge(evidence, rule: example.rule, now: generationTime)
      #expect(judgement == example.expected, "\(example.title)")
    }
  }

  @Test("What is proved dead has no quarantine of its own")
  func quarantines() {
    var settings = GenerationSettings()
    #expect(settings.quarantine(for: .quiet) == hour)
    #expect(settings.quarantine(for: .ownerDead) == 0)
    #expect(settings.quarantine(for: .lockReleased) == 0)
    settings.quarantine = second
    for reason in [Reason.quiet, .ownerDead, .lockReleased] {
      #expect(settings.quarantine(for: reason) == second)
    }
  }
}
