// The looks at a root's candidates: made at once or by a worker, and what becomes of their answers.

import Glibc
import OwnedDirectories
import ReapRules

final class RootLooks {
  /// Looks that wait for a worker while a scan goes on.
  private static let scanAhead = 256

  private unowned let root: WatchedRoot
  /// Looks that workers have in hand.
  private var isUnderWay: [CandidateID: CandidatePath] = [:]
  /// Those of them whose candidate was forgotten meanwhile.
  private var forgotten: Set<CandidateID> = []
  /// Looks that a portion of a scan has asked for.
  private var batch = LookBatch()

  init(_ root: WatchedRoot) { self.root = root }

  var elsewhere: Int { isUnderWay.count }

  private var facilities: Facilities { root.facilities }
  private var workload: Workload { root.facilities.workload }

  // MARK: - Asking

  func examine(_ id: CandidateID, _ examine: Schedule.Examine) {
    guard let examination = root.access.examination else {
      return root.post(.examined(id, .settled), at: readMonotonic())
    }
    root.places.noteCandidate(examine.path)
    let holdings = root.holdings!
    var known = KnownBefore(held: holdings.file(id))
    if let keeper = root.keeper { known.demand = keeper.demand(on: examine.path) }
    known.isLockLost = known.held == nil && holdings.isSparse(id)
    if examine.onlyLock, holdings.isWatched(id) {
      switch probeLock(known.held, id, examine.path, examination) {
      case .held:
        let outcome = Schedule.Outcome.kept(.lockHeld, recheckAfter: nil, .watched)
        return root.post(.examined(id, outcome), at: readMonotonic())
      case .taken: known.isLocked = true
      case .failed, nil: break
      }
    }
    holdings.giveAway(id)
    // Where many places are scanned, judging takes longer than listing: every processor helps.
    let isShared = root.part.hasPlaces && root.scan.trigger != nil && elsewhere < Self.scanAhead
    guard !workload.isFull, !isShared else {
      return examineElsewhere(examination, id, examine, known)
    }
    guard !root.scan.isListingNow else {
      batch.append(.init(id: id, examine: examine, known: known))
      if batch.looks.count >= workload.claimsLeft { makeBatch() }
      return
    }
    let examined = examination.run(LookRequest(examine, mayTakeTime: false), known)
    made(examination, id, examine, known, examined)
  }

  /// Makes the looks that a portion of a scan has asked for.
  func makeBatch() {
    guard let examination = root.access.examination else { return batch.drop() }
    let incarnation = root.access.incarnation
    for (look, examined) in batch.run(by: examination, sharing: workload.pool) {
      // One before it may have shown that the root is another by now: these answers are of the old one.
      guard root.access.incarnation == incarnation else {
        root.claims.reprieve(look.examine.path)
        workload.discard(examined)
        continue
      }
      made(examination, look.id, look.examine, look.known, examined)
    }
  }

  /// - Parameter known: what the look was given.
  private func made(
    _ examination: Examination, _ id: CandidateID, _ examine: Schedule.Examine,
    _ known: KnownBefore, _ examined: Examined
  ) {
    guard examined.outcome == .needsWalk else { return settle(id, examine, examined) }
    var known = known
    known.held = examined.held
    known.isLocked = false
    examineElsewhere(examination, id, examine, known)
  }

  /// Tries the owner's lock where nothing else can have changed: "held" spares an examination.
  /// What is taken is handed on to one; nil where there is nothing to be handed on.
  private func probeLock(
    _ file: HeldFile?, _ id: CandidateID, _ path: CandidatePath, _ examination: Examination
  ) -> LockAttempt? {
    if let file { return file.isLock ? examination.tryOwnersLock(file) : nil }
    guard root.holdings.isSparse(id) else { return nil }
    return examination.isLockHeld(path) ? .held : nil
  }

  /// A walk takes as long as the tree is large: on a worker, so that the others go on.
  private func examineElsewhere(
    _ examination: Examination, _ id: CandidateID, _ examine: Schedule.Examine,
    _ known: KnownBefore
  ) {
    isUnderWay[id] = examine.path
    workload.look(
      examination, root.reference, id, examine, known, isWatched: root.holdings.isWatched(id))
  }

  /// A worker's answer.
  func answered(_ id: CandidateID, _ examine: Schedule.Examine, _ examined: Examined) {
    isUnderWay[id] = nil
    if forgotten.remove(id) != nil, !forgotten.contains(where: { isUnderWay[$0] == examine.path }) {
      root.claims.endForgotten(examine.path)
    }
    settle(id, examine, examined)
  }

  /// A candidate is forgotten. A worker may be about to look at what has its name by now.
  func forget(_ id: CandidateID) {
    guard !isUnderWay.isEmpty, let path = isUnderWay[id] else { return }
    forgotten.insert(id)
    root.claims.noteForgotten(path)
  }

  // MARK: - Answers

  /// Does what follows from an answer, by the table of outcomes.
  private func settle(_ id: CandidateID, _ examine: Schedule.Examine, _ examined: Examined) {
    let now = readMonotonic()
    let path = examine.path
    guard let open = root.root else {
      root.claims.reprieve(path)
      return workload.discard(examined)
    }
    let isCurrent = root.schedule.path(of: id) != nil
    if examined.outcome == .condemned, !isCurrent {
      root.claims.reprieve(path)  // nobody would see its end
      return
    }
    let occasion = Occasion(trigger: examine.trigger, wokenAt: examine.wokenAt)
    let original = path.renamed(ClaimName(path.name)?.original ?? path.name)
    facilities.reporter.note(
      examined, Place(root.shared, root: open, path: original, occasion: occasion),
      claimID: ClaimName(path.name)?.id)
    let consequences = examined.outcome.consequences
    if consequences.isOrphan { root.noteOrphan() }
    endQuarantine(path, examined, consequences.quarantine, occasion)
    switch consequences.next {
    case .waits:
      // Files that went by themselves leave nothing to wait for.
      guard let verdict = examined.verdict else { return forget(id, path, now) }
      guard isCurrent else { return workload.discard(examined) }
      wait(id, path, verdict, examined, now)
    case .isForgotten:
      if examined.outcome == .gone { facilities.obstacles.end(of: root) { $0 == path } }
      forget(id, path, now)
      if let claimed = examined.claimed { workload.remove(claimed, of: root.reference, occasion) }
    case .rootIsSought:
      _ = root.holdings.keep(id, nil)
      root.access.detach()
      root.access.checkWay(anew: true)
    case .walks:
      // Not reached: walks were allowed.
      workload.discard(examined)
      forget(id, path, now)
    }
    root.follower?.looked(at: path, isClaimed: examined.claimed != nil, now)
    root.keeper?.looked(at: path, examined, now)
  }

  private func endQuarantine(
    _ path: CandidatePath, _ examined: Examined, _ quarantine: Consequences.Quarantine,
    _ occasion: Occasion
  ) {
    let reason = examined.outcome == .failed ? .unreadable : examined.verdict?.reason
    switch quarantine {
    case .goesOn: return
    case .followsReason where reason?.traits.isQuarantine == true: return
    case .followsReason, .ends: break
    }
    root.reprieve(path, reason?.rawValue ?? "gone", examined.evidence, occasion)
  }

  /// The candidate stays, until something ends the reason for that.
  private func wait(
    _ id: CandidateID, _ path: CandidatePath, _ verdict: Verdict, _ examined: Examined,
    _ now: Nanoseconds
  ) {
    // The candidate's watch is all that is left to tell of the owner's end.
    let staysSparse =
      verdict.reason == .lockUnknown && root.holdings.isSparse(id) && examined.held == nil
    let hold = staysSparse ? .watched : root.holdings.keep(id, examined.held)
    let (reason, recheck): (Reason, Nanoseconds?) =
      switch verdict {
      case .keep(let reason, let after): (reason, after)
      case .condemn(_, let span) where examined.outcome == .condemned: (.quarantined, span)
      case .condemn(let reason, _), .dispose(let reason), .unsure(let reason): (reason, nil)
      case .expendable: (verdict.reason, nil)
      }
    root.post(.examined(id, .kept(reason, recheckAfter: recheck, hold)), at: now)
    if let failure = examined.failure, reason.isEnded(by: .obstacle), Obstacle.explains(failure),
      let open = root.root, let obstacle = Obstacle(nil, in: open.descriptor, named: path.bytes)
    {
      facilities.obstacles.wait(at: obstacle, root, path)
    }
    if examined.outcome == .kept, let evidence = examined.evidence {
      root.follower?.kept(path, for: reason, evidence, now)
    }
  }

  /// Nothing stands under the name any more; or something again, whose event was faster than this.
  private func forget(_ id: CandidateID, _ path: CandidatePath, _ now: Nanoseconds) {
    _ = root.holdings.keep(id, nil)
    root.places.forgetCandidate(path)
    root.post(.examined(id, .settled), at: now)
  }

  // MARK: - Removals

  /// What was claimed is gone, or could not be removed.
  func removed(_ claimed: Claimed, _ result: RemovalResult) {
    root.claims.remove(claimed.path)
    guard root.root != nil else {
      result.obstacle?.directory.close()
      return
    }
    defer {
      let now = readMonotonic()
      root.follower?.removed(claimed.originalPath, now)
      root.keeper?.removed(claimed.originalPath, result, now)
    }
    guard result.foreignDirectory == nil || result.failure != nil else {
      // The directory is in place again, and an event tells. It is looked at when what is foreign in
      // it goes.
      return wait(at: result.obstacle, claimed.originalPath)
    }
    guard result.failure != nil else {
      root.claims.forgetUnfinished(claimed.path)
      root.claims.takeRename(to: claimed.path)
      return facilities.obstacles.end(of: root) {
        $0 == claimed.path || $0 == claimed.originalPath
      }
    }
    // Half removed, it must not have its own name again.
    root.claims.noteUnfinished(claimed.path)
    root.places.noteCandidate(claimed.path)
    root.post(.removalFailed(claimed.path), at: readMonotonic())
    wait(at: result.obstacle, claimed.path)
  }

  private func wait(at obstacle: Obstacle?, _ path: CandidatePath) {
    if let obstacle { facilities.obstacles.wait(at: obstacle.renewed(), root, path) }
  }
}
