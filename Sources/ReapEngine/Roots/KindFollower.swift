import ReapRules
import Watching

/// What a kind makes of events at one root, besides a look at the candidate that they name.
protocol KindFollower: AnyObject {
  /// A file that tells of the candidates beside it came, went or was written.
  func signalled(_ change: WatchMessage.Change, in place: UInt32, _ arrival: Nanoseconds)

  /// A candidate's name went.
  func nameGone(_ name: EntryName, in place: UInt32, _ arrival: Nanoseconds)

  /// A candidate was looked at, and stays.
  func kept(_ path: CandidatePath, for reason: Reason, _ evidence: Evidence, _ now: Nanoseconds)

  /// A candidate was looked at, whether it stays or is claimed.
  func looked(at path: CandidatePath, isClaimed: Bool, _ now: Nanoseconds)

  /// What was claimed is gone, or could not be removed.
  func removed(_ path: CandidatePath, _ now: Nanoseconds)

  /// A directory of candidates was forgotten.
  func forgot(place: [UInt8])

  /// Watches that the kind needs besides those of the root, such as one for a pid file.
  func watch()
  func endWatches()
  func armed(_ result: Result<WatchHandle, WatchFailure>)
  func watchLost()
  func entryChanged(_ name: [UInt8])

  /// Monotonic; when the follower has something to do.
  func nextDeadline(now: Nanoseconds) -> Nanoseconds?
  func deadlinePassed(_ now: Nanoseconds)
}

/// A kind's edge, with what it does at a root that is watched.
protocol RootKind: KindEdge {
  /// Nil where events mean nothing but a look at the candidate that they name.
  func follower(of root: WatchedRoot) -> (any KindFollower)?
}
