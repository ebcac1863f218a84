// What came of an archive, in words, in JSON and for the audit.

import Archives
import OwnedDirectories
import ReapRules
import Synchronization

extension SlimOutcome {
  func words(_ path: FilePath, dryRun: Bool) -> String {
    let verb =
      switch action {
      case .slimmed: dryRun ? "would be slimmed" : "slimmed"
      case .dropped: dryRun ? "would be dropped" : "dropped"
      case .kept: "kept"
      }
    guard let problem else {
      let sizes = "\(roughSize(bytesBefore)) → \(roughSize(bytesAfter))"
      let stay = stayed > 0 ? ", \(stayed) of \(members) stay" : ""
      return "\(verb)  \(path)  \(sizes): \(counted(leftOut, "member")) left out, each as a file "
        + "on the disk\(stay)"
        + (isBegunMeanwhile ? "; another archive was begun meanwhile, and may have failed" : "")
    }
    let member = problem.member.map { " (member \(displayText($0)))" } ?? ""
    return "\(verb)  \(path)  \(problem.reason.rawValue): \(displayText(problem.what))\(member)"
  }

  func json(_ path: FilePath, dryRun: Bool) -> JSONValue {
    var fields: [(String, JSONValue)] = [
      JSONValue.pathMember(path.bytes), ("action", .string(action.rawValue)),
      ("dry_run", .bool(dryRun)), ("bytes_before", .integer(bytesBefore)),
      ("bytes_after", .integer(bytesAfter)),
    ]
    fields += evidence
    fields.append(("milliseconds", .integer(milliseconds)))
    return .object(fields)
  }

  /// Nil for what neither changed anything nor was refused.
  func record(_ path: FilePath, wall: Nanoseconds) -> AuditRecord? {
    let facts: (action: AuditRecord.Action, reason: String, bytes: Int64)
    switch action {
    case .slimmed: facts = (.slimmed, "proved-on-disk", max(0, bytesBefore - bytesAfter))
    case .dropped: facts = (.reaped, "proved-on-disk", allocated)
    case .kept:
      guard let problem, problem.reason.isFailure else { return nil }
      facts = (.refused, problem.reason.rawValue, 0)
    }
    let sizes: [(String, JSONValue)] = [
      ("bytes_before", .integer(bytesBefore)), ("bytes_after", .integer(bytesAfter)),
    ]
    return AuditRecord(
      wall: wall, action: facts.action, rule: "slim", kind: "visits", path: path.bytes,
      reason: facts.reason, trigger: .manual, bytes: facts.bytes, files: action == .dropped ? 1 : 0,
      evidence: .object(sizes + evidence))
  }
}

/// One progress bar for several archives at once.
final class SharedBar: Sendable {
  private struct State {
    var bar: ProgressBar
    var done: Int64 = 0
  }

  private let state: Mutex<State>
  private let total: Int64
  private let begun = readMonotonic()

  init(total: Int64, isSilent: Bool) {
    self.total = max(1, total)
    // Made within: it belongs to whoever holds the lock.
    state = Mutex(State(bar: ProgressBar(total: total, isSilent: isSilent)))
  }

  /// One archive's share: its size, whatever is read of it how often.
  final class Part: Sendable {
    private let whole: SharedBar
    private let size: Int64
    private let done = Mutex<(read: Int64, shown: Int64)>((0, 0))

    fileprivate init(_ whole: SharedBar, _ size: Int64) { (self.whole, self.size) = (whole, size) }

    /// - Parameter bytes: read of it; it is read twice.
    func read(_ bytes: Int64) {
      let step = done.withLock { done in
        done.read += bytes
        let share = min(size, done.read / 2)
        defer { done.shown = share }
        return share - done.shown
      }
      whole.add(step)
    }

    func finish() { whole.add(size - done.withLock { $0.shown }) }
  }

  func begin(_ path: FilePath, _ size: Int64) -> Part { Part(self, size) }

  private func add(_ bytes: Int64) {
    state.withLock { state in
      state.done += bytes
      let seconds = Double(readMonotonic() - begun) / 1e9
      let left = seconds / Double(max(1, state.done)) * Double(max(0, total - state.done))
      state.bar.show(state.done, left: seconds > 1 ? left : nil)
    }
  }

  func end() { state.withLock { $0.bar.end() } }
}
