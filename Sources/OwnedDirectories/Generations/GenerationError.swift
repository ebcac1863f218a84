import Glibc

/// Why a generation could not be made or made live: what failed, on which path, and what to do.
public typealias GenerationError = WriterError<GenerationFailure>

/// What can go wrong with a generation.
public enum GenerationFailure: WriterErrorReason {
  /// A system call failed; ``WriterError/call`` and ``WriterError/code`` say which and how.
  case system
  /// The cursor cannot be read, or names no generation beyond doubt. Nothing was changed.
  case cursorUnreadable
  /// The cursor is no longer the one that was read: somebody else has written it. The cursor stays
  /// as it is; the generation of this writer is not live and never will be.
  case stale
  /// Another process held the cursor's lock for longer than
  /// ``GenerationWriter/Options/patience``.
  case busy
  /// The generation, or the lock file that was locked, is no longer at its path.
  case displaced
  /// The calls came in a wrong order, or a path or name was given that cannot be used.
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

extension GenerationError {
  package var isRefusal: Bool { code == EPERM || code == EACCES }
  package var isAbsence: Bool { code == ENOENT || code == ENOTDIR }
}
