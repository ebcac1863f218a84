// Asks a program whether a file was copied: one at a time, on a thread of its own where somebody stays
// to hear the answer.

import Glibc
import OwnedDirectories
import ReapRules
import Synchronization

final class CopyAsking: Sendable {
  /// How long a "no" holds: no event tells when it would be a "yes".
  private static let pause = 600 * nanosecondsPerSecond
  /// How long a "yes" does: the copy may go, too.
  private static let trust = 10 * nanosecondsPerSecond

  struct Question: Sendable {
    let path: CandidatePath
    let file: FilePath
    let facts: FileStatus
  }

  private struct Answer {
    let inode: UInt64
    let change: Nanoseconds
    let size: Int64
    let refusal: String?
    /// Wall clock.
    let time: Nanoseconds
    /// Monotonic.
    let until: Nanoseconds

    func holds(for facts: FileStatus) -> Bool {
      inode == facts.identity.inode && change == facts.change && size == facts.size
        && readMonotonic() < until
    }
  }

  private struct State {
    var answers: [CandidatePath: Answer] = [:]
    var asked: Set<CandidatePath> = []
    var told: (@Sendable (CandidatePath) -> Void)?
    var running: Int32?
    var isStopping = false
  }

  private let command: FilesSettings.CopyCommand
  private let state = Mutex(State())
  private let questions = Mailbox<Question?>(limit: .max)

  init(_ command: FilesSettings.CopyCommand) { self.command = command }

  /// From now on nobody waits for an answer: it is told.
  func begin(told: @escaping @Sendable (CandidatePath) -> Void) {
    guard state.withLock({ $0.told == nil && !$0.isStopping }) else { return }
    let isBegun = Thread.start(named: "copies") { self.work() } != nil
    state.withLock {
      $0.told = isBegun ? told : nil
    }
  }

  func stop() {
    let running = state.withLock { state in
      state.isStopping = true
      state.told = nil
      return state.running
    }
    questions.post(nil)
    if let running { sendSignal(SIGKILL, to: -running) }
  }

  func forget(_ path: CandidatePath) {
    state.withLock { _ = $0.answers.removeValue(forKey: path) }
  }

  func copy(_ question: Question) -> FilesEvidence.Copy {
    if let known = known(question) { return known }
    guard !state.withLock({ $0.isStopping }) else { return .none("reapd is stopping", until: nil) }
    let isTold = state.withLock { state in
      guard state.told != nil else { return false }
      if state.asked.insert(question.path).inserted { questions.post(question) }
      return true
    }
    guard !isTold else { return .asked }
    answer(question)
    return known(question) ?? .none("it was changed meanwhile", until: nil)
  }

  /// Whether the answer that a claim rests on still is one for the file as it is.
  func isProved(_ path: CandidatePath, _ facts: FileStatus) -> Bool {
    state.withLock {
      guard let answer = $0.answers[path] else { return false }
      return answer.refusal == nil && answer.holds(for: facts)
    }
  }

  private func known(_ question: Question) -> FilesEvidence.Copy? {
    state.withLock { state in
      guard let answer = state.answers[question.path], answer.holds(for: question.facts) else {
        return nil
      }
      guard let refusal = answer.refusal else { return .proved(answer.time) }
      return .none(refusal, until: answer.until)
    }
  }

  private func work() {
    while true {
      for question in questions.take(until: nil).messages {
        guard let question, !state.withLock({ $0.isStopping }) else { return }
        answer(question)
        let told = state.withLock { state in
          state.asked.remove(question.path)
          return state.told
        }
        told?(question.path)
      }
    }
  }

  private func answer(_ question: Question) {
    let refusal = run(question.file)
    let clocks = readClocks()
    let facts = question.facts
    state.withLock {
      $0.answers[question.path] = Answer(
        inode: facts.identity.inode, change: facts.change, size: facts.size, refusal: refusal,
        time: clocks.wall,
        until: clocks.monotonic + (refusal == nil ? Self.trust : Self.pause))
    }
  }

  /// Nil where the program says that there is a copy.
  private func run(_ file: FilePath) -> String? {
    guard let path = file.text else { return "its path is no UTF-8" }
    let pid: Int32
    do throws(SystemError) {
      let null = try openForReading("/dev/null")
      defer { null.close() }
      let nowhere = try openForWriting("/dev/null")
      defer { nowhere.close() }
      pid = try spawn(
        command.arguments[0], command.arguments.dropFirst() + [path],
        environment: processEnvironment(), input: null, output: nowhere, errors: nowhere,
        inheritsOthers: false)
    } catch {
      return "\(error)"
    }
    let isStopping = state.withLock { state in
      state.running = pid
      return state.isStopping
    }
    defer { state.withLock { $0.running = nil } }
    if isStopping { sendSignal(SIGKILL, to: -pid) }
    let isOver = waitForExit(of: pid, until: readMonotonic() + command.timeout)
    // Also what it has left behind.
    sendSignal(SIGKILL, to: -pid)
    let end = collect(pid, waiting: true)
    guard isOver else { return "\(command.arguments[0]) took longer than its timeout" }
    return switch end {
    case .exited(0)?: nil
    case .exited(let code)?: "\(command.arguments[0]) ended with \(code)"
    case .signalled(let signal)?: "\(command.arguments[0]) was ended by signal \(signal)"
    case nil: "\(command.arguments[0]) cannot be waited for"
    }
  }
}
