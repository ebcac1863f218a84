/// What the inotify thread reports. A loss is a message like any other, never silence.
package enum WatchMessage: Sendable, Equatable {
  package enum Change: Sendable, Equatable {
    case created, movedIn, movedOut, removed
  }

  /// An entry of a watched directory appeared or went.
  case entry(token: UInt64, name: [UInt8], isDirectory: Bool, Change)
  /// Somebody closed the watched file.
  case closed(token: UInt64)
  /// The followed file was written to, cut, moved or removed: look at it.
  case changed(token: UInt64)
  /// Answer to `watch`: the handle to end it with, or the errno that prevented it.
  case armed(token: UInt64, Result<WatchHandle, WatchFailure>)
  /// The watched directory itself was removed, moved or unmounted.
  case lost(token: UInt64)
  /// The kernel's queue overflowed: events are missing.
  case overflow
  /// The inotify instance was made anew: every watch is gone, and events may be missing.
  case rebuilt
  /// The mount table changed.
  case mountsChanged
}

/// One watch of one inotify instance.
package struct WatchHandle: Hashable, Sendable {
  let instance: Int32
  let descriptor: Int32
}

/// Why a watch could not be put, as errno; ENOSPC: the user's watch limit.
package struct WatchFailure: Error, Equatable, Sendable {
  package let code: Int32
}

/// What a watch is for, which decides about the events it asks for.
package enum WatchPurpose: Sendable {
  /// Entries coming and going in a directory.
  case directory
  /// A directory above one that matters, in case it is moved away.
  case ancestor
  /// A file that we keep open ourselves: every close of it is somebody else's.
  case heldFile
  /// A file that we open and close now and then: only closes by writers are somebody else's.
  case writers
  /// A file that is read as it grows: `.changed` for what happens to it, `.closed` for the ends of
  /// its writers.
  case followed
}
