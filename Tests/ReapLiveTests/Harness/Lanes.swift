// Threads for tests that block: most of a live test is waiting for another process.

import Foundation

/// Where a test runs. Swift's own threads are as many as there are processors, and what has to go on
/// beside the tests needs them; and with so few tests at a time two processors are half idle.
final class Lane: TaskExecutor {
  static let any = Lane(isFirst: false)
  /// Its tests begin before all that wait elsewhere.
  static let first = Lane(isFirst: true)

  private static let threads = LaneThreads(3 * ProcessInfo.processInfo.activeProcessorCount)
  private let isFirst: Bool

  private init(isFirst: Bool) { self.isFirst = isFirst }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let executor = asUnownedTaskExecutor()
    Lane.threads.run(isFirst: isFirst) { job.runSynchronously(on: executor) }
  }
}

private final class LaneThreads: @unchecked Sendable {
  private let condition = NSCondition()
  // The last one is taken first: what has begun ends before something else begins.
  private var first: [() -> Void] = []
  private var others: [() -> Void] = []

  init(_ count: Int) {
    for _ in 0..<count { Thread.detachNewThread { self.work() } }
  }

  func run(isFirst: Bool, _ job: @escaping @Sendable () -> Void) {
    condition.withLock { if isFirst { first.append(job) } else { others.append(job) } }
    condition.signal()
  }

  private func work() {
    while true { next()() }
  }

  private func next() -> () -> Void {
    condition.withLock {
      while first.isEmpty && others.isEmpty { condition.wait() }
      return first.popLast() ?? others.removeLast()
    }
  }
}
