// What a reason means beyond its words. The one table that says so; who acts on a reason asks it.

/// What follows from a reason for which something is kept or in doubt.
package struct ReasonTraits: Sendable, Equatable {
  /// Who hears that something is kept for it.
  package enum Hearing: Sendable {
    /// Nobody: it is part of normal life.
    case nobody
    /// An operator, once for each path.
    case once
    /// An operator, once for all that lies in the partition.
    case oncePerPartition
    /// An operator, once for everything: reapd itself cannot work, and a pass has failed.
    case onceForAll

    var isOfRefusals: Bool { self == .once || self == .oncePerPartition }
  }

  /// What it is counted as in the line that a first scan ends with.
  package enum Count: Sendable {
    case live, young, other
  }

  /// What may end it. Empty: only an event on its name, another rule, or the backstop.
  package struct Ends: OptionSet, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// A file in it that stays open here, and is watched, is closed by whoever uses it.
    package static let closing = Ends(rawValue: 1 << 0)
    /// Its mode, its owner or its attributes change: a pin is one.
    package static let attributes = Ends(rawValue: 1 << 1)
    /// The mount table changes.
    package static let mounts = Ends(rawValue: 1 << 2)
    /// The cursor is replaced, though it does not name this one.
    package static let cursor = Ends(rawValue: 1 << 3)
    /// The live generation is there, and complete.
    package static let live = Ends(rawValue: 1 << 4)
    /// A name in its partition goes.
    package static let names = Ends(rawValue: 1 << 5)
    /// What a removal failed at is taken out of the way; that is watched.
    package static let obstacle = Ends(rawValue: 1 << 6)
    /// The time is over for which it must be old or unchanged: the judge says when.
    package static let age = Ends(rawValue: 1 << 7)
    /// Any other deadline of the judge's.
    package static let deadline = Ends(rawValue: 1 << 8)
    /// Whoever uses it may be ending just now: a few looks in quick succession.
    package static let ladder = Ends(rawValue: 1 << 9)
    /// A look again, soon at first and then ever more seldom.
    package static let backOff = Ends(rawValue: 1 << 10)
    /// A look again after a grace.
    package static let pause = Ends(rawValue: 1 << 11)

    /// What comes with a deadline of the judge's.
    package static let deadlines: Ends = [.age, .deadline]
  }

  /// What becomes of a claimed name, of a reapd that has ended, whose bearer is kept for this.
  package enum ClaimedName: Sendable {
    /// It stays: what is in the way will pass, and nobody can want its own name back.
    case stays
    /// It stays beside its own name only: each half goes by itself.
    case staysBesideItsOwn
    /// It stays unless it is known that not a byte is gone, or that some are.
    case staysWhileUnclear
    /// Its own name is given back; two halves are joined.
    case isGivenBack
  }

  package let hearing: Hearing
  package let count: Count
  package let ends: Ends
  package let claimedName: ClaimedName
  /// The cursor names it.
  package let isLive: Bool
  /// A quarantine that has begun goes on.
  package let isQuarantine: Bool
  /// Nothing but the owner's lock speaks for it: while that is held, nothing else need be asked.
  package let isLockAlone: Bool

  init(
    _ hearing: Hearing, _ ends: Ends = [], claimedName: ClaimedName = .staysBesideItsOwn,
    count: Count = .other, isLive: Bool = false, isQuarantine: Bool = false,
    isLockAlone: Bool = false
  ) {
    self.hearing = hearing
    self.count = count
    self.ends = ends
    self.claimedName = claimedName
    self.isLive = isLive
    self.isQuarantine = isQuarantine
    self.isLockAlone = isLockAlone
  }
}

extension Reason {
  /// The table. A new reason is a line here, or joins one.
  package var traits: ReasonTraits {
    switch self {
    case .notMatched, .claimFound: .init(.nobody, [.cursor])
    case .notADirectory, .nothingToCut: .init(.once)
    case .mountPoint: .init(.once, [.mounts])
    case .foreignOwner, .cannotSlim: .init(.once, [.attributes])
    case .young: .init(.nobody, [.age], claimedName: .stays, count: .young)
    case .recentlyChanged:
      .init(.nobody, [.age], claimedName: .staysWhileUnclear, count: .young)

    // Somebody uses it. Two halves are joined then.
    case .lockHeld:
      .init(
        .nobody, [.closing, .ladder], claimedName: .isGivenBack, count: .live, isLockAlone: true)
    case .lockOpen:
      .init(.nobody, [.closing, .ladder, .cursor], claimedName: .isGivenBack, count: .live)
    case .fileOpen:
      .init(.nobody, [.closing, .ladder, .deadline], claimedName: .isGivenBack, count: .live)
    case .directoryLocked: .init(.nobody, [.ladder, .deadline], claimedName: .isGivenBack)
    case .workingDirectory, .directoryOpen, .fifoOpen, .socketBound, .ownerAlive:
      .init(.nobody, [.deadline], claimedName: .isGivenBack)
    case .live: .init(.nobody, [.cursor, .deadline], claimedName: .isGivenBack, isLive: true)

    case .keptByHand, .asSmallAsItGets: .init(.nobody, [.attributes])
    case .notInPlace: .init(.once, [.deadline])
    case .draining: .init(.nobody, [.deadline], claimedName: .stays, count: .live)
    case .recentlySuperseded: .init(.nobody, [.deadline], claimedName: .stays)
    case .quarantined:
      .init(.nobody, [.attributes, .deadline], claimedName: .stays, isQuarantine: true)
    case .rootInside, .cannotClaim, .needsQuarantine, .notAFile: .init(.once, [.cursor])
    case .missingLockKept, .unproved, .ownerUnknown, .foreignContents, .lockNotAFile,
      .lockUnreadable, .lockUnknown, .useUnknown, .bootUnknown, .timeUnknown, .lockNamesProcess:
      .init(.once, [.backOff, .cursor])
    case .mountInside: .init(.once, [.mounts, .cursor, .deadline], claimedName: .stays)
    case .surroundingsUnknown: .init(.once, [.mounts, .cursor], claimedName: .stays)
    case .processesUnknown: .init(.once, [.backOff, .cursor], claimedName: .stays)
    case .foreignInside: .init(.once, [.obstacle, .backOff, .cursor])
    case .unreadable: .init(.once, [.attributes, .mounts, .backOff, .cursor])
    case .replaced: .init(.once, [.pause, .cursor])
    case .removalFailed: .init(.once, [.obstacle, .mounts, .backOff, .cursor])
    case .auditUnwritable: .init(.onceForAll, [.cursor])

    // Of the partition as a whole.
    case .claimConflict: .init(.oncePerPartition, [.names, .cursor])
    case .cursorUnknown: .init(.oncePerPartition, [.cursor])
    case .liveAbsent, .liveIncomplete, .liveUnknown:
      .init(.oncePerPartition, [.live, .backOff, .cursor])

    // Another one of its group, or time, may demand its end: who chooses among them says when.
    case .withinBounds: .init(.nobody, [.attributes, .cursor])
    case .protected, .incomplete, .noCopy, .archiveBeingMade, .slimmingWaits, .slimming:
      .init(.nobody, [.deadline, .cursor])

    // Proofs: nothing is kept for them, unless nothing may go (a dry run).
    case .lockReleased, .lockMissing, .ownerDead, .beforeBoot, .quiet, .staleTemporary,
      .abandoned, .overAge, .overCount, .overBytes, .roomNeeded, .pressure, .overLimit, .drained,
      .abandonedCopy, .copied, .superseded, .supersededWhole, .runOver:
      .init(.nobody, [.cursor])
    }
  }

  /// Whether what may go for it is a part of a log, or what a trim has left.
  package var isOfTrim: Bool {
    switch self {
    case .overLimit, .drained, .abandonedCopy: true
    default: false
    }
  }

  /// Whether what goes for it is a part of an archive.
  package var isOfSlimming: Bool { self == .superseded || self == .runOver }

  /// Whether it is kept because somebody uses it.
  package var isOfUse: Bool { traits.claimedName == .isGivenBack }

  package func isEnded(by end: ReasonTraits.Ends) -> Bool { traits.ends.contains(end) }
}
