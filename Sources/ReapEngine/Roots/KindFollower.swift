import ReapRules
import Watching

/// What a kind makes of events at one root, besides a look at the candidate that they name.
protocol KindFollower: AnyObject {
  /// A file that tells of the candidates beside it came, went, was written or got other attributes.
  func signalled(
    _ name: EntryName, _ change: WatchMessage.Change, in place: UInt32, _ arrival: Nanoseconds)

  /// A candidate that is a file was written to, or closed by a writer.
  func wrote(_ path: CandidatePath, _ change: WatchMessage.Change, _ arrival: Nanoseconds)

  /// A candidate's name came.
  func nameCame(_ path: CandidatePath)

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

  /// Watches that the kind needs besides those of the root, such as one for a pid file, by numbers of
  /// its own.
  func watch()
  /// The root is watched, or is so anew; it may be another directory by now.
  func rootFound()
  func endWatches()
  /// The process ends: whatever was started for the kind ends, too.
  func stop()
  func armed(_ number: UInt32, _ result: Result<WatchHandle, WatchFailure>)
  func watchLost(_ number: UInt32)
  func entryChanged(
    _ number: UInt32, _ name: [UInt8], _ change: WatchMessage.Change, _ arrival: Nanoseconds)

  /// A file that is watched so was written to, or closed by a writer.
  func touched(_ number: UInt32, _ arrival: Nanoseconds)

  /// Commands to watch that have to be answered before the rule can be forgotten.
  var arming: Int { get }
  /// Such an answer came after the rule's end.
  func armedTooLate(_ number: UInt32)

  /// Monotonic; when the follower has something to do.
  func nextDeadline(now: Nanoseconds) -> Nanoseconds?
  func deadlinePassed(_ now: Nanoseconds)
}

extension KindFollower {
  /// Where nothing runs beside.
  func stop() {}
  /// Where directories alone are watched.
  func touched(_ number: UInt32, _ arrival: Nanoseconds) {}
  /// Where a candidate's own news are heard of otherwise.
  func wrote(_ path: CandidatePath, _ change: WatchMessage.Change, _ arrival: Nanoseconds) {}
}

/// An owner's process is seen to have ended: with the candidate that it concerns, nil for all of them.
typealias OwnerExited = @Sendable (CandidatePath?) -> Void

/// A kind's edge, with what it does at a root that is watched.
protocol RootKind: KindEdge {
  /// Nil where events mean nothing but a look at the candidate that they name.
  func follower(of root: WatchedRoot) -> (any KindFollower)?
}
