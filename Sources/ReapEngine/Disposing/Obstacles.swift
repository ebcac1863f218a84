import OwnedDirectories
package import ReapRules
package import Watching

/// The obstacles that failed removals wait at, within a bound, each with a watch of its own.
package struct Obstacles {
  /// Two descriptors at most each while a watch is put; what does not fit is left to the backstop.
  private static let limit = 64
  /// Two attempts at one obstacle are at least so far apart, whatever somebody does there.
  fileprivate static let interval: Nanoseconds = 1_000_000_000

  package struct Wait {
    package let root: Int
    package let path: CandidatePath
    package var obstacle: Obstacle
    package var watch: WatchHandle?
    /// A command to watch it is under way: the descriptor's number is still relied on.
    package var isArming = true
    /// Monotonic; when the last attempt brought about by a change was made.
    package var lastAttempt: Nanoseconds?
    /// Monotonic; when the next is due.
    package var dueAt: Nanoseconds?

    func earliestAttempt(now: Nanoseconds) -> Nanoseconds {
      lastAttempt.map { max(now, $0 + Obstacles.interval) } ?? now
    }
  }

  /// By the number in the watch's token, which is never used again while it may still turn up.
  private var waits: [UInt32: Wait] = [:]
  private var last: UInt32 = 0
  /// Ended while they were being armed; closed with the answer.
  private var closing: [UInt32: Descriptor] = [:]

  package init() {}

  package subscript(_ number: UInt32) -> Wait? { waits[number] }
  private var numbers: [UInt32] { waits.keys.sorted() }

  /// The earliest instant at which an attempt is due.
  package var nextDeadline: Nanoseconds? { waits.values.compactMap(\.dueAt).min() }

  /// Notes what a removal failed at.
  ///
  /// - Returns: the number to watch it under; nil where the last attempt came to the very same, or
  ///   there are too many. The obstacle's descriptor is closed then.
  package mutating func add(_ obstacle: Obstacle, _ root: Int, _ path: CandidatePath) -> (
    number: UInt32?, ended: [(UInt32, Wait)]
  ) {
    var ended: [(UInt32, Wait)] = []
    var lastAttempt: Nanoseconds?
    if let (number, wait) = waits.first(where: { $1.root == root && $1.path == path }) {
      if wait.obstacle.isSame(as: obstacle) {
        obstacle.directory.close()
        return (nil, [])
      }
      lastAttempt = wait.lastAttempt
      waits[number] = nil
      ended.append((number, wait))
    }
    if waits.count >= Self.limit { ended += end { $0.obstacle.isGone } }
    guard waits.count < Self.limit else {
      obstacle.directory.close()
      return (nil, ended)
    }
    last = (last &+ 1) & CandidateID.generationMask
    waits[last] = Wait(root: root, path: path, obstacle: obstacle, lastAttempt: lastAttempt)
    return (last, ended)
  }

  /// The answer to a command to watch it. What changed before the watch was there is found by one
  /// more attempt.
  ///
  /// - Returns: false where the wait has ended meanwhile, and so should the watch.
  package mutating func armed(_ number: UInt32, _ watch: WatchHandle?, now: Nanoseconds) -> Bool {
    closing.removeValue(forKey: number)?.close()
    guard let wait = waits[number] else { return false }
    waits[number]?.isArming = false
    waits[number]?.watch = watch
    if watch != nil { waits[number]?.dueAt = wait.earliestAttempt(now: now) }
    return true
  }

  /// Closes what an ended wait had open.
  package mutating func close(_ number: UInt32, _ wait: Wait) {
    if wait.isArming {
      closing[number] = wait.obstacle.directory
    } else {
      wait.obstacle.directory.close()
    }
  }

  /// Something was closed there: where that changed something, an attempt is due.
  package mutating func touched(_ number: UInt32, now: Nanoseconds) {
    guard let wait = waits[number], wait.dueAt == nil, wait.obstacle.hasChanged else { return }
    waits[number]?.dueAt = wait.earliestAttempt(now: now)
  }

  /// Takes what is due now.
  package mutating func due(now: Nanoseconds) -> [Wait] {
    numbers.compactMap { number in
      guard let due = waits[number]?.dueAt, due <= now else { return nil }
      waits[number]?.dueAt = nil
      waits[number]?.lastAttempt = now
      return waits[number]
    }
  }

  /// Ends the waits that a condition holds for, whose watches and descriptors are the caller's now.
  package mutating func end(where isOver: (Wait) -> Bool) -> [(UInt32, Wait)] {
    let over = numbers.compactMap { number in waits[number].map { (number, $0) } }.filter {
      isOver($0.1)
    }
    for (number, _) in over { waits[number] = nil }
    return over
  }
}
