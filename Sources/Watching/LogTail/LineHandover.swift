// From the thread that reads to the task that consumes, a piece at a time.

import OwnedDirectories
import Synchronization

/// The reader waits until its piece was consumed: so the position, and with it the checkpoint, is
/// never ahead of the consumer.
final class LineHandover: Sendable {
  fileprivate struct State {
    var lines: [LogTail.Line] = []
    /// Bytes of the piece that each line stands for, newline included.
    var sizes: [Int] = []
    var handedOut = 0
    var waiting: CheckedContinuation<LogTail.Line?, Never>?
    var isStopped = false
    var failure: LogTailError?
    var stopper: TailStopper?
    var hasStarted = false
    /// The thread is done, and the checkpoint kept.
    var hasEnded = false
    var awaitingEnd: [CheckedContinuation<Void, Never>] = []
  }

  private let path: [UInt8]
  private let settings: TailSettings
  private let notice: @Sendable (String) -> Void
  private let state = Mutex(State())
  /// Rings when the piece was consumed, or nobody will.
  private let consumed = Mailbox<Void>(limit: 1)

  init(
    _ path: [UInt8], _ settings: TailSettings, _ notice: @escaping @Sendable (String) -> Void
  ) {
    self.path = path
    self.settings = settings
    self.notice = notice
  }

  // MARK: - The consumer

  func next() async throws(LogTailError) -> LogTail.Line? {
    start()
    let line = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let (answer, isDone) = state.withLock { state -> (LogTail.Line??, Bool) in
          if state.isStopped { return (.some(nil), false) }
          if state.handedOut < state.lines.count { return (.some(state.take()), false) }
          state.waiting = continuation
          return (nil, !state.lines.isEmpty)
        }
        if let answer { continuation.resume(returning: answer) }
        // Only now: whoever asks for the next line is done with the last one.
        if isDone { consumed.post((), droppable: true) }
      }
    } onCancel: {
      stop()
    }
    guard line == nil else { return line }
    await finish()
    if let failure = state.withLock({ $0.failure }) { throw failure }
    return nil
  }

  func stop() {
    let (waiting, stopper) = state.withLock { state in
      state.isStopped = true
      defer { state.waiting = nil }
      return (state.waiting, state.stopper)
    }
    waiting?.resume(returning: nil)
    stopper?()
    consumed.post((), droppable: true)
  }

  /// Stops the reader, and returns when it has ended.
  func finish() async {
    stop()
    await withCheckedContinuation { continuation in
      let isOver = state.withLock { state in
        if state.hasStarted, !state.hasEnded {
          state.awaitingEnd.append(continuation)
          return false
        }
        return true
      }
      if isOver { continuation.resume() }
    }
  }

  // MARK: - The reader

  private func start() {
    let isFirst = state.withLock { state in
      defer { state.hasStarted = true }
      return !state.hasStarted
    }
    guard isFirst else { return }
    let thread = Thread.start(named: "tail") { self.read() }
    if thread == nil { ended(LogTailError(description: "no thread is left to read the log")) }
  }

  private func ended(_ failure: LogTailError?) {
    let awaiting = state.withLock { state in
      state.failure = failure
      state.hasEnded = true
      defer { state.awaitingEnd = [] }
      return state.awaitingEnd
    }
    for continuation in awaiting { continuation.resume() }
    stop()
  }

  private func read() {
    do {
      let loop = try TailLoop([path], settings, notice: notice)
      let stopper = loop.stopper
      let isStopped = state.withLock { state in
        state.stopper = stopper
        return state.isStopped
      }
      if isStopped { stopper() }
      _ = loop.run { self.hand($0) }
      ended(nil)
    } catch {
      ended(LogTailError(description: "\(error)"))
    }
  }

  /// Hands a piece over and waits for it to be consumed; how many bytes were.
  private func hand(_ piece: TailPiece) -> Int {
    var lines: [LogTail.Line] = []
    var sizes: [Int] = []
    var rest = piece.range
    while !rest.isEmpty {
      let newline = piece.kind == .lines ? piece.buffer.first(0x0A, in: rest) : nil
      let end = newline ?? rest.upperBound
      lines.append(
        LogTail.Line(
          bytes: piece.buffer.bytes(rest.lowerBound..<end),
          offset: piece.offset + Int64(rest.lowerBound - piece.range.lowerBound),
          isCut: piece.kind == .cut, isTorn: piece.kind == .torn))
      let following = newline.map { $0 + 1 } ?? rest.upperBound
      sizes.append(following - rest.lowerBound)
      rest = following..<rest.upperBound
    }
    let waiting = state.withLock {
      state -> (CheckedContinuation<LogTail.Line?, Never>, LogTail.Line)? in
      guard !state.isStopped else { return nil }
      state.lines = lines
      state.sizes = sizes
      state.handedOut = 0
      guard let waiting = state.waiting else { return nil }
      state.waiting = nil
      return (waiting, state.take())
    }
    if let (continuation, line) = waiting { continuation.resume(returning: line) }
    while true {
      let taken = state.withLock { state -> Int? in
        let isDone = state.handedOut == state.lines.count && state.waiting != nil
        guard state.isStopped || isDone || state.lines.isEmpty else { return nil }
        let taken = state.sizes.prefix(state.handedOut).reduce(0, +)
        state.lines = []
        state.sizes = []
        state.handedOut = 0
        return taken
      }
      if let taken { return taken }
      _ = consumed.take(until: nil)
    }
  }
}

extension LineHandover.State {
  fileprivate mutating func take() -> LogTail.Line {
    defer { handedOut += 1 }
    return lines[handedOut]
  }
}
