/// Why a call of one of this library's writers failed: what went wrong, on which path, and what to do.
public struct WriterError<Reason: WriterErrorReason>: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is. This is what a program can act on.
  public let reason: Reason
  /// The path of the file or directory that the failure is about.
  public let path: String
  /// The name of the system call that failed; nil for every reason but `system`.
  public let call: String?
  /// The errno of that call (errno(3)); 0 for every reason but `system`.
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
  /// A system call failed; ``WriterError/call`` and ``WriterError/code`` say which and how.
  static var system: Self { get }

  /// What to do about a system call that failed.
  ///
  /// - Parameters:
  ///   - call: the name of the call, such as `open`.
  ///   - code: its errno.
  static func advice(call: String, code: Int32) -> String
}
