// What a program is told when it could not own, or not remove, a spill directory.

import Glibc

/// Why a spill directory could not be made or removed: what failed, on which path, and what to do.
public struct SpillDirectoryError: Error, Sendable, CustomStringConvertible {
  /// What kind of thing went wrong.
  public enum Reason: Sendable, Equatable {
    /// A system call failed; `call` and `code` say which and how.
    case system
    /// The lock file at the directory's path is not the one that was locked: somebody removed or
    /// replaced the directory while it was made. It is not owned; nothing is left of it.
    case displaced
    /// Again and again another process took the half-made directory away.
    case contended
    /// The prefix cannot be the beginning of a file's name.
    case misuse
  }

  /// What kind of thing went wrong.
  public let reason: Reason
  /// The file or directory that it is about.
  public let path: String
  /// The system call, for `system`.
  public let call: String?
  /// The errno, for `system`; otherwise 0.
  public let code: Int32
  /// What is wrong, in words.
  public let what: String
  /// What to do about it.
  public let advice: String

  init(_ reason: Reason, _ path: String, _ what: String, _ advice: String) {
    self.reason = reason
    self.path = path
    self.what = what
    self.advice = advice
    call = nil
    code = 0
  }

  /// - Parameter directory: where `error` happened, for a path that is relative.
  init(_ error: SystemError, in directory: String) {
    reason = .system
    path = error.path.hasPrefix("/") ? error.path : directory + "/" + error.path
    call = error.call
    code = error.code
    what = "\(error.call): \(errorText(error.code))"
    advice = Self.advice(for: error)
  }

  /// Path, what is wrong and what to do, in one line.
  public var description: String { "\(path): \(what); \(advice)" }

  private static func advice(for error: SystemError) -> String {
    switch error.code {
    case ENOSPC, EDQUOT: "make room (blocks or inodes), then try again"
    case EACCES, EPERM, EROFS: "name a root that this user may write to"
    case ENOTDIR, ELOOP: "name a root that is a directory"
    case ENOENT: "check that nobody removes the root while it is used"
    case EMFILE, ENFILE: "close descriptors or raise the limit (ulimit -n): each one takes three"
    case EINVAL where error.call == "rename":
      "the file system cannot rename without replacing (RENAME_NOREPLACE); use another one"
    case EBUSY, EXDEV: "unmount what is mounted inside of it"
    case ENOLCK, EOPNOTSUPP: "use a root on a local file system: this one cannot lock"
    default: "try again when the cause is gone"
    }
  }
}
