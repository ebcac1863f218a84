import Glibc
import OwnedDirectories
import Synchronization

/// A few threads for work that blocks: walks and removals. Newest work first, so that a tree is
/// finished before the next is begun and few descriptors are open.
package final class WorkerPool: Sendable {
  package typealias Work = @Sendable () -> Void

  private let queue: BlockingQueue<Work>
  private let running: Mutex<[Thread]>
  package let threads: Int

  /// One directory is one kernel lock, so more threads than processors gain nothing; and a few
  /// are enough to keep a disk busy.
  package static let defaultThreads = max(2, min(8, sysconf(Int32(_SC_NPROCESSORS_ONLN))))

  package init(threads: Int = WorkerPool.defaultThreads) {
    let queue = BlockingQueue<Work>()
    self.queue = queue
    self.threads = threads
    var started: [Thread] = []
    for _ in 0..<threads {
      let thread = Thread.start(named: "worker") {
        while let work = queue.pop() {
          work()
          queue.finished()
        }
      }
      if let thread { started.append(thread) }
    }
    running = Mutex(started)
  }

  package func submit(_ work: @escaping Work) { queue.push(work) }

  /// Whether a thread would take up new work at once.
  package var isHungry: Bool { queue.waiting > 0 && queue.isEmpty }

  /// Waits for all work that was submitted; more may follow.
  package func settle() { queue.waitUntilFinished() }

  /// Ends the threads once all work that was submitted is done.
  package func drain() {
    queue.close()
    for thread in running.withLock({ $0 }) { thread.join() }
  }
}
