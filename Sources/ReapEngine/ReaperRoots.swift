// How the reaper comes by its roots, loses them and finds them again.

import Glibc
import Logging
import OwnedDirectories
import ReapRules
import Watching

extension Reaper {
  func examination(_ watched: WatchedRoot, _ root: OpenRoot) -> Examination {
    Examination(
      rule: watched.rule, root: root, surroundings: surroundings, claims: watched.claims,
      claiming: !options.dryRun, quarantining: true,
      memory: watched.memory, owner: watched.owner, inherited: inherited,
      audit: reporter.audit)
  }

  /// Where every root lies now; one that was absent may have come as a link.
  func lookForRoots() {
    surroundings = SurroundingsView(mounts: mounts, roots: options.roots.map(resolveRoot))
  }

  /// Opens a root and takes its lock.
  func attach(_ watched: WatchedRoot) throws(RootFailure) {
    let root = try openRoot(
      watched.path, rule: watched.rule, mounts: mounts, exclusive: !options.dryRun,
      pinnedOwner: watched.pinnedOwner)
    watched.root = root
    watched.pinnedOwner = root.owner
    watched.complaint = nil
    watched.nextLockTry = root.lock?.isMissing == true ? readMonotonic() + Self.lockInterval : nil
    if let trouble = root.lock?.takeTrouble() { logger.warning("\(trouble)") }
    watched.examination = examination(watched, root)
    if let table = mounts.current(), let type = remoteType(of: watched.path, mounts: table) {
      let interval = pollInterval(watched.rule)
      logger.warning(
        "\(watched.path) is on \(type): no events from elsewhere, so it is polled every \(formatDuration(interval))"
      )
      watched.nextPoll = readMonotonic() + interval
    }
  }

  /// Puts the watch on the root or, while that is absent, on the last directory of the way to it that
  /// can be seen; and those on the way.
  func watchDirectory(_ watched: WatchedRoot, _ way: RootWay? = nil) {
    endDirectoryWatches(watched)
    watched.incarnation &+= 1
    let way = way ?? RootWay(watched.written)
    let place = watched.root.map { FilePath($0.descriptor.procPath) } ?? way.path.end.directory
    inotify.watch(
      path: place, token: watched.directoryToken,
      watched.root != nil && watched.isPartitioned ? .partition : .directory)
    watchWay(watched, way)
  }

  /// Watches the directories that the way to a root passes: for their own moving away, and where one
  /// of their entries decides where it leads, for that.
  private func watchWay(_ watched: WatchedRoot, _ way: RootWay) {
    endWayWatches(watched)
    watched.wayIncarnation &+= 1
    watched.way = way
    let (places, end) = (way.path.places, way.path.end.directory)
    let isWaiting = watched.root == nil
    for place in places where !isWaiting || place.directory != end {
      let purpose: WatchPurpose
      if !place.links.isEmpty || (isWaiting && place.directory == end.parent) {
        purpose = .directory
      } else if place.directory == end {
        purpose = .parent
      } else {
        purpose = .ancestor
      }
      // Nothing becomes of it but what its entries do.
      guard place.directory != "/" || purpose == .directory else { continue }
      watched.wayArming += 1
      inotify.watch(
        path: place.directory, token: watched.ancestorToken, purpose)
    }
  }

  func endDirectoryWatches(_ watched: WatchedRoot) {
    if let handle = watched.directoryWatch {
      inotify.unwatch(handle, token: watched.directoryToken)
      watched.directoryWatch = nil
    }
    endWayWatches(watched)
  }

  private func endWayWatches(_ watched: WatchedRoot) {
    for handle in watched.ancestorWatches {
      inotify.unwatch(handle, token: watched.ancestorToken)
    }
    watched.ancestorWatches = []
    watched.wayArming = 0
  }

  /// Something may have changed on the way to a root: lets go of one to which it does not lead any
  /// more, takes what it leads to, and watches the way as it is now.
  ///
  /// - Parameter anew: watch it again in any case, since a watch may be of no use any more.
  func checkWay(_ watched: WatchedRoot, anew: Bool = false) {
    let way = RootWay(watched.written)
    let target = way.path.target
    let hadRoot = watched.root != nil
    if let root = watched.root {
      if target == watched.path, root.isInPlace {
        if anew || way != watched.way { watchWay(watched, way) }
        return
      }
      if target != watched.path {
        logger.notice("\(watched.written) leads to \(target) now, no longer to \(watched.path)")
      }
      detach(watched)
    }
    if target != watched.path {
      watched.path = target
      // None of them may remove what lies on the way to this one.
      lookForRoots()
      for other in roots.values where other !== watched {
        if let root = other.root { other.examination = examination(other, root) }
      }
    }
    if takeRoot(watched) { return watchDirectory(watched) }
    if anew || hadRoot || way != watched.way { watchDirectory(watched, way) }
  }

  /// Lets go of a root that a start would refuse since something was mounted: an overlay of which it
  /// is a layer hides its owners' locks.
  func refuseWhereMounted(_ watched: WatchedRoot) {
    guard watched.root != nil, let table = mounts.current(),
      let refusal = refusal(
        root: watched.path, homes: [], mounts: table, allowShallow: watched.rule.allowShallow,
        allowRemote: watched.rule.allowRemote)
    else { return }
    detach(watched)
    complain(watched, "\(RootFailure.refused(path: watched.path, refusal))")
    watchDirectory(watched)
  }

  /// Opens a root that was absent, where it is there by now.
  private func takeRoot(_ watched: WatchedRoot) -> Bool {
    guard (try? status(ofPath: watched.path)) != nil else { return false }
    do {
      lookForRoots()
      try attach(watched)
      // Nobody saw what came there before it did, or while it was away.
      watched.isBelated = true
      logger.notice("\(watched.path) is there (rule \(watched.rule.name))")
      return true
    } catch {
      if case .absent = error { return false }
      if case .held = error {
        waitForLock(watched, error)
      } else {
        complain(watched, "\(error)")
      }
      return false
    }
  }

  /// An entry of a directory on the way to a root came, went or changed.
  func wayChanged(_ watched: WatchedRoot, _ name: [UInt8], _ change: WatchMessage.Change) {
    let isWaiting = watched.root == nil
    guard isWaiting || change != .attributes,
      watched.way?.path.takes(name, isWaiting: isWaiting) ?? true
    else { return }
    checkWay(watched)
  }

  func nearestAncestor(_ path: FilePath) -> FilePath {
    var ancestor = path
    while let parent = ancestor.parent, parent != "/" {
      ancestor = parent
      if (try? status(ofPath: ancestor))?.type == .directory { return ancestor }
    }
    return "/"
  }

  /// The watch is there: what happened before it was is found by looking now.
  func directoryArmed(
    _ watched: WatchedRoot, _ token: UInt64, _ result: Result<WatchHandle, WatchFailure>
  ) {
    if token == watched.ancestorToken {
      if case .success(let handle) = result { watched.ancestorWatches.append(handle) }
      watched.wayArming -= 1
      // Something may have been moved before the watches were there.
      if watched.wayArming == 0 { checkWay(watched) }
      return
    }
    guard token == watched.directoryToken else {
      if case .success(let handle) = result { inotify.unwatch(handle, token: token) }
      return
    }
    switch result {
    case .success(let handle):
      watched.directoryWatch = handle
      if watched.isUnwatched {
        watched.isUnwatched = false
        watched.nextPoll = nil
      }
    case .failure(let failure):
      pollUnwatched(watched, failure.code)
      // Where the root is waited for, its name or its directory's mode tells when to look again.
      if watched.root != nil || ![EACCES, ENOENT].contains(failure.code) {
        complain(watched, "\(watched.path) cannot be watched: \(errorText(failure.code))")
      }
    }
    guard watched.root != nil else { return checkWay(watched) }
    feed(watched, .desynced, readMonotonic())
  }

  /// Another reapd has the root, perhaps for the moment of a sweep.
  func waitForLock(_ watched: WatchedRoot, _ failure: RootFailure) {
    complain(watched, "\(failure)")
    watched.nextLockTry = readMonotonic() + Self.lockInterval
  }

  /// How often the lock of a root is tried that somebody else has: no event tells of its end.
  private static let lockInterval: Nanoseconds = 5 * nanosecondsPerSecond

  /// Tries once more for the lock, with the root or without.
  func tryForLock(_ watched: WatchedRoot) {
    watched.nextLockTry = nil
    guard let lock = watched.root?.lock else {
      if watched.root == nil { checkWay(watched) }
      return
    }
    do {
      try lock.tryAgain()
      if lock.isMissing { watched.nextLockTry = readMonotonic() + Self.lockInterval }
    } catch {
      complain(watched, "\(error)")
      detach(watched)
      watchDirectory(watched)
      watched.nextLockTry = readMonotonic() + Self.lockInterval
    }
  }

  /// Lets go of a root that is gone or not to be watched any more.
  ///
  /// - Parameter forGood: whether no other rule goes on with it; one may come later.
  func detach(_ watched: WatchedRoot, forGood: Bool = false) {
    guard let root = watched.root else { return }
    reprieveAll(watched, "root-gone")
    watched.nextScan = nil
    endScan(watched)
    handOnAll(watched, onlyUnlinked: forGood)
    removeTree(watched)
    feed(watched, .rootLost, readMonotonic())
    if roots[watched.index] != nil, !root.isInPlace {
      logger.notice("\(watched.path) is gone; waiting for it to come back")
    }
    endDirectoryWatches(watched)
    endObstacles { $0.root == watched.index }
    watched.incarnation &+= 1
    watched.root = nil
    watched.examination = nil
    watched.nextPoll = nil
    watched.nextLockTry = nil
    root.release(unlocking: true)
  }

  private func complain(_ watched: WatchedRoot, _ text: String) {
    guard watched.complaint != text else { return }
    watched.complaint = text
    logger.warning("\(text)")
  }

  /// One line per root when its first scan is done.
  func announce(_ watched: WatchedRoot) {
    guard !watched.hasStarted, watched.hasScanned, watched.elsewhere == 0, watched.arming == 0,
      watched.tree.arming == 0
    else { return }
    watched.hasStarted = true
    let reasons = watched.schedule.reasons
    func count(_ wanted: ReasonTraits.Count) -> Int {
      reasons.reduce(0) { $1.key.traits.count == wanted ? $0 + $1.value : $0 }
    }
    let live = count(.live)
    let young = count(.young)
    let kept = reasons.values.reduce(0, +) - live - young
    logger.notice(
      """
      watching \(watched.path) (rule \(watched.rule.name)): \(live) live, \(young) young, \
      \(watched.startupOrphans) orphaned\(kept > 0 ? ", \(kept) kept for other reasons" : "")
      """)
  }
}
