import Glibc
import OwnedDirectories
import ReapRules
import Synchronization

/// The process that a pid file names. Its end counts only when it was seen: through a pidfd
/// that was opened while it lived, its start compared with what the file says.
final class OwnerWatch: Sendable {
  private struct State {
    var owner = Evidence.Owner.unknown("the pid file was not read yet")
    /// The process that the file named when one of that pid and start was last seen to live.
    var named: Int32?
    /// The last one of these that was seen to exit, and when (wall clock).
    var exited: (pid: Int32, at: Nanoseconds)?
    /// Processes that a thread waits for.
    var awaited: Set<Int32> = []
  }

  let pidfile: OwnerPidfile
  private let trustPids: Bool
  private let state = Mutex(State())
  private let exited: (@Sendable () -> Void)?

  private static let sizeLimit = 65_536

  /// - Parameter exited: called on a thread of its own; nil where nobody stays to see an exit.
  init(_ pidfile: OwnerPidfile, trustPids: Bool, exited: (@Sendable () -> Void)? = nil) {
    self.pidfile = pidfile
    self.trustPids = trustPids
    self.exited = exited
    refresh()
  }

  /// What is known of it. A death is looked at again: the file may name a successor by now, whom its
  /// event has not told of yet.
  var current: Evidence.Owner {
    switch state.withLock({ $0.owner }) {
    case .exited, .absent: refresh()
    case .alive, .unknown: break
    }
    return state.withLock { $0.owner }
  }

  /// Reads the pid file again, and watches the process that it names.
  func refresh() {
    switch find() {
    case .nobody(let owner, let pid, let isMissing):
      state.withLock { state in
        // What was seen to exit stays so while the file names it, or is gone. One that somebody
        // writes at this moment may name another.
        if let exited = state.exited, isMissing || pid == exited.pid {
          state.owner = .exited(pid: exited.pid, at: exited.at)
        } else {
          state.owner = owner
        }
      }
    case .found(let process, let since):
      let isNew = state.withLock { state in
        if state.named != process.pid { state.exited = nil }
        state.named = process.pid
        state.owner = .alive(pid: process.pid, since: since)
        return exited != nil && state.awaited.insert(process.pid).inserted
      }
      guard isNew else { return process.close() }
      let thread = Thread.start(named: "owner") { self.await(process) }
      if thread == nil {
        state.withLock { _ = $0.awaited.remove(process.pid) }
        process.close()
      }
    }
  }

  private func await(_ process: ProcessHandle) {
    process.waitForExit()
    process.close()
    let isOwner = state.withLock { state in
      state.awaited.remove(process.pid)
      guard state.named == process.pid else { return false }
      state.exited = (process.pid, readClocks().wall)
      return true
    }
    guard isOwner else { return }
    refresh()  // the file may name a successor by now
    exited?()
  }

  private enum Search {
    case found(ProcessHandle, since: Nanoseconds)
    /// `pid`: of the process that the file names and that is dead.
    case nobody(Evidence.Owner, pid: Int32? = nil, isMissing: Bool = false)
  }

  private func find() -> Search {
    let pid: Int32
    let noted: JSONValue?
    let written: Nanoseconds
    do {
      let file = try openWithoutWaiting(pidfile.path)
      defer { file.close() }
      let facts = try status(of: file)
      guard facts.type == .regular, facts.size <= Int64(Self.sizeLimit) else {
        return .nobody(.unknown("\(pidfile.path) is no small regular file"))
      }
      written = facts.modification
      let json = try JSONValue(
        parsing: try readToEnd(file, "\(pidfile.path)", limit: Self.sizeLimit))
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
    } catch let error as SystemError {
      return .nobody(.unknown("\(error)"), isMissing: error.code == ENOENT)
    } catch {
      return .nobody(.unknown("\(error)"))
    }
    let process: ProcessHandle
    do {
      process = try ProcessHandle(pid: pid)
    } catch {
      // Short of descriptors, say, nothing is known of it.
      return .nobody(
        error.code == ESRCH ? .absent(pid: pid) : .unknown("\(error)"),
        pid: error.code == ESRCH ? pid : nil)
    }
    // One that nobody has waited for yet is dead all the same.
    guard !process.hasExited else {
      process.close()
      return .nobody(.absent(pid: pid), pid: pid)
    }
    // Read after the handle was taken: if it is the right one now, the handle is of that one.
    guard let start = processStart(of: pid) else {
      process.close()
      return .nobody(.unknown("the start of \(pid) cannot be read"))
    }
    switch isStart(start, noted, written: written) {
    case true?: return .found(process, since: start.wall)
    case false?:
      process.close()
      return .nobody(.absent(pid: pid), pid: pid)
    case nil:
      process.close()
      return .nobody(.unknown("\(pid) lives, and did not start when \(pidfile.path) says"))
    }
  }

  /// Whether a process that started then wrote the file: by the start that it notes or, without one,
  /// by the time of writing.
  private func isStart(_ start: ProcessStart, _ noted: JSONValue?, written: Nanoseconds) -> Bool? {
    let now = readClocks().wall
    let process = StartedProcess(
      ticks: start.ticks, wall: start.wall, now: now,
      ticksNow: start.ticks + (now - start.wall) / start.tick)
    guard let noted else { return process.began(before: written) }
    return process.began(as: noted, isTrusted: trustPids)
  }
}
