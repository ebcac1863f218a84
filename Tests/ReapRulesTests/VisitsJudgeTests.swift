// Which evidence of an archive leads to which verdict, and what in a tree of runs is one.

import Testing

@testable import ReapRules

@Suite("The judge of kind visits")
struct VisitsJudgeTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let expected: Judgement
    var evidence: Evidence
    var settings = VisitsSettings()

    var own: VisitsEvidence {
      get { evidence.ofKind.visits! }
      set { evidence.ofKind = .visits(newValue) }
    }
  }

  static let now = Now(wall: 10_000 * second, monotonic: 10_000 * second)
  static let backOff = Evidence.Clocks(birth: 0, firstSeen: 0).backOff(now: now)

  private static func example(
    _ title: String, _ expected: Judgement, name: String = "stage.tgz",
    spoil: (inout Case) -> Void = { _ in }
  ) -> Case {
    var own = VisitsEvidence()
    own.place = .visit(3)
    own.siblings = .init(newer: 1)
    own.change = 1000 * second
    let evidence = Evidence(
      entry: .init(name: EntryName(name)!, type: .regularFile, owner: 0, isMountPoint: false),
      clocks: .init(birth: 0, firstSeen: 0), ofKind: .visits(own),
      inside: .init(openness: .nothingOpen, newestChange: 1000 * second))
    var one = Case(testDescription: title, expected: expected, evidence: evidence)
    spoil(&one)
    return one
  }

  private static func refused(_ retry: Nanoseconds?) -> VisitsEvidence.Known {
    .init(.slim, .refused(code: "damaged", why: "torn", retry: retry))
  }

  static let archives: [Case] = [
    example("an earlier visit's", .verdict(.dispose(.superseded))),
    example("dropped", .verdict(.dispose(.supersededWhole))) { $0.settings.onSuperseded = .drop },
    example("left alone", .keep(.withinBounds)) { $0.settings.onSuperseded = .keep },
    example("among the newest", .verdict(.dispose(.superseded))) { $0.settings.keepArchives = 2 },
    example("one too many", .verdict(.dispose(.overCount))) { $0.settings.keepArchives = 1 },
    example("the newest of those that are dropped", .keep(.withinBounds)) {
      ($0.settings.onSuperseded, $0.settings.keepArchives) = (.drop, 2)
    },
    example("moved just now", .keep(.recentlyChanged, recheckAfter: 3 * second)) { one in
      one.own.change = 9993 * second
    },
    example("one is being made", .keep(.archiveBeingMade, recheckAfter: backOff)) { one in
      one.own.siblings?.beingMade = "stage.tgz.tmp is open"
    },
    example("what lies beside it is asked first", .gather(.files)) { one in
      one.own.siblings = nil
    },
    example("pinned", .keep(.keptByHand)) { $0.evidence.inside?.isPinned = true },
    example("done, though the change was just now", .keep(.asSmallAsItGets)) { one in
      one.own.known = .init(.slim, .done)
      one.own.change = now.wall
    },
    example("slimmed, and now to be dropped", .verdict(.dispose(.overCount))) {
      $0.own.known = .init(.slim, .done)
      $0.settings.keepArchives = 1
    },
    example("being read", .keep(.slimming)) { one in
      one.own.known = .init(.slim, .underWay)
    },
    example("damaged", .keep(.cannotSlim)) { one in one.own.known = refused(nil) },
    example("tried again later", .keep(.slimmingWaits, recheckAfter: 5 * second)) { one in
      one.own.known = refused(10_005 * second)
    },
    example("tried again now", .verdict(.dispose(.superseded))) { one in
      one.own.known = refused(now.monotonic)
    },
    example("another user's", .keep(.foreignOwner)) { $0.evidence.entry.owner = 1 },
    example("a link", .keep(.notAFile)) { $0.evidence.entry.type = .symbolicLink },
  ]

  static let lastOnes: [Case] = [
    example("the node's, its owner not asked for", .gather(.owner)) { one in
      one.own.place = .node
    },
    example("of a live run", .keep(.ownerAlive, recheckAfter: backOff)) { one in
      (one.own.place, one.own.owner) = (.node, .alive(pid: 7, since: 0))
    },
    example("of a run that was seen to end", .verdict(.dispose(.runOver))) { one in
      (one.own.place, one.own.owner) = (.run, .exited(pid: 7, at: 0))
    },
    example("never dropped", .verdict(.dispose(.runOver))) {
      ($0.own.place, $0.own.owner) = (.run, .exited(pid: 7, at: 0))
      $0.settings.onSuperseded = .drop
    },
    example(
      "no such process, and changed lately", .keep(.recentlyChanged, recheckAfter: 600 * second)
    ) { one in
      (one.own.place, one.own.owner, one.own.change) = (.node, .absent(pid: 7), 7000 * second)
    },
    example("no such process, and pids are trusted", .verdict(.dispose(.runOver))) {
      ($0.own.place, $0.own.owner, $0.own.change) = (.node, .absent(pid: 7), 7000 * second)
      $0.settings.trustPids = true
    },
    example("nothing known of its run, and quiet", .verdict(.dispose(.runOver))) { one in
      (one.own.place, one.own.owner) = (.node, .unknown("none"))
    },
  ]

  static let temporaries: [Case] = [
    example("of an owner that is dead", .verdict(.dispose(.ownerDead)), name: "stage.tgz.tmp") {
      one in
      (one.own.owner, one.own.change) = (.exited(pid: 7, at: 0), 9000 * second)
    },
    example("open", .keep(.fileOpen, recheckAfter: backOff), name: "stage.tgz.tmp") {
      $0.own.owner = .exited(pid: 7, at: 0)
      $0.evidence.inside?.openness = .open("stage.tgz.tmp")
    },
    example("perhaps open", .unsure(.useUnknown), name: "stage.tgz.tmp") {
      $0.own.owner = .exited(pid: 7, at: 0)
      $0.evidence.inside?.openness = .unknown("no lease")
    },
    example(
      "not quiet for long", .keep(.recentlyChanged, recheckAfter: 600 * second),
      name: "run.tgz.tmp"
    ) { one in
      (one.own.place, one.own.owner, one.own.change) = (
        .run, .alive(pid: 7, since: 0), 7000 * second
      )
    },
    example(
      "quiet, by a run that goes on", .verdict(.dispose(.staleTemporary)), name: "run.tgz.tmp"
    ) { one in
      (one.own.place, one.own.owner) = (.run, .alive(pid: 7, since: 0))
    },
  ]

  @Test("Evidence leads to its verdict", arguments: archives + lastOnes + temporaries)
  func verdicts(_ one: Case) {
    let rule = Rule(
      name: "kilroy", root: "/runs", match: VisitsSettings.defaultGlob, grace: 10 * second,
      owners: .users([0]), kind: .visits(one.settings))
    #expect(judge(one.evidence, rule: rule, now: Self.now) == one.expected)
  }

  @Test("What is a candidate, what is entered, and what resuming needs is neither")
  func roles() {
    var settings = VisitsSettings()
    settings.owner = .init(name: EntryName("run.lock.json")!)
    let rule = Rule(
      name: "kilroy", root: "/runs", match: VisitsSettings.defaultGlob, grace: 0,
      owners: .anyone, kind: .visits(settings))
    func role(_ path: String, isDirectory: Bool? = nil) -> EntryRole {
      let path = CandidatePath(bytes: Array(path.utf8))!
      return rule.role(of: path.name, isDirectory: isDirectory, in: path.directory)
    }
    let candidates = [
      "r/run.tgz", "r/run.tgz.tmp", "r/n/stage.tgz", "r/n/stage.tgz.tmp", "r/n/visit_12/stage.tgz",
      "r/n/visit_1/stage.tgz.tmp", "r/restart-1/run.tgz", "r/restart-1/n/visit_3/stage.tgz",
    ]
    for path in candidates {
      #expect(role(path) == .candidate, "\(path)")
      #expect(
        rule.takes(
          CandidatePath(bytes: Array(path.utf8))!.name,
          in: CandidatePath(bytes: Array(path.utf8))!.directory), "\(path)")
    }
    for path in ["r", "r/n", "r/n/visit_7", "r/restart-2", "r/restart-2/n/visit_1"] {
      #expect(role(path, isDirectory: true) == .place, "\(path)")
    }
    #expect(role("r/run.lock.json", isDirectory: false) == .signal(isNewsWhenMade: true))
    // Never to be removed: the next visit's number is the count of them.
    let untouched = [
      "r/n/visit_7", "r/manifest.json", "r/checkpoint.json", "r/graph.dot", "r/run_config.json",
      "r/n/status.json", "r/inputs_manifest.json", "r/run.pid", "r/n/visit_1/status.json",
      "r/worktree/stage.tgz", "r/modeldb/stage.tgz", "r/input_snapshot/stage.tgz", "r/stage.tgz",
      "r/n/attempt_1/stage.tgz", "r/n/visit_1/visit_2/stage.tgz", "stage.tgz", "r/n/run.tgz",
      "r/n/visit_/stage.tgz", "r/.git/stage.tgz", ".r/n/stage.tgz", "r/n/.reapd.1.stage.tgz",
    ]
    for path in untouched {
      for isDirectory in [true, false, nil] {
        #expect(role(path, isDirectory: isDirectory) != .candidate, "\(path)")
      }
    }
  }
}
