import Glibc

/// What the reaper's thread waits on: messages in order, or an instant. Bounded: events beyond the
/// limit are dropped, and the reader is told that some are missing.
@safe package final class Mailbox<Message: Sendable>: @unchecked Sendable {
  private var mutex = unsafe pthread_mutex_t()
  private var filled = pthread_cond_t()
  private var messages: [Message] = []
  private var weight = 0
  private var hasLost = false
  private let limit: Int
  private var turn: ((Message) -> Int64?)?
  /// The reader is in `take`, until this instant if nothing comes.
  private var isWaiting = false
  private var waitsUntil = Int64.max
  /// The instant in `waitsUntil` has passed.
  private var isLate = false
  /// Somebody else does the reader's work.
  private var isLent = false
  /// The reader woke up meanwhile, and waits for that to end, without an instant of its own.
  private var isAwaited = false

  /// - Parameter limit: on the weight of what waits, of all messages together.
  package init(limit: Int) {
    self.limit = limit
    unsafe pthread_mutex_init(&mutex, nil)
    var attributes = pthread_condattr_t()
    unsafe pthread_condattr_init(&attributes)
    unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    unsafe pthread_cond_init(&filled, &attributes)
    unsafe pthread_condattr_destroy(&attributes)
  }

  /// Lets others do the reader's work while it waits: see `post(_:droppable:inPlace:)`.
  ///
  /// - Parameter turn: works off one message, and returns until when the reader may wait then
  ///   (monotonic, ns; nil: for ever). Never called while the reader is at work.
  package func lend(to turn: ((Message) -> Int64?)?) {
    unsafe pthread_mutex_lock(&mutex)
    defer { unsafe pthread_mutex_unlock(&mutex) }
    self.turn = turn
  }

  /// - Parameters:
  ///   - weight: how much it counts towards the limit: the events in it, not the messages, are what
  ///     takes memory.
  ///   - droppable: it may be lost when the box is full; others never are.
  ///   - inPlace: worked off by the caller itself if the reader waits and nothing comes before it.
  ///     That spares the switch to the reader's thread, which costs more than most messages do.
  package func post(
    _ message: Message, weight: Int = 1, droppable: Bool = false, inPlace: Bool = false
  ) {
    unsafe pthread_mutex_lock(&mutex)
    if inPlace, isWaiting, !isLent, messages.isEmpty, !hasLost, let turn {
      isLent = true
      unsafe pthread_mutex_unlock(&mutex)
      let next = turn(message) ?? .max
      unsafe pthread_mutex_lock(&mutex)
      isLent = false
      let isWanted = !messages.isEmpty || hasLost || next < waitsUntil || isAwaited
      isAwaited = false
      waitsUntil = next
      unsafe pthread_mutex_unlock(&mutex)
      if isWanted { unsafe pthread_cond_signal(&filled) }
      return
    }
    if droppable, self.weight >= limit {
      hasLost = true
    } else {
      messages.append(message)
      self.weight += weight
    }
    unsafe pthread_mutex_unlock(&mutex)
    // After unlocking, or the reader wakes only to wait for the lock.
    unsafe pthread_cond_signal(&filled)
  }

  /// Everything that is there, waited for until a monotonic instant (ns; nil: for ever), and
  /// whether something was dropped since the last time.
  package func take(until deadline: Int64?) -> (messages: [Message], hasLost: Bool) {
    unsafe pthread_mutex_lock(&mutex)
    defer { unsafe pthread_mutex_unlock(&mutex) }
    waitsUntil = deadline ?? .max
    isLate = false
    isWaiting = true
    while isLent || (messages.isEmpty && !hasLost && !isLate) {
      if isLent || waitsUntil == .max {
        isAwaited = isLent
        unsafe pthread_cond_wait(&filled, &mutex)
      } else {
        var time = timespec(
          tv_sec: Int(waitsUntil / 1_000_000_000), tv_nsec: Int(waitsUntil % 1_000_000_000))
        isLate = unsafe pthread_cond_timedwait(&filled, &mutex, &time) == ETIMEDOUT
      }
    }
    isWaiting = false
    defer {
      messages = []
      weight = 0
      hasLost = false
    }
    return (messages, hasLost)
  }
}
