// A log that is written to, rotated and compressed at random while it is followed, and while it is not:
// what came out is compared with what was written.

import Glibc
import OwnedDirectories
import Synchronization
import Watching

/// Prints nothing where every line came once and in order, and what went wrong where not.
final class Simulation: Sendable {
  /// What lies where, as it should be.
  private struct State {
    var random: Random
    /// The lines that each file holds, by name.
    var files: [String: [Int]] = [:]
    var next = 0
    var given: [Int] = []
    /// Lines that nothing holds any more, and that had not been given out by then.
    var destroyed: Set<Int> = []
    var stepsLeft: Int
    var notices: [String] = []
    var trace: [String] = []
    var stopper: TailStopper?
    var hasEnded = false
  }

  private static let log = "app.log"
  private let directory: String
  private let overwrites: Bool
  private let state: Mutex<State>

  init(_ directory: String, seed: UInt64) {
    self.directory = directory
    var random = Random(state: seed)
    overwrites = random.below(4) == 0
    let steps = 20 + random.below(20)
    state = Mutex(State(random: random, stepsLeft: steps))
    mkdir(directory, 0o755)
  }

  private struct Random {
    var state: UInt64

    /// SplitMix64.
    mutating func below(_ limit: Int) -> Int {
      state &+= 0x9E37_79B9_7F4A_7C15
      var value = state
      value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
      value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
      return Int((value ^ (value >> 31)) % UInt64(limit))
    }
  }

  // MARK: - The follower

  /// What went wrong; nil: nothing.
  func run() -> String? {
    var problem: String?
    if state.withLock({ $0.random.below(2) == 0 }) { append("", to: Self.log) }
    while problem == nil, state.withLock({ $0.stepsLeft > 0 }) {
      start()
      while problem == nil {
        problem = awaitLines()
        let isOver = state.withLock { state in
          burst(&state, 4)
          return state.random.below(5) == 0 || state.stepsLeft <= 0 || state.stopper == nil
        }
        // Now and then it sees a step before the next one.
        if state.withLock({ $0.random.below(2) == 0 }) { usleep(15_000) }
        if isOver || state.withLock({ $0.hasEnded }) { break }
      }
      stop()
      state.withLock { burst(&$0, 5) }
    }
    state.withLock { write(1, &$0) }
    start()
    problem = problem ?? awaitLines()
    stop()
    return problem ?? judge()
  }

  private func start() {
    state.withLock {
      $0.hasEnded = false
      $0.trace.append("start")
    }
    _ = Thread.start(named: "follower") { self.follow() }
    while !state.withLock({ $0.hasEnded || $0.stopper != nil }) { usleep(1000) }
  }

  private func stop() {
    state.withLock { state in
      state.trace.append("stop")
      state.stopper?()
    }
    while !state.withLock({ $0.hasEnded }) { usleep(1000) }
  }

  private func follow() {
    let settings = TailSettings(
      from: .start, checkpoint: Array("\(directory)/checkpoint".utf8))
    let loop = try? TailLoop([Array("\(directory)/\(Self.log)".utf8)], settings) { notice in
      self.state.withLock {
        $0.notices.append(notice)
        $0.trace.append("  said: \(notice)")
      }
    }
    if let loop {
      state.withLock { $0.stopper = loop.stopper }
      _ = loop.run { self.take($0) }
    }
    state.withLock {
      $0.stopper = nil
      $0.hasEnded = true
    }
  }

  /// Takes the lines of a piece, and has things happen between two of them.
  private func take(_ piece: TailPiece) -> Int {
    let text = piece.buffer.bytes(piece.range)
    return state.withLock { state in
      var taken = 0
      for line in text.split(separator: 0x0A) {
        if state.stepsLeft > 0, state.random.below(40) == 0 {
          state.trace.append("  before \(String(decoding: line.prefix(8), as: UTF8.self)):")
          burst(&state, 4)
          if state.random.below(6) == 0 {
            state.trace.append("  taken no more")
            state.stopper?()
            return taken
          }
        }
        state.given.append(Int(String(decoding: line.prefix(8), as: UTF8.self)) ?? -1)
        taken += line.count + 1
      }
      return text.count
    }
  }

  /// Waits for all that can come; it may have ended, too.
  private func awaitLines() -> String? {
    for _ in 0..<10_000 {
      let isDone = state.withLock { state in
        state.hasEnded
          || Set(0..<state.next).subtracting(state.destroyed).isSubset(of: state.given)
      }
      if isDone { return nil }
      usleep(1000)
    }
    return judge() ?? "nothing"
  }

  private func judge() -> String? {
    state.withLock { state in
      let lost = Set(0..<state.next).subtracting(state.given)
      var problems: [String] = []
      let unexpected = lost.subtracting(state.destroyed).sorted()
      if let first = unexpected.first { problems.append("\(unexpected.count) lost from \(first)") }
      if let late = zip(state.given, state.given.dropFirst()).first(where: { $0 >= $1 }) {
        problems.append("\(late.1) came after \(late.0)")
      }
      if !lost.isEmpty, state.notices.isEmpty { problems.append("lost without a word") }
      guard !problems.isEmpty else { return nil }
      return problems.joined(separator: ", ") + "\n" + state.trace.joined(separator: "\n")
    }
  }

  // MARK: - What happens to the log

  private func burst(_ state: inout State, _ most: Int) {
    for _ in 0..<state.random.below(most + 1) {
      state.stepsLeft -= 1
      switch state.random.below(10) {
      case 0...3: write(1 + state.random.below(60), &state)
      case 4...6: rotate(&state, copying: true)
      case 7: rotate(&state, copying: false)
      default: compress(&state)
      }
    }
  }

  private func write(_ count: Int, _ state: inout State) {
    state.trace.append("write \(state.next)..<\(state.next + count)")
    var text = ""
    for number in state.next..<(state.next + count) {
      let digits = String(number)
      text += String(repeating: "0", count: 8 - digits.count) + digits
      text += " and what else a line has to say\n"
    }
    append(text, to: Self.log)
    state.files[Self.log, default: []] += Array(state.next..<(state.next + count))
    state.next += count
  }

  private func append(_ text: String, to name: String) {
    let file = open("\(directory)/\(name)", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
    _ = unsafe Glibc.write(file, text, text.utf8.count)
    close(file)
  }

  /// As logrotate does with a chain of numbers, or as a script that has one old file.
  private func rotate(_ state: inout State, copying: Bool) {
    if !overwrites {
      for number in (1...60).reversed() {
        for end in ["", ".gz"] {
          move("\(Self.log).\(number)\(end)", "\(Self.log).\(number + 1)\(end)", &state)
        }
      }
    }
    let old = Self.log + ".1"
    if copying {
      let flag = state.random.below(2) == 0 ? "-p " : ""
      state.trace.append("copy \(flag)and cut")
      destroy(old, &state)
      shell("touch app.log; cp \(flag)app.log app.log.1; : >app.log")
      state.files[old] = state.files[Self.log] ?? []
    } else {
      state.trace.append("rename and create")
      move(Self.log, old, &state)
      append("", to: Self.log)
    }
    state.files[Self.log] = []
    // Births and renames within one tick of the clock have no order of their own.
    usleep(12_000)
  }

  private func compress(_ state: inout State) {
    let old = Self.log + ".1"
    guard state.files[old] != nil else { return }
    state.trace.append("compress")
    destroy(old + ".gz", &state)
    shell("gzip -f app.log.1")
    state.files[old + ".gz"] = state.files.removeValue(forKey: old)
    usleep(12_000)
  }

  private func move(_ name: String, _ other: String, _ state: inout State) {
    guard rename("\(directory)/\(name)", "\(directory)/\(other)") == 0 else { return }
    destroy(other, &state)
    state.files[other] = state.files.removeValue(forKey: name)
  }

  private func destroy(_ name: String, _ state: inout State) {
    let lines = state.files.removeValue(forKey: name) ?? []
    state.destroyed.formUnion(Set(lines).subtracting(state.given))
  }

  private func shell(_ words: String) {
    _ = unsafe system("cd \(directory) && { \(words); }")
  }
}
