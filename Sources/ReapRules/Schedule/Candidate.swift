/// Names a candidate in a schedule's table; never valid again once that candidate is forgotten.
package struct CandidateID: Hashable, Sendable {
  package let slot: UInt32
  package let generation: UInt32

  /// Slot and generation fit into 24 and 28 bits, so that a watch's token holds both and a root.
  package static let generationMask: UInt32 = 0x0FFF_FFFF
  package static let slotMask: UInt32 = 0x00FF_FFFF

  package init(slot: UInt32, generation: UInt32) {
    self.slot = slot
    self.generation = generation
  }
}

/// What the schedule remembers of one candidate: at 100,000 of them every byte counts, so "none"
/// is a value of its own (`never`) and not an optional.
struct Candidate: Sendable {
  static let never = Nanoseconds.max

  enum State: UInt8, Sendable {
    /// For an event, or for the deadline.
    case waiting
    /// The edge is gathering and judging.
    case examining
    /// The edge is gathering and judging, and something happened meanwhile that asks for another look.
    case examiningAgain
    /// The edge is putting a watch on the descriptor it holds.
    case arming
    /// Like `arming`, and the descriptor's file was closed meanwhile.
    case armingAgain
  }

  var path: CandidatePath
  /// Monotonic; when to look again. `never` where only an event can change something.
  var deadline = Candidate.never
  var firstSeen: Nanoseconds
  /// Monotonic; `never` where reapd did not see it come, made or moved in.
  var sawCreation: Nanoseconds
  /// Monotonic; arrival of the event that the examination under way answers.
  var wokenAt = Candidate.never
  var generation: UInt32
  /// The scan that last saw it.
  var epoch: UInt32
  var state = State.waiting
  /// Since the last look something happened that more than its lock may tell of.
  var isChanged = true
  /// The next rung of the retry ladder; `ladder.count` when nothing more is tried.
  var rung: UInt8
  var trigger: Trigger
  var reason: Reason?

  /// Whether its deadline is the end of a time that it must be old or unchanged for.
  var waitsForAge: Bool { reason?.isEnded(by: .age) == true }
}
