// Following one log from Swift code: lines as an asynchronous sequence.

import OwnedDirectories

/// The lines of a log as they are written, across rotation by rename, replacement, truncation,
/// deletion, trimming of its head in place, and links that are switched.
///
///     for try await line in LogTail(path: "/var/log/app.log", from: .end) {
///       print(String(decoding: line.bytes, as: UTF8.self))
///     }
///
/// A file that is rotated away is read to its end before the next one begins: until nobody has it
/// open for writing or, where somebody keeps it open, until it was quiet for one second. What is
/// written to it after that still comes.
///
/// Each iterator has a thread of its own that reads, since reads block. All iterators share the
/// process's one inotify thread. At most 256 KiB are read ahead of the consumer, or one line where
/// that is longer.
///
/// `LogTail` cannot see writes through `mmap` (no event tells of them), writes from other machines, and
/// a file that came and went between two looks and is not beside the log under a rotated name.
public struct LogTail: AsyncSequence, Sendable {
  /// What the sequence gives.
  public typealias Element = Line
  /// What ``Iterator/next()`` throws.
  public typealias Failure = LogTailError

  /// Where to begin in a file that exists already and is not in the checkpoint.
  public enum Start: Sendable, Equatable {
    /// With the file's first line.
    case start
    /// With so many of the file's last lines; a negative number counts as 0.
    case last(Int)
    /// With what is written from now on. A last line that has no newline yet is given whole.
    case end
  }

  /// One line of the log.
  public struct Line: Sendable, Equatable {
    /// The line without its newline: the bytes as they are in the file, NULs and invalid UTF-8 too.
    public let bytes: [UInt8]
    /// The position in the file at which the line begins, in bytes. What is cut off the file's head
    /// later moves the line to a smaller one.
    public let offset: Int64
    /// Whether the line was longer than the limit; the rest of it is left out then.
    public let isCut: Bool
    /// Whether the file ended here without a newline, and another file took its place.
    public let isTorn: Bool
  }

  private let path: String
  private let settings: TailSettings
  private let notice: @Sendable (String) -> Void

  /// Prepares to follow a log; reading begins with the first ``Iterator/next()``.
  ///
  /// With a checkpoint no line is lost over restarts. Lines that were given out are not repeated,
  /// if the task was cancelled and its loop has ended, or ``Iterator/finish()`` has returned. An
  /// iterator that is dropped writes the checkpoint soon after. After a crash up to a second of lines
  /// is repeated.
  ///
  /// - Parameters:
  ///   - path: the absolute path of the log, which need not exist yet.
  ///   - start: where to begin in a file that exists already and is not in the checkpoint.
  ///   - checkpoint: the absolute path of a file that keeps the position. It is replaced at most once
  ///     a second, and at the end. Nil: the position is not kept.
  ///   - lineLimit: the length in bytes of the longest line that is given out whole. Default: 1 MiB.
  ///     It bounds the memory.
  ///   - notice: called with a text when the file is missing, truncated or unreadable, on the thread
  ///     that reads.
  public init(
    path: String, from start: Start = .end, checkpoint: String? = nil,
    lineLimit: Int = 1 << 20, notice: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    precondition(path.hasPrefix("/"), "LogTail needs an absolute path")
    precondition(lineLimit > 0, "a line has at least one byte")
    self.path = path
    self.notice = notice
    let from: TailStart =
      switch start {
      case .start: .start
      case .last(let count): .lines(Swift.max(0, count))
      case .end: .lines(0)
      }
    settings = TailSettings(
      from: from, checkpoint: checkpoint.map { Array($0.utf8) }, lineLimit: lineLimit)
  }

  /// Each iterator follows the log on its own, beginning with its first ``Iterator/next()``.
  public func makeAsyncIterator() -> Iterator {
    Iterator(handover: LineHandover(Array(path.utf8), settings, notice))
  }

  /// The lines of one reading thread. The thread ends when the iterator is dropped.
  public struct Iterator: AsyncIteratorProtocol {
    /// Ends the thread when nobody iterates any more.
    private final class Owner: Sendable {
      let handover: LineHandover
      init(_ handover: LineHandover) { self.handover = handover }
      deinit { handover.stop() }
    }

    private let owner: Owner

    init(handover: LineHandover) { owner = Owner(handover) }

    /// Waits for the next line.
    ///
    /// - Returns: nil when the task was cancelled and the checkpoint is written.
    /// - Throws: ``LogTailError`` where inotify or the checkpoint cannot be used.
    public mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws(LogTailError) -> Line? {
      try await owner.handover.next()
    }

    /// Waits for the next line.
    ///
    /// - Returns: nil when the task was cancelled and the checkpoint is written.
    /// - Throws: ``LogTailError`` where inotify or the checkpoint cannot be used.
    public mutating func next() async throws(LogTailError) -> Line? {
      try await owner.handover.next()
    }

    /// Ends the reading, and returns when the checkpoint is written.
    ///
    /// It is for a program that stops without cancelling its task, and wants the next start to go on
    /// from here. ``next()`` gives nil afterwards.
    public func finish() async { await owner.handover.finish() }
  }
}

/// Why a log cannot be followed, and what to do about it.
public struct LogTailError: Error, Sendable, CustomStringConvertible {
  /// The reason and the advice, in words.
  public let description: String
}
