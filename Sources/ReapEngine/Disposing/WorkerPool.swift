import CLinuxShims
import Glibc
import Synchronization

/// A few threads for work that blocks: walks and removals. Newest work first, so that a tree is
/// finished before the next is begun and few descriptors are open.
package final class WorkerPool: Sendable {
  package typealias Work = @Sendable () -> Void

  private let queue: BlockingQueue<Work>
  private let running: Mutex<[pthread_t]>
  package let threads: Int

  /// One directory is one kernel lock, so more threads than processors gain nothing; and a few
  /// are enough to keep a disk busy.
  package static let defaultThreads = max(2, min(8, sysconf(Int32(_SC_NPROCESSORS_ONLN))))

  package init(threads: Int = WorkerPool.defaultThreads) {
    let queue = BlockingQueue<Work>()
    self.queue = queue
    self.threads = threads
    var started: [pthread_t] = []
    for _ in 0..<threads {
      let thread = startThread(named: "worker") {
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

  /// Ends the threads once all work that was submitted is done.
  package func drain() {
    queue.close()
    for thread in running.withLock({ $0 }) { pthread_join(thread, nil) }
  }
}

/// Starts a joinable thread; nil where the system has none left.
func startThread(named name: String, _ body: @escaping @Sendable () -> Void) -> pthread_t? {
  final class Box: Sendable {
    let name: String
    let body: @Sendable () -> Void
    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }
  let box = Unmanaged.passRetained(Box(name: name, body: body))
  var thread = pthread_t()
  let code = pthread_create(
    &thread, nil,
    { raw in
      let box = Unmanaged<Box>.fromOpaque(raw!).takeRetainedValue()
      shim_name_thread(box.name)
      box.body()
      return nil
    }, box.toOpaque())
  guard code == 0 else {
    box.release()
    return nil
  }
  return thread
}
