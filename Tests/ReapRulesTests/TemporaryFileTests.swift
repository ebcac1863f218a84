// Temporary files of dead writers: which names are theirs, and when one may go.

import Testing

@testable import ReapRules

@Suite("Temporary files")
struct TemporaryFileTests {
  static let cursor = entryName("cursor.json")
  static let cursorName = "cursor.json.4711.0123456789ab.tmp"
  static let dataName = "part-1.parquet.tmp.4711.1795216876835.x7Q2a9"

  @Test("Their names are read")
  func names() {
    #expect(
      TemporaryName(cursor: Self.cursor, entryName(Self.cursorName)) == .cursor(pid: 4711))
    #expect(TemporaryName(data: entryName(Self.dataName)) == .data(pid: 4711))
    #expect(TemporaryName(data: entryName("a.tmp.1.1795216876835.abcdef"))?.pid == 1)
    #expect(TemporaryName(data: entryName(".x.tmp.1.1795216876835.abcdef")) == .data(pid: 1))
  }

  @Test(
    "Names that merely resemble a temporary cursor's are not",
    arguments: [
      "cursor.json", "cursor.json.tmp", "cursor.json.4711.tmp", "cursor.json.4711.0123456789a.tmp",
      "cursor.json.4711.0123456789abc.tmp", "cursor.json.4711.0123456789AB.tmp",
      "cursor.json.4711.0123456789ag.tmp", "cursor.json.x.0123456789ab.tmp",
      "cursor.json.0.0123456789ab.tmp", "cursor.json.04.0123456789ab.tmp",
      "cursor.json.-4.0123456789ab.tmp", "cursor.json.99999999999.0123456789ab.tmp",
      "cursor.json.4711.0123456789ab.tmp.bak", "cursor.json.4711.0123456789ab.temp",
      "cursor.json..0123456789ab.tmp", "xcursor.json.4711.0123456789ab.tmp",
      "cursor.jsonx.4711.0123456789ab.tmp", "cursor.yaml.4711.0123456789ab.tmp",
    ])
  func notACursor(name: String) {
    #expect(TemporaryName(cursor: Self.cursor, entryName(name)) == nil)
  }

  @Test(
    "Names that merely resemble a temporary data file's are not",
    arguments: [
      "a.parquet", "a.tmp", ".tmp.1.1795216876835.abcdef", "tmp.1.1795216876835.abcdef",
      "a.tmp.1.179521687683.abcdef", "a.tmp.1.17952168768355.abcdef",
      "a.tmp.1.x795216876835.abcdef",
      "a.tmp.1.1795216876835.abcde", "a.tmp.1.1795216876835.abcdefg",
      "a.tmp.1.1795216876835.abc_ef",
      "a.tmp.x.1795216876835.abcdef", "a.tmp.01.1795216876835.abcdef",
      "a.tmp.1.1795216876835.abcdef.parquet", "a.temp.1.1795216876835.abcdef",
      "atmp.1.1795216876835.abcdef", "...tmp.1.1795216876835.abcdef.",
    ])
  func notData(name: String) {
    #expect(TemporaryName(data: entryName(name)) == nil)
  }

  @Test("What never names is kept")
  func never() {
    var rule = generationRule()
    rule.never = [glob("*.tmp")]
    let evidence = Evidence(
      entry: .init(
        name: entryName(Self.cursorName), type: .regularFile, owner: 1000, isMountPoint: false),
      clocks: .init(firstSeen: 0), ofKind: rule.kind.evidence)
    #expect(
      TemporaryJudge(GenerationSettings()).judge(
        evidence, inGeneration: false, rule: rule, now: generationTime) == .keep(.keptByHand))
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var title: String
    var expected: Judgement
    var evidence: Evidence
    var inGeneration = false
    var rule = generationRule()
    var testDescription: String { title }

    init(
      _ title: String, _ expected: Judgement, rule: Rule = generationRule(),
      inGeneration: Bool = false, _ spoil: (inout Evidence) -> Void
    ) {
      (self.title, self.expected, self.rule) = (title, expected, rule)
      self.inGeneration = inGeneration
      evidence = deadGeneration {
        $0.entry.name = entryName(inGeneration ? dataName : cursorName)
        $0.entry.type = .regularFile
        $0.surroundings = nil
        spoil(&$0)
      }
    }
  }

  static let cases: [Case] = [
    Case("a cursor's goes", .verdict(.dispose(.staleTemporary))) { _ in },
    Case("a data file's goes", .verdict(.dispose(.staleTemporary)), inGeneration: true) { _ in },
    Case("a cursor's in a generation is kept", .keep(.notMatched), inGeneration: true) {
      $0.entry.name = entryName(cursorName)
    },
    Case("a data file's beside the cursor is kept", .keep(.notMatched)) {
      $0.entry.name = entryName(dataName)
    },
    Case(
      "nothing goes where they are off", .keep(.notMatched),
      rule: generationRule { $0.staleTemporaries = nil }
    ) { _ in },
    Case("a directory is kept", .keep(.notAFile)) { $0.entry.type = .directory },
    Case("a link is kept", .keep(.notAFile)) { $0.entry.type = .symbolicLink },
    Case("a FIFO is kept", .keep(.notAFile)) { $0.entry.type = .other },
    Case("a file mounted over is kept", .keep(.mountPoint)) { $0.entry.isMountPoint = true },
    Case("a foreign owner's is kept", .keep(.foreignOwner)) { $0.entry.owner = 0 },
    Case("a young one is kept", .keep(.young, recheckAfter: 29 * second)) {
      $0.clocks.birth = generationTime.wall - second
    },
    Case("the partition is asked for", .gather(.partition)) { $0.partition = nil },
    Case("an unknown cursor keeps it", .unsure(.cursorUnknown)) {
      $0.partition?.cursor = .unknown("missing")
    },
    Case("a conflict keeps it", .unsure(.claimConflict)) { $0.partition?.conflict = "table" },
    Case("an absent live generation keeps it", .unsure(.liveAbsent)) {
      $0.partition?.live = .absent
    },
    Case("then the file is asked for", .gather(.inside)) { $0.inside = nil },
    Case("a change keeps it", .keep(.recentlyChanged, recheckAfter: 1)) {
      $0.inside?.newestChange = generationTime.wall - hour + 1
    },
    Case("a change is over in time", .verdict(.dispose(.staleTemporary))) {
      $0.inside?.newestChange = generationTime.wall - hour
    },
    Case("an open one is kept", .keep(.fileOpen, recheckAfter: hour)) {
      $0.inside?.openness = .open("it")
    },
    Case("a pinned one is kept", .keep(.keptByHand, recheckAfter: hour)) {
      $0.inside?.isPinned = true
    },
    Case("a living writer's is kept", .keep(.ownerAlive, recheckAfter: hour)) {
      $0.inside?.writer = 4711
    },
    Case("unknown use", .unsure(.useUnknown)) { $0.inside?.openness = .unknown("EACCES") },
  ]

  @Test("Evidence leads to one judgement", arguments: cases)
  func table(example: Case) {
    guard case .generations(let settings) = example.rule.kind else { return }
    #expect(
      TemporaryJudge(settings).judge(
        example.evidence, inGeneration: example.inGeneration, rule: example.rule,
        now: generationTime) == example.expected)
  }
}
