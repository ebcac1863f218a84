/// What was observed of one candidate, as plain values: what all kinds have, and one part that is
/// particular to its kind. "Could not tell" is a value too.
///
/// Gathered in stages, each only when `judge` asks for it, so that nothing inside a candidate is
/// touched before its grace is over.
package struct Evidence: Sendable, Equatable {
  package var entry: Entry
  package var clocks: Clocks
  package var lock: Lock?
  package var surroundings: Surroundings?
  package var inside: Inside?
  /// What the processes that can be seen do in it; asked for where no lock proves anything.
  package var life: Life?
  /// Who made the claimed name it has, if it has one.
  package var claim = Claim.none
  /// What the bounds of its group demand its end for; nil where they do not.
  package var demand: Retention.Demand?
  /// What its end would free; asked for where a bound needs it.
  package var weight: Weight?
  /// What is particular to its kind.
  package var ofKind: OfKind

  package init(
    entry: Entry, clocks: Clocks, ofKind: OfKind, lock: Lock? = nil,
    surroundings: Surroundings? = nil, inside: Inside? = nil
  ) {
    self.ofKind = ofKind
    self.entry = entry
    self.clocks = clocks
    self.lock = lock
    self.surroundings = surroundings
    self.inside = inside
  }

  /// What one statx(2) on the name tells, without following it or opening anything.
  package struct Entry: Sendable, Equatable {
    package enum FileType: String, Sendable {
      case directory, symbolicLink = "symbolic-link", other
      /// Where single files are judged; elsewhere they are `other`.
      case regularFile = "regular-file"
    }
    /// The name it has, or had before it was claimed.
    package var name: EntryName
    package var type: FileType
    package var owner: UInt32
    package var isMountPoint: Bool

    package init(name: EntryName, type: FileType, owner: UInt32, isMountPoint: Bool) {
      self.name = name
      self.type = type
      self.owner = owner
      self.isMountPoint = isMountPoint
    }
  }

  /// What an end frees: of files with names elsewhere nothing.
  package struct Weight: Sendable, Equatable {
    /// Allocated.
    package var bytes: Int64
    package var inodes: Int64

    package init(bytes: Int64, inodes: Int64) {
      self.bytes = bytes
      self.inodes = inodes
    }
  }

  /// The state of the owner's lock.
  package enum Lock: Sendable, Equatable {
    /// Somebody holds it: the directory is owned.
    case held
    /// We hold it now, on the very inode at the lock file's path.
    case taken
    /// We hold it on the descriptor kept since before the lock file was unlinked, and there is no
    /// lock file at the path now.
    case takenUnlinked
    case missing
    /// A symbolic link, a FIFO, a directory …
    case notAFile(String)
    case unreadable(String)
    case unknown(String)

    /// What keeps a candidate whose lock is not free, or may not be.
    var objection: Judgement? {
      switch self {
      case .held: .keep(.lockHeld)
      case .notAFile: .unsure(.lockNotAFile)
      case .unreadable: .unsure(.lockUnreadable)
      case .unknown: .unsure(.lockUnknown)
      case .missing, .taken, .takenUnlinked: nil
      }
    }
  }

  /// What else must not be there: mounts and watched roots, inside or below.
  package enum Surroundings: Sendable, Equatable {
    case clear
    case mountInside(String)
    case rootInside(String)
    case unknown(String)
  }

  /// What the candidate's own files tell; nil parts were not asked for.
  package struct Inside: Sendable, Equatable {
    package enum Openness: Sendable, Equatable {
      case nothingOpen
      case open(String)
      case unknown(String)
    }
    /// Whether another process has the lock file or, where that is missing, any file open.
    package var openness: Openness
    /// The newest change time in the subtree, wall clock; of a spill directory only where the lock
    /// file is missing. Of a claimed directory without its own change time: the claim moved that.
    package var newestChange: Nanoseconds?
    /// The first entry that the rule's `contents` does not match.
    package var foreignEntry: String?
    /// Somebody holds a lock on the directory itself.
    package var isLocked = false
    /// A living process whose number stands in the free lock file, and that began before that file
    /// was last written.
    package var namedProcess: Int32?
    /// An operator pinned it (`reapd keep`).
    package var isPinned = false
    /// A living process that the name of a temporary file in it names, and that began before that
    /// file was last changed.
    package var writer: Int32?
    /// The first directory in it that its owner could not have emptied, by its path in it; looked
    /// for where whoever removes it could.
    package var foreignDirectory: String?

    package init(openness: Openness, newestChange: Nanoseconds? = nil, foreignEntry: String? = nil)
    {
      self.openness = openness
      self.newestChange = newestChange
      self.foreignEntry = foreignEntry
    }
  }

  /// What no lease and no lock tells: how a process that can be seen uses a directory.
  package enum Life: Sendable, Equatable {
    package enum Use: String, Sendable {
      case workingDirectory = "working directory"
      case rootDirectory = "root directory"
      case openDirectory = "open directory"
      /// A file without a name that was in the directory: its lock file, say.
      case unlinkedFile = "open file without a name"
      case openFIFO = "open FIFO"
      case boundSocket = "bound socket"
      /// In its own mount namespace.
      case mount = "mount"
    }
    case nobody
    case used(Use, pid: Int32, command: String)
    /// Processes that may use it cannot be looked at.
    case unknown(String)
  }

  /// Whether we hold the lock that its owner would hold: nobody comes back to it.
  package var isProvedByLock: Bool { lock == .taken || lock == .takenUnlinked }

  /// The claimed name that a directory may have.
  package enum Claim: Sendable, Equatable {
    /// It has its own name.
    case none
    /// It was claimed, and not a byte of it is gone.
    case found
    /// It was claimed and is whole, and its own name is there too: two halves of one generation, if a
    /// writer made its directories anew.
    case split
    /// Its removal has begun: it can only be finished.
    case unfinished

    /// Whether what is kept for a reason keeps the claimed name that it has.
    package func stays(for reason: Reason) -> Bool {
      switch reason.traits.claimedName {
      case .stays: true
      case .staysBesideItsOwn: self == .split
      case .staysWhileUnclear: self == .none || self == .split
      case .isGivenBack: false
      }
    }
  }

  /// What keeps it because of what lies in it, once that is known.
  var objectionOfSurroundings: Judgement? {
    switch surroundings {
    case nil: .gather(.surroundings)
    case .clear: nil
    case .mountInside: .keep(.mountInside)
    case .rootInside: .keep(.rootInside)
    case .unknown: .unsure(.surroundingsUnknown)
    }
  }

  /// What keeps a directory whatever its lock file says.
  func objectionOfDirectory(_ inside: Inside, now: Now) -> Verdict? {
    // First: `restore` holds the directory's lock while it pins.
    if inside.isPinned { return .keep(.keptByHand, recheckAfter: nil) }
    if inside.isLocked { return .keep(.directoryLocked, recheckAfter: clocks.backOff(now: now)) }
    return inside.namedProcess != nil ? .unsure(.lockNamesProcess) : nil
  }

  /// What keeps a directory that no lock proves dead: somebody who can be seen uses it. No event
  /// tells of its end, so it is looked at again, less and less often.
  func objectionOfProcesses(now: Now) -> Judgement? {
    switch life {
    case nil: .gather(.life)
    case .nobody: nil
    case .unknown: .unsure(.processesUnknown)
    case .used(let use, _, _): .keep(use.reason, recheckAfter: clocks.backOff(now: now))
    }
  }

  /// For the audit and for `--json`.
  package var json: JSONValue {
    var members = entry.members + clocks.members
    if let text = claim.text { members.append(("claim", .string(text))) }
    members += ofKind.members
    if let lock { members.append(("lock", .string(lock.text))) }
    if let surroundings { members.append(("surroundings", .string(surroundings.text))) }
    if let inside { members += inside.members }
    if let weight {
      members.append(("allocated_bytes", .integer(weight.bytes)))
      members.append(("inodes", .integer(weight.inodes)))
    }
    if let life { members.append(("processes", .string(life.text))) }
    return .object(members)
  }
}
