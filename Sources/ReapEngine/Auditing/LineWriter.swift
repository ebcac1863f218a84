import OwnedDirectories
package import ReapRules
import Synchronization

/// Lines that wait in bounded memory for a thread of their own, which writes them: a pipe that
/// nobody reads, or a file system that hangs, stops that thread and nobody who has a line to say.
package final class LineWriter: Sendable {
  package enum Outcome: Sendable {
    case written
    /// The line cannot be written, now or later.
    case lost
    /// Not now: asked again at that instant (monotonic), or after `retry()`.
    case later(Nanoseconds)
  }

  private struct State {
    /// From `first` on those that wait, oldest first.
    var lines: [[UInt8]] = []
    var first = 0
    var bytes = 0
    /// The one that is being written; never dropped, since a part of it may be out.
    var inHand: [UInt8]?
    /// Lines that the one in hand tells the number of.
    var told = 0
    var dropped = 0
    /// The last line was lost, so that one that tells of it would be, too.
    var isLosing = false
    /// The thread waits for a better time.
    var isStuck = false
    var hasThread = false
    var isAwaited = false

    var pending: Int { lines.count - first + (inHand == nil ? 0 : 1) }

    mutating func takeFirst() -> [UInt8] {
      let line = lines[first]
      lines[first] = []
      first += 1
      bytes -= line.count
      if first == lines.count {
        lines.removeAll(keepingCapacity: first <= 64)
        first = 0
      } else if first > 1024, first > lines.count / 2 {
        lines.removeFirst(first)
        first = 0
      }
      return line
    }

    mutating func dropOldest() {
      _ = takeFirst()
      dropped += 1
    }
  }

  private let name: String
  private let limit: Int
  private let write: @Sendable ([UInt8]) -> Outcome
  private let notice: @Sendable (Int) -> [UInt8]?
  private let state = Mutex(State())
  /// Rung when there is something to write. Rings that nobody has answered are one.
  private let bell = Mailbox<Void>(limit: 1)
  private let done = Mailbox<Void>(limit: 1)

  /// - Parameters:
  ///   - name: the thread's, at most 15 bytes.
  ///   - limit: bytes that may wait; beyond them the oldest lines are dropped.
  ///   - notice: the line that tells how many were dropped, once there is room; nil where it was
  ///     told otherwise.
  ///   - write: on the thread; it may take as long as it likes. An empty line is one that only
  ///     woke it up.
  package init(
    named name: String, limit: Int, notice: @escaping @Sendable (Int) -> [UInt8]?,
    write: @escaping @Sendable ([UInt8]) -> Outcome
  ) {
    self.name = name
    self.limit = limit
    self.notice = notice
    self.write = write
  }

  /// Never waits.
  package func append(_ line: [UInt8]) {
    let mustStart = state.withLock { state in
      state.lines.append(line)
      state.bytes += line.count
      while state.bytes > limit, state.first < state.lines.count - 1 {
        state.dropOldest()
      }
      defer { state.hasThread = true }
      return !state.hasThread
    }
    if mustStart, !startThread() { state.withLock { $0.hasThread = false } }
    bell.post((), droppable: true)
  }

  /// Tries again what has to wait.
  package func retry() {
    let isStuck = state.withLock { state in
      defer { state.isStuck = false }
      return state.isStuck
    }
    if isStuck { bell.post((), droppable: true) }
  }

  package var waitingBytes: Int { state.withLock { $0.bytes } }

  /// Waits until everything is written or nothing more can be, for a bounded time.
  ///
  /// - Returns: how many lines are not written: those that wait, and those that were dropped and
  ///   not told of.
  package func finish(within span: Nanoseconds) -> Int {
    let deadline = readMonotonic() + span
    retry()
    if state.withLock({ $0.pending > 0 && !$0.hasThread }) {
      // There is no thread to be had, and nobody whom waiting could stop any more.
      while step(wait: { _ in false }) {}
    }
    while readMonotonic() < deadline {
      let isOver = state.withLock { state in
        state.isAwaited = state.pending > 0 && !state.isStuck
        return !state.isAwaited
      }
      guard !isOver else { break }
      _ = done.take(until: deadline)
    }
    return state.withLock { $0.pending + $0.dropped }
  }

  // MARK: - The thread

  private func startThread() -> Bool {
    // What is sent to the process must not end it here, nor any other way than the others expect.
    withSignalsBlocked {
      Thread.start(named: name) { [self] in
        while true {
          let goesOn = step { instant in
            _ = bell.take(until: instant)
            return true
          }
          if !goesOn { _ = bell.take(until: nil) }
        }
      } != nil
    }
  }

  /// Writes the next line; false where there is none.
  private func step(wait: (Nanoseconds) -> Bool) -> Bool {
    guard let line = next() else { return false }
    switch write(line) {
    case .written: ended { $0.isLosing = false }
    case .lost:
      ended {
        $0.dropped += max(1, $0.told)
        $0.isLosing = true
      }
    case .later(let instant):
      let isAwaited = state.withLock { state in
        state.isStuck = true
        return state.isAwaited
      }
      if isAwaited { done.post((), droppable: true) }
      return wait(instant)
    }
    return true
  }

  private func next() -> [UInt8]? {
    let dropped = state.withLock { state -> Int in
      guard state.inHand == nil, !state.isLosing, state.dropped > 0 else { return 0 }
      defer { state.dropped = 0 }
      return state.dropped
    }
    if dropped > 0, let line = notice(dropped) {
      state.withLock { ($0.inHand, $0.told) = (line, dropped) }
      return line
    }
    return state.withLock { state in
      if state.inHand == nil, state.first < state.lines.count {
        state.inHand = state.takeFirst()
        state.told = 0
      }
      return state.inHand
    }
  }

  private func ended(_ change: (inout State) -> Void) {
    let isAwaited = state.withLock { state in
      change(&state)
      state.inHand = nil
      state.isStuck = false
      return state.isAwaited && state.pending == 0
    }
    if isAwaited { done.post((), droppable: true) }
  }
}
