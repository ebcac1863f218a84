/// Why a call of one of this library's writers failed: what went wrong, on which path, and what to do.
public struct WriterError<Reason: WriterErrorReason>: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is: what a program can act on.
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
    advice = Reason.advice(call: error.call, code: error.code)
  }

  /// Path, what is wrong, and what to do about it, in one line.
  public var description: String { "\(path): \(what); \(advice)" }
}

/// The kinds of failure of one writer.
public protocol WriterErrorReason: Sendable, Equatable {
  /// A system call failed; `call` and `code` of the error say which and how.
  static var system: Self { get }

  /// What to do about a system call that failed, by its name and errno.
  static func advice(call: String, code: Int32) -> String
}
