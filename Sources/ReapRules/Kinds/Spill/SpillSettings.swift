/// What is done with a directory past its grace that has no lock file.
package enum MissingLock: String, Sendable, CaseIterable {
  case reap
  case keep
}

/// Settings of kind `spill`: one directory per upload, locked through a file in it.
package struct SpillSettings: Sendable, Equatable {
  package var lock: EntryName
  package var lockType: LockType
  package var missingLock: MissingLock
  /// POSIX extended regular expression that every entry's name must match, the lock file apart.
  package var contents: String?

  package init(
    lock: EntryName = EntryName(".lock")!, lockType: LockType = .auto,
    missingLock: MissingLock = .keep, contents: String? = nil
  ) {
    self.lock = lock
    self.lockType = lockType
    self.missingLock = missingLock
    self.contents = contents
  }

  package static let defaultMatch = "spill_+([0-9])_*"
  package static let defaultGlob: Glob = {
    do { return try Glob(defaultMatch) } catch {
      preconditionFailure("the default pattern is right")
    }
  }()
}

// What the kind says of itself.

extension SpillSettings: KindPart {
  package var name: String { "spill" }
  package var ownersLock: EntryName? { lock }
  package var locksInside: Bool { true }
  package var searchesAlways: Bool { false }
  package var lastFile: EntryName { lock }
  package var quarantines: Bool { false }
  package var hasPlaces: Bool { false }
  package var remakesNames: Bool { false }
  package var pinsCountInside: Bool { false }
  package var ownerPidfile: OwnerPidfile? { nil }
  package var trustPids: Bool { false }
  package var room: Retention.RoomBounds { Retention.RoomBounds(minFree: nil, minFreeInodes: nil) }
  package var retention: Retention? { nil }
  package var evidence: Evidence.OfKind { .spill }
  package var sharesRoots: Bool { false }
  package var takesFiles: Bool { false }
  package func outerLock(of name: EntryName) -> OuterLock? { nil }
  package func companions(of name: EntryName) -> [EntryName] { [] }

  package func companionBeginnings(of match: Glob) -> Set<[UInt8]> { [] }
  package func account(_ evidence: Evidence) -> [OwnersSign] { [] }

  package func role(of name: EntryName, isDirectory: Bool?, in rule: Rule) -> EntryRole {
    rule.match.matches(name) ? .candidate : .nothing
  }
}
