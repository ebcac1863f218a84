// The processes that scratch names, each watched through a pidfd from the first look on. A number alone
// says little: it may be another PID namespace's, or used again.

import Glibc
import OwnedDirectories
import ReapRules
import Synchronization

final class NamedOwners: Sendable {
  /// What was seen of the process that one candidate names.
  private struct Seen {
    let candidate: FileIdentity
    let process: ProcessHandle
    /// It is the one that was meant, whatever other PID namespaces there are: it began when it is said
    /// to have, or had something of the candidate open.
    var isTied: Bool
    /// The newest change of what names it, when it was last seen to live.
    var written: Nanoseconds

    mutating func noteUse(of path: [UInt8]) {
      isTied = isTied || hasOpen(process.pid, below: path)
    }
  }

  /// A process that names a candidate begins before it makes it; btime counts whole seconds
  /// (proc_stat(5)).
  private static let startTolerance: Nanoseconds = 2 * nanosecondsPerSecond

  private let settings: ScratchSettings
  private let exits: ProcessExits<CandidatePath>?
  private let seen = Mutex<[CandidatePath: Seen]>([:])
  /// How many may be there before those are let go of whose candidates are gone.
  private let nextLook = Mutex(NamedOwners.firstLook)
  private static let firstLook = 64

  /// - Parameter exited: called on a thread of its own with the candidate that the process named; nil
  ///   where nobody stays to see an exit.
  init(_ settings: ScratchSettings, exited: (@Sendable (CandidatePath) -> Void)?) {
    self.settings = settings
    exits = exited.map { ProcessExits(exited: $0) }
  }

  deinit {
    exits?.stop()
    seen.withLock { seen in for one in seen.values { one.process.close() } }
  }

  /// - Parameters:
  ///   - name: the one that it has; `original` its own.
  func find(
    of name: EntryName, _ original: EntryName, at spot: Spot
  ) -> ScratchEvidence.Process {
    guard let facts = try? status(of: name, at: spot.directory.descriptor) else {
      return .unknown("it cannot be looked at")
    }
    for way in settings.ownedBy {
      switch way.naming(of: name, original, facts, settings, at: spot) {
      case nil: continue
      case .success(let naming): return find(naming, facts.identity, original, at: spot)
      case .failure(.nothing): return .nothing
      case .failure(.unknown(let why)): return .unknown(why)
      }
    }
    return .nothing
  }

  private func find(
    _ naming: OwnerNaming, _ candidate: FileIdentity, _ original: EntryName, at spot: Spot
  ) -> ScratchEvidence.Process {
    let path = spot.path(original)
    if let host = naming.host, host != hostName() { return .unknown("another host's") }
    let before = look(naming, candidate, path, at: spot)
    if let before, !before.process.hasExited { return .alive(naming.pid) }
    // Of the one before, if its end was seen.
    let ended = { (one: Seen?) -> ScratchEvidence.Process in
      one.map(self.isOurs) ?? self.settings.trustPids ? .dead(naming.pid) : .nothing
    }
    // Whoever has the number by now is the owner only if something was changed since.
    if let before, before.written == naming.written { return ended(before) }
    let process: ProcessHandle
    do {
      process = try ProcessHandle(pid: naming.pid)
    } catch {
      return error.code == ESRCH ? ended(before) : .unknown("\(error)")
    }
    // Read after the handle was taken: if it is the right one now, the handle is of that one.
    guard let start = processStart(of: naming.pid) else {
      process.close()
      return .unknown("the start of \(naming.pid) cannot be read")
    }
    if let other = isAnother(start, naming) {
      process.close()
      if case .unknown = other, naming.start != nil || before == nil { return other }
      return before == nil ? other : ended(before)
    }
    var one = Seen(
      candidate: candidate, process: process,
      isTied: naming.start.map { started(start).isSurely($0) } ?? false, written: naming.written)
    one.noteUse(of: spot.directory.path(of: original))
    let hasExited = process.hasExited
    guard !hasExited || before == nil else {
      process.close()
      return ended(before)
    }
    // Its end is remembered, should it be news to nobody now.
    seen.withLock { seen in seen.updateValue(one, forKey: path).map(letGo) }
    exits?.watch(process, for: path)
    forgetGone(at: spot)
    return hasExited ? ended(one) : .alive(naming.pid)
  }

  /// The process that was found before; nil where there was none of this candidate and number.
  private func look(
    _ naming: OwnerNaming, _ candidate: FileIdentity, _ path: CandidatePath, at spot: Spot
  ) -> Seen? {
    seen.withLock { seen in
      guard var one = seen[path] else { return nil }
      guard one.candidate == candidate, one.process.pid == naming.pid else {
        seen.removeValue(forKey: path).map(letGo)
        return nil
      }
      guard !one.process.hasExited else { return one }
      one.noteUse(of: spot.directory.path(of: path.name))
      one.written = naming.written
      seen[path] = one
      return one
    }
  }

  /// Its candidate is gone.
  func forget(_ path: CandidatePath) {
    seen.withLock { $0.removeValue(forKey: path).map(letGo) }
  }

  private func started(_ start: ProcessStart) -> StartedProcess {
    let now = readClocks().wall
    return StartedProcess(
      ticks: start.ticks, wall: start.wall, now: now,
      ticksNow: start.ticks + (now - start.wall) / start.tick)
  }

  /// What is known where a process of that number lives and is not the one that is named; nil where it
  /// may be.
  private func isAnother(
    _ start: ProcessStart, _ naming: OwnerNaming
  ) -> ScratchEvidence.Process? {
    let process = started(start)
    let pid = naming.pid
    guard let noted = naming.start else {
      guard saturatingDifference(start.wall, naming.written) > Self.startTolerance else {
        return nil
      }
      return settings.trustPids ? .unknown("\(pid) began later") : .nothing
    }
    if process.began(as: noted, isTrusted: settings.trustPids) == true { return nil }
    guard process.began(after: noted) else { return .unknown("\(pid) may have begun then") }
    guard settings.trustPids else { return .nothing }
    // A clock that was set in between makes the owner look like another process.
    if case .unknown = readBoot(), !process.isOfTicks(noted) {
      return .unknown("\(pid) began later, or the clock was set")
    }
    return .dead(pid)
  }

  /// Lets go of the processes of candidates that are gone.
  private func forgetGone(at spot: Spot) {
    nextLook.withLock { next in
      seen.withLock { seen in
        guard seen.count >= next else { return }
        for (path, one) in seen {
          let there = try? status(of: path.name, at: spot.directory.descriptor)
          if there?.identity != one.candidate { seen.removeValue(forKey: path).map(letGo) }
        }
        next = max(Self.firstLook, 2 * seen.count)
      }
    }
  }

  private func letGo(_ one: Seen) {
    exits?.forget(one.process)
    one.process.close()
  }

  /// Whether the process whose exit was seen is the one that was meant: any other that can have that
  /// number, in a PID namespace of its own, would be visible from the initial one.
  private func isOurs(_ one: Seen) -> Bool {
    settings.trustPids || one.isTied
      || (isInInitialPidNamespace && !isInnerPid(one.process.pid))
  }
}
