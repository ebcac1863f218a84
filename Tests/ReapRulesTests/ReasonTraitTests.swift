// What follows from each reason, told once more from the side of what is done on it.

import Testing

@testable import ReapRules

@Suite("What a reason means")
struct ReasonTraitTests {
  static func all(where holds: (ReasonTraits) -> Bool) -> Set<Reason> {
    Set(Reason.allCases.filter { holds($0.traits) })
  }

  static func ended(by end: ReasonTraits.Ends) -> Set<Reason> { all { $0.ends.contains(end) } }

  static let proofs: Set<Reason> = [
    .lockReleased, .lockMissing, .ownerDead, .beforeBoot, .quiet, .staleTemporary,
    .abandoned, .overAge, .overCount, .overBytes, .roomNeeded, .pressure,
    .overLimit, .drained, .abandonedCopy,
    .copied, .superseded, .supersededWhole, .runOver,
  ]
  static let visibleUse: Set<Reason> = [
    .directoryLocked, .workingDirectory, .directoryOpen, .fifoOpen, .socketBound, .ownerAlive,
  ]

  @Test("Every reason is explained in words of its own")
  func explanations() {
    let words = Reason.allCases.map(\.explanation)
    #expect(!words.contains("") && Set(words).count == words.count)
  }

  @Test("Normal life is told to nobody, a partition's trouble once, and a lack of our own once")
  func hearing() {
    let normal: Set<Reason> = [
      .young, .lockHeld, .lockOpen, .recentlyChanged, .fileOpen, .notMatched, .live,
      .recentlySuperseded, .quarantined, .claimFound, .keptByHand, .withinBounds, .draining,
      .protected, .incomplete, .noCopy, .archiveBeingMade, .slimming, .slimmingWaits,
      .asSmallAsItGets,
    ]
    #expect(Self.all { $0.hearing == .nobody } == normal.union(Self.visibleUse).union(Self.proofs))
    #expect(
      Self.all { $0.hearing == .oncePerPartition }
        == [.cursorUnknown, .liveAbsent, .liveIncomplete, .liveUnknown, .claimConflict])
    #expect(Self.all { $0.hearing == .onceForAll } == [.auditUnwritable])
    for reason in Reason.allCases {
      let isTold = reason.traits.hearing == .once || reason.traits.hearing == .oncePerPartition
      #expect(Verdict.keep(reason, recheckAfter: nil).isRefusal == isTold)
      #expect(Verdict.unsure(reason).isRefusal == isTold)
      #expect(!Verdict.dispose(reason).isRefusal && !Verdict.condemn(reason, for: 1).isRefusal)
    }
  }

  @Test("What keeps a file open to see it closed is in use, and counts as live")
  func use() {
    let open: Set<Reason> = [.lockHeld, .lockOpen, .fileOpen]
    #expect(Self.ended(by: .closing) == open)
    #expect(Self.all { $0.count == .live } == open.union([.draining]))
    #expect(Self.all { $0.count == .young } == [.young, .recentlyChanged])
    #expect(Self.ended(by: .ladder) == open.union([.directoryLocked]))
    #expect(Self.all(where: \.isLockAlone) == [.lockHeld])
    #expect(Self.all(where: \.isLive) == [.live])
    #expect(Self.all(where: \.isQuarantine) == [.quarantined])
  }

  @Test("Each event ends what rests on it, and nothing else")
  func events() {
    #expect(
      Self.ended(by: .attributes) == [
        .keptByHand, .quarantined, .foreignOwner, .unreadable, .withinBounds,
        .asSmallAsItGets, .cannotSlim,
      ])
    #expect(
      Self.ended(by: .mounts)
        == [.mountPoint, .mountInside, .surroundingsUnknown, .removalFailed, .unreadable])
    #expect(Self.ended(by: .live) == [.liveAbsent, .liveIncomplete, .liveUnknown])
    #expect(Self.ended(by: .names) == [.claimConflict])
    #expect(Self.ended(by: .obstacle) == [.removalFailed, .foreignInside])
    // No event tells of these, or not of all that may end them.
    #expect(
      Self.ended(by: .backOff) == [
        .lockNamesProcess, .missingLockKept, .unproved, .ownerUnknown, .bootUnknown,
        .foreignContents,
        .foreignInside, .lockNotAFile,
        .lockUnreadable, .lockUnknown, .timeUnknown, .useUnknown, .processesUnknown, .unreadable,
        .removalFailed, .liveAbsent, .liveIncomplete, .liveUnknown,
      ])
    #expect(Self.ended(by: .pause) == [.replaced])
    let outlasting: Set<Reason> = [
      .young, .lockHeld, .recentlyChanged, .fileOpen, .keptByHand, .recentlySuperseded,
      .quarantined, .foreignOwner, .notADirectory, .mountPoint, .nothingToCut,
      .notInPlace, .draining, .asSmallAsItGets,
      .cannotSlim,
    ]
    let others = Set(Reason.allCases).subtracting(outlasting).subtracting(Self.visibleUse)
    #expect(Self.ended(by: .cursor) == others)
  }

  @Test("A claimed name is given back to what lives, and to what no claim made half")
  func claimedNames() {
    let waits: Set<Reason> = [
      .mountInside, .surroundingsUnknown, .quarantined, .recentlySuperseded, .processesUnknown,
      .young, .draining,
    ]
    let wanted = Self.visibleUse.union([.live, .lockHeld, .lockOpen, .fileOpen])
    for reason in Reason.allCases {
      for claim in [Evidence.Claim.none, .found, .split, .unfinished] {
        let stays =
          switch reason {
          case _ where waits.contains(reason): true
          case _ where wanted.contains(reason): false
          case .recentlyChanged: claim == .none || claim == .split
          default: claim == .split
          }
        #expect(claim.stays(for: reason) == stays, "\(reason), \(claim)")
      }
    }
  }

  @Test("A deadline comes with a reason that a deadline ends, and with no other")
  func deadlines() {
    var seen: Set<Reason> = []
    for seed in UInt64(1)...5000 {
      var random = SeededRandom(seed: seed)
      let isSpill = random.chance(50)
      let judgement =
        isSpill
        ? judge(
          JudgePropertyTests.randomEvidence(&random), rule: spillRule(), now: judgingTime)
        : judge(
          GenerationPropertyTests.randomEvidence(&random),
          rule: GenerationPropertyTests.randomRule(&random), now: generationTime)
      guard case .verdict(.keep(let reason, let recheck)) = judgement else { continue }
      let ends = reason.traits.ends
      if recheck != nil {
        seen.insert(reason)
        #expect(!ends.isDisjoint(with: .deadlines), "seed \(seed): \(reason)")
      } else {
        #expect(ends != .age && ends != .deadline, "seed \(seed): \(reason) has no deadline")
      }
    }
    #expect(
      seen.isSuperset(of: [.young, .recentlyChanged, .recentlySuperseded, .ownerAlive]),
      "\(seen) must be reached")
  }
}
