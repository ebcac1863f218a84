/// Why a generation could not be made or made live: what failed, on which path, and what to do.
public struct GenerationError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is: what a program can act on.
  public enum Reason: Sendable, Equatable {
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
  }

  /// What kind of failure it is.
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

  init(_ error: SystemError, in directory: String) {
    reason = .system
    path = error.path.hasPrefix("/") ? error.path : directory + "/" + error.path
    call = error.call
    code = error.code
    what = "\(error.call): \(errorText(error.code))"
    advice = Self.advice(for: error.code)
  }

  /// Path, what is wrong, and what to do about it.
  public var description: String { "\(path): \(what); \(advice)" }

  private static func advice(for code: Int32) -> String {
    switch code {
    case noSpace, quota: "make room and begin again; the live generation was not touched"
    case notPermitted, noAccess: "run as the user who owns the partition"
    case absent: "check that the partition is there and was not moved meanwhile"
    case link, crossing: "name the partition by a path without symbolic links"
    default: "the live generation was not touched; begin again when the cause is gone"
    }
  }
}
