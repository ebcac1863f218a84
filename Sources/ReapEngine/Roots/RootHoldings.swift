// A file of each candidate is kept open and watched, so that its closing is seen; both are let go of
// in order.

import Glibc
import OwnedDirectories
import ReapRules
import Watching

final class RootHoldings {
  private unowned let root: WatchedRoot
  private var holdings = Holdings()
  /// Commands to watch a candidate's file that are not answered yet.
  private(set) var arming = 0

  init(_ root: WatchedRoot) { self.root = root }

  private var inotify: INotifyThread { root.facilities.inotify }
  private var shortage: Shortage { root.facilities.shortage }
  private var inherited: InheritedLocks { root.facilities.inherited }

  private func token(_ id: CandidateID) -> UInt64 {
    WatchToken.candidate(root: root.index, id).bits
  }

  // MARK: - For a look

  func isWatched(_ id: CandidateID) -> Bool { holdings[id]?.watch != nil }

  func isSparse(_ id: CandidateID) -> Bool { holdings[id]?.isSparse == true }

  /// What is open for a candidate.
  func file(_ id: CandidateID) -> HeldFile? { holdings[id]?.file }

  /// Hands that over to a look.
  func giveAway(_ id: CandidateID) { holdings[id]?.file = nil }

  /// Notes what stays open for a candidate, and ends the watch on what does not.
  func keep(_ id: CandidateID, _ held: HeldFile?) -> Schedule.Hold {
    guard let held else {
      if holdings[id]?.isOfLostLock(inherited) == true {
        // The kernel ends that watch with the file: when its owner has ended.
        holdings[id]?.isOfUnlinked = true
        return .watched
      }
      release(id)
      return .none
    }
    var holding = holdings[id] ?? Holding()
    if holding.isSparse {
      if holding.watch != nil, !holding.isOfUnlinked, !shortage.deservesDescriptor(token(id)) {
        held.descriptor.close()
        return .watched
      }
      shortage.gotDescriptor(token(id))
      holding.isSparse = false
      holding.isOfUnlinked = false
      holding.setWatchedFile(nil)
    }
    if let watch = holding.watch, !holding.isFor(held.identity) {
      inotify.unwatch(watch, token: token(id))
      holding.watch = nil
    }
    if !holding.isWatchedFileKnown { shortage.held += 1 }
    holding.file = held
    holding.setWatchedFile(held.identity)
    holdings[id] = holding
    return holding.watch == nil ? .unwatched : .watched
  }

  // MARK: - Watches

  func watch(_ id: CandidateID) {
    guard var holding = holdings[id], let file = holding.file
    else { return root.post(.armed(id, false), at: readMonotonic()) }
    let token = token(id)
    if shortage.isOverHeld, file.isLock {
      // Out of descriptors: this one is closed once the watch is there, and only closes by writers
      // are told from our own then.
      holding.isSparse = true
      holding.setWatchedFile(file.directory)
      shortage.held -= 1
      shortage.goWithoutDescriptor(token, file)
    }
    holding.isArming = !shortage.standsInLine(token)
    holdings[id] = holding
    guard holding.isArming else {
      root.post(.armed(id, false), at: readMonotonic())
      return closeSparse(id)
    }
    arming += 1
    inotify.watch(
      path: file.descriptor.procPath, token: token, holding.isSparse ? .writers : .heldFile)
  }

  func armed(
    _ id: CandidateID, _ result: Result<WatchHandle, WatchFailure>, _ arrival: Nanoseconds
  ) {
    arming -= 1
    if let orphan = holdings.adopt(id) {
      if case .success = result { shortage.watchIsFree() }
      return close(orphan, watch: try? result.get(), token(id))
    }
    guard var holding = holdings[id] else { return }
    holding.isArming = false
    var success = false
    switch result {
    case .success(let handle):
      holding.watch = handle
      success = true
      shortage.watchAnswered(token(id), refusedBy: nil)
    case .failure(let failure): shortage.watchAnswered(token(id), refusedBy: failure.code)
    }
    holdings[id] = holding
    root.post(.armed(id, success), at: arrival)
  }

  /// A watch that was asked for before the rule ended: what was kept open for it is closed.
  func armedTooLate(_ id: CandidateID) {
    arming -= 1
    guard let orphan = holdings.adopt(id) else { return }
    if orphan.isWatchedFileKnown, !orphan.isSparse { shortage.held -= 1 }
    orphan.file?.descriptor.close()
  }

  /// The kernel ended the watch of a candidate's file: that is gone for good, name and all, and with
  /// it whoever had it open.
  func watchLost(_ id: CandidateID) {
    holdings[id]?.watch = nil
    guard let holding = holdings[id], holding.isSparse, holding.file == nil, !holding.isArming
    else { return }
    if let directory = holding.lostDirectory {
      if let path = root.schedule.path(of: id), root.schedule.isExamining(path) {
        inherited.noteEnded(directory)
      } else {
        inherited.forgetLost(directory)
      }
    }
    release(id)
    root.post(.closed(id), at: readMonotonic())
  }

  // MARK: - Left to others

  /// Leaves what is held for a name that is forgotten, though its owner may live, to whoever comes
  /// to the same directory next.
  func handOn(_ path: CandidatePath) {
    if let id = root.schedule.id(of: path) { handOn(id) }
  }

  private func handOn(_ id: CandidateID) {
    guard let holding = holdings[id] else { return }
    guard let file = holding.file else { return noteLost(id, holding) }
    guard file.isLock else { return }
    // A descriptor whose watch is being asked for may not get another use: its number is named.
    guard !holding.isArming else {
      guard let another = file.duplicate() else { return }
      return inherited.leave(another)
    }
    shortage.leave(token(id), holding)
    holdings[id] = nil
    if holding.isWatchedFileKnown, !holding.isSparse { shortage.held -= 1 }
    if let watch = holding.watch { inotify.unwatch(watch, token: token(id)) }
    inherited.leave(file)
  }

  /// Leaves what is held for all candidates of the root, or only for those whose owners nothing else
  /// would show.
  func handOnAll(onlyUnlinked: Bool) {
    for id in root.schedule.ids
    where !onlyUnlinked || holdings[id]?.file?.isUnlinkedLock == true
      || holdings[id]?.lostDirectory != nil
    {
      handOn(id)
    }
  }

  /// Of a lock that is watched without a descriptor nothing can be handed on: unless it can be seen to
  /// be there still, that much is remembered of the directory, whatever its name is by now.
  private func noteLost(_ id: CandidateID, _ holding: Holding) {
    guard let directory = holding.lostDirectory else { return }
    if let open = root.root, open.isInPlace, let path = root.schedule.path(of: id),
      let lock = root.part.ownersLock,
      let there = try? status(ofPath: path.bytes, at: open.descriptor),
      InheritedLocks.Directory(there.identity) == directory,
      (try? status(ofPath: path.bytes + [UInt8(ascii: "/")] + lock.bytes, at: open.descriptor))
        != nil
    {
      return
    }
    inherited.noteLost(directory)
  }

  // MARK: - Ends

  /// Ends the watch first, so that closing what is open is no event.
  func release(_ id: CandidateID) {
    guard let holding = holdings[id] else { return }
    shortage.leave(token(id), holding)
    if holding.isArming { return holdings.orphan(id) }
    holdings[id] = nil
    close(holding, watch: holding.watch, token(id))
  }

  private func close(_ holding: Holding, watch: WatchHandle?, _ token: UInt64) {
    if holding.isWatchedFileKnown, !holding.isSparse { shortage.held -= 1 }
    if let watch {
      inotify.unwatch(watch, token: token, closing: holding.file?.descriptor.number)
    } else {
      holding.file?.descriptor.close()
    }
  }

  /// Of a candidate that is watched without a descriptor, the one it was watched through: once the look
  /// that its answer brings has used it.
  func closeSparse(_ id: CandidateID) {
    guard let holding = holdings[id], holding.isSparse, let file = holding.file else { return }
    file.descriptor.close()
    holdings[id]?.file = nil
  }
}
