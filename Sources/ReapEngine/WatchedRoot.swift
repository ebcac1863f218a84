import Glibc
import OwnedDirectories
import ReapRules
import Watching

/// One rule at work: its root, its schedule, and what is held open for its candidates. Used on the
/// reaper's thread only.
final class WatchedRoot {
  /// What is held for one candidate. The descriptor is closed only when no command to watch it is
  /// under way, since its number would then name another file.
  struct Holding {
    /// Nil while an examination has it.
    var file: HeldFile?
    /// The inode that the watch is on.
    var watchedFile: FileIdentity?
    var watch: WatchHandle?
    var isArming = false
    /// The candidate is forgotten; to be closed when the answer comes.
    var isOrphaned = false
    /// Watched without a descriptor of its own, for want of descriptors.
    var isSparse = false
  }

  let index: Int
  let rule: Rule
  /// Resolved once.
  let path: String
  var root: OpenRoot?
  var examination: Examination?
  var schedule: Schedule
  var holdings: [CandidateID: Holding] = [:]
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
  var saidSparse = false
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
