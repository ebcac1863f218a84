import Glibc
import OwnedDirectories
import ReapRules
import Watching

/// One rule at work: its root, its schedule, and what is held open for its candidates. Used on the
/// reaper's thread only.
final class WatchedRoot {
  /// A listing of the root under way: candidates are looked at a portion at a time, so that events
  /// are handled in between.
  struct Scan {
    var listing: DirectoryListing
    var batch: ArraySlice<EntryName> = []
    let trigger: Trigger
  }

  let index: Int
  let rule: Rule
  /// Resolved once.
  let path: String
  var root: OpenRoot?
  var examination: Examination?
  var schedule: Schedule
  var holdings = Holdings()
  /// Commands to watch a candidate's file that are not answered yet.
  var arming = 0
  var scan: Scan?
  /// A scan that was asked for during another one follows it.
  var nextScan: Trigger?
  let claims = OwnClaims()
  /// The watch on the root or, while that is absent, on its nearest ancestor.
  var directoryWatch: WatchHandle?
  /// The watches on the directories above the root.
  var ancestorWatches: [WatchHandle] = []
  /// Tells answers and events of the present directory watch from those of an earlier one.
  var incarnation: UInt32 = 0
  var pinnedOwner: UInt32?
  /// Monotonic; set where events do not tell (remote file systems).
  var nextPoll: Nanoseconds?
  /// What was last said about why it cannot be opened.
  var complaint: String?
  /// The root's own watch was refused for want of watches, so it is polled.
  var isUnwatched = false
  /// Orphans that the first scan found.
  var startupOrphans = 0
  /// Examinations under way on workers.
  var elsewhere = 0
  var hasScanned = false
  /// The first scan is done and was announced.
  var hasStarted = false

  init(index: Int, rule: Rule, path: String) {
    self.index = index
    self.rule = rule
    self.path = path
    schedule = Schedule(grace: rule.grace)
  }

  // MARK: - Tokens: which root and candidate an event belongs to, in 64 bits

  static let maximumRoots = 1 << 12

  func token(_ id: CandidateID) -> UInt64 {
    UInt64(index) << 52 | UInt64(id.slot & CandidateID.slotMask) << 28 | UInt64(id.generation)
  }

  var directoryToken: UInt64 {
    UInt64(index) << 52 | UInt64(CandidateID.slotMask) << 28
      | UInt64(incarnation & CandidateID.generationMask)
  }

  var ancestorToken: UInt64 { directoryToken - 1 << 28 }

  static func obstacleToken(root: Int, number: UInt32) -> UInt64 {
    UInt64(root) << 52 | UInt64(CandidateID.slotMask - 2) << 28 | UInt64(number)
  }

  /// Nil for a token of anything else.
  static func obstacle(of token: UInt64) -> UInt32? {
    let slot = UInt32(truncatingIfNeeded: token >> 28) & CandidateID.slotMask
    guard slot == CandidateID.slotMask - 2 else { return nil }
    return UInt32(truncatingIfNeeded: token) & CandidateID.generationMask
  }

  static func root(of token: UInt64) -> Int { Int(token >> 52) }

  /// Nil for the token of a directory, ancestor or obstacle watch.
  static func candidate(of token: UInt64) -> CandidateID? {
    let slot = UInt32(truncatingIfNeeded: token >> 28) & CandidateID.slotMask
    guard slot < CandidateID.slotMask - 2 else { return nil }
    return CandidateID(
      slot: slot, generation: UInt32(truncatingIfNeeded: token) & CandidateID.generationMask)
  }

  /// Whether an entry is a candidate, under its own name or a claimed one.
  func isCandidate(_ name: EntryName) -> Bool {
    if let claim = ClaimName(name) {
      return rule.match.matches(claim.original) && !claims.contains(name)
    }
    return rule.match.matches(name) && !claims.contains(name)
  }
}
