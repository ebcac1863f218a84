// Which evidence of scratch leads to which verdict: alive if any way says so, dead only if one proves it and
// none is in doubt.

import Testing

@testable import ReapRules

@Suite("The judge of kind scratch")
struct ScratchJudgeTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let expected: Judgement
    var evidence: Evidence
    var settings: ScratchSettings
  }

  static let now = Now(wall: 1_000 * second, monotonic: 1_000 * second)
  /// Seen for the first time long ago.
  static let backOff = Evidence.Clocks(birth: 0, firstSeen: 0).backOff(now: now)

  private static func example(
    _ title: String, _ expected: Judgement, _ ways: [ScratchSettings.Way] = allWays,
    spoil: (inout Evidence, inout ScratchSettings) -> Void = { _, _ in }
  ) -> Case {
    var own = ScratchEvidence()
    own.process = .nothing
    var evidence = Evidence(
      entry: .init(name: EntryName("w-5")!, type: .directory, owner: 0, isMountPoint: false),
      clocks: .init(birth: 0, firstSeen: 0), ofKind: .scratch(own), lock: .missing,
      surroundings: .clear, inside: .init(openness: .nothingOpen, newestChange: 0))
    evidence.life = .nobody
    var settings = ScratchSettings(ownedBy: ways)
    spoil(&evidence, &settings)
    return Case(testDescription: title, expected: expected, evidence: evidence, settings: settings)
  }

  static let allWays: [ScratchSettings.Way] = [
    .lock(ScratchPath("../{name}.lock")!), .pidInName(PidPattern("w-{pid}")!), .open,
  ]

  static let cases: [Case] = [
    example("no way says anything", .keep(.unproved)),
    example("the lock is ours", .verdict(.dispose(.lockReleased))) { evidence, _ in
      evidence.lock = .taken
    },
    example("its process has ended", .verdict(.dispose(.ownerDead))) { evidence, _ in
      evidence.ofKind.scratch?.process = .dead(5)
    },
    example("the lock is held, its process has ended", .keep(.lockHeld)) { evidence, _ in
      evidence.lock = .held
      evidence.ofKind.scratch?.process = .dead(5)
    },
    example("the lock is ours, its process lives", .keep(.ownerAlive, recheckAfter: backOff)) {
      evidence, _ in
      evidence.lock = .taken
      evidence.ofKind.scratch?.process = .alive(5)
    },
    example("the lock is ours, its process cannot be told", .unsure(.ownerUnknown)) {
      evidence, _ in
      evidence.lock = .taken
      evidence.ofKind.scratch?.process = .unknown("another host's")
    },
    example("both prove it, a file is open", .keep(.fileOpen, recheckAfter: backOff)) {
      evidence, _ in
      evidence.lock = .taken
      evidence.ofKind.scratch?.process = .dead(5)
      evidence.inside = .init(openness: .open("f"), newestChange: 0)
    },
    example("pinned, by who has it open meanwhile", .keep(.keptByHand)) { evidence, _ in
      evidence.lock = .taken
      evidence.inside = .init(openness: .open("f"), newestChange: 0)
      evidence.inside?.isPinned = true
    },
    example("leases are not to be had where open is a way", .unsure(.useUnknown)) { evidence, _ in
      evidence.lock = .taken
      evidence.inside = .init(openness: .unknown("no lease"), newestChange: 0)
    },
    example(
      "the same where it is none, and the lock proves it", .verdict(.dispose(.lockReleased)),
      [.lock(ScratchPath("../{name}.lock")!)]
    ) { evidence, _ in
      evidence.lock = .taken
      evidence.inside = .init(openness: .unknown("no lease"), newestChange: 0)
    },
    example("the lock file is none", .unsure(.lockNotAFile)) { evidence, _ in
      evidence.lock = .notAFile("a symbolic link")
      evidence.ofKind.scratch?.process = .dead(5)
    },
    example("the lock file cannot be read", .unsure(.lockUnreadable)) { evidence, _ in
      evidence.lock = .unreadable("EACCES")
      evidence.ofKind.scratch?.process = .dead(5)
    },
    example("quiet, and nothing proves it", .verdict(.condemn(.quiet, for: 3600 * second))) {
      _, settings in
      settings.quiet = 10 * second
    },
    example(
      "not quiet for long enough", .keep(.recentlyChanged, recheckAfter: 100 * second)
    ) { evidence, settings in
      settings.quiet = 1_100 * second
    },
    example("quiet never delays a proof", .verdict(.dispose(.lockReleased))) {
      evidence, settings in
      evidence.lock = .taken
      settings.quiet = 1_100 * second
    },
    example("quiet, and its process cannot be told", .unsure(.ownerUnknown)) {
      evidence, settings in
      settings.quiet = 10 * second
      evidence.ofKind.scratch?.process = .unknown("its link cannot be read")
    },
    example("older than the boot", .verdict(.dispose(.beforeBoot)), [.boot]) { evidence, _ in
      evidence.ofKind.scratch?.boot = .at(1)
    },
    example("the boot cannot be told", .unsure(.bootUnknown), [.boot]) { evidence, _ in
      evidence.ofKind.scratch?.boot = .unknown("the clock was set")
    },
    example("its birth cannot be told", .unsure(.bootUnknown), [.boot]) { evidence, _ in
      evidence.ofKind.scratch?.boot = .at(1)
      evidence.clocks.birth = nil
    },
    example("a file where directories are meant", .keep(.notADirectory)) { evidence, _ in
      evidence.entry.type = .regularFile
    },
    example("a directory where files are meant", .keep(.notAFile)) { _, settings in
      settings.entries = .files
    },
    example("a link", .keep(.notADirectory)) { evidence, _ in
      evidence.entry.type = .symbolicLink
    },
  ]

  @Test("Evidence leads to one judgement", arguments: cases)
  func table(example: Case) throws {
    let rule = Rule(
      name: "s", root: "/x/y", match: try Glob("w-*"), grace: 1, owners: .anyone,
      kind: .scratch(example.settings))
    #expect(judge(example.evidence, rule: rule, now: Self.now) == example.expected)
  }

  @Test("A pattern with two wildcards is refused, since matching it could be made to take long")
  func wildcards() {
    for text in ["*-*-{pid}", "{host}-*-{pid}", "{host}{host}{pid}"] {
      #expect(PidPattern(text) == nil)
    }
  }
}
