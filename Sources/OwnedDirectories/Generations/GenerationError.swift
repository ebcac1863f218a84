/// Why a generation could not be made or made live: what failed, on which path, and what to do.
public typealias GenerationError = WriterError<GenerationFailure>

/// What can go wrong with a generation.
public enum GenerationFailure: WriterErrorReason {
  /// A system call failed; `call` and `code` say which and how.
  case system
  /// The cursor cannot be read, or names no generation beyond doubt. Nothing was changed.
  case cursorUnreadable
  /// The cursor is no longer the one that was read: somebody else has written it. It stays as it
  /// is now; what this writer made is not live and never will be.
  case stale
  /// Another process held the cursor's lock for longer than was waited.
  case busy
  /// The generation, or the lock file that was locked, is no longer at its path.
  case displaced
  /// The calls came in an order that makes no sense, or a path leads where none may.
  case misuse

  /// What to do about a system call that failed, by its name and errno.
  public static func advice(call: String, code: Int32) -> String {
    switch code {
    case noSpace, quota: "make room and begin again; the live generation was not touched"
    case notPermitted, noAccess: "run as the user who owns the partition"
    case absent: "check that the partition is there and was not moved meanwhile"
    case link, crossing: "name the partition by a path without symbolic links"
    default: "the live generation was not touched; begin again when the cause is gone"
    }
  }
}
