// How the evidence of one candidate directory is gathered, stage by stage. What is opened is only read;
// a foreign lock file is never opened for writing and never created.

import Glibc
import OwnedDirectories
import ReapRules

/// The descriptors and findings of one examination of one directory.
struct CandidateGathering {
  /// Nil where owners lock nothing.
  let lock: EntryName?
  /// Where the owner's lock file is, if not in every candidate under that one name.
  let outerLock: OuterLock?
  let lockType: LockType
  let contents: ContentsPattern?
  /// Change times and open files tell of its use, whatever its lock does; and the lock file may
  /// stand beside it (kind `generations`).
  let searchesAlways: Bool
  /// The candidate's file system may be FUSE.
  private let isRemote: Bool
  /// The candidate has a claimed name, so that its change time is that of our rename.
  let isClaimed: Bool
  /// The directory that holds it.
  let root: OpenRoot
  let name: EntryName
  let identity: FileIdentity
  var held: HeldFile?
  /// What was found open the last time and is watched: probed through this descriptor, since one
  /// closed after each look would tell of itself.
  var openFile: HeldFile?
  /// The directory itself, once its inside was asked for.
  var directory: Descriptor?
  /// Whose the candidate is.
  var owner: UInt32 = 0
  /// The candidate is a single file.
  var isFile = false
  /// Nothing will be claimed upon what is found.
  var onlyLooks = false
  /// Whether we hold the lock on `held`.
  var isLocked: Bool
  private var lockIsBeside = false
  /// Entries that a walk may come by; more are too many.
  var walkLimit = Int.max
  var walked = 0
  var namesLooked = 0
  /// Of more files it is not asked by which of their names they are in use.
  static let namesLimit = 64
  var isTooLarge: Bool { walked > walkLimit }
  /// Whether whoever was letting go of the lock file must be through with that.
  var isSettled = true
  /// The lock was held when last seen, and no descriptor was left: a missing name proves nothing.
  private let isLockLost: Bool
  let inherited: InheritedLocks
  /// Of the lock file at its path, once that was looked at.
  var lockFacts: FileStatus?
  /// What the walk came by.
  var places = TreePlaces()

  /// - Parameter directory: of that identity, where it is open already; handed over.
  init(
    shared: SharedRule, contents: ContentsPattern?, root: OpenRoot, name: EntryName,
    identity: FileIdentity, directory: Descriptor?, known: KnownBefore, inherited: InheritedLocks
  ) {
    self.directory = directory
    isLockLost = known.isLockLost
    self.inherited = inherited
    lock = shared.part.ownersLock
    outerLock =
      lock == nil ? shared.part.outerLock(of: ClaimName(name)?.original ?? name) : nil
    lockType = shared.part.lockType
    searchesAlways = shared.part.searchesAlways
    isRemote = shared.rule.allowRemote
    self.contents = contents
    self.root = root
    self.name = name
    self.identity = identity
    if known.held?.isLock == false { openFile = known.held } else { held = known.held }
    isLocked = known.isLocked
    isClaimed = ClaimName(name) != nil
  }

  // MARK: - The lock

  mutating func gatherLock() -> Evidence.Lock {
    if let held, held.isLock, held.directory == identity {
      lockIsBeside = held.isBeside
      switch isLocked ? .taken : attempt(held) {
      case .held: return .held
      case .failed(let reason): return .unknown(reason)
      case .taken: break
      }
      switch lockFileStatus() {
      case .failure(let error) where error.code == ENOENT:
        // Of files that programs put elsewhere, one that is gone says nothing.
        guard outerLock != nil else { return .takenUnlinked }
        drop()
        return .missing
      case .failure(let error): return refuse(error)
      case .success(let there) where there.identity == held.identity:
        lockFacts = there
        return otherNames(of: held.descriptor).map(Evidence.Lock.unknown) ?? .taken
      case .success: break  // another lock file stands there now; the old one is free
      }
    }
    drop()
    var found = Evidence.Lock.missing
    if outerLock != nil {
      found = openLock()
    } else {
      guard lock != nil else { return .missing }
      lockIsBeside = false
      found = openLock()
      if found == .missing, searchesAlways {
        lockIsBeside = true
        found = openLock()
      }
    }
    guard found == .missing, isLockLost, !hasLostOwnerEnded() else { return found }
    return .unknown("it was held, and unlinked while it was not open here")
  }

  /// From the directory that holds the candidate; nil where owners lock nothing.
  private var lockPath: [UInt8]? {
    if let outerLock { return outerLock.path(under: name) }
    guard let lock else { return nil }
    return lockIsBeside ? lock.bytes : name.bytes + [UInt8(ascii: "/")] + lock.bytes
  }

  private mutating func openLock() -> Evidence.Lock {
    do throws(SystemError) {
      // Without waiting, and never for writing: a FIFO or a socket comes to no harm, and is closed
      // again once its type is known.
      let file = try OwnedDirectories.openFile(
        lockPath ?? [], at: root.descriptor, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, follow: .within)
      let facts: FileStatus
      do throws(SystemError) {
        facts = try status(of: file)
      } catch {
        file.close()
        throw error
      }
      guard facts.type == .regular || facts.type == .directory && outerLock == .candidate else {
        file.close()
        return .notAFile(facts.type.words)
      }
      lockFacts = facts
      if let unknown = outerLock?.doubt(facts, candidatesOwner: owner, in: root.descriptor)
        ?? otherNames(of: file)
      {
        file.close()
        return .unknown(unknown)
      }
      let opened = HeldFile(
        descriptor: file, directory: identity, identity: facts.identity, isLock: true,
        isBeside: lockIsBeside)
      held = opened
      switch attempt(opened) {
      case .held: return .held
      case .failed(let reason): return .unknown(reason)
      case .taken: return .taken
      }
    } catch {
      drop()
      let isMissing = error.code == ENOENT || isFile && error.code == ENOTDIR
      return isMissing ? .missing : refuse(error)
    }
  }

  /// What is said where somebody may have the file open, and locked, through another of its names.
  func otherNames(of file: Descriptor) -> String? {
    guard isRemote else { return nil }
    do {
      guard let count = try separateNames(of: file), count > 1 else { return nil }
      return "it has \(count) names, and on FUSE each shows its own locks only"
    } catch {
      return "\(error)"
    }
  }

  mutating func attempt(_ file: HeldFile) -> LockAttempt {
    #if DEBUG
      if Fault.injected == .lock { return .taken }
    #endif
    let result =
      outerLock == .candidate && !isFile
      ? tryLockDirectory(file.descriptor) : tryLock(file.descriptor, lockType)
    isLocked = result == .taken
    return result
  }

  private func lockFileStatus() -> Result<FileStatus, SystemError> {
    do throws(SystemError) {
      // Through the directory where that is open: one name to be looked up instead of two.
      if let lock, !lockIsBeside, let directory {
        return .success(try status(of: lock, at: directory))
      }
      guard let path = lockPath else { throw SystemError("stat", "(no lock file)", ENOENT) }
      return .success(try status(ofPath: path, at: root.descriptor))
    } catch {
      return .failure(error)
    }
  }

  private func refuse(_ error: SystemError) -> Evidence.Lock {
    switch error.code {
    case EACCES, EPERM: .unreadable(errorText(error.code))
    case ELOOP: .notAFile("a symbolic link")
    case ENXIO: .notAFile("a socket")
    default: .unknown(errorText(error.code))
    }
  }

  // MARK: - The inside

  /// - Returns: nil where the directory is no longer the one that was looked at first.
  mutating func gatherInside(lock: Evidence.Lock) throws(SystemError) -> Evidence.Inside? {
    if directory == nil {
      let opened = try openCandidate()
      directory = opened
      guard try status(of: opened).identity == identity else {
        finish()
        return nil
      }
    }
    guard let directory else { return nil }
    guard !isFile else { return try gatherFile(directory, lock: lock) }
    // Taken before anything else: held from here to the end, it keeps others from coming in.
    let directoryLock = outerLock == .candidate ? .taken : tryLockDirectory(directory)
    if case .failed(let reason) = directoryLock {
      return Evidence.Inside(openness: .unknown(reason))
    }
    var inside = Evidence.Inside(openness: .nothingOpen)
    if lock == .missing || searchesAlways {
      inside = try walk(directory, probing: true)
      // What was found open is watched instead of the lock file, which is not compared any more.
      if lock != .missing, case .open = inside.openness { return inside }
    }
    guard !isTooLarge else { return nil }
    if lock != .missing {
      if contents != nil { inside = try walk(directory, probing: false) }
      guard !isTooLarge else { return nil }
      #if DEBUG
        if Fault.injected == .lock { return inside }
      #endif
      if let held, held.isLock, outerLock != .candidate {
        switch probeOpen(held.descriptor) {
        case .notOpen: break
        case .open where isOurs(held): break
        case .open:
          inside.openness = .open(self.lock?.display ?? outerLock?.display ?? "a lock file")
        case .unknown(let reason): inside.openness = .unknown(reason)
        }
        inside.namedProcess = processNamed(in: held)
      }
    }
    inside.isLocked = directoryLock == .held
    inside.isPinned = try isPinned(directory)
    // Where nothing was walked the lock file was compared only now, and the claim does so again.
    let isFresh = lock == .taken && contents == nil && !searchesAlways
    guard isFresh || lockIsStill(lock, in: directory) else { return nil }
    return inside
  }

  /// The lock file must be, at the end as at the beginning, the inode that we hold, or missing.
  func lockIsStill(_ lock: Evidence.Lock, in directory: Descriptor) -> Bool {
    guard outerLock != nil || self.lock != nil else { return true }
    do {
      if let outerLock {
        let there = try outerLock.status(in: directory, of: root.descriptor)
        return there.identity == held?.identity && lock == .taken
      }
      guard let file = self.lock else { return true }
      let place = lockIsBeside ? root.descriptor : directory
      return try status(of: file, at: place).identity == held?.identity && lock == .taken
    } catch {
      return (error.code == ENOENT || isFile && error.code == ENOTDIR) && lock != .taken
    }
  }

  /// Visits the whole tree: names against `contents` and, where the lock file is missing, change
  /// times and whether anything is open. A file found open is kept open to see it being closed.
  private mutating func walk(
    _ directory: Descriptor, probing: Bool
  ) throws(SystemError) -> Evidence.Inside {
    var inside = Evidence.Inside(openness: .nothingOpen)
    var descent = TreeDescent(from: directory)
    defer { descent.abandon() }
    if probing {
      let facts = try status(of: directory)
      places = TreePlaces()
      places.note(nil, facts)
      inside.newestChange = isClaimed && searchesAlways ? facts.modification : facts.change
    }
    while true {
      if let next = descent.nextSubdirectory() {
        do {
          try descent.enter(next)
        } catch  where error.code == ENOENT {
          continue
        }
      } else if try list(&descent, probing: probing, into: &inside) {
        if inside.foreignEntry != nil && !probing { return inside }
        if case .open = inside.openness { return inside }
      } else if descent.depth > 0, !isTooLarge {
        try descent.leave()
      } else {
        return inside
      }
    }
  }

  /// Looks at the next entries of the current directory; false at its end.
  private mutating func list(
    _ descent: inout TreeDescent, probing: Bool, into inside: inout Evidence.Inside
  ) throws(SystemError) -> Bool {
    let batch = try descent.nextBatch()
    walked += batch.count
    guard !isTooLarge else { return false }
    var subdirectories: [DirectoryEntry] = []
    for entry in batch {
      if descent.depth == 0, entry.name == lock { continue }
      if let contents, inside.foreignEntry == nil, !contents.matches(entry.name) {
        inside.foreignEntry = entry.name.display
        if !probing { return true }
      }
      let facts: FileStatus
      do {
        facts = try status(of: entry.name, at: descent.current)
      } catch  where error.code == ENOENT {
        continue
      }
      if facts.type == .directory { subdirectories.append(entry) }
      guard probing else { continue }
      places.note(entry.name, facts)
      inside.newestChange = max(inside.newestChange ?? facts.change, facts.change)
      guard facts.type == .regular else { continue }
      // Our own descriptor of a lock file that lies deeper.
      if outerLock != nil, let held, held.isLock, facts.identity == held.identity { continue }
      if searchesAlways, inside.writer == nil {
        inside.writer = livingWriter(TemporaryName(data: entry.name), changed: facts.change)
      }
      guard inside.openness == .nothingOpen else { continue }
      inside.openness = try probe(entry.name, facts, in: descent.current)
      if case .open = inside.openness { return true }
    }
    descent.add(subdirectories)
    return !batch.isEmpty
  }

  // MARK: - Ends

  /// Closes what is held, and the lock with it.
  mutating func drop() {
    held?.descriptor.close()
    held = nil
    isLocked = false
  }

  /// Gives the lock back where it was only probed.
  mutating func unlock() {
    if isLocked, let held { releaseLock(held.descriptor, lockType) }
    isLocked = false
  }

  /// For another examination that goes on with it.
  mutating func handOn() -> HeldFile? {
    unlock()
    guard held == nil else { return held }
    defer { openFile = nil }
    return openFile
  }

  /// Closes what nobody was given.
  mutating func finish() {
    directory?.close()
    directory = nil
    openFile?.descriptor.close()
    openFile = nil
  }
}
