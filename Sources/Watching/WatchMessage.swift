/// What the inotify thread reports. A loss is a message like any other, never silence.
package enum WatchMessage: Sendable, Equatable {
  package enum Change: Sendable, Equatable {
    case created, movedIn, movedOut, removed
    /// A file was closed by somebody who had it open for writing.
    case written
    /// A file was written to or cut, and is open still (partitions only).
    case modified
    /// A mode, an owner or an extended attribute was changed.
    case attributes
  }

  /// An entry of a watched directory appeared or went.
  case entry(token: UInt64, name: [UInt8], isDirectory: Bool, Change)
  /// Somebody closed the watched file or, for `.obstacle`, anything in the watched directory.
  case closed(token: UInt64)
  /// The followed file was written to, cut, moved or removed, or the mode of an `.obstacle` changed:
  /// look at it.
  case changed(token: UInt64)
  /// Answer to `watch`: the handle to end it with, or the errno that prevented it.
  case armed(token: UInt64, Result<WatchHandle, WatchFailure>)
  /// The watched directory itself was removed, moved or unmounted.
  case lost(token: UInt64)
  /// The kernel's queue overflowed: events are missing.
  case overflow
  /// The mount table changed.
  case mountsChanged
}

/// One watch of the inotify instance.
package struct WatchHandle: Hashable, Sendable {
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
  /// Entries coming and going in a directory, and files in it being written in place.
  case partition
  /// Entries coming and going in a directory, and files in it being closed by writers.
  case writtenFiles
  /// A directory above one that matters, in case it is moved away.
  case ancestor
  /// The one right above a directory that is held open: only here the kernel tells that it was
  /// removed, since IN_DELETE_SELF waits for the last descriptor to be closed (seen on 6.18).
  case parent
  /// A file that we keep open ourselves: every close of it is somebody else's.
  case heldFile
  /// A directory in which something cannot be removed: whoever changes that closes something there,
  /// or changes a mode.
  case obstacle
  /// A file that we open and close now and then: only closes by writers are somebody else's.
  case writers
  /// A file that is read as it grows: `.changed` for what happens to it, `.closed` for the ends of
  /// its writers.
  case followed
}
