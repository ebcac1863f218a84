// The processes that runs name: a file in the run, or in a restart of it, for each.

import OwnedDirectories
import ReapRules
import Synchronization

final class RunOwners: Sendable {
  private let note: VisitsSettings.OwnerNote
  private let trustPids: Bool
  private let exited: (@Sendable () -> Void)?
  private let watches = Mutex<[FilePath: OwnerWatch]>([:])

  /// - Parameter exited: called on some thread; nil where nobody stays to see an exit.
  init(
    _ note: VisitsSettings.OwnerNote, trustPids: Bool, exited: (@Sendable () -> Void)?
  ) {
    (self.note, self.trustPids, self.exited) = (note, trustPids, exited)
  }

  /// Of a run and all its restarts together: it is dead only if each that was named is.
  func owner(ofRun run: FilePath) -> Evidence.Owner {
    let owners = files(ofRun: run).map { watch($0).current }
    if let alive = owners.first(where: { if case .alive = $0 { true } else { false } }) {
      return alive
    }
    if let doubt = owners.first(where: { if case .unknown = $0 { true } else { false } }) {
      return doubt
    }
    return owners.first { if case .absent = $0 { true } else { false } }
      ?? owners.first ?? .unknown("no \(note.name.display) names a process")
  }

  /// Those that are there, and those that were.
  private func files(ofRun run: FilePath) -> [FilePath] {
    var directories = [run]
    if let directory = try? openRoot(run) {
      defer { directory.close() }
      try? forEachEntry(of: directory) { entry in
        if isRestart(entry.name.bytes) { directories.append(run.appending(entry.name.bytes)) }
      }
    }
    let known = watches.withLock { Set($0.keys) }
    return directories.map { $0.appending(note.name.bytes) }.filter {
      known.contains($0) || (try? status(ofPath: $0)) != nil
    }
  }

  private func watch(_ file: FilePath) -> OwnerWatch {
    if let known = watches.withLock({ $0[file] }) { return known }
    let new = OwnerWatch(
      OwnerPidfile(path: file, pidField: note.pidField, startField: note.startField),
      trustPids: trustPids, exited: exited)
    return watches.withLock { watches in
      if let known = watches[file] { return known }
      watches[file] = new
      return new
    }
  }

  /// A file came, went or was written.
  func refresh(_ file: FilePath) { watches.withLock { $0[file] }?.refresh() }

  func forget(below directory: FilePath) {
    watches.withLock { watches in
      for file in watches.keys where file.parent == directory { watches[file] = nil }
    }
  }
}
