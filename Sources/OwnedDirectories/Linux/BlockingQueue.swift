import Glibc

/// A queue between threads, without limit; whoever fills it faster than it is emptied bounds it.
@safe package final class BlockingQueue<Element: Sendable>: @unchecked Sendable {
  private var mutex = unsafe pthread_mutex_t()
  private var filled = pthread_cond_t()
  private var emptied = pthread_cond_t()
  private var elements: [Element] = []
  private var isClosed = false
  private var waiters = 0
  /// Elements taken whose work is not done: it may still add others.
  private var active = 0

  package init() {
    unsafe pthread_mutex_init(&mutex, nil)
    unsafe pthread_cond_init(&filled, nil)
    unsafe pthread_cond_init(&emptied, nil)
  }

  private func locked<Result>(_ body: () -> Result) -> Result {
    unsafe pthread_mutex_lock(&mutex)
    defer { unsafe pthread_mutex_unlock(&mutex) }
    return body()
  }

  package var isEmpty: Bool { locked { elements.isEmpty } }
  package var waiting: Int { locked { waiters } }

  package func push(_ element: Element) {
    locked { elements.append(element) }
    // After unlocking, or the reader wakes only to wait for the lock.
    unsafe pthread_cond_signal(&filled)
  }

  /// The newest element, waited for; nil once the queue is closed and no work is left that could
  /// add another. `finished()` follows each one.
  package func pop() -> Element? {
    locked {
      while elements.isEmpty, !isClosed || active > 0 {
        waiters += 1
        unsafe pthread_cond_wait(&filled, &mutex)
        waiters -= 1
      }
      guard let element = elements.popLast() else { return nil }
      active += 1
      return element
    }
  }

  package func finished() {
    locked {
      active -= 1
      guard active == 0 else { return }
      if isClosed { unsafe pthread_cond_broadcast(&filled) }
      if elements.isEmpty { unsafe pthread_cond_broadcast(&emptied) }
    }
  }

  /// Waits until all that was added is taken, and its work done.
  package func waitUntilFinished() {
    locked {
      while !elements.isEmpty || active > 0 { unsafe pthread_cond_wait(&emptied, &mutex) }
    }
  }

  package func close() {
    locked {
      isClosed = true
      unsafe pthread_cond_broadcast(&filled)
    }
  }
}
