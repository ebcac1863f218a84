// Looks that a scan asks for, made by every processor: the loop's thread takes part, so that nothing has
// to be handed over and waited for but the last few.

import OwnedDirectories
import ReapRules
import Synchronization

/// Looks at candidates of one root that wait to be made together.
struct LookBatch {
  struct Look: Sendable {
    let id: CandidateID
    let examine: Schedule.Examine
    let known: KnownBefore
  }

  /// Fewer are made sooner than somebody is woken up for them.
  private static let worthSharing = 16

  private(set) var looks: [Look] = []

  mutating func append(_ look: Look) { looks.append(look) }

  /// The root is gone.
  mutating func drop() {
    for look in looks { look.known.held?.descriptor.close() }
    looks = []
  }

  /// Makes the looks, and returns with their answers in order.
  mutating func run(by examination: Examination, sharing pool: WorkerPool) -> [(Look, Examined)] {
    defer { looks.removeAll(keepingCapacity: true) }
    guard looks.count >= Self.worthSharing, pool.threads > 1 else {
      return looks.map { ($0, examination.answer($0)) }
    }
    let shared = SharedLooks(looks, examination)
    pool.submit { shared.work() }
    shared.work()
    return Array(zip(looks, shared.answers()))
  }
}

/// What those who make the looks of a batch share.
private final class SharedLooks: Sendable {
  private struct State {
    var next = 0
    var answered = 0
    var answers: [Examined?]
  }

  /// Looks that one of them takes at a time: each taking costs a lock of its own.
  private static let portion = 4

  private let looks: [LookBatch.Look]
  private let examination: Examination
  private let state: Mutex<State>
  private let finished = Mailbox<Void>(limit: 1)

  init(_ looks: [LookBatch.Look], _ examination: Examination) {
    self.looks = looks
    self.examination = examination
    state = Mutex(State(answers: Array(repeating: nil, count: looks.count)))
  }

  func work() {
    while let range = take() {
      let answers = looks[range].map { examination.answer($0) }
      let isLast = state.withLock { state in
        for (index, answer) in zip(range, answers) { state.answers[index] = answer }
        state.answered += answers.count
        return state.answered == looks.count
      }
      if isLast { finished.post(()) }
    }
  }

  private func take() -> Range<Int>? {
    state.withLock { state in
      guard state.next < looks.count else { return nil }
      let begin = state.next
      state.next = min(begin + Self.portion, looks.count)
      return begin..<state.next
    }
  }

  /// Waits for what others have in hand.
  func answers() -> [Examined] {
    _ = finished.take(until: nil)
    return state.withLock { $0.answers.map { $0! } }
  }
}

extension Examination {
  fileprivate func answer(_ look: LookBatch.Look) -> Examined {
    run(LookRequest(look.examine, mayTakeTime: false), look.known)
  }
}
