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
      memory: watched.memory, owner: watched.owner)
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
    if let trouble = root.lock?.trouble { logger.warning("\(trouble)") }
    watched.examination = examination(watched, root)
    if let table = mounts.current(), let type = remoteType(of: watched.path, mounts: table) {
      let interval = pollInterval(watched.rule)
      logger.warning(
        "\(watched.path) is on \(type): no events from elsewhere, so it is polled every \(formatDuration(interval))"
      )
      watched.nextPoll = readMonotonic() + interval
    }
  }

  /// Puts the watch on the root or, while that is absent, on its nearest ancestor that exists.
  func watchDirectory(_ watched: WatchedRoot) {
    endDirectoryWatches(watched)
    watched.incarnation &+= 1
    // With the slash: libinotifytools adds one to the path of a directory, and would not find it.
    let place =
      watched.root.map { FilePath($0.descriptor.procPath) }
      ?? withSlash(nearestAncestor(watched.path))
    inotify.watch(
      path: place, token: watched.directoryToken,
      watched.root != nil && watched.isPartitioned ? .partition : .directory)
    guard watched.root != nil else { return }
    var ancestor = watched.path
    while let parent = ancestor.parent, parent != "/" {
      inotify.watch(
        path: withSlash(parent), token: watched.ancestorToken,
        ancestor == watched.path ? .parent : .ancestor)
      ancestor = parent
    }
  }

  private func endDirectoryWatches(_ watched: WatchedRoot) {
    if let handle = watched.directoryWatch {
      inotify.unwatch(handle, token: watched.directoryToken)
      watched.directoryWatch = nil
    }
    for handle in watched.ancestorWatches {
      inotify.unwatch(handle, token: watched.ancestorToken)
    }
    watched.ancestorWatches = []
  }

  /// Lets go of a root whose path does not lead to it any more; false where that was so.
  @discardableResult
  func checkPlace(_ watched: WatchedRoot) -> Bool {
    guard let root = watched.root, !root.isInPlace else { return true }
    detach(watched)
    return false
  }

  func withSlash(_ directory: FilePath) -> FilePath { FilePath(directory.bytes + [0x2F]) }

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
    if token == watched.ancestorToken, watched.root != nil {
      if case .success(let handle) = result { watched.ancestorWatches.append(handle) }
      // It may have been moved before the watch was there.
      if !checkPlace(watched) { watchDirectory(watched) }
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
      complain(watched, "\(watched.path) cannot be watched: \(errorText(failure.code))")
      if failure.code == ENOENT { return watchDirectory(watched) }
    }
    guard watched.root != nil else { return tryAttach(watched) }
    feed(watched, .desynced, readMonotonic())
  }

  /// Tries to open a root that was absent; the next ancestor is watched where it is still.
  func tryAttach(_ watched: WatchedRoot) {
    guard (try? status(ofPath: watched.path)) != nil else {
      // One level further down may exist by now; the watch goes there, and its answer looks again.
      let ancestor = nearestAncestor(watched.path)
      guard ancestor != watchedAncestor[watched.index] else { return }
      watchedAncestor[watched.index] = ancestor
      return watchDirectory(watched)
    }
    do {
      lookForRoots()
      try attach(watched)
      logger.notice("\(watched.path) is there (rule \(watched.rule.name))")
      watchDirectory(watched)
    } catch {
      complain(watched, "\(error)")
      if case .held = error { watched.nextLockTry = readMonotonic() + Self.lockInterval }
    }
  }

  /// How often the lock of a root is tried that somebody else has: no event tells of its end.
  private static let lockInterval: Nanoseconds = 5 * nanosecondsPerSecond

  /// Tries once more for the lock, with the root or without.
  func tryForLock(_ watched: WatchedRoot) {
    watched.nextLockTry = nil
    guard let lock = watched.root?.lock else {
      if watched.root == nil { tryAttach(watched) }
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
  func detach(_ watched: WatchedRoot) {
    guard let root = watched.root else { return }
    reprieveAll(watched, "root-gone")
    watched.nextScan = nil
    endScan(watched)
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
    watchedAncestor[watched.index] = nil
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
    func count(_ wanted: [Reason]) -> Int { wanted.reduce(0) { $0 + (reasons[$1] ?? 0) } }
    let live = count([.lockHeld, .lockOpen, .fileOpen])
    let young = count([.young, .recentlyChanged])
    let kept = reasons.values.reduce(0, +) - live - young
    logger.notice(
      """
      watching \(watched.path) (rule \(watched.rule.name)): \(live) live, \(young) young, \
      \(watched.startupOrphans) orphaned\(kept > 0 ? ", \(kept) kept for other reasons" : "")
      """)
  }
}
