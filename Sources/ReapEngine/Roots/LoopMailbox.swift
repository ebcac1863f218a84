import OwnedDirectories
import Synchronization

/// What the reaper's thread waits on: messages in order, or an instant. Bounded: events beyond the
/// limit are dropped, and the reader is told that some are missing. While the reader waits, whoever
/// posts may do its work.
///
/// Here and not beside `Mailbox`, since generic code is not made anew for a type of another module:
/// each message would go through its metadata.
final class LoopMailbox<Message: Sendable>: Sendable {
  fileprivate struct State {
    var messages: [Message] = []
    var weight = 0
    var hasLost = false
    var turn: DoneInTurn<Message>?
    /// The reader is in `take`, until this instant if nothing comes.
    var isWaiting = false
    var waitsUntil = Int64.max
    /// Somebody else does the reader's work.
    var isLent = false
    /// The reader woke up meanwhile, and waits for that to end, without an instant of its own.
    var isAwaited = false
  }

  fileprivate enum Step {
    case taken([Message], hasLost: Bool)
    case wait(until: Int64?)
  }

  private let state = Mutex(State())
  private let bell = Mailbox<Void>(limit: 1)
  private let limit: Int

  /// - Parameter limit: on the weight of what waits, of all messages together.
  init(limit: Int) { self.limit = limit }

  /// Lets others do the reader's work while it waits: see `post(_:droppable:inPlace:)`.
  ///
  /// - Parameter turn: works off one message, and returns until when the reader may wait then
  ///   (monotonic, ns; nil: for ever). Never called while the reader is at work.
  func lend(to turn: ((Message) -> Int64?)?) {
    let turn = turn.map(DoneInTurn.init)
    state.withLock { $0.turn = turn }
  }

  /// - Parameters:
  ///   - weight: how much it counts towards the limit: the events in it, not the messages, are what
  ///     takes memory.
  ///   - droppable: it may be lost when the box is full; others never are.
  ///   - inPlace: worked off by the caller itself if the reader waits and nothing comes before it.
  ///     That spares the switch to the reader's thread, which costs more than most messages do.
  func post(
    _ message: Message, weight: Int = 1, droppable: Bool = false, inPlace: Bool = false
  ) {
    if inPlace, let turn = state.withLock({ $0.lend() }) {
      let next = turn.work(message) ?? .max
      if state.withLock({ $0.endLending(next) }) { ring() }
      return
    }
    state.withLock { state in
      if droppable, state.weight >= limit {
        state.hasLost = true
      } else {
        state.messages.append(message)
        state.weight += weight
      }
    }
    ring()
  }

  /// Everything that is there, waited for until a monotonic instant (ns; nil: for ever), and
  /// whether something was dropped since the last time.
  func take(until deadline: Int64?) -> (messages: [Message], hasLost: Bool) {
    state.withLock { state in
      state.waitsUntil = deadline ?? .max
      state.isWaiting = true
    }
    while true {
      switch state.withLock({ $0.next() }) {
      case .taken(let messages, let hasLost): return (messages, hasLost)
      case .wait(let instant): _ = bell.take(until: instant)
      }
    }
  }

  private func ring() { bell.post((), droppable: true) }
}

extension LoopMailbox.State {
  /// What the caller may do in the reader's place; nil where it may not.
  mutating func lend() -> DoneInTurn<Message>? {
    guard isWaiting, !isLent, messages.isEmpty, !hasLost, let turn else { return nil }
    isLent = true
    return turn
  }

  /// - Returns: whether the reader is to be woken.
  mutating func endLending(_ next: Int64) -> Bool {
    isLent = false
    let isWanted = !messages.isEmpty || hasLost || next < waitsUntil || isAwaited
    isAwaited = false
    waitsUntil = next
    return isWanted
  }

  fileprivate mutating func next() -> LoopMailbox.Step {
    guard !isLent else {
      isAwaited = true
      return .wait(until: nil)
    }
    guard !messages.isEmpty || hasLost || waitsUntil <= readMonotonic() else {
      return .wait(until: waitsUntil == .max ? nil : waitsUntil)
    }
    isWaiting = false
    defer {
      messages = []
      weight = 0
      hasLost = false
    }
    return .taken(messages, hasLost: hasLost)
  }
}
