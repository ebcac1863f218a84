// What a program is told when it could not own, or not remove, a spill directory.

import Glibc

/// Why a spill directory could not be made or removed: what failed, on which path, and what to do.
public typealias SpillDirectoryError = WriterError<SpillDirectoryFailure>

/// What can go wrong with a spill directory.
public enum SpillDirectoryFailure: WriterErrorReason {
  /// A system call failed; ``WriterError/call`` and ``WriterError/code`` say which and how.
  case system
  /// The lock file at the directory's path is not the one that was locked: somebody removed or
  /// replaced the directory while it was being made. Nothing is owned, and nothing was left behind.
  case displaced
  /// Again and again another process took the half-made directory away.
  case contended
  /// The prefix cannot be the beginning of a file's name.
  case misuse

  /// What to do about a system call that failed, by its name and errno.
  public static func advice(call: String, code: Int32) -> String {
    switch code {
    case ENOSPC, EDQUOT: "make room (blocks or inodes), then try again"
    case EACCES, EPERM, EROFS: "name a root that this user may write to"
    case ENOTDIR, ELOOP: "name a root that is a directory"
    case ENOENT: "check that nobody removes the root while it is used"
    case EMFILE, ENFILE: "close descriptors or raise the limit (ulimit -n): each one takes three"
    case EINVAL where call == "rename":
      "the file system cannot rename without replacing (RENAME_NOREPLACE); use another one"
    case EBUSY, EXDEV: "unmount what is mounted inside of it"
    case ENOLCK, EOPNOTSUPP: "use a root on a local file system: this one cannot lock"
    default: "try again when the cause is gone"
    }
  }
}
