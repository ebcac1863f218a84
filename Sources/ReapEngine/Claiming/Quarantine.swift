// What is condemned or claimed, seen from outside of the reapd that did it, and the way back by hand.

import Glibc
package import OwnedDirectories
package import ReapRules

/// What a running reapd has condemned below a root, as its audit tells.
///
/// - Parameter configured: where the audit is looked for besides; that of the reapd that holds the
///   root is found by itself.
package func condemnedRecords(below root: OpenRoot, configured: [FilePath]) -> [CondemnedRecord] {
  // A condemnation ends with the process that made it.
  let holders = lockHolders(of: root.identity).processes
  let starts = holders.compactMap { processStart(of: $0.pid)?.wall }
  guard let start = starts.min() else { return [] }
  var files = holders.flatMap { appendedFiles(of: $0.pid) }
  files += configured.map(\.bytes).filter { !files.contains($0) }
  var records: [Nanoseconds: CondemnedRecord] = [:]
  for file in files {
    var found = CondemnedRecords()
    // The one that was rotated away may hold the beginning of what is in quarantine still.
    for path in [file + Array(".1".utf8), file] {
      try? forEachLine(ofFile: path) { found.take($0) }
    }
    for record in found.records where record.id >= start - clockTolerance {
      if isBelow(record.path, root.pathBytes) { records[record.id] = record }
    }
  }
  return records.values.sorted { $0.id < $1.id }
}

/// The start of a process is known to whole seconds (btime of proc_stat(5)).
private let clockTolerance: Nanoseconds = 2 * nanosecondsPerSecond

extension OwnClaims {
  /// What another process has condemned, for commands that only look.
  package convenience init(_ records: [CondemnedRecord], below root: OpenRoot) {
    self.init()
    let clocks = readClocks()
    for record in records {
      guard let path = CandidatePath(bytes: record.path.dropFirst(root.pathBytes.count + 1))
      else { continue }
      condemn(
        path,
        Evidence.Condemnation(
          since: clocks.monotonic - saturatingDifference(clocks.wall, record.id),
          newestChange: nil, id: record.id))
    }
  }
}

/// One candidate of a rule that is condemned, or has a claimed name.
package struct QuarantineEntry: Sendable {
  package enum State: String, Sendable {
    /// In its place, until its quarantine is over.
    case condemned
    /// Renamed by a reapd that has ended, and whole.
    case claimed
    /// The removal has begun, perhaps by a reapd that was killed: there is no way back.
    case removing
    /// A link, or a file where the rule takes none: somebody else made the name.
    case notADirectory = "not-a-directory"
    /// Of a user whose directories the rule may not touch.
    case foreignOwner = "foreign-owner"
  }

  package let rule: Rule
  package let root: OpenRoot
  package let id: Nanoseconds
  /// As it is now, below the root.
  package let path: CandidatePath
  /// Where it was, and would be again.
  package let original: CandidatePath
  package let state: State
  /// Wall clock; when its quarantine is over. Nil where there is none.
  package let deadline: Nanoseconds?

  /// Allocated bytes; nil where it cannot be walked.
  package func measure() -> Int64? { allocatedBytes(of: path, below: root) }

  package func isMeant(by request: RestoreRequest) -> Bool {
    request.means("\(id)", [path, original].map { root.path(of: $0) })
  }
}

/// Every entry of a rule that is condemned or claimed, in order of age.
package func quarantine(
  of rule: Rule, in root: OpenRoot, condemned: [CondemnedRecord]
) throws(SystemError) -> [QuarantineEntry] {
  guard rule.kind.quarantines else { return [] }
  let byPath = Dictionary(
    condemned.filter { $0.rule == rule.name }.map { ($0.path, $0) }, uniquingKeysWith: { $1 })
  var entries: [QuarantineEntry] = []
  try eachCandidate(of: rule, in: root) { path in
    let claim = ClaimName(path.name)
    let record = byPath.isEmpty || claim != nil ? nil : byPath[root.path(of: path)]
    guard claim != nil || record != nil,
      let facts = try? status(ofPath: path.bytes, at: root.descriptor)
    else { return }
    let state: QuarantineEntry.State =
      if !rule.mayCondemn(facts.type) {
        .notADirectory
      } else if !rule.owners.allows(facts.owner) {
        .foreignOwner
      } else if facts.permissions == removalMark {
        .removing
      } else { claim == nil ? .condemned : .claimed }
    entries.append(
      QuarantineEntry(
        rule: rule, root: root, id: claim?.claimedAt ?? record!.id, path: path,
        original: path.renamed(claim?.original ?? path.name), state: state,
        deadline: state == .condemned ? record?.deadline : nil))
  }
  return entries.sorted { $0.id < $1.id }
}

extension Rule {
  fileprivate func mayCondemn(_ type: FileStatus.FileType) -> Bool {
    type == .directory || type == .regular && kind.part.takesFiles
  }
}

/// Why something cannot be restored.
package enum RestoreFailure: Error, Sendable, CustomStringConvertible {
  case gone
  case nameTaken
  case removing
  case locked
  case notADirectory
  case foreignOwner(UInt32)
  /// The file system knows no extended attributes.
  case noPins
  case system(SystemError)

  package var reason: String {
    switch self {
    case .gone: "gone"
    case .nameTaken: "name-taken"
    case .removing: "removal-begun"
    case .locked: "lock-held"
    case .notADirectory: Reason.notADirectory.rawValue
    case .foreignOwner: Reason.foreignOwner.rawValue
    case .noPins: "no-pins"
    case .system: "restore-failed"
    }
  }

  package var description: String {
    switch self {
    case .gone: "it is gone: restored or removed at this moment"
    case .nameTaken: "something has its old name by now; move that away first"
    case .removing: "its removal has begun, and some of it may be gone: there is no way back"
    case .locked: "another program holds a lock on it: it is being removed, or in use"
    case .notADirectory: "it is nothing that the rule takes, so reapd did not claim it"
    case .foreignOwner(let uid):
      "it belongs to uid \(uid), whose entries the rule may not touch"
    case .noPins:
      "this file system has no extended attributes (tmpfs has them from Linux 6.6 on), so it "
        + "cannot be pinned; name it under `never` in the rule"
    case .system(let error): "\(error)"
    }
  }
}

extension QuarantineEntry {
  /// How long somebody else may hold the entry's lock: an examination is over at once, and a
  /// removal shows its mark.
  private static let patience: Nanoseconds = 2 * nanosecondsPerSecond

  /// Pins it, so that it stays, and gives it its own name again if it has a claimed one; never over
  /// something that has that by now.
  ///
  /// - Parameter dryRun: makes all the checks, and changes nothing.
  /// - Returns: whether it is pinned.
  package func restore(dryRun: Bool) throws(RestoreFailure) -> Bool {
    do {
      let parent = try openDirectory(path.directory, below: root)
      defer { parent.close() }
      let facts = try status(of: path.name, at: parent)
      guard rule.mayCondemn(facts.type) else { throw RestoreFailure.notADirectory }
      guard rule.owners.allows(facts.owner) else { throw RestoreFailure.foreignOwner(facts.owner) }
      let kind = facts.type == .directory ? O_DIRECTORY : O_NONBLOCK
      let entry = try openFile(
        path.name.bytes, at: parent, O_RDONLY | kind | O_NOFOLLOW, follow: .within)
      defer { entry.close() }
      // Whoever removes a directory holds this lock from before it looks for the name a last time; of
      // a file, that this has it open is seen then.
      try lock(entry)
      let identity = try status(of: entry).identity
      guard identity == facts.identity else { throw RestoreFailure.gone }
      let isMoved = path != original
      if isMoved, (try? status(of: original.name, at: parent)) != nil {
        throw RestoreFailure.nameTaken
      }
      guard !dryRun else { return true }
      // Before the rename: a reapd that sees the name come back must see the pin too.
      let isPinned = try pin(entry, isNeeded: !isMoved)
      if isMoved {
        do throws(SystemError) {
          try rename(path.name, to: original.name, at: parent)
        } catch {
          removePin(entry)
          throw error
        }
      }
      // Renames go by name, so somebody may have swapped another entry in.
      guard (try? status(of: original.name, at: parent))?.identity == identity else {
        if isMoved { try? rename(original.name, to: path.name, at: parent) }
        throw RestoreFailure.gone
      }
      return isPinned
    } catch let failure as RestoreFailure {
      throw failure
    } catch let error as SystemError {
      switch error.code {
      case ENOENT: throw .gone
      case EEXIST: throw .nameTaken
      default: throw .system(error)
      }
    } catch {
      throw .system(SystemError("restore", path.name.display, EIO))
    }
  }

  private func pin(_ entry: Descriptor, isNeeded: Bool) throws -> Bool {
    do throws(SystemError) {
      try setPin(entry)
      return true
    } catch {
      guard error.code == ENOTSUP else { throw error }
      if isNeeded { throw RestoreFailure.noPins }
      return false
    }
  }

  private func lock(_ entry: Descriptor) throws {
    let end = readMonotonic() + Self.patience
    while true {
      let attempt = tryLock(entry, .flock)
      guard try status(of: entry).permissions != removalMark else {
        throw RestoreFailure.removing
      }
      switch attempt {
      case .taken: return
      case .held where readMonotonic() < end: pause(milliseconds: 5)
      case .held: throw RestoreFailure.locked
      case .failed(let reason):
        throw SystemError("lock (\(reason))", path.name.display, EIO)
      }
    }
  }
}
