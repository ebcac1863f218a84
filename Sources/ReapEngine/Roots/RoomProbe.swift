// What is free on a file system that may not answer: a server that is gone holds whoever asks.

import OwnedDirectories
import ReapRules

struct RoomProbe {
  /// A local file system answers within microseconds, and with what was removed within a second.
  private static let patience = nanosecondsPerSecond
  private static let longPatience = 60 * nanosecondsPerSecond

  private struct Question: Sendable {
    let answer: Mailbox<FreeRoom?>
    let thread: Thread
  }

  private let complain: @Sendable () -> Void
  /// A pass may wait.
  private let isPatient: Bool
  /// Something was removed since it was last told what is free.
  private var isLate = false
  /// One that nobody has answered yet: no second one is asked meanwhile.
  private var open: Question?
  private var hasComplained = false

  /// - Parameter complain: called once in a row of answers that do not come.
  init(isPatient: Bool = false, complain: @escaping @Sendable () -> Void) {
    self.isPatient = isPatient
    self.complain = complain
  }

  /// Some file systems free later than they remove; they are asked to have done it before the next
  /// answer.
  mutating func noteRemoval() { isLate = true }

  /// Nil where it cannot be told, or not in time.
  ///
  /// - Parameter settling: whether any file system is to count first what was removed.
  mutating func room(at directory: Descriptor, settling: Bool = false) -> FreeRoom? {
    let room = ask(directory, settling)
    if room == nil, !hasComplained { complain() }
    hasComplained = room == nil
    return room
  }

  private mutating func ask(_ directory: Descriptor, _ settling: Bool) -> FreeRoom? {
    guard let question = open ?? begin(directory, settling) else { return nil }
    let isOld = open != nil
    // Of an old question it is only seen whether it was answered by now.
    let deadline =
      isOld ? 0 : readMonotonic() + (isPatient && isLate ? Self.longPatience : Self.patience)
    guard let answer = question.answer.take(until: deadline).messages.first else {
      open = question
      return nil
    }
    question.thread.join()
    open = nil
    isLate = false
    return isOld ? ask(directory, settling) : answer
  }

  private func begin(_ directory: Descriptor, _ settling: Bool) -> Question? {
    // Its own: the root may be let go of meanwhile.
    guard let own = duplicated(directory) else { return nil }
    let answer = Mailbox<FreeRoom?>(limit: 1)
    let settles = isLate && (settling || freesLate(own))
    let thread = Thread.start(named: "room") {
      if settles { syncFileSystem(of: own) }
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
