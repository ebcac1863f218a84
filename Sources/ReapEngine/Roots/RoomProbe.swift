// What is free on a file system that may not answer: a server that is gone holds whoever asks.

import OwnedDirectories
import ReapRules

struct RoomProbe {
  /// A local file system answers within microseconds.
  private static let patience = nanosecondsPerSecond

  private struct Question: Sendable {
    let answer: Mailbox<FreeRoom?>
    let thread: Thread
  }

  private let complain: @Sendable () -> Void
  /// One that nobody has answered yet: no second one is asked meanwhile.
  private var open: Question?
  private var hasComplained = false

  /// - Parameter complain: called once in a row of answers that do not come.
  init(complain: @escaping @Sendable () -> Void) { self.complain = complain }

  /// Nil where it cannot be told, or not in time.
  mutating func room(at directory: Descriptor) -> FreeRoom? {
    let room = ask(directory)
    if room == nil, !hasComplained { complain() }
    hasComplained = room == nil
    return room
  }

  private mutating func ask(_ directory: Descriptor) -> FreeRoom? {
    guard let question = open ?? begin(directory) else { return nil }
    let isOld = open != nil
    // Of an old question it is only seen whether it was answered by now.
    let deadline = isOld ? 0 : readMonotonic() + Self.patience
    guard let answer = question.answer.take(until: deadline).messages.first else {
      open = question
      return nil
    }
    question.thread.join()
    open = nil
    return isOld ? ask(directory) : answer
  }

  private func begin(_ directory: Descriptor) -> Question? {
    // Its own: the root may be let go of meanwhile.
    guard let own = duplicated(directory) else { return nil }
    let answer = Mailbox<FreeRoom?>(limit: 1)
    let thread = Thread.start(named: "room") {
      let room = try? freeRoom(at: own)
      own.close()
      answer.post(room)
    }
    guard let thread else {
      own.close()
      return nil
    }
    return Question(answer: answer, thread: thread)
  }
}
