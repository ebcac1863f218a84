/// Settings of kind `scratch`: an entry whose owner is known by other means than a lock file of a
/// fixed name in it.
package struct ScratchSettings: Sendable, Equatable {
  /// What may be a candidate.
  package enum Entries: String, Sendable, CaseIterable {
    case directories, files, both

    package var takesDirectories: Bool { self != .files }
    package var takesFiles: Bool { self != .directories }
  }

  /// One way in which an owner shows that it lives.
  package enum Way: Sendable, Equatable {
    /// Holds a lock on a file.
    case lock(ScratchPath)
    /// Is the process whose number stands in the entry's name.
    case pidInName(PidPattern)
    /// Is the process whose number stands in the target of a link.
    case pidInLink(ScratchPath, PidPattern)
    /// Is the process whose number stands in a file.
    case pidInFile(PidFile)
    /// Has something of it open, or works in it.
    case open
    /// Has begun with this boot of the machine, as every process has.
    case boot
  }

  package var entries = Entries.directories
  package var ownedBy: [Way]
  package var lockType = LockType.auto
  /// Pids are those of this PID namespace.
  package var trustPids = false
  /// How long nothing may have changed before what nothing proves dead is condemned; nil for never.
  package var quiet: Nanoseconds?
  /// How long something is left where it is after it was judged dead; nil for the usual.
  package var quarantine: Nanoseconds?
  /// What goes with it, from the directory that holds it.
  package var also: [ScratchPath] = []
  /// What the owners' own cleaner locks while it works: not a claim is made meanwhile.
  package var cleanersLock: ScratchPath?
  /// Of the rule's match.
  package var stem: GlobStem?

  package init(ownedBy: [Way] = []) { self.ownedBy = ownedBy }

  package var lockFile: ScratchPath? {
    for case .lock(let path) in ownedBy { return path }
    return nil
  }

  package var namesProcess: Bool {
    ownedBy.contains {
      switch $0 {
      case .pidInName, .pidInLink, .pidInFile: true
      case .lock, .open, .boot: false
      }
    }
  }

  package var namesProcessByName: Bool {
    ownedBy.contains { if case .pidInName = $0 { true } else { false } }
  }

  /// Where a lease or a process cannot be asked for, that counts.
  package var needsOpenness: Bool { ownedBy.contains(.open) }

  package var needsBoot: Bool { ownedBy.contains(.boot) }

  /// From the entry or, of a path beside it, from the directory that holds both.
  package func path(of file: ScratchPath, for name: EntryName) -> [UInt8] {
    file.path(for: name, stem)
  }

  // MARK: - Files beside entries

  /// Directories besides the one that holds the entries in which files tell of their owners.
  package var signalDirectories: [[EntryName]] {
    var directories: [[EntryName]] = []
    for case let signal? in ownedBy.map(\.signal)
    where !signal.directories.isEmpty && !directories.contains(signal.directories) {
      directories.append(signal.directories)
    }
    return directories
  }

  /// Whom a file in one of those directories, or beside the entries, concerns; nil where it tells
  /// nothing.
  package func concern(of name: EntryName, in directories: [EntryName]) -> ScratchSignal.Concern? {
    var concern: ScratchSignal.Concern?
    for way in ownedBy {
      guard let signal = way.signal, signal.directories == directories else { continue }
      // What concerns all concerns the one as well.
      switch signal.concern(of: name, stem) {
      case .all?: return .all
      case let one?: concern = one
      case nil: break
      }
    }
    return concern
  }

  /// Whether an entry beside candidates tells of their owners, or leads to what does.
  func isSignal(_ name: EntryName) -> Bool {
    ownedBy.contains { way in
      guard let signal = way.signal else { return false }
      guard let first = signal.directories.first else {
        return signal.concern(of: name, stem) != nil
      }
      return first == name
    }
  }

  /// Without a proof of death, unless the rule says otherwise.
  package static let defaultQuarantine: Nanoseconds = 3600 * nanosecondsPerSecond
}

// What the kind says of itself.

extension ScratchSettings: KindPart {
  package var name: String { "scratch" }
  package var ownersLock: EntryName? { nil }
  package var locksInside: Bool { false }
  package var searchesAlways: Bool { true }
  package var contents: String? { nil }
  package var lastFile: EntryName {
    // Where no lock file lies in it, any name will do.
    lockFile.flatMap { $0.place == .inside ? EntryName($0.text) : nil } ?? EntryName(".lock")!
  }
  package var quarantines: Bool { true }
  package var hasPlaces: Bool { false }
  package var remakesNames: Bool { false }
  package var pinsCountInside: Bool { false }
  package var ownerPidfile: OwnerPidfile? { nil }
  package var room: Retention.RoomBounds { Retention.RoomBounds(minFree: nil, minFreeInodes: nil) }
  package var retention: Retention? { nil }
  package var evidence: Evidence.OfKind { .scratch(ScratchEvidence()) }
  package var sharesRoots: Bool { true }
  package var takesFiles: Bool { entries.takesFiles }

  package func outerLock(of name: EntryName) -> OuterLock? {
    guard let lockFile else { return nil }
    return switch lockFile.place {
    case .itself: .candidate
    case .inside: .inside(path(of: lockFile, for: name))
    case .beside: .beside(path(of: lockFile, for: name))
    }
  }

  package func companionBeginnings(of match: Glob) -> Set<[UInt8]> {
    Set(also.flatMap { $0.beginnings(of: match) })
  }

  package func companions(of name: EntryName) -> [EntryName] {
    also.compactMap { $0.sibling(of: name, stem) }
  }

  package func account(_ evidence: Evidence) -> [OwnersSign] {
    ScratchAccount(settings: self, evidence: evidence).signs
  }

  package func role(of name: EntryName, isDirectory: Bool?, in rule: Rule) -> EntryRole {
    let isTaken =
      switch isDirectory {
      case true?: entries.takesDirectories
      case false?: entries.takesFiles
      case nil: true
      }
    if isTaken, rule.match.matches(name) { return .candidate }
    // Nothing is written into a lock; what is, is looked at a while after it was made.
    return isSignal(name) ? .signal(isNewsWhenMade: true) : .nothing
  }
}
