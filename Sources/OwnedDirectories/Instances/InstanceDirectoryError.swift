// What a program is told when an instance could not be made.

import Glibc

/// Why an instance was not made, or not completed: what failed, on which path, and what to do.
public typealias InstanceDirectoryError = WriterError<InstanceDirectoryFailure>

/// What can go wrong with an instance.
public enum InstanceDirectoryFailure: WriterErrorReason {
  /// A system call failed; ``WriterError/call`` and ``WriterError/code`` say which and how.
  case system
  /// There is not enough room, also after pruning. Nothing was made.
  case noRoom
  /// `reapd preflight` could not say whether there is room. Nothing was made.
  case unanswered
  /// Again and again another process took the name.
  case contended
  /// A name was given that cannot be used.
  case misuse

  /// What to do about a system call that failed, by its name and errno.
  public static func advice(call: String, code: Int32) -> String {
    switch code {
    case _ where call == "start": "install reapd, or say where it is (reapd: \"/path/to/reapd\")"
    case noSpace, quota: "make room (blocks or inodes), then try again"
    case notPermitted, noAccess: "name a root that this user may write to"
    case link, crossing, ENOTDIR: "name a root that is a directory"
    default: "try again when the cause is gone"
    }
  }
}
