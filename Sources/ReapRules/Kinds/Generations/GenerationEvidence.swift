// What was observed of a generation besides what is observed of every candidate.

package struct GenerationEvidence: Sendable, Equatable {
  package var partition: Evidence.Partition?
  /// When the marker was written into it, wall clock; nil where there is none. For people: it
  /// decides nothing.
  package var marker: Nanoseconds?
  package var owner: Evidence.Owner?
  /// Since it was judged dead without a proof of death; nil where it is not condemned.
  package var condemned: Evidence.Condemnation?
  /// How much less room is free than the rule demands; nil where there is enough.
  package var shortage: RoomShortage?

  package init() {}
}

extension Evidence {
  /// Nil for evidence of another kind, which no assignment makes one of this.
  package var generations: GenerationEvidence? {
    get { if case .generations(let own) = ofKind { own } else { nil } }
    set {
      if case .generations = ofKind, let newValue { ofKind = .generations(newValue) }
    }
  }

  /// What it lies in was looked into: it is past its grace.
  package var isLookedInto: Bool { generations?.partition != nil }

  /// When and on what a candidate was judged dead without a proof of death.
  package struct Condemnation: Sendable, Hashable {
    /// Monotonic, so that a suspend of the machine does not count.
    package var since: Nanoseconds
    /// The newest change in the subtree at that time, wall clock; nil where that is not known.
    package var newestChange: Nanoseconds?
    /// Names it in the audit: the wall clock at that time, nanoseconds since 1970.
    package var id: Nanoseconds

    package init(since: Nanoseconds, newestChange: Nanoseconds?, id: Nanoseconds) {
      self.since = since
      self.newestChange = newestChange
      self.id = id
    }
  }

  /// What the directory that holds generations says about them.
  package struct Partition: Sendable, Equatable {
    /// The state of the generation that the cursor names.
    package enum Live: Sendable, Equatable {
      case complete, incomplete, absent
      case unknown(String)
    }

    package var cursor: CursorReading
    package var live: Live
    /// When the cursor was last replaced, wall clock. Every append replaces it.
    package var cursorChange: Nanoseconds?
    /// Monotonic, since when this process has seen the cursor name that live generation.
    package var liveSince: Nanoseconds?
    /// The live generation's name, where that is there claimed as well: it may be in two halves.
    package var conflict: String?
    /// It was read for another candidate of the partition, a moment ago.
    package var isShared = false

    package init(
      cursor: CursorReading, live: Live, cursorChange: Nanoseconds? = nil,
      liveSince: Nanoseconds? = nil, conflict: String? = nil
    ) {
      self.cursor = cursor
      self.live = live
      self.cursorChange = cursorChange
      self.liveSince = liveSince
      self.conflict = conflict
    }
  }

  /// What the pid in the owner's file tells.
  package enum Owner: Sendable, Equatable {
    /// `since`: when the process began, wall clock.
    case alive(pid: Int32, since: Nanoseconds)
    /// Its exit was seen through a pidfd that was held since before; `at`, wall clock, at the latest.
    case exited(pid: Int32, at: Nanoseconds)
    /// No such process here, or one that started at another time.
    case absent(pid: Int32)
    case unknown(String)
  }
}
