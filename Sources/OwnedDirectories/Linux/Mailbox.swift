import Glibc

/// What a thread waits on: messages in order, or an instant. Bounded: what may be dropped is beyond the
/// limit, and the reader is told that some are missing.
@safe package final class Mailbox<Message: Sendable>: @unchecked Sendable {
  private var mutex = unsafe pthread_mutex_t()
  private var filled = pthread_cond_t()
  private var messages: [Message] = []
  private var hasLost = false
  private let limit: Int

  /// - Parameter limit: how many may wait.
  package init(limit: Int) {
    self.limit = limit
    unsafe pthread_mutex_init(&mutex, nil)
    var attributes = pthread_condattr_t()
    unsafe pthread_condattr_init(&attributes)
    unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    unsafe pthread_cond_init(&filled, &attributes)
    unsafe pthread_condattr_destroy(&attributes)
  }

  /// - Parameter droppable: it may be lost when the box is full; others never are.
  package func post(_ message: Message, droppable: Bool = false) {
    unsafe pthread_mutex_lock(&mutex)
    if droppable, messages.count >= limit {
      hasLost = true
    } else {
      messages.append(message)
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
    var isLate = false
    while messages.isEmpty && !hasLost && !isLate {
      if let deadline {
        var time = timespec(
          tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
        isLate = unsafe pthread_cond_timedwait(&filled, &mutex, &time) == ETIMEDOUT
      } else {
        unsafe pthread_cond_wait(&filled, &mutex)
      }
    }
    defer {
      messages = []
      hasLost = false
    }
    return (messages, hasLost)
  }
}

/// Work that one thread at a time does, by agreement of those that have it.
package struct DoneInTurn<Input>: @unchecked Sendable {
  package let work: (Input) -> Int64?

  package init(_ work: @escaping (Input) -> Int64?) { self.work = work }
}
