// How the reaper follows a tree of partitions: directories that come, go and move, cursors that
// are replaced, an owner that ends, and what waits in quarantine.

import Glibc
import Logging
import OwnedDirectories
import ReapRules
import Watching

extension Reaper {
  // MARK: - Entries

  func entry(
    _ watched: WatchedRoot, in number: UInt32, _ bytes: [UInt8], isDirectory: Bool,
    _ change: WatchMessage.Change, _ arrival: Nanoseconds
  ) {
    guard let name = EntryName(bytes), let place = watched.tree[number] else { return }
    let path = CandidatePath(directory: place.path, name)
    switch watched.rule.role(of: name, isDirectory: isDirectory) {
    case .nothing: return
    case .cursor:
      switch change {
      // A file that is only made says nothing yet: it is written, or renamed into place. A link does.
      case .created where watched.rule.kind.readsLinks: cursorChanged(watched, number, arrival)
      case .created, .attributes: break
      case .modified: cursorModified(watched, number, arrival)
      case .movedIn, .movedOut, .removed, .written: cursorChanged(watched, number, arrival)
      }
    case .place: placeChanged(watched, number, path.bytes, change)
    case .candidate: candidateChanged(watched, number, path, change, arrival)
    }
  }

  private func candidateChanged(
    _ watched: WatchedRoot, _ number: UInt32, _ path: CandidatePath,
    _ change: WatchMessage.Change, _ arrival: Nanoseconds
  ) {
    guard !watched.claims.contains(path) else {
      if change == .movedIn { watched.claims.takeRename(to: path) }
      return
    }
    switch change {
    case .written, .modified: return
    case .attributes:
      // A pin, a mode or an owner: it tells of nothing else that reapd looks at.
      if watched.schedule.reason(of: path)?.isEnded(by: .attributes) == true {
        appeared(watched, number, path, created: false, .rescan, arrival)
      }
    case .created:
      appeared(watched, number, path, created: true, .created, arrival)
    case .movedIn:
      appeared(watched, number, path, created: isArrival(watched, path), .created, arrival)
    case .movedOut:
      movedOut(watched, number, path, arrival)
      conflictMayBeOver(watched, number, path.name, arrival)
    case .removed:
      if let root = watched.root { reporter.forget(root.path(of: path)) }
      endObstacles { $0.root == watched.index && $0.path == path }
      watched.claims.forgetUnfinished(path)
      reprieve(watched, path, "gone", nil, Occasion(trigger: .rescan))
      watched.tree.forgetCandidate(path.name, in: number)
      feed(watched, .vanished(path), arrival)
      conflictMayBeOver(watched, number, path.name, arrival)
    }
  }

  /// A name that is there claimed and unclaimed stands in the way of its whole partition.
  private func conflictMayBeOver(
    _ watched: WatchedRoot, _ number: UInt32, _ gone: EntryName, _ arrival: Nanoseconds
  ) {
    guard let place = watched.tree[number], place.hasConflict else { return }
    let wasOne =
      if let claim = ClaimName(gone) {
        place.candidates.contains(claim.original)
      } else {
        place.candidates.contains { ClaimName($0)?.original == gone }
      }
    guard wasOne else { return }
    watched.tree.forgetConflict(in: number)
    lookAtPartition(watched, number, .rescan, arrival)
  }

  /// A name that went before this was known to be a conflict asked for no look: this one sees it.
  func foundConflict(_ watched: WatchedRoot, _ path: CandidatePath, _ now: Nanoseconds) {
    guard let number = watched.tree.number(of: path.directory),
      watched.tree.noteConflict(in: number)
    else { return }
    lookAtPartition(watched, number, .rescan, now)
  }

  /// What was kept for want of the live generation is looked at again: that came, or was put back.
  func liveIsThere(_ watched: WatchedRoot, _ live: CandidatePath, _ now: Nanoseconds) {
    guard let number = watched.tree.number(of: live.directory), let place = watched.tree[number]
    else { return }
    for name in place.candidates {
      let path = CandidatePath(directory: place.path, name)
      if watched.schedule.reason(of: path)?.isEnded(by: .live) == true {
        feed(watched, .appeared(path, created: false, .rescan), now)
      }
    }
  }

  func appeared(
    _ watched: WatchedRoot, _ number: UInt32, _ path: CandidatePath, created: Bool,
    _ trigger: Trigger, _ arrival: Nanoseconds
  ) {
    if watched.isPartitioned { watched.tree.noteCandidate(path.name, in: number) }
    if created { handOn(watched, path) }
    feed(watched, .appeared(path, created: created, trigger), arrival)
  }

  /// Looks at those of whom a cursor decides: not at what is kept whatever it says, unless it says
  /// that one's name. A partition may hold a thousand of those.
  private func cursorChanged(_ watched: WatchedRoot, _ number: UInt32, _ arrival: Nanoseconds) {
    guard let place = watched.tree[number] else { return }
    let live = watched.examination?.liveGeneration(in: place.path)
    lookAtPartition(watched, number, .cursorChange, arrival) { name in
      if let live, name == live || ClaimName(name)?.original == live { return true }
      let path = CandidatePath(directory: place.path, name)
      return watched.schedule.reason(of: path)?.isEnded(by: .cursor) != false
    }
  }

  /// Written in place by somebody who keeps it open, so that no close tells. Torn as it may be for
  /// a moment, it says something once it can be read; the next write tells, or the close.
  private func cursorModified(_ watched: WatchedRoot, _ number: UInt32, _ arrival: Nanoseconds) {
    guard let place = watched.tree[number],
      watched.examination?.liveGeneration(in: place.path) != nil
    else { return }
    cursorChanged(watched, number, arrival)
  }

  private func lookAtPartition(
    _ watched: WatchedRoot, _ number: UInt32, _ trigger: Trigger, _ arrival: Nanoseconds,
    where isConcerned: (EntryName) -> Bool = { _ in true }
  ) {
    guard let place = watched.tree[number] else { return }
    // Claimed ones first: one that the cursor names now must be back at once. Then the one that it
    // named until now: it waits for nothing else.
    func rank(_ path: CandidatePath) -> Int {
      if ClaimName(path.name) != nil { return 0 }
      return watched.schedule.reason(of: path)?.traits.isLive == true ? 1 : 2
    }
    let paths = place.candidates.filter(isConcerned).map { name in
      let path = CandidatePath(directory: place.path, name)
      return (rank: rank(path), path: path)
    }
    for (_, path) in paths.sorted(by: { $0.rank < $1.rank }) {
      guard !watched.claims.contains(path) else { continue }
      feed(watched, .appeared(path, created: false, trigger), arrival)
    }
  }

  // MARK: - Places

  private func placeChanged(
    _ watched: WatchedRoot, _ parent: UInt32, _ path: [UInt8], _ change: WatchMessage.Change
  ) {
    switch change {
    case .written, .modified, .attributes: return
    case .created, .movedIn, .movedOut:
      if let old = watched.tree.number(of: path) { removePlace(watched, old) }
      enter(watched, path, below: parent)
    case .removed:
      if let old = watched.tree.number(of: path) { removePlace(watched, old) }
    }
  }

  /// Watches a directory in which partitions may lie, and then lists it: what is made in it before
  /// the watch is there is found by that. One that is known is only listed.
  func enter(_ watched: WatchedRoot, _ path: [UInt8], below parent: UInt32) {
    guard let root = watched.root, watched.tree[parent] != nil else { return }
    if let known = watched.tree.number(of: path) {
      watched.tree.noteSeen(known)
      guard watched.tree[known]?.arming == nil else { return }
      guard watched.tree[known]?.watch == nil else { return watched.unlisted.append(known) }
      removePlace(watched, known)  // its watch is gone: begin anew
    }
    let opened: Descriptor
    do {
      opened = try openFile(
        path, at: root.descriptor, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
    } catch {
      // Gone again, a file, a link, or another file system: nothing that holds partitions.
      if error.code == ENAMETOOLONG {
        tellTooDeep(watched, path, below: parent)
      } else if ![ENOENT, ENOTDIR, ELOOP, EXDEV].contains(error.code) {
        logger.warning("\(watched.path)/\(displayText(path)) is not watched: \(error)")
      }
      return
    }
    let number = watched.tree.add(path, below: parent, opened: opened)
    inotify.watch(
      path: opened.procPath, token: watched.placeToken(number),
      .partition)
  }

  /// Once for all that comes there: somebody may make and remove such directories all the time.
  private func tellTooDeep(_ watched: WatchedRoot, _ path: [UInt8], below parent: UInt32) {
    guard watched.tree.noteTooDeep(below: parent) else { return }
    logger.warning(
      """
      \(watched.path)/\(displayText(Array(path.prefix(200))))… is not watched, nor what comes beside \
      it: its path of \(path.count) bytes is longer than the kernel takes in one piece
      """)
  }

  func placeArmed(
    _ watched: WatchedRoot, _ number: UInt32, _ token: UInt64,
    _ result: Result<WatchHandle, WatchFailure>
  ) {
    defer { announce(watched) }
    var handle: WatchHandle?
    switch result {
    case .success(let watch): handle = watch
    case .failure(let failure): pollUnwatched(watched, failure.code)
    }
    guard watched.tree.armed(number, handle) else {
      if let handle { inotify.unwatch(handle, token: token) }
      return
    }
    watched.unlisted.append(number)
  }

  /// The directory was removed, moved or unmounted; its parent's events tell whether it is back.
  func placeLost(_ watched: WatchedRoot, _ number: UInt32) {
    guard let place = watched.tree[number] else { return }
    removePlace(watched, number)
    enter(watched, place.path, below: place.parent)
  }

  private func removePlace(_ watched: WatchedRoot, _ number: UInt32) {
    forgetPlaces(watched, watched.tree.remove(number))
  }

  /// Lets go of the whole tree, with its root.
  func removeTree(_ watched: WatchedRoot) {
    forgetPlaces(watched, watched.tree.remove(PartitionTree.root))
    watched.unlisted = []
  }

  private func forgetPlaces(
    _ watched: WatchedRoot, _ removed: [(number: UInt32, place: PartitionTree.Place)]
  ) {
    let now = readMonotonic()
    for (number, place) in removed {
      if let watch = place.watch {
        inotify.unwatch(watch, token: watched.placeToken(number))
      }
      watched.memory.forget(place.path)
      for name in place.candidates {
        let path = CandidatePath(directory: place.path, name)
        reprieve(watched, path, "gone", nil, Occasion(trigger: .rescan))
        handOn(watched, path)
        feed(watched, .vanished(path), now)
      }
    }
  }

  /// Drops what a scan did not come to any more.
  func removeUnseenPlaces(_ watched: WatchedRoot) {
    for number in watched.tree.unseen where watched.tree[number] != nil {
      removePlace(watched, number)
    }
  }

  // MARK: - The owner

  func watchOwner(_ watched: WatchedRoot) {
    guard let owner = watched.owner else { return }
    if watched.ownerWatch == nil {
      watched.ownerPlace = nearestAncestor(owner.pidfile.path)
      // A pid file may be written in place: the mask for partitions tells of that too.
      inotify.watch(
        path: watched.ownerPlace, token: watched.ownerToken, .partition)
    }
    owner.refresh()
  }

  func ownerArmed(_ watched: WatchedRoot, _ result: Result<WatchHandle, WatchFailure>) {
    switch result {
    case .success(let handle):
      if let old = watched.ownerWatch { inotify.unwatch(old, token: watched.ownerToken) }
      watched.ownerWatch = handle
      ownerPlaceChanged(watched)  // before the watch was there
    case .failure(let failure):
      if failure.code == ENOENT { watchOwner(watched) }  // it went meanwhile: the next one above
    }
  }

  /// Something came, went or was written where the pid file is, or in the nearest directory above
  /// that exists.
  ///
  /// - Parameter name: what it was; nil where anything may have changed.
  func ownerPlaceChanged(_ watched: WatchedRoot, _ name: [UInt8]? = nil) {
    guard let owner = watched.owner else { return }
    let rest = owner.pidfile.path.bytes.dropFirst(watched.ownerPlace.bytes.count)
    let awaited = rest.split(separator: UInt8(ascii: "/"), maxSplits: 1).first
    // The directory may be a busy one: /run, or whatever is nearest to one that is absent.
    guard name == nil || awaited?.elementsEqual(name ?? []) == true else { return }
    guard nearestAncestor(owner.pidfile.path) == watched.ownerPlace else {
      endOwnerWatch(watched)
      return watchOwner(watched)
    }
    owner.refresh()
  }

  func endOwnerWatch(_ watched: WatchedRoot) {
    guard let handle = watched.ownerWatch else { return }
    inotify.unwatch(handle, token: watched.ownerToken)
    watched.ownerWatch = nil
  }

  func ownerExited(_ watched: WatchedRoot) {
    feed(watched, .lookAtAll(.ownerExit), readMonotonic())
  }

  // MARK: - Quarantine

  /// How often room is looked at while something waits in quarantine: no event tells of it.
  private static let roomInterval: Nanoseconds = 5 * nanosecondsPerSecond

  /// When room is to be looked at next; nil where nothing depends on it.
  func roomDeadline(_ watched: WatchedRoot, now: Nanoseconds) -> Nanoseconds? {
    guard case .generations(let settings) = watched.rule.kind,
      settings.room.isFloored, watched.claims.hasCondemned
    else {
      watched.nextRoomCheck = nil
      return nil
    }
    if watched.nextRoomCheck == nil { watched.nextRoomCheck = now + Self.roomInterval }
    return watched.nextRoomCheck
  }

  /// Short of room, what may leave quarantine early is looked at, oldest first, until there is room.
  func checkRoom(_ watched: WatchedRoot, _ now: Nanoseconds) {
    watched.nextRoomCheck = now + Self.roomInterval
    watched.triedForRoom = []
    makeRoom(watched, now)
  }

  /// Goes on with the next one, once it is known what became of the one before.
  func makeRoom(_ watched: WatchedRoot, _ now: Nanoseconds) {
    guard case .generations(let settings) = watched.rule.kind,
      let examination = watched.examination
    else { return }
    // What each of them frees is not known, so one is chosen at a time; the judge says in each case
    // whether it is one of those that may leave early.
    let untried = watched.claims.condemned.filter { !watched.triedForRoom.contains($0.id) }
    var waiting = Retention.order(of: untried)[...]
    while let next = examination.shortage(settings.room)?.relief(from: waiting).first {
      waiting.removeFirst()
      let path = next.id
      guard watched.triedForRoom.insert(path).inserted else { continue }
      let before = removalsInFlight + watched.elsewhere
      feed(watched, .appeared(path, created: false, .pressure), now)
      // It goes, or a worker is finding out: its answer asks for the next.
      guard removalsInFlight + watched.elsewhere == before else { return }
    }
  }

  /// Ends the quarantine of one that stays; nothing where it is in none.
  ///
  /// - Parameter reason: the sign of life, or what else ended it.
  func reprieve(
    _ watched: WatchedRoot, _ path: CandidatePath, _ reason: String, _ evidence: Evidence?,
    _ occasion: Occasion
  ) {
    guard let condemnation = watched.claims.reprieve(path), let root = watched.root else { return }
    let original = path.renamed(ClaimName(path.name)?.original ?? path.name)
    let place = Place(rule: watched.rule, root: root, path: original, occasion: occasion)
    reporter.reprieved(condemnation, reason, evidence, place)
  }

  /// A quarantine lasts no longer than the reapd and the rule that began it: the next one judges
  /// anew.
  func reprieveAll(_ watched: WatchedRoot, _ reason: String) {
    for path in watched.claims.condemned.map(\.id) {
      reprieve(watched, path, reason, nil, Occasion(trigger: .manual))
    }
  }
}
