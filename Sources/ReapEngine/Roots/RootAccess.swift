// How a root is come by, watched, lost and found again.

import Glibc
import Logging
import OwnedDirectories
import ReapRules
import Watching

final class RootAccess {
  /// What there is of the root.
  private enum State {
    /// It is absent, another reapd has it, or it may not be used. `nextTry`: monotonic; where no
    /// event tells that this is over.
    case waiting(nextTry: Nanoseconds?)
    /// `nextTry`: monotonic; its lock is somebody else's, and tried again.
    case open(OpenRoot, Examination, nextTry: Nanoseconds?)
  }

  /// How it is heard what happens there.
  private enum News {
    case byEvents
    /// It is listed at intervals: its file system tells nothing of what others do …
    case polledAsRemote(next: Nanoseconds)
    /// … or there is no watch to be had.
    case polledUnwatched(next: Nanoseconds)
  }

  /// How often the lock of a root is tried that somebody else has: no event tells of its end.
  private static let lockInterval: Nanoseconds = 5 * nanosecondsPerSecond

  private unowned let owner: WatchedRoot
  /// As the rule has it; where that was a link, what it led to at the start.
  let written: FilePath
  /// Where the rule's root leads now: absolute, links resolved.
  private(set) var path: FilePath
  private var state = State.waiting(nextTry: nil)
  private var news = News.byEvents
  /// The watch on the root or, while that is absent, on its nearest ancestor.
  private var watch: WatchHandle?
  /// The directories on the way to it that are watched, and the watches on them.
  private var way: RootWay?
  private var wayWatches: [WatchHandle] = []
  /// Commands to watch a directory on the way that are not answered yet.
  private var wayArming = 0
  /// Tells answers and events of the present directory watch from those of an earlier one.
  private(set) var incarnation: UInt32 = 0
  /// Tells answers and events of the present watches on the way from those of earlier ones.
  private var wayIncarnation: UInt32 = 0
  /// Whose the root was when it was first opened.
  private var pinnedOwner: UInt32?
  /// What was last said about why it cannot be opened.
  private var complaint: String?

  init(_ owner: WatchedRoot) {
    self.owner = owner
    written = RootWay.written(owner.rule.root)
    path = PathWay(written, look: look).target
  }

  private var facilities: Facilities { owner.facilities }
  private var inotify: INotifyThread { owner.facilities.inotify }

  var root: OpenRoot? { if case .open(let root, _, _) = state { root } else { nil } }

  var examination: Examination? {
    if case .open(_, let examination, _) = state { examination } else { nil }
  }

  private var token: UInt64 {
    WatchToken.directory(root: owner.index, incarnation: incarnation).bits
  }

  private var wayToken: UInt64 {
    WatchToken.way(root: owner.index, incarnation: wayIncarnation).bits
  }

  // MARK: - The root

  /// Opens the root and takes its lock.
  func attach() throws(RootFailure) {
    let rule = owner.rule
    let root = try openRoot(
      path, rule: rule, mounts: facilities.mounts, exclusive: !facilities.options.dryRun,
      pinnedOwner: pinnedOwner)
    pinnedOwner = root.owner
    complaint = nil
    state = .open(root, examination(of: root), nextTry: nextTry(for: root))
    if let trouble = root.lock?.takeTrouble() { facilities.logger.warning("\(trouble)") }
    if let table = facilities.mounts.current(), let type = remoteType(of: path, mounts: table) {
      let interval = owner.pollInterval
      facilities.logger.warning(
        "\(path) is on \(type): no events from elsewhere, so it is polled every \(formatDuration(interval))"
      )
      news = .polledAsRemote(next: readMonotonic() + interval)
    }
  }

  private func nextTry(for root: OpenRoot) -> Nanoseconds? {
    root.lock?.isMissing == true ? readMonotonic() + Self.lockInterval : nil
  }

  private func examination(of root: OpenRoot) -> Examination {
    var rights = Examination.Rights()
    rights.claiming = !facilities.options.dryRun
    rights.quarantining = true
    if let audit = facilities.reporter.audit { rights.mayRemove = { audit.mayRemove } }
    return Examination(
      rule: owner.shared, kind: owner.kind, root: root, surroundings: facilities.surroundings,
      claims: owner.claims, inherited: facilities.inherited, rights: rights)
  }

  /// Where the other roots lie has changed, or what may be done.
  func examineAnew() {
    guard case .open(let root, _, let nextTry) = state else { return }
    state = .open(root, examination(of: root), nextTry: nextTry)
  }

  /// Lets go of a root that is gone or not to be watched any more.
  ///
  /// - Parameter forGood: whether no other rule goes on with it; one may come later.
  func detach(forGood: Bool = false) {
    guard let root else { return }
    owner.reprieveAll("root-gone")
    owner.scan.stop()
    owner.holdings.handOnAll(onlyUnlinked: forGood)
    owner.places.removeAll()
    owner.post(.rootLost, at: readMonotonic())
    owner.keeper?.rootLost()
    if facilities.isPresent(owner), !root.isInPlace {
      facilities.logger.notice("\(path) is gone; waiting for it to come back")
    }
    endWatches()
    facilities.obstacles.end(of: owner)
    incarnation &+= 1
    state = .waiting(nextTry: nil)
    news = .byEvents
    root.release(unlocking: true)
  }

  /// Lets go of a root that a start would refuse since something was mounted: an overlay of which it
  /// is a layer hides its owners' locks.
  func refuseWhereMounted() {
    guard root != nil, let refusal = refusal() else { return }
    detach()
    complain("\(RootFailure.refused(path: path, refusal))")
    watchDirectory()
  }

  /// Why a start would refuse the root as mounts are now; nil where it would not.
  func refusal() -> RootRefusal? {
    guard let table = facilities.mounts.current() else { return nil }
    return ReapRules.refusal(
      root: path, homes: [], mounts: table, allowShallow: owner.rule.allowShallow,
      allowRemote: owner.rule.allowRemote, allowShared: owner.rule.mayShareRoot)
  }

  /// Opens a root that was absent, where it is there by now.
  private func take() -> Bool {
    guard (try? status(ofPath: path)) != nil else { return false }
    do {
      facilities.lookForRoots()
      try attach()
      // Nobody saw what came there before it did, or while it was away.
      owner.isBelated = true
      facilities.logger.notice("\(path) is there (rule \(owner.rule.name))")
      return true
    } catch {
      if case .absent = error { return false }
      if case .held = error { waitForLock(error) } else { complain("\(error)") }
      return false
    }
  }

  func complain(_ text: String) {
    guard complaint != text else { return }
    complaint = text
    facilities.logger.warning("\(text)")
  }

  // MARK: - The way to it

  /// Something may have changed on the way to a root: lets go of one to which it does not lead any
  /// more, takes what it leads to, and watches the way as it is now.
  ///
  /// - Parameter anew: watch it again in any case, since a watch may be of no use any more.
  func checkWay(anew: Bool = false) {
    let way = RootWay(written)
    let target = way.path.target
    let hadRoot = root != nil
    if let root {
      if target == path, root.isInPlace {
        if anew || way != self.way { watchWay(way) }
        return
      }
      if target != path {
        facilities.logger.notice("\(written) leads to \(target) now, no longer to \(path)")
      }
      detach()
    }
    if target != path {
      path = target
      // None of them may remove what lies on the way to this one.
      facilities.lookForRoots()
      facilities.examineAnew(except: owner)
    }
    if take() { return watchDirectory() }
    if anew || hadRoot || way != self.way { watchDirectory(way) }
  }

  /// Looks again in any case where it is waited for.
  func checkAgain() { checkWay(anew: root == nil) }

  /// An entry of a directory on the way to a root came, went or changed.
  private func wayChanged(_ name: [UInt8], _ change: WatchMessage.Change) {
    let isWaiting = root == nil
    guard isWaiting || change != .attributes,
      way?.path.takes(name, isWaiting: isWaiting) ?? true
    else { return }
    checkWay()
  }

  // MARK: - Watches

  /// Puts the watch on the root or, while that is absent, on the last directory of the way to it that
  /// can be seen; and those on the way.
  func watchDirectory(_ way: RootWay? = nil) {
    endWatches()
    incarnation &+= 1
    let way = way ?? RootWay(written)
    let place = root.map { FilePath($0.descriptor.procPath) } ?? way.path.end.directory
    inotify.watch(
      path: place, token: token, root != nil && owner.part.hasPlaces ? .partition : .directory)
    watchWay(way)
  }

  /// Watches the directories that the way to a root passes: for their own moving away, and where one
  /// of their entries decides where it leads, for that.
  private func watchWay(_ way: RootWay) {
    endWayWatches()
    wayIncarnation &+= 1
    self.way = way
    let (places, end) = (way.path.places, way.path.end.directory)
    let isWaiting = root == nil
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
      wayArming += 1
      inotify.watch(path: place.directory, token: wayToken, purpose)
    }
  }

  func endWatches() {
    if let watch { inotify.unwatch(watch, token: token) }
    watch = nil
    endWayWatches()
  }

  private func endWayWatches() {
    for handle in wayWatches { inotify.unwatch(handle, token: wayToken) }
    wayWatches = []
    wayArming = 0
  }

  /// The watch is there: what happened before it was is found by looking now.
  func armed(_ token: UInt64, _ result: Result<WatchHandle, WatchFailure>) {
    if token == wayToken {
      if case .success(let handle) = result { wayWatches.append(handle) }
      wayArming -= 1
      // Something may have been moved before the watches were there.
      if wayArming == 0 { checkWay() }
      return
    }
    guard token == self.token else {
      if case .success(let handle) = result { inotify.unwatch(handle, token: token) }
      return
    }
    switch result {
    case .success(let handle):
      watch = handle
      if case .polledUnwatched = news { news = .byEvents }
    case .failure(let failure):
      pollUnwatched(failure.code)
      // Where the root is waited for, its name or its directory's mode tells when to look again.
      if root != nil || ![EACCES, ENOENT].contains(failure.code) {
        complain("\(path) cannot be watched: \(errorText(failure.code))")
      }
    }
    guard root != nil else { return checkWay() }
    owner.follower?.rootFound()
    owner.post(.desynced, at: readMonotonic())
  }

  /// An event of one of its directory watches; false where it is one of the root's own entries.
  func takes(
    _ token: UInt64, _ name: [UInt8], _ change: WatchMessage.Change
  ) -> Bool {
    // Of an earlier watch it tells nothing.
    if token == wayToken || (token == self.token && root == nil) { wayChanged(name, change) }
    return token != self.token || root == nil
  }

  func lost(_ token: UInt64) {
    if token == self.token {
      detach()
      checkWay(anew: true)
    } else if token == wayToken {
      checkWay(anew: true)
    }
  }

  // MARK: - Deadlines

  /// A watch on the root or on a place below it could not be had: it is listed at intervals, and
  /// tried again.
  func pollUnwatched(_ code: Int32) {
    guard code == ENOSPC, case .byEvents = news else { return }
    news = .polledUnwatched(next: readMonotonic() + owner.pollInterval)
    facilities.shortage.tellUnwatched(path, polledEvery: owner.pollInterval)
  }

  /// Another reapd has the root, perhaps for the moment of a sweep.
  func waitForLock(_ failure: RootFailure) {
    complain("\(failure)")
    state = .waiting(nextTry: readMonotonic() + Self.lockInterval)
  }

  private var nextPoll: Nanoseconds? {
    switch news {
    case .byEvents: nil
    case .polledAsRemote(let next), .polledUnwatched(let next): next
    }
  }

  private var nextTry: Nanoseconds? {
    switch state {
    case .waiting(let next), .open(_, _, let next): next
    }
  }

  var nextDeadline: Nanoseconds? {
    guard let nextPoll, let nextTry else { return nextPoll ?? nextTry }
    return min(nextPoll, nextTry)
  }

  func deadlinePassed(_ now: Nanoseconds) {
    if let next = nextPoll, next <= now { poll(now) }
    if let next = nextTry, next <= now { tryForLock() }
  }

  private func poll(_ now: Nanoseconds) {
    let next = now + owner.pollInterval
    if case .polledAsRemote = news {
      news = .polledAsRemote(next: next)
    } else {
      news = .polledUnwatched(next: next)
    }
    // For want of watches there is none on the root: its answer brings the scan.
    if watch == nil { watchDirectory() } else { owner.post(.desynced, at: now) }
  }

  /// Tries once more for the lock, with the root or without.
  private func tryForLock() {
    guard case .open(let root, let examination, _) = state else {
      state = .waiting(nextTry: nil)
      return checkWay()
    }
    state = .open(root, examination, nextTry: nil)
    guard let lock = root.lock else { return }
    do {
      try lock.tryAgain()
      state = .open(root, examination, nextTry: nextTry(for: root))
    } catch {
      complain("\(error)")
      detach()
      watchDirectory()
      state = .waiting(nextTry: readMonotonic() + Self.lockInterval)
    }
  }
}
