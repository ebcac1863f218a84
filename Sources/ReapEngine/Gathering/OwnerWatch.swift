import Glibc
import OwnedDirectories
import ReapRules
import Synchronization

/// The process that a rule's pid file names. Its end counts only when it was seen: through a pidfd
/// that was opened while it lived, its start compared with what the file says.
final class OwnerWatch: Sendable {
  private struct State {
    var owner = Evidence.Owner.unknown("the pid file was not read yet")
    /// The process that a thread waits for.
    var watched: Int32?
  }

  let pidfile: OwnerPidfile
  private let trustPids: Bool
  private let state = Mutex(State())
  private let exited: (@Sendable (Int32) -> Void)?

  /// How long after its start a process may have noted that: programs do so once they are up. An
  /// older process that has the pid in another PID namespace does not pass for the owner.
  private static let noteDelay: Nanoseconds = 60 * nanosecondsPerSecond
  /// btime counts whole seconds.
  private static let clockError: Nanoseconds = 2 * nanosecondsPerSecond
  private static let sizeLimit = 65_536

  /// Nil where the rule names no pid file.
  ///
  /// - Parameter exited: called on a thread of its own; nil where nobody stays to see an exit.
  init?(_ rule: Rule, exited: (@Sendable (Int32) -> Void)? = nil) {
    guard case .generations(let settings) = rule.kind, let pidfile = settings.ownerPidfile
    else { return nil }
    self.pidfile = pidfile
    trustPids = settings.trustPids
    self.exited = exited
    refresh()
  }

  var current: Evidence.Owner { state.withLock { $0.owner } }

  /// Reads the pid file again, and watches the process that it names.
  func refresh() {
    switch find() {
    case .nobody(let owner):
      state.withLock { state in
        // What was seen to exit stays so until the file names another process.
        if case .exited(let old) = state.owner, owner.pid == nil || owner.pid == old { return }
        state.owner = owner
      }
    case .found(let process):
      let isNew = state.withLock { state in
        guard state.watched != process.pid else { return false }
        state.watched = process.pid
        state.owner = .alive(pid: process.pid)
        return true
      }
      guard isNew, let exited else { return process.close() }
      _ = Thread.start(named: "owner") {
        process.waitForExit()
        process.close()
        self.state.withLock { state in
          guard state.watched == process.pid else { return }
          state.watched = nil
          state.owner = .exited(pid: process.pid)
        }
        exited(process.pid)
      }
    }
  }

  private enum Search {
    case found(ProcessHandle)
    case nobody(Evidence.Owner)
  }

  private func find() -> Search {
    let pid: Int32
    let noted: JSONValue?
    let written: Nanoseconds
    do {
      let file = try openForReading(pidfile.path)
      defer { file.close() }
      let facts = try status(of: file)
      guard facts.type == .regular, facts.size <= Int64(Self.sizeLimit) else {
        return .nobody(.unknown("\(pidfile.path) is no small regular file"))
      }
      written = facts.modification
      let json = try JSONValue(parsing: try readToEnd(file, pidfile.path))
      guard let number = json[pidfile.pidField]?.integer, let short = Int32(exactly: number),
        short > 1
      else { return .nobody(.unknown("\(pidfile.path) holds no pid in \(pidfile.pidField)")) }
      pid = short
      noted = pidfile.startField.flatMap { json[$0] }
      // A pid alone may name somebody else, unless its PID namespace is ours for sure.
      guard noted != nil || trustPids else {
        return .nobody(
          .unknown("\(pidfile.path) holds no start time in \(pidfile.startField ?? "any member")"))
      }
    } catch {
      return .nobody(.unknown("\(error)"))
    }
    guard let process = ProcessHandle(pid: pid) else { return .nobody(.absent(pid: pid)) }
    // Read after the handle was taken: if it is the right one now, the handle is of that one.
    guard let start = processStart(of: pid), isStart(start, noted, written: written) else {
      process.close()
      return .nobody(.absent(pid: pid))
    }
    return .found(process)
  }

  /// Whether a process that started then wrote the file: by the time that it notes, as RFC 3339, in
  /// milliseconds since 1970 or in clock ticks; without one, by the time of writing.
  private func isStart(_ start: ProcessStart, _ noted: JSONValue?, written: Nanoseconds) -> Bool {
    let instant: Nanoseconds
    switch noted {
    case nil: instant = written
    case .string(let text)?:
      guard let stamp = parseTimestamp(text) else { return false }
      instant = stamp
    case .integer(let number)?:
      // Ticks of a machine that has been up for ten years are still below the year 1971.
      guard number > 1_000_000_000_000 else { return number == start.ticks }
      guard number < Int64.max / 1_000_000 else { return false }
      instant = number * 1_000_000
    default: return false
    }
    let delay = saturatingDifference(instant, start.wall)
    return delay >= -Self.clockError && (noted == nil || delay <= Self.noteDelay)
  }
}

extension Evidence.Owner {
  fileprivate var pid: Int32? {
    switch self {
    case .alive(let pid), .exited(let pid), .absent(let pid): pid
    case .unknown: nil
    }
  }
}
