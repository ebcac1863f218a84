// Archives that wait to be slimmed, where somebody stays: one after another, on a thread of its own. One
// may take an hour, and no removal waits for that.

import OwnedDirectories
import ReapRules
import Synchronization

final class SlimLine: Sendable {
  private struct State {
    var waiting: [SlimOrder] = []
    var work: (@Sendable (SlimOrder) -> Void)?
  }

  private let state = Mutex(State())
  /// One for each that was ever put in.
  private let turns = BlockingQueue<Bool>()

  /// From now on orders are taken.
  ///
  /// - Parameter work: called on the line's thread; closes the order.
  func begin(_ work: @escaping @Sendable (SlimOrder) -> Void) {
    state.withLock { $0.work = work }
    let isBegun = Thread.start(named: "slim") { [self] in
      while turns.pop() != nil { workOff() }
    }
    if isBegun == nil { state.withLock { $0.work = nil } }
  }

  private func workOff() {
    let (work, order) = state.withLock { state -> ((@Sendable (SlimOrder) -> Void)?, SlimOrder?) in
      let next = state.waiting.indices.max { state.waiting[$0].rank < state.waiting[$1].rank }
      return (state.work, next.map { state.waiting.remove(at: $0) })
    }
    if let work, let order { work(order) } else { order?.close() }
  }

  var isOpen: Bool { state.withLock { $0.work != nil } }

  /// False where nobody takes orders.
  func put(_ order: SlimOrder) -> Bool {
    let isTaken = state.withLock { state in
      guard state.work != nil else { return false }
      state.waiting.append(order)
      return true
    }
    if isTaken { turns.push(true) }
    return isTaken
  }

  /// Takes back what has not begun.
  func clear() -> [SlimOrder] {
    state.withLock { state in
      defer { state.waiting = [] }
      return state.waiting
    }
  }

  func end() {
    state.withLock { $0.work = nil }
    turns.close()
  }
}
