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
/// open for writing or, where somebody keeps it open, until it was quiet for one second; what is
/// written to it later still comes. Each iterator has a thread of its own that reads, since reads
/// block; all of them share the process's one inotify thread. Nothing is read ahead of the consumer
/// by more than 256 KiB (one line, where that is longer).
///
/// It cannot see writes through `mmap` (there is no event), writes from other machines, nor a
/// file that came and went between two looks and is not beside the log under a rotated name.
public struct LogTail: AsyncSequence, Sendable {
  /// What the sequence yields.
  public typealias Element = Line
  /// What `next` throws.
  public typealias Failure = LogTailError

  /// Where to begin in a file that is there already and is not in the checkpoint.
  public enum Start: Sendable, Equatable {
    /// With its first line.
    case start
    /// With so many of its last lines.
    case last(Int)
    /// With what is written from now on; a line that has no end yet is given whole.
    case end
  }

  /// One line, without its newline: bytes as they are in the file, NULs and invalid UTF-8 too.
  public struct Line: Sendable, Equatable {
    /// The line itself.
    public let bytes: [UInt8]
    /// Where it begins in its file, bytes; what is cut off the file's head later moves it.
    public let offset: Int64
    /// It was longer than the limit, and the rest of it is left out.
    public let isCut: Bool
    /// Its file ended without a newline and was replaced by another one.
    public let isTorn: Bool
  }

  private let path: String
  private let settings: TailSettings
  private let notice: @Sendable (String) -> Void

  /// - Parameters:
  ///   - path: absolute; need not exist yet.
  ///   - checkpoint: absolute path of a file that keeps the position, replaced at most once a second
  ///     and at the end. Lines that were handed out are not repeated once the task was cancelled or
  ///     `Iterator.finish` returned; an iterator that is dropped keeps it soon after. After a crash
  ///     up to a second of lines is repeated. None is lost.
  ///   - lineLimit: longest line handed out whole, bytes (default 1 MiB, which bounds the memory).
  ///   - notice: told in words when the file is missing, truncated or unreadable; called on the
  ///     reading thread.
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

  /// Begins to follow with the first `next`; each iterator follows on its own.
  public func makeAsyncIterator() -> Iterator {
    Iterator(handover: LineHandover(Array(path.utf8), settings, notice))
  }

  /// Ends its thread when it is dropped.
  public struct Iterator: AsyncIteratorProtocol {
    /// Ends the thread when nobody iterates any more.
    private final class Owner: Sendable {
      let handover: LineHandover
      init(_ handover: LineHandover) { self.handover = handover }
      deinit { handover.stop() }
    }

    private let owner: Owner

    init(handover: LineHandover) { owner = Owner(handover) }

    /// The next line, waited for; nil once the task was cancelled and the checkpoint is kept.
    ///
    /// - Throws: `LogTailError` where inotify or the checkpoint cannot be used.
    public mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws(LogTailError) -> Line? {
      try await owner.handover.next()
    }

    /// The next line, waited for; nil once the task was cancelled and the checkpoint is kept.
    public mutating func next() async throws(LogTailError) -> Line? {
      try await owner.handover.next()
    }

    /// Ends following, and returns when the checkpoint is kept: for whoever stops before the task is
    /// cancelled and wants to know that the next start goes on from here. `next` gives nil after it.
    public func finish() async { await owner.handover.finish() }
  }
}

/// Why a log cannot be followed, with what to do about it.
public struct LogTailError: Error, Sendable, CustomStringConvertible {
  /// In words.
  public let description: String
}
