// How the reaper carries out what a schedule asks for.

import Glibc
import Logging
import OwnedDirectories
import ReapRules
import Watching

extension Reaper {
  /// Gives a schedule an event, and does what it answers.
  func feed(_ watched: WatchedRoot, _ event: Schedule.Event, _ instant: Nanoseconds) {
    for action in watched.schedule.handle(event, now: instant) { perform(watched, action) }
  }

  private func perform(_ watched: WatchedRoot, _ action: Schedule.Action) {
    switch action {
    case .scan(let trigger): scan(watched, trigger)
    case .examine(let id, let examine): self.examine(watched, id, examine)
    case .watch(let id): watch(watched, id)
    case .forget(let id): release(watched, id)
    }
  }

  // MARK: - Scanning

  /// How many candidates are looked at before events are handled again.
  private static let scanPortion = 128
  /// Examinations that wait for a worker while the scan goes on.
  private static let scanAhead = 256
  /// Descriptors of a claim that waits to be removed: its partition, itself and its lock file; and
  /// one to spare.
  private static let openPerClaim = 4
  /// Commands to watch that may be unanswered while a scan goes on, which bounds their memory …
  private static let armingLimit = 4096
  /// … and, where descriptors are short, those that are open only until the answer comes.
  private static let sparseArmingLimit = 256

  private func scan(_ watched: WatchedRoot, _ trigger: Trigger) {
    guard watched.root != nil else { return }
    guard watched.scanTrigger == nil else {
      watched.nextScan = trigger
      return
    }
    watched.scanTrigger = watched.hasStarted || watched.isBelated ? trigger : .startup
    watched.tree.beginScan()
    watched.unlisted.append(PartitionTree.root)
    feed(watched, .scanBegan, readMonotonic())
  }

  /// Whether a listing could go on now.
  func canScan(_ watched: WatchedRoot) -> Bool {
    let limit = max(Self.sparseArmingLimit, min(Self.armingLimit, (heldLimit - heldCount) / 2))
    return watched.isListing && watched.arming + watched.tree.arming < limit
  }

  /// Looks at the next candidates of a listing that is under way, or begins the next.
  func continueScan(_ watched: WatchedRoot) {
    for _ in 0..<Self.scanPortion where canScan(watched) {
      guard watched.listing != nil else {
        guard beginListing(watched) else { return }
        continue
      }
      if let entry = watched.listing!.batch.popFirst() {
        found(watched, entry)
        continue
      }
      do {
        watched.listing!.batch = try watched.listing!.listing.nextBatch()[...]
      } catch {
        logger.warning(
          "\(watched.path)/\(displayText(watched.listing!.path)) cannot be listed: \(error)")
        endListing(watched)
        // What could not be listed must not be taken for gone.
        if watched.scanTrigger != nil { return endScan(watched) }
        continue
      }
      if watched.listing!.batch.isEmpty { endListing(watched) }
    }
  }

  /// Begins with the next directory; false where there is none, which ends a scan.
  private func beginListing(_ watched: WatchedRoot) -> Bool {
    guard let root = watched.root else { return false }
    while let number = watched.unlisted.popLast() {
      guard let place = watched.tree[number] else { continue }
      guard number != PartitionTree.root else {
        watched.listing = .init(
          listing: DirectoryListing(root.descriptor), place: number, path: [], descriptor: nil)
        return true
      }
      guard
        let opened = try? openFile(
          place.path, at: root.descriptor, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
      else { continue }  // it went, and an event tells
      watched.listing = .init(
        listing: DirectoryListing(opened), place: number, path: place.path, descriptor: opened)
      return true
    }
    if watched.scanTrigger != nil, watched.tree.arming == 0 {
      feed(watched, .scanEnded, readMonotonic())
      removeUnseenPlaces(watched)
      endScan(watched)
    }
    return false
  }

  private func found(_ watched: WatchedRoot, _ entry: DirectoryEntry) {
    guard let listing = watched.listing else { return }
    let isDirectory: Bool? = entry.kind == .unknown ? nil : entry.kind == .directory
    let path = CandidatePath(directory: listing.path, entry.name)
    switch watched.rule.role(of: entry.name, isDirectory: isDirectory) {
    case .nothing, .cursor: return
    case .place: enter(watched, path.bytes, below: listing.place)
    case .candidate:
      guard !watched.claims.contains(path) else { return }
      if watched.isPartitioned { watched.tree.noteCandidate(entry.name, in: listing.place) }
      let trigger = watched.scanTrigger ?? .created
      feed(watched, .listed(path, trigger), readMonotonic())
    }
  }

  private func endListing(_ watched: WatchedRoot) {
    watched.listing?.listing.finish()
    watched.listing?.descriptor?.close()
    watched.listing = nil
  }

  func endScan(_ watched: WatchedRoot) {
    endListing(watched)
    guard watched.scanTrigger != nil else { return }
    watched.scanTrigger = nil
    watched.hasScanned = true
    announce(watched)
    if let trigger = watched.nextScan {
      watched.nextScan = nil
      scan(watched, trigger)
    }
  }

  // MARK: - Examining

  private func examine(_ watched: WatchedRoot, _ id: CandidateID, _ examine: Schedule.Examine) {
    guard let examination = watched.examination else {
      return feed(watched, .examined(id, .settled), readMonotonic())
    }
    let held = watched.holdings[id]?.file
    let isLockLost = held == nil && watched.holdings[id]?.isSparse == true
    var isLocked = false
    if examine.onlyLock, let holding = watched.holdings[id], holding.watch != nil {
      switch probeLock(holding, examine.path, examination) {
      case .held:
        let outcome = Schedule.Outcome.kept(.lockHeld, recheckAfter: nil, .watched)
        return feed(watched, .examined(id, outcome), readMonotonic())
      case .taken: isLocked = true
      case .failed, nil: break
      }
    }
    watched.holdings[id]?.file = nil
    // A claim made now would wait with its descriptors open; made by a worker it goes next. And
    // where many partitions are scanned, judging takes longer than listing: every processor helps.
    let isShared =
      watched.isPartitioned && watched.scanTrigger != nil && watched.elsewhere < Self.scanAhead
    guard removalsInFlight < Self.maximumRemovals, !isShared else {
      return examineElsewhere(
        watched, examination, id, examine, held, isLocked: isLocked, isLockLost: isLockLost)
    }
    let result = examination.run(
      examine.path, firstSeen: examine.firstSeen, sawCreation: examine.sawCreation, held: held,
      isLocked: isLocked, isLockLost: isLockLost, mayWalk: false, wokenAt: examine.wokenAt)
    guard case .needsWalk(let held) = result else {
      return settle(watched, id, examine, result, given: held)
    }
    examineElsewhere(watched, examination, id, examine, held, isLockLost: isLockLost)
  }

  /// Tries the owner's lock where nothing else can have changed: "held" spares an examination.
  /// What is taken is handed on to one; nil where there is nothing to be handed on.
  private func probeLock(
    _ holding: Holding, _ path: CandidatePath, _ examination: Examination
  ) -> LockAttempt? {
    if let file = holding.file { return file.isLock ? examination.tryOwnersLock(file) : nil }
    guard holding.isSparse else { return nil }
    return examination.isLockHeld(path) ? .held : nil
  }

  /// A walk takes as long as the tree is large: on a worker, so that the others go on.
  private func examineElsewhere(
    _ watched: WatchedRoot, _ examination: Examination, _ id: CandidateID,
    _ examine: Schedule.Examine, _ held: HeldFile?, isLocked: Bool = false, isLockLost: Bool
  ) {
    let mailbox = mailbox
    let owner = WatchedRootID(index: watched.index, object: ObjectIdentifier(watched))
    watched.elsewhere += 1
    examination.root.retain()
    // What has to wait does so without a descriptor; where that is watched, closing it would be told.
    let keeps = mayExamineMore || watched.holdings[id]?.watch != nil
    if !keeps, let held { inherited.leave(held) }
    let given = keeps ? held : nil
    examinations.append(
      Waiting(owner: owner, root: examination.root, held: given) {
        let result = examination.run(
          examine.path, firstSeen: examine.firstSeen, sawCreation: examine.sawCreation,
          held: given, isLocked: keeps && isLocked, isLockLost: isLockLost, mayWalk: true,
          wokenAt: examine.wokenAt)
        mailbox.post(.examined(owner, id, examine, result, examination.root))
      })
    submitExaminations()
  }

  /// An examination that waits for a worker, and for descriptors.
  struct Waiting {
    let owner: WatchedRootID
    let root: OpenRoot
    let held: HeldFile?
    let work: WorkerPool.Work
  }

  /// Drops those of a rule that ends.
  func dropExaminations(of watched: WatchedRoot) {
    let isDropped = { (waiting: Waiting) in waiting.owner.object == ObjectIdentifier(watched) }
    for waiting in examinations where isDropped(waiting) {
      if let held = waiting.held { inherited.leave(held) }
      waiting.root.release()
    }
    examinations.removeAll(where: isDropped)
  }

  /// Whether there are descriptors for one more: what workers examine they may claim, and claims wait
  /// behind whatever else the workers are given.
  private var mayExamineMore: Bool {
    removalsInFlight + examinationsInFlight
      < max(Self.maximumRemovals, (heldLimit - heldCount) / Self.openPerClaim)
  }

  func submitExaminations() {
    while mayExamineMore, let waiting = examinations.popLast() {
      examinationsInFlight += 1
      pool.submit(waiting.work)
    }
  }

  func settle(
    _ watched: WatchedRoot, _ id: CandidateID, _ examine: Schedule.Examine,
    _ result: Examination.Result, given: HeldFile? = nil
  ) {
    let now = readMonotonic()
    let path = examine.path
    let original = path.renamed(ClaimName(path.name)?.original ?? path.name)
    guard let root = watched.root else {
      watched.claims.reprieve(path)
      return discard(result)
    }
    let occasion = Occasion(trigger: examine.trigger, wokenAt: examine.wokenAt)
    let place = Place(rule: watched.rule, root: root, path: original, occasion: occasion)
    let isCurrent = watched.schedule.path(of: id) != nil
    switch result {
    case .kept(let verdict, let evidence, let held):
      reporter.kept(verdict, evidence, place)
      if !verdict.reason.traits.isQuarantine {
        reprieve(watched, path, verdict.reason.rawValue, evidence, occasion)
      }
      guard isCurrent else { return discard(result) }
      // Its watch is all that is left to tell of the owner's end.
      let staysSparse =
        verdict.reason == .lockUnknown && watched.holdings[id]?.isSparse == true && held == nil
      let hold = staysSparse ? .watched : keep(watched, id, held)
      var recheck: Nanoseconds?
      if case .keep(_, let after) = verdict { recheck = after }
      feed(watched, .examined(id, .kept(verdict.reason, recheckAfter: recheck, hold)), now)
      if verdict.reason.traits.isLive { liveIsThere(watched, path, now) }
      // A claimed name that stays though its own is wanted back: that one is taken.
      let isStuck = ClaimName(path.name) != nil && !verdict.reason.staysClaimed(evidence.claim)
      if verdict.reason.isEnded(by: .names) || isStuck { foundConflict(watched, path, now) }
    case .wouldClaim(let verdict, let evidence):
      reporter.wouldReap(verdict, evidence, place)
      if !watched.hasStarted { watched.startupOrphans += 1 }
      _ = keep(watched, id, nil)
      feed(watched, .examined(id, .kept(verdict.reason, recheckAfter: nil, .none)), now)
    case .failed(let error, let evidence, let held):
      reporter.failed(error, evidence, place)
      reprieve(watched, path, Reason.unreadable.rawValue, evidence, occasion)
      held?.descriptor.close()
      _ = keep(watched, id, nil)
      let reason = Reason(of: error)
      feed(watched, .examined(id, .kept(reason, recheckAfter: nil, .none)), now)
      if reason.isEnded(by: .obstacle), Obstacle.explains(error),
        let obstacle = Obstacle(nil, in: root.descriptor, named: examine.path.bytes)
      {
        wait(at: obstacle, watched, examine.path)
      }
    case .rootMoved:
      _ = keep(watched, id, nil)
      detach(watched)
      checkWay(watched, anew: true)
    case .gone:
      _ = keep(watched, id, nil)
      reprieve(watched, path, "gone", nil, occasion)
      endObstacles { $0.root == watched.index && $0.path == examine.path }
      settled(watched, id, path, now)
    case .putBack(let verdict, let evidence, _):
      reporter.putBack(verdict, evidence, place, id: ClaimName(path.name)?.id)
      _ = keep(watched, id, nil)
      settled(watched, id, path, now)
    case .condemned(let verdict, let evidence, let condemnation, let span):
      guard isCurrent else {
        watched.claims.reprieve(path)
        return
      }
      if !watched.hasStarted { watched.startupOrphans += 1 }
      reporter.condemned(verdict, evidence, place, condemnation, for: span)
      _ = keep(watched, id, nil)
      feed(watched, .examined(id, .kept(.quarantined, recheckAfter: span, .none)), now)
    case .tidied(let verdict, let evidence, let files):
      for file in files { reporter.removed(file, rule: watched.rule, occasion) }
      if let verdict { reprieve(watched, path, verdict.reason.rawValue, evidence, occasion) }
      guard isCurrent, let verdict else {
        _ = keep(watched, id, nil)
        return feed(watched, .examined(id, .settled), now)
      }
      reporter.kept(verdict, evidence, place)
      _ = keep(watched, id, nil)
      var recheck: Nanoseconds?
      if case .keep(_, let after) = verdict { recheck = after }
      feed(watched, .examined(id, .kept(verdict.reason, recheckAfter: recheck, .none)), now)
    case .claimed(let claimed):
      if !watched.hasStarted { watched.startupOrphans += 1 }
      _ = keep(watched, id, nil)
      remove(claimed, root: watched.index, occasion, on: pool)
      settled(watched, id, path, now)
    case .needsWalk(let held):
      held?.descriptor.close()  // not reached: walks were allowed
      feed(watched, .examined(id, .settled), now)
    }
  }

  /// Nothing stands under the name any more; or something again, whose event was faster than this.
  private func settled(
    _ watched: WatchedRoot, _ id: CandidateID, _ path: CandidatePath, _ now: Nanoseconds
  ) {
    feed(watched, .examined(id, .settled), now)
    guard watched.isPartitioned, !watched.schedule.holds(path),
      let number = watched.tree.number(of: path.directory)
    else { return }
    watched.tree.forgetCandidate(path.name, in: number)
  }

  /// Closes what a result holds that nobody waits for.
  func discard(_ result: Examination.Result) {
    switch result {
    case .kept(_, _, let held), .needsWalk(let held), .failed(_, _, let held):
      if let held { inherited.leave(held) }
    case .claimed(let claimed):
      // The root was let go of meanwhile; the claim stands, so it is finished all the same.
      remove(claimed, root: -1, Occasion(trigger: .rescan), on: pool)
    case .gone, .wouldClaim, .putBack, .rootMoved, .condemned, .tidied: break
    }
  }

  /// - Parameter root: whose claim it is; -1 where its rule was let go of.
  func remove(_ claimed: Claimed, root index: Int, _ occasion: Occasion, on pool: WorkerPool) {
    let mailbox = mailbox
    removalsInFlight += 1
    Removal.start(claimed, on: pool) { claimed, result in
      mailbox.post(.removed(root: index, claimed, result, occasion))
    }
  }

  func removed(_ index: Int, _ claimed: Claimed, _ result: RemovalResult, _ occasion: Occasion) {
    removalsInFlight -= 1
    defer { submitExaminations() }
    reporter.reaped(claimed, result, occasion)
    reporter.audit?.retry()
    guard let watched = roots[index], watched.root != nil else {
      roots[index]?.claims.remove(claimed.path)
      result.obstacle?.directory.close()
      return
    }
    watched.claims.remove(claimed.path)
    defer { if occasion.trigger == .pressure { makeRoom(watched, readMonotonic()) } }
    guard result.foreignDirectory == nil || result.failure != nil else {
      // It is in place again, and an event tells. When what is not its own goes, it is looked at.
      let own = claimed.path.renamed(claimed.original)
      if let obstacle = result.obstacle { wait(at: obstacle.renewed(), watched, own) }
      return
    }
    guard result.failure != nil else {
      watched.claims.forgetUnfinished(claimed.path)
      watched.claims.takeRename(to: claimed.path)
      return endObstacles {
        $0.root == index
          && ($0.path == claimed.path || $0.path == claimed.path.renamed(claimed.original))
      }
    }
    // Half removed, it must not have its own name again.
    watched.claims.noteUnfinished(claimed.path)
    if watched.isPartitioned {
      if let number = watched.tree.number(of: claimed.path.directory) {
        watched.tree.noteCandidate(claimed.name, in: number)
      }
    }
    feed(watched, .removalFailed(claimed.path), readMonotonic())
    if let obstacle = result.obstacle { wait(at: obstacle.renewed(), watched, claimed.path) }
  }
}
