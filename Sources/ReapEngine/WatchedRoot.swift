import Glibc
import OwnedDirectories
import ReapRules
import Watching

/// One rule at work: its root, its schedule, and what is held open for its candidates. Used on the
/// reaper's thread only.
final class WatchedRoot {
  /// A directory that is being listed: candidates are looked at a portion at a time, so that
  /// events are handled in between.
  struct Listing {
    var listing: DirectoryListing
    var batch: ArraySlice<DirectoryEntry> = []
    let place: UInt32
    let path: [UInt8]
    /// The directory, opened for this listing; nil for the root, whose own descriptor is used.
    let descriptor: Descriptor?
  }

  let index: Int
  let rule: Rule
  /// As the rule has it; where that was a link, what it led to at the start.
  let written: FilePath
  /// Where that leads now: absolute, links resolved.
  var path: FilePath
  var root: OpenRoot?
  var examination: Examination?
  var schedule: Schedule
  var holdings = Holdings()
  /// Commands to watch a candidate's file that are not answered yet.
  var arming = 0
  var listing: Listing?
  /// Places that wait to be listed.
  var unlisted: [UInt32] = []
  /// What brought the scan of everything about that is under way.
  var scanTrigger: Trigger?
  /// A scan that was asked for during another one follows it.
  var nextScan: Trigger?
  let claims = OwnClaims()
  /// The directories below the root in which partitions may lie (kind `generations`).
  var tree = PartitionTree()
  let memory = PartitionMemory()
  var owner: OwnerWatch?
  /// The watch on the directory of the owner's pid file, or on the nearest one above that exists …
  var ownerWatch: WatchHandle?
  /// … and its path.
  var ownerPlace: FilePath = ""
  /// Monotonic; when free room is looked at next.
  var nextRoomCheck: Nanoseconds?
  /// What was looked at since, for room.
  var triedForRoom: Set<CandidatePath> = []
  /// The watch on the root or, while that is absent, on its nearest ancestor.
  var directoryWatch: WatchHandle?
  /// The directories on the way to it that are watched, and the watches on them.
  var way: RootWay?
  var ancestorWatches: [WatchHandle] = []
  /// Those of them that are not answered yet.
  var wayArming = 0
  /// Tells answers and events of the present directory watch from those of an earlier one.
  var incarnation: UInt32 = 0
  /// The same for the watches on the way.
  var wayIncarnation: UInt32 = 0
  var pinnedOwner: UInt32?
  /// Monotonic; set where events do not tell (remote file systems).
  var nextPoll: Nanoseconds?
  /// Monotonic; when the lock that somebody else has is tried again.
  var nextLockTry: Nanoseconds?
  /// What was last said about why it cannot be opened.
  var complaint: String?
  /// The root's own watch was refused for want of watches, so it is polled.
  var isUnwatched = false
  /// It came while reapd ran, or follows a rule that was changed: what stands in it may have come a
  /// moment ago, and no event told.
  var isBelated = false
  /// Orphans that the first scan found.
  var startupOrphans = 0
  /// Examinations under way on workers.
  var elsewhere = 0
  var hasScanned = false
  /// The first scan is done and was announced.
  var hasStarted = false

  init(index: Int, rule: Rule) {
    self.index = index
    self.rule = rule
    written = RootWay.written(rule.root)
    path = PathWay(written, look: look).target
    schedule = Schedule(grace: rule.grace)
  }

  // MARK: - Tokens of its watches

  func token(_ id: CandidateID) -> UInt64 { WatchToken.candidate(root: index, id).bits }

  var directoryToken: UInt64 {
    WatchToken.directory(root: index, incarnation: incarnation).bits
  }

  var ancestorToken: UInt64 { WatchToken.way(root: index, incarnation: wayIncarnation).bits }

  var ownerToken: UInt64 { WatchToken.owner(root: index).bits }

  func placeToken(_ number: UInt32) -> UInt64 { WatchToken.place(root: index, number: number).bits }

  /// Whether partitions may lie below the root.
  var isPartitioned: Bool { rule.kind.hasPartitions }

  /// Whether there is work for the reaper's thread besides messages and deadlines.
  var isListing: Bool {
    listing != nil || !unlisted.isEmpty || (scanTrigger != nil && tree.arming == 0)
  }

  /// Whether a path is a candidate's, under its own name or a claimed one.
  func isCandidate(_ path: CandidatePath) -> Bool {
    guard case .candidate = rule.role(of: path.name, isDirectory: nil) else { return false }
    return !claims.contains(path)
  }
}
