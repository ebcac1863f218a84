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
  }

  /// A process that names a candidate begins before it makes it; btime counts whole seconds
  /// (proc_stat(5)).
  private static let startTolerance: Nanoseconds = 2 * nanosecondsPerSecond

  private let settings: ScratchSettings
  private let exits: ProcessExits?
  private let seen = Mutex<[CandidatePath: Seen]>([:])
  /// How many may be there before those are let go of whose candidates are gone.
  private let nextLook = Mutex(NamedOwners.firstLook)
  private static let firstLook = 64

  /// - Parameter exited: called on a thread of its own; nil where nobody stays to see an exit.
  init(_ settings: ScratchSettings, exited: (@Sendable () -> Void)?) {
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
    let directory = spot.directory.descriptor
    guard let facts = try? status(of: name, at: directory) else {
      return .unknown("it cannot be looked at")
    }
    for way in settings.ownedBy {
      switch way {
      case .lock, .open: continue
      case .pidInName(let pattern):
        guard let match = pattern.match(original.bytes) else { return .unknown("no number in it") }
        return find(match, facts.change, facts.identity, original, at: spot)
      case .pidInLink(let place, let pattern):
        let inside = place.place == .inside ? name.bytes + [UInt8(ascii: "/")] : []
        let path = inside + place.path(for: original)
        let link: FileStatus
        do {
          link = try status(ofPath: path, at: directory)
        } catch {
          // No link says nothing, as no lock file does.
          return error.code == ENOENT ? .nothing : .unknown("its link: \(error)")
        }
        guard link.type == .symbolicLink, link.owner == facts.owner || link.owner == 0,
          let target = try? linkTarget(path, at: directory)
        else { return .unknown("its link is none, or another user's") }
        guard let match = pattern.match(target) else { return .unknown("no number in its link") }
        return find(match, link.change, facts.identity, original, at: spot)
      }
    }
    return .nothing
  }

  private func find(
    _ match: PidPattern.Match, _ changed: Nanoseconds, _ candidate: FileIdentity,
    _ original: EntryName, at spot: Spot
  ) -> ScratchEvidence.Process {
    let path = spot.path(original)
    if let host = match.host, host != hostName() { return .unknown("another host's") }
    let pid = match.pid
    let known = seen.withLock { seen -> Bool? in
      guard let one = seen[path], one.candidate == candidate, one.process.pid == pid else {
        seen.removeValue(forKey: path).map(letGo)
        return nil
      }
      return one.process.hasExited
    }
    switch known {
    case false?: return .alive(pid)
    case true?: return isOurs(pid) ? .dead(pid) : .nothing
    case nil: break
    }
    let process: ProcessHandle
    do {
      process = try ProcessHandle(pid: pid)
    } catch {
      guard error.code == ESRCH else { return .unknown("\(error)") }
      return settings.trustPids ? .dead(pid) : .nothing
    }
    // Read after the handle was taken: if it is the right one now, the handle is of that one.
    guard let start = processStart(of: pid) else {
      process.close()
      return .unknown("the start of \(pid) cannot be read")
    }
    guard saturatingDifference(start.wall, changed) <= Self.startTolerance else {
      process.close()
      return settings.trustPids ? .unknown("\(pid) began later") : .nothing
    }
    guard !process.hasExited else {
      process.close()
      return isOurs(pid) ? .dead(pid) : .nothing
    }
    seen.withLock { seen in
      seen.updateValue(Seen(candidate: candidate, process: process), forKey: path).map(letGo)
    }
    exits?.watch(process)
    forgetGone(at: spot)
    return .alive(pid)
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
  private func isOurs(_ pid: Int32) -> Bool {
    settings.trustPids || (isInInitialPidNamespace && !isInnermostPid(pid))
  }
}
