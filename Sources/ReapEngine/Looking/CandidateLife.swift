// Signs of life that no lock and no walk tells of: processes, as they can be seen; and whether a
// candidate that is a single file is open.

import Glibc
import OwnedDirectories
import ReapRules

extension CandidateGathering {
  /// Whether nobody but reapds has a file open: another one looks at the same root, or the file is the
  /// lock file of another candidate as well. Finding out takes milliseconds.
  ///
  /// Reapds must be seen to have it, besides this look: who has it open through an overlay, or in
  /// memory that outlived the descriptor, is seen in no process. The lock is given back meanwhile:
  /// one who has the file open may be about to take it.
  mutating func isOurs(_ held: HeldFile) -> Bool {
    guard isSettled else { return false }
    unlock()
    guard let users = users(of: held.identity), users.others.isEmpty, users.ofReapds > 1 else {
      return false
    }
    return attempt(held) == .taken
  }

  /// A living process whose number the free lock file holds. Some programs write it and lock nothing.
  func processNamed(in held: HeldFile) -> Int32? {
    guard let facts = lockFacts ?? (try? status(of: held.descriptor)), facts.size > 0 else {
      return nil
    }
    return numbers(in: held.descriptor).first {
      guard let start = processStart(of: $0), !start.hasEnded, !start.isKernel, !isExiting($0)
      else {
        return false
      }
      return saturatingDifference(start.wall, facts.modification) <= startTolerance
    }
  }

  /// Who uses the directory in a way that no lock and no lease tells of.
  mutating func gatherLife(_ view: ProcessView, mounts: MountTable?) throws(SystemError)
    -> Evidence.Life
  {
    guard let directory else { return .unknown("it was not opened") }
    if !places.isWhole, let hold = try searchTree(directory, view) { return life(hold) }
    if places.isWhole, let hold = places.holder(in: view) { return life(hold) }
    if let hold = view.unlinker(in: name, identity: identity) { return life(hold) }
    if let place = mounts?.place(of: root.path(of: name)), let pid = view.mounter(at: place) {
      return .used(.mount, pid: pid, command: commandLine(of: pid))
    }
    // A user sees the own processes, and expects no more. What a security module hides from root with
    // all rights is as invisible as what runs in another PID namespace.
    guard !view.isPartial || !isBlindRoot else {
      return .unknown(
        "CAP_SYS_PTRACE is missing, which other users' processes need; give reapd that capability "
          + "(AmbientCapabilities= of a unit, --cap-add of a container)")
    }
    return .nobody
  }

  /// Whether the owner whose lock was lost was seen, and is not any more.
  func hasLostOwnerEnded() -> Bool {
    let view = LifeView.shared.current()
    let isSeen =
      view.hasUnlinkedFile(in: identity) || view.unlinker(in: name, identity: identity) != nil
    return inherited.hasEnded(.init(identity), isSeen: isSeen)
      && (!view.isPartial || !isBlindRoot)
  }

  private func life(_ hold: ProcessHold) -> Evidence.Life {
    .used(hold.use, pid: hold.pid, command: commandLine(of: hold.pid))
  }

  /// Looks through a tree with more directories than were noted.
  private func searchTree(
    _ directory: Descriptor, _ view: ProcessView
  ) throws(SystemError) -> ProcessHold? {
    guard !view.holdsNothing else { return nil }
    var descent = TreeDescent(from: directory)
    defer { descent.abandon() }
    if let hold = view.holder(of: identity) { return hold }
    while true {
      if let next = descent.nextSubdirectory() {
        do { try descent.enter(next) } catch { if error.code != ENOENT { throw error } }
        continue
      }
      let batch = try descent.nextBatch()
      guard !batch.isEmpty else {
        guard descent.depth > 0 else { return nil }
        try descent.leave()
        continue
      }
      var subdirectories: [DirectoryEntry] = []
      for entry in batch where entry.kind != .regular {
        guard let facts = try? status(of: entry.name, at: descent.current) else { continue }
        if facts.type == .directory { subdirectories.append(entry) }
        if let hold = view.holder(of: facts.identity) { return hold }
        if facts.type == .socket,
          let hold = view.binder(of: entry.name, identity: facts.identity)
        {
          return hold
        }
      }
      descent.add(subdirectories)
    }
  }

  // MARK: - Open files

  /// Whether somebody has a file in it open; what is open is kept open here, to see it being closed.
  mutating func probe(
    _ name: EntryName, _ facts: FileStatus, in directory: Descriptor
  ) throws(SystemError) -> Evidence.Inside.Openness {
    let isKnown = openFile?.identity == facts.identity
    let file: Descriptor
    if isKnown, let known = openFile {
      file = known.descriptor
    } else {
      do {
        file = try OwnedDirectories.openFile(
          name.bytes, at: directory, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, follow: .within)
      } catch {
        return error.code == ENOENT ? .nothingOpen : .unknown("\(error)")
      }
    }
    switch probeOpen(file) {
    case .notOpen:
      let others = otherNames(of: file)
      if !isKnown { file.close() }
      return others.map { .unknown("\(name.display): \($0)") } ?? .nothingOpen
    case .unknown(let reason):
      if !isKnown { file.close() }
      return .unknown(reason)
    case .open
    where isReapdsAlone(facts.identity)
      || facts.links > 1 && isLocked && isUsedByOthersNames(facts.identity):
      if !isKnown { file.close() }
      return .nothingOpen
    case .open:
      drop()
      held =
        isKnown
        ? openFile
        : HeldFile(descriptor: file, directory: identity, identity: facts.identity, isLock: false)
      if isKnown { openFile = nil }
      return .open(name.display)
    }
  }

  /// Whether, of a file that is open, nobody but another reapd is seen to have it so. Asked only where
  /// nothing is removed upon it: who is not seen may have it open as well.
  private func isReapdsAlone(_ file: FileIdentity) -> Bool {
    guard onlyLooks, LifeView.shared.reapdFiles().contains(file), let users = users(of: file)
    else { return false }
    return users.others.isEmpty && users.ofReapds > 1
  }

  /// Whether, its owner's lock in our hand, a file of several names is in use through names only that
  /// lie elsewhere: rustc's sessions are made of hard links to the files of earlier ones. What is seen
  /// takes milliseconds.
  private mutating func isUsedByOthersNames(_ file: FileIdentity) -> Bool {
    guard walkLimit == .max else {
      walked = walkLimit + 1  // for a worker
      return true
    }
    namesLooked += 1
    return namesLooked <= Self.namesLimit
      && isOpenOnlyOutside(root.path(of: name), file)
  }

  // MARK: - A candidate that is a single file

  /// One open file for all that is asked of it: a lease is refused to whoever has it open twice.
  func openCandidate() throws(SystemError) -> Descriptor {
    guard isFile else {
      return try OwnedDirectories.openFile(
        name.bytes, at: root.descriptor, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
    }
    for known in [held, openFile] {
      if let known, known.identity == identity, let same = duplicated(known.descriptor) {
        return same
      }
    }
    return try OwnedDirectories.openFile(
      name.bytes, at: root.descriptor, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, follow: .within)
  }

  /// - Returns: nil where the file, or its lock file, is no longer the one that was looked at.
  mutating func gatherFile(
    _ file: Descriptor, lock: Evidence.Lock
  ) throws(SystemError) -> Evidence.Inside? {
    let facts = try status(of: file)
    var inside = Evidence.Inside(openness: .nothingOpen)
    inside.newestChange = isClaimed ? facts.modification : facts.change
    inside.isPinned = try isPinned(file)
    if outerLock != .candidate {
      switch tryLock(file, .auto) {
      case .taken: releaseLock(file, .auto)
      case .held: inside.isLocked = true
      case .failed(let reason): inside.openness = .unknown(reason)
      }
    }
    switch probeOpen(file) {
    case .notOpen:
      if let others = otherNames(of: file) { inside.openness = .unknown(others) }
    case .open where isReapdsAlone(identity): break
    case .open:
      keepOpen(file)
      inside.openness = .open(name.display)
      return inside
    case .unknown(let reason): inside.openness = .unknown(reason)
    }
    if let held, held.isLock, outerLock != .candidate {
      switch probeOpen(held.descriptor) {
      case .notOpen: break
      case .open where isOurs(held): break
      case .open: inside.openness = .open("its lock file")
      case .unknown(let reason): inside.openness = .unknown(reason)
      }
      inside.namedProcess = processNamed(in: held)
    }
    return lockIsStill(lock, in: file) ? inside : nil
  }

  /// Stays open, to see it being closed.
  private mutating func keepOpen(_ file: Descriptor) {
    drop()
    held =
      openFile
      ?? duplicated(file).map {
        HeldFile(descriptor: $0, directory: identity, identity: identity, isLock: false)
      }
    openFile = nil
  }
}

/// The process that the name of a temporary file names, where one of that number lives and began
/// before the file was last changed. It may be another one, in another PID namespace: alive is all
/// that this can say.
func livingWriter(_ name: TemporaryName?, changed: Nanoseconds) -> Int32? {
  guard let pid = name?.pid, let start = processStart(of: pid), !start.hasEnded,
    saturatingDifference(start.wall, changed) <= startTolerance
  else { return nil }
  return pid
}

/// btime, by which the start of a process is told, counts whole seconds (proc_stat(5)).
private let startTolerance: Nanoseconds = 2 * nanosecondsPerSecond
