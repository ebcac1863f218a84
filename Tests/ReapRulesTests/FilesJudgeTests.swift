// Which evidence of a file leads to which verdict: age where a copy is proved, pressure where the rule
// allows it.

import Testing

@testable import ReapRules

@Suite("The judge of kind files")
struct FilesJudgeTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let expected: Judgement
    var evidence: Evidence
    var settings: FilesSettings
  }

  static let now = Now(wall: 1_000 * second, monotonic: 1_000 * second)
  static let backOff = Evidence.Clocks(birth: 0, firstSeen: 0).backOff(now: now)

  private static func example(
    _ title: String, _ expected: Judgement, name: String = "a.png",
    spoil: (inout Evidence, inout FilesSettings) -> Void = { _, _ in }
  ) -> Case {
    var own = FilesEvidence()
    own.facts = .init(size: 10, allocated: 4096, links: 1, written: 100 * second)
    own.copy = .proved(200 * second)
    let evidence = Evidence(
      entry: .init(name: EntryName(name)!, type: .regularFile, owner: 0, isMountPoint: false),
      clocks: .init(birth: 0, firstSeen: 0), ofKind: .files(own), surroundings: .clear,
      inside: .init(openness: .nothingOpen, newestChange: 100 * second))
    var settings = FilesSettings()
    settings.copy = .receipts(.init(file: "/r"))
    settings.maxAge = 500 * second
    settings.pressure = Pressure(start: 7000, stop: 6000, minAge: 600 * second)
    var one = Case(
      testDescription: title, expected: expected, evidence: evidence, settings: settings)
    spoil(&one.evidence, &one.settings)
    return one
  }

  private static func expendable(
    bytes: Int64 = 4096, inodes: Int64 = 1, yieldsToAge: Bool = true
  ) -> Judgement {
    .verdict(
      .expendable(
        Expendable(
          since: 100 * second, bytes: bytes, inodes: inodes, yieldsToAge: yieldsToAge)))
  }

  private static let none = FilesEvidence.Copy.none("no receipt", until: nil)

  static let cases: [Case] = [
    example("proved", expendable()),
    example("proved, and age demands it", .verdict(.dispose(.overAge))) { evidence, _ in
      evidence.demand = .init(.age, since: 100 * second)
    },
    example("age demands what was written since", expendable(yieldsToAge: true)) {
      evidence, settings in
      evidence.demand = .init(.age, since: 100 * second)
      settings.maxAge = 901 * second
    },
    example("pressure demands it", .verdict(.dispose(.pressure))) { evidence, _ in
      evidence.demand = .init(.pressure, since: 100 * second)
    },
    example("pressure demands what is too young", expendable()) { evidence, settings in
      evidence.demand = .init(.pressure, since: 100 * second)
      settings.pressure?.minAge = 901 * second
    },
    example("no copy", .keep(.noCopy)) { evidence, _ in evidence.ofKind.files?.copy = none },
    example("no copy, whatever demands it", .keep(.noCopy)) { evidence, _ in
      evidence.ofKind.files?.copy = none
      evidence.demand = .init(.pressure, since: 100 * second)
    },
    example("no copy, where the last may go under pressure", expendable(yieldsToAge: false)) {
      evidence, settings in
      evidence.ofKind.files?.copy = none
      settings.allowLastCopy = true
    },
    example("and pressure demands it", .verdict(.dispose(.pressure))) { evidence, settings in
      evidence.ofKind.files?.copy = none
      settings.allowLastCopy = true
      evidence.demand = .init(.pressure, since: 100 * second)
    },
    example("and only age demands it", expendable(yieldsToAge: false)) { evidence, settings in
      evidence.ofKind.files?.copy = none
      settings.allowLastCopy = true
      evidence.demand = .init(.age, since: 100 * second)
    },
    example("the last may go, and there is no pressure", .keep(.noCopy)) { evidence, settings in
      evidence.ofKind.files?.copy = none
      settings.allowLastCopy = true
      settings.pressure = nil
    },
    example("nothing proves copies", .keep(.noCopy)) { evidence, settings in
      settings.copy = .unproved
    },
    example("none is asked for", expendable()) { evidence, settings in
      settings.copy = .notRequired
      evidence.ofKind.files?.copy = nil
    },
    example("receipts were not looked at", .gather(.copy)) { evidence, _ in
      evidence.ofKind.files?.copy = nil
    },
    example("a program is asked only when it matters", expendable()) { evidence, settings in
      settings.copy = .command(.init(arguments: ["x"]))
      evidence.ofKind.files?.copy = nil
    },
    example("which is now", .gather(.copy)) { evidence, settings in
      settings.copy = .command(.init(arguments: ["x"]))
      evidence.ofKind.files?.copy = nil
      evidence.demand = .init(.age, since: 100 * second)
    },
    example("or once after_copy has passed since the last change", .gather(.copy)) {
      evidence, settings in
      settings.copy = .command(.init(arguments: ["x"]))
      settings.afterCopy = 900 * second
      evidence.ofKind.files?.copy = nil
    },
    example("not before", expendable()) { evidence, settings in
      settings.copy = .command(.init(arguments: ["x"]))
      settings.afterCopy = 901 * second
      evidence.ofKind.files?.copy = nil
    },
    example("and its yes is used at once", .verdict(.dispose(.copied))) { evidence, settings in
      settings.copy = .command(.init(arguments: ["x"]))
      settings.afterCopy = 900 * second
      evidence.ofKind.files?.copy = .proved(now.wall)
    },
    example("it has not answered", .keep(.noCopy)) { evidence, settings in
      settings.copy = .command(.init(arguments: ["x"]))
      evidence.ofKind.files?.copy = .asked
      evidence.demand = .init(.age, since: 100 * second)
    },
    example("it says no", .keep(.noCopy, recheckAfter: 60 * second)) { evidence, settings in
      settings.copy = .command(.init(arguments: ["x"]))
      evidence.ofKind.files?.copy = .none("ended with 1", until: 1_060 * second)
      evidence.demand = .init(.age, since: 100 * second)
    },
    example("its proof is what it waited for", .verdict(.dispose(.copied))) { _, settings in
      settings.afterCopy = 800 * second
    },
    example("not yet", expendable()) { _, settings in settings.afterCopy = 801 * second },
    example("open", .keep(.fileOpen, recheckAfter: backOff)) { evidence, settings in
      evidence.inside?.openness = .open("a.png")
      settings.afterCopy = 0
    },
    example("no lease is to be had", .unsure(.useUnknown)) { evidence, _ in
      evidence.inside?.openness = .unknown("no lease")
    },
    example("pinned", .keep(.keptByHand)) { evidence, _ in evidence.inside?.isPinned = true },
    example("locked", .keep(.directoryLocked, recheckAfter: backOff)) { evidence, _ in
      evidence.inside?.isLocked = true
    },
    example("young", .keep(.young, recheckAfter: 5 * second)) { evidence, settings in
      evidence.clocks.birth = 995 * second
    },
    example("another user's", .keep(.foreignOwner)) { evidence, _ in evidence.entry.owner = 7 },
    example("a link", .keep(.notAFile)) { evidence, _ in evidence.entry.type = .symbolicLink },
    example("a store", .keep(.keptByHand), name: "posts.json"),
    example("hidden", .keep(.keptByHand), name: ".a.png"),
    example("a key", .keep(.keptByHand), name: "id_ed25519.pub"),
    example("another name", expendable(bytes: 0, inodes: 0)) { evidence, _ in
      evidence.ofKind.files?.facts?.links = 2
    },
    example(
      "a temporary file", .verdict(.dispose(.staleTemporary)),
      name: "posts.json.tmp.1764300000000"),
    example(
      "one that was just written", .keep(.recentlyChanged, recheckAfter: 4 * second),
      name: "events.jsonl.rotate.1764300000000"
    ) { evidence, _ in evidence.inside?.newestChange = 994 * second },
    example(
      "one that is open", .keep(.fileOpen, recheckAfter: backOff),
      name: "a.tmp.1764300000000"
    ) { evidence, _ in evidence.inside?.openness = .open("a") },
    example("a hidden one", .keep(.keptByHand), name: ".a.tmp.1764300000000"),
  ]

  private func rule(_ settings: FilesSettings) throws -> Rule {
    Rule(
      name: "m", root: "/m", match: try Glob("*"), grace: 10 * second, owners: .users([0]),
      kind: .files(settings))
  }

  @Test("Each case has its verdict", arguments: cases)
  func verdict(_ one: Case) throws {
    #expect(judge(one.evidence, rule: try rule(one.settings), now: Self.now) == one.expected)
  }

  @Test("A candidate lies flat in a directory that is named; temporary files also beside those")
  func roles() throws {
    var settings = FilesSettings()
    settings.directories = [EntryName("images")!]
    var rule = try rule(settings)
    func role(_ path: String, isDirectory: Bool? = false) -> EntryRole {
      let path = CandidatePath(bytes: Array(path.utf8))!
      return rule.role(of: path.name, isDirectory: isDirectory, in: path.directory)
    }
    #expect(role("images", isDirectory: true) == .place)
    #expect(role("images", isDirectory: nil) == .place)
    #expect(role("images/images", isDirectory: true) == .nothing)
    #expect(role("videos", isDirectory: true) == .nothing)
    #expect(role("images/a.png") == .candidate)
    #expect(role("images/x/a.png") == .nothing)
    #expect(role("a.png") == .nothing)
    #expect(role("posts.json.tmp.1764300000000") == .candidate)
    #expect(role("posts.json.tmp.176430000000") == .nothing)
    let claim = ClaimName(claimedAt: 1_764_300_000 * second, original: EntryName("a.png")!)!.entry
    func claimed(in directory: String) -> EntryRole {
      rule.role(of: claim, isDirectory: false, in: Array(directory.utf8))
    }
    #expect(claimed(in: "images") == .candidate && claimed(in: "") == .nothing)
    rule.others = [try Glob("posts*")]
    #expect(role("posts.json.tmp.1764300000000") == .nothing)
    #expect(rule.takes(EntryName("a.png")!, in: Array("images".utf8)))
    #expect(!rule.takes(EntryName("a.png")!, in: Array("images/x".utf8)))
  }

  @Test("Rules on one root are apart where their directories are")
  func apart() throws {
    var settings = FilesSettings()
    func rule(_ directories: [String]) throws -> Rule {
      settings.directories = directories.map { EntryName($0)! }
      return try self.rule(settings)
    }
    let images = try rule(["images"])
    #expect(try !images.mayTakeSame(as: rule(["videos"])))
    #expect(try images.mayTakeSame(as: rule(["videos", "images"])))
    #expect(try !images.mayTakeSame(as: rule([])))
    #expect(try rule([]).mayTakeSame(as: rule([])))
  }
}
