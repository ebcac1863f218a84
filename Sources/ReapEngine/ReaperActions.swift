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

  private func scan(_ watched: WatchedRoot, _ trigger: Trigger) {
    guard let root = watched.root else { return }
    let trigger = watched.hasStarted ? trigger : .startup
    let began = readClocks().monotonic
    feed(watched, .scanBegan, began)
    var listing = DirectoryListing(root.descriptor)
    defer { listing.finish() }
    do {
      while true {
        let batch = try listing.nextBatch()
        guard !batch.isEmpty else { break }
        for entry in batch where watched.isCandidate(entry.name) {
          guard watched.root != nil else { return }  // let go of meanwhile
          let now = readClocks().monotonic
          feed(watched, .appeared(entry.name, created: false, trigger), now)
        }
      }
      feed(watched, .scanEnded, readClocks().monotonic)
    } catch {
      logger.warning("\(watched.path) cannot be listed: \(error)")
    }
  }

  // MARK: - Examining

  private func examine(_ watched: WatchedRoot, _ id: CandidateID, _ examine: Schedule.Examine) {
    guard let examination = watched.examination else {
      return feed(watched, .examined(id, .settled), readClocks().monotonic)
    }
    let held = watched.holdings[id]?.file
    watched.holdings[id]?.file = nil
    guard removalsInFlight < Self.maximumRemovals else {
      // A claim made now would wait with its descriptors open; made by a worker it goes next.
      return examineElsewhere(watched, examination, id, examine, held)
    }
    let result = examination.run(
      examine.name, firstSeen: examine.firstSeen, sawCreation: examine.sawCreation, held: held,
      mayWalk: false)
    guard case .needsWalk(let held) = result else {
      return settle(watched, id, examine, result, given: held)
    }
    examineElsewhere(watched, examination, id, examine, held)
  }

  /// A walk takes as long as the tree is large: on a worker, so that the others go on.
  private func examineElsewhere(
    _ watched: WatchedRoot, _ examination: Examination, _ id: CandidateID,
    _ examine: Schedule.Examine, _ held: HeldFile?
  ) {
    let mailbox = mailbox
    let owner = WatchedRootID(index: watched.index, object: ObjectIdentifier(watched))
    watched.elsewhere += 1
    examination.root.retain()
    pool.submit {
      let result = examination.run(
        examine.name, firstSeen: examine.firstSeen, sawCreation: examine.sawCreation, held: held,
        mayWalk: true)
      mailbox.post(.examined(owner, id, examine, result, examination.root))
    }
  }

  func settle(
    _ watched: WatchedRoot, _ id: CandidateID, _ examine: Schedule.Examine,
    _ result: Examination.Result, given: HeldFile? = nil
  ) {
    let now = readClocks().monotonic
    let name = ClaimName(examine.name)?.original ?? examine.name
    guard let root = watched.root else { return discard(result) }
    let occasion = Occasion(trigger: examine.trigger, wokenAt: examine.wokenAt)
    let place = Place(rule: watched.rule, path: root.path(of: name), occasion: occasion)
    let isCurrent = watched.schedule.name(of: id) != nil
    switch result {
    case .kept(let verdict, let evidence, let held):
      reporter.kept(verdict, evidence, place)
      guard isCurrent else { return discard(result) }
      let hold = keep(watched, id, held)
      var recheck: Nanoseconds?
      if case .keep(_, let after) = verdict { recheck = after }
      feed(watched, .examined(id, .kept(verdict.reason, recheckAfter: recheck, hold)), now)
    case .wouldClaim(let verdict, let evidence):
      reporter.wouldReap(verdict, evidence, place)
      if !watched.hasStarted { watched.startupOrphans += 1 }
      _ = keep(watched, id, nil)
      feed(watched, .examined(id, .kept(verdict.reason, recheckAfter: nil, .none)), now)
    case .failed(let error, let evidence, let held):
      reporter.failed(error, evidence, place)
      held?.descriptor.close()
      _ = keep(watched, id, nil)
      let reason: Reason = error.call == "rename" ? .removalFailed : .unreadable
      feed(watched, .examined(id, .kept(reason, recheckAfter: nil, .none)), now)
      if reason == .removalFailed, Obstacle.explains(error),
        let obstacle = Obstacle(nil, in: root.descriptor, named: examine.name.bytes)
      {
        wait(at: obstacle, watched, examine.name)
      }
    case .rootMoved:
      _ = keep(watched, id, nil)
      detach(watched)
      watchDirectory(watched)
    case .gone:
      _ = keep(watched, id, nil)
      endObstacles { $0.root == watched.index && $0.name == examine.name }
      feed(watched, .examined(id, .settled), now)
    case .putBack(let verdict, let evidence, _):
      reporter.putBack(verdict, evidence, place)
      _ = keep(watched, id, nil)
      feed(watched, .examined(id, .settled), now)
    case .claimed(let claimed):
      if !watched.hasStarted { watched.startupOrphans += 1 }
      _ = keep(watched, id, nil)
      remove(watched, claimed, occasion)
      feed(watched, .examined(id, .settled), now)
    case .needsWalk(let held):
      held?.descriptor.close()  // not reached: walks were allowed
      feed(watched, .examined(id, .settled), now)
    }
  }

  /// Closes what a result holds that nobody waits for.
  func discard(_ result: Examination.Result) {
    switch result {
    case .kept(_, _, let held), .needsWalk(let held), .failed(_, _, let held):
      held?.descriptor.close()
    case .claimed(let claimed):
      // The root was let go of meanwhile; the claim stands, so it is finished all the same.
      removalsInFlight += 1
      Removal.start(claimed, on: pool) { [mailbox] claimed, result in
        mailbox.post(.removed(root: -1, claimed, result, Occasion(trigger: .rescan)))
      }
    case .gone, .wouldClaim, .putBack, .rootMoved: break
    }
  }

  private func remove(_ watched: WatchedRoot, _ claimed: Claimed, _ occasion: Occasion) {
    let (mailbox, index) = (mailbox, watched.index)
    removalsInFlight += 1
    Removal.start(claimed, on: pool) { claimed, result in
      mailbox.post(.removed(root: index, claimed, result, occasion))
    }
  }

  func removed(_ index: Int, _ claimed: Claimed, _ result: RemovalResult, _ occasion: Occasion) {
    removalsInFlight -= 1
    reporter.reaped(claimed, result, occasion)
    reporter.audit?.retry()
    guard let watched = roots[index], watched.root != nil else {
      roots[index]?.claims.remove(claimed.name)
      result.obstacle?.directory.close()
      return
    }
    watched.claims.remove(claimed.name)
    guard result.failure != nil else {
      return endObstacles {
        $0.root == index && ($0.name == claimed.name || $0.name == claimed.original)
      }
    }
    feed(watched, .removalFailed(claimed.name), readClocks().monotonic)
    if let obstacle = result.obstacle { wait(at: obstacle.renewed(), watched, claimed.name) }
  }

  // MARK: - Holding and watching

  /// Notes what stays open for a candidate, and ends the watch on what does not.
  private func keep(_ watched: WatchedRoot, _ id: CandidateID, _ held: HeldFile?) -> Schedule.Hold {
    var holding = watched.holdings[id] ?? WatchedRoot.Holding()
    guard let held else {
      if holding.isArming {
        holding.isOrphaned = true
        watched.holdings[id] = holding
      } else {
        release(watched, id)
      }
      return .none
    }
    if holding.isSparse {
      if holding.watch != nil {
        held.descriptor.close()
        return .watched
      }
      holding.isSparse = false
      holding.watchedFile = nil
    }
    if let watch = holding.watch, holding.watchedFile != held.identity {
      inotify.unwatch(watch, token: watched.token(id))
      holding.watch = nil
    }
    if holding.watchedFile == nil { heldCount += 1 }
    holding.file = held
    holding.watchedFile = held.identity
    watched.holdings[id] = holding
    return holding.watch == nil ? .unwatched : .watched
  }

  private func watch(_ watched: WatchedRoot, _ id: CandidateID) {
    guard var holding = watched.holdings[id], let file = holding.file, let root = watched.root
    else { return feed(watched, .armed(id, false), readClocks().monotonic) }
    holding.isArming = true
    if heldCount > heldLimit, file.isLock, case .spill(let settings) = watched.rule.kind,
      let name = watched.schedule.name(of: id)
    {
      // Out of descriptors: only closes by writers are told from our own then.
      holding.isSparse = true
      let path = "\(root.descriptor.procPath)/\(String(decoding: name.bytes, as: UTF8.self))"
      inotify.watch(
        path: "\(path)/\(settings.lock.display)", token: watched.token(id), .writers)
      file.descriptor.close()  // at once: while a scan lasts, no answer is read
      holding.file = nil
      heldCount -= 1
      sayDescriptorLimit(watched)
    } else {
      inotify.watch(path: file.descriptor.procPath, token: watched.token(id), .heldFile)
    }
    watched.holdings[id] = holding
  }

  func armed(
    _ watched: WatchedRoot, _ id: CandidateID, _ result: Result<WatchHandle, WatchFailure>,
    _ arrival: Nanoseconds
  ) {
    guard var holding = watched.holdings[id] else {
      if case .success(let handle) = result {
        inotify.unwatch(handle, token: watched.token(id))
      }
      return
    }
    holding.isArming = false
    switch result {
    case .success(let handle): holding.watch = handle
    case .failure(let failure):
      if failure.code == ENOSPC { warnOfWatchLimit(1) }
    }
    watched.holdings[id] = holding
    if holding.isOrphaned { return release(watched, id) }
    var success = false
    if case .success = result { success = true }
    feed(watched, .armed(id, success), arrival)
  }

  private func sayDescriptorLimit(_ watched: WatchedRoot) {
    guard !watched.saidSparse else { return }
    watched.saidSparse = true
    logger.warning(
      """
      the limit of open files (\(heldLimit + Self.reservedDescriptors)) is reached: further \
      directories of \(watched.path) are watched without a descriptor, and an owner there \
      that locks a file opened read-only is seen by the backstop only; raise LimitNOFILE
      """)
  }

  /// Ends the watch first: one that the kernel ends leaks its record in the library.
  private func release(_ watched: WatchedRoot, _ id: CandidateID) {
    guard var holding = watched.holdings[id] else { return }
    if holding.isArming {
      holding.isOrphaned = true
      watched.holdings[id] = holding
      return
    }
    if let watch = holding.watch { inotify.unwatch(watch, token: watched.token(id)) }
    if holding.watchedFile != nil, !holding.isSparse { heldCount -= 1 }
    holding.file?.descriptor.close()
    watched.holdings[id] = nil
  }
}
