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
