// What is in quarantine, seen from outside of the reapd that put it there, and the way back by hand.

import Glibc
package import OwnedDirectories
package import ReapRules

/// One claimed name of a rule that has a quarantine.
package struct QuarantineEntry: Sendable {
  package enum State: String, Sendable {
    case quarantined
    /// Its removal has begun, perhaps by a reapd that was killed: there is no way back.
    case removing
    /// A link or a file: somebody else made the name.
    case notADirectory = "not-a-directory"
    /// Of a user whose directories the rule may not touch.
    case foreignOwner = "foreign-owner"
  }

  package let rule: Rule
  package let root: OpenRoot
  package let claim: ClaimName
  /// As it is now, below the root.
  package let path: CandidatePath
  package let state: State
  /// Wall clock; when its quarantine is over. Nil where no reapd is seen that would end it.
  package let deadline: Nanoseconds?

  /// Where it was, and would be again.
  package var original: CandidatePath { path.renamed(claim.original) }

  /// Allocated bytes; nil where it cannot be walked.
  package func measure() -> Int64? { allocatedBytes(of: path, below: root) }
}

/// Every claimed name of a rule, in order of age.
package func quarantine(of rule: Rule, in root: OpenRoot) throws(SystemError) -> [QuarantineEntry] {
  guard case .generations(let settings) = rule.kind else { return [] }
  // A claim belongs to the reapd that made it: the next one puts it back, and begins anew.
  let isWatched = !lockHolders(of: root.identity).processes.isEmpty
  var entries: [QuarantineEntry] = []
  try eachCandidate(of: rule, in: root) { path in
    guard let claim = ClaimName(path.name),
      let facts = try? status(ofPath: path.bytes, at: root.descriptor)
    else { return }
    let state: QuarantineEntry.State =
      if facts.type != .directory { .notADirectory } else if !rule.owners.allows(facts.owner) {
        .foreignOwner
      } else if facts.permissions == removalMark { .removing } else { .quarantined }
    let span = settings.quarantine ?? GenerationSettings.defaultQuarantine
    let (deadline, isBeyond) = claim.claimedAt.addingReportingOverflow(span)
    entries.append(
      QuarantineEntry(
        rule: rule, root: root, claim: claim, path: path, state: state,
        deadline: isWatched && state == .quarantined && !isBeyond ? deadline : nil))
  }
  return entries.sorted { $0.claim.claimedAt < $1.claim.claimedAt }
}

/// Why a claim cannot have its own name again.
package enum RestoreFailure: Error, Sendable, CustomStringConvertible {
  case gone
  case nameTaken
  case removing
  case locked
  case notADirectory
  case foreignOwner(UInt32)
  case system(SystemError)

  package var reason: String {
    switch self {
    case .gone: "gone"
    case .nameTaken: "name-taken"
    case .removing: "removal-begun"
    case .locked: "lock-held"
    case .notADirectory: Reason.notADirectory.rawValue
    case .foreignOwner: Reason.foreignOwner.rawValue
    case .system: "restore-failed"
    }
  }

  package var description: String {
    switch self {
    case .gone: "it is gone: restored or removed at this moment"
    case .nameTaken: "something has its old name by now; move that away first"
    case .removing: "its removal has begun, and some of it may be gone: there is no way back"
    case .locked: "another program holds a lock on the directory: it is being removed, or in use"
    case .notADirectory: "it is not a directory, so reapd did not claim it"
    case .foreignOwner(let uid):
      "it belongs to uid \(uid), whose directories the rule may not touch"
    case .system(let error): "\(error)"
    }
  }
}

extension QuarantineEntry {
  /// How long somebody else may hold the directory's lock: an examination is over at once, and a
  /// removal shows its mark.
  private static let patience: Nanoseconds = 2 * nanosecondsPerSecond

  /// Gives it its own name again, never over something that has that by now.
  ///
  /// - Parameter dryRun: makes all the checks, and changes nothing.
  package func restore(dryRun: Bool) throws(RestoreFailure) {
    do {
      let parent = try openDirectory(path.directory, below: root)
      defer { parent.close() }
      let facts = try status(of: path.name, at: parent)
      guard facts.type == .directory else { throw RestoreFailure.notADirectory }
      guard rule.owners.allows(facts.owner) else { throw RestoreFailure.foreignOwner(facts.owner) }
      let directory = try openFile(
        path.name.bytes, at: parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
      defer { directory.close() }
      // Whoever removes it holds this lock from before it looks for the name a last time.
      try lock(directory)
      let identity = try status(of: directory).identity
      guard identity == facts.identity else { throw RestoreFailure.gone }
      guard !dryRun else {
        if (try? status(of: claim.original, at: parent)) != nil { throw RestoreFailure.nameTaken }
        return
      }
      try rename(path.name, to: claim.original, at: parent)
      // The rename goes by name, so somebody may have swapped another directory in.
      guard (try? status(of: claim.original, at: parent))?.identity == identity else {
        try? rename(claim.original, to: path.name, at: parent)
        throw RestoreFailure.gone
      }
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

  private func lock(_ directory: Descriptor) throws {
    let end = readMonotonic() + Self.patience
    while true {
      let attempt = tryLock(directory, .flock)
      guard try status(of: directory).permissions != removalMark else {
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

extension Reporter {
  package func restored(_ entry: QuarantineEntry) {
    restored(
      entry.root.path(of: entry.original), rule: entry.rule,
      reason: Reason.restoredByHand.rawValue, trigger: .manual, id: entry.claim.id)
  }

  package func notRestored(_ entry: QuarantineEntry, _ failure: RestoreFailure) {
    let action: AuditRecord.Action = if case .system = failure { .failed } else { .refused }
    count { if action == .failed { $0.failed += 1 } else { $0.refused += 1 } }
    audit?.append(
      AuditRecord(
        wall: readClocks().wall, action: action, rule: entry.rule.name, kind: entry.rule.kind.name,
        path: entry.root.path(of: entry.original), reason: failure.reason, trigger: .manual,
        evidence: .object([
          ("error", .string("\(failure)")), ("claimed_as", .string(entry.path.name.display)),
        ]), id: entry.claim.id))
  }
}
