import Glibc

/// A queue between threads, without limit; whoever fills it faster than it is emptied bounds it.
final class BlockingQueue<Element: Sendable>: @unchecked Sendable {
  private var mutex = pthread_mutex_t()
  private var filled = pthread_cond_t()
  private var elements: [Element] = []
  private var isClosed = false
  private var waiters = 0

  init() {
    pthread_mutex_init(&mutex, nil)
    pthread_cond_init(&filled, nil)
  }

  private func locked<Result>(_ body: () -> Result) -> Result {
    pthread_mutex_lock(&mutex)
    defer { pthread_mutex_unlock(&mutex) }
    return body()
  }

  var isEmpty: Bool { locked { elements.isEmpty } }
  var waiting: Int { locked { waiters } }

  func push(_ element: Element) {
    locked {
      elements.append(element)
      pthread_cond_signal(&filled)
    }
  }

  /// The newest element, waited for; nil once the queue is closed and empty.
  func pop() -> Element? {
    locked {
      while elements.isEmpty, !isClosed {
        waiters += 1
        pthread_cond_wait(&filled, &mutex)
        waiters -= 1
      }
      return elements.popLast()
    }
  }

  func close() {
    locked {
      isClosed = true
      pthread_cond_broadcast(&filled)
    }
  }
}
