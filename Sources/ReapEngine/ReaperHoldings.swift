// How the reaper keeps a file of each candidate open and watched, and lets go of both in order.

import Glibc
import OwnedDirectories
import ReapRules
import Watching

extension Reaper {
  /// Notes what stays open for a candidate, and ends the watch on what does not.
  func keep(_ watched: WatchedRoot, _ id: CandidateID, _ held: HeldFile?) -> Schedule.Hold {
    guard let held else {
      if watched.holdings[id]?.isOfLostLock(inherited) == true {
        // The kernel ends that watch with the file: when its owner has ended.
        watched.holdings[id]?.isOfUnlinked = true
        return .watched
      }
      release(watched, id)
      return .none
    }
    var holding = watched.holdings[id] ?? Holding()
    if holding.isSparse {
      if holding.watch != nil, !holding.isOfUnlinked, !deservesDescriptor(watched.token(id)) {
        held.descriptor.close()
        return .watched
      }
      gotDescriptor(watched.token(id))
      holding.isSparse = false
      holding.isOfUnlinked = false
      holding.setWatchedFile(nil)
    }
    if let watch = holding.watch, !holding.isFor(held.identity) {
      inotify.unwatch(watch, token: watched.token(id))
      holding.watch = nil
    }
    if !holding.isWatchedFileKnown { heldCount += 1 }
    holding.file = held
    holding.setWatchedFile(held.identity)
    watched.holdings[id] = holding
    return holding.watch == nil ? .unwatched : .watched
  }

  func watch(_ watched: WatchedRoot, _ id: CandidateID) {
    guard var holding = watched.holdings[id], let file = holding.file
    else { return feed(watched, .armed(id, false), readMonotonic()) }
    let token = watched.token(id)
    if heldCount > heldLimit, file.isLock {
      // Out of descriptors: this one is closed once the watch is there, and only closes by writers
      // are told from our own then.
      holding.isSparse = true
      holding.setWatchedFile(file.directory)
      heldCount -= 1
      goWithoutDescriptor(token, file)
    }
    holding.isArming = !standsInLine(token)
    watched.holdings[id] = holding
    guard holding.isArming else {
      feed(watched, .armed(id, false), readMonotonic())
      return closeSparse(watched, id)
    }
    watched.arming += 1
    inotify.watch(
      path: file.descriptor.procPath, token: token, holding.isSparse ? .writers : .heldFile)
  }

  func armed(
    _ watched: WatchedRoot, _ id: CandidateID, _ result: Result<WatchHandle, WatchFailure>,
    _ arrival: Nanoseconds
  ) {
    watched.arming -= 1
    defer { announce(watched) }
    if let orphan = watched.holdings.adopt(id) {
      if case .success = result { watchIsFree() }
      return close(orphan, watch: try? result.get(), watched.token(id))
    }
    guard var holding = watched.holdings[id] else { return }
    holding.isArming = false
    var success = false
    switch result {
    case .success(let handle):
      holding.watch = handle
      success = true
      watchAnswered(watched.token(id), refusedBy: nil)
    case .failure(let failure): watchAnswered(watched.token(id), refusedBy: failure.code)
    }
    watched.holdings[id] = holding
    feed(watched, .armed(id, success), arrival)
    closeSparse(watched, id)
  }

  /// Leaves what is held for a name that is forgotten, though its owner may live, to whoever comes
  /// to the same directory next.
  func handOn(_ watched: WatchedRoot, _ path: CandidatePath) {
    if let id = watched.schedule.id(of: path) { handOn(watched, id) }
  }

  func handOn(_ watched: WatchedRoot, _ id: CandidateID) {
    guard let holding = watched.holdings[id] else { return }
    guard let file = holding.file else { return noteLost(watched, id, holding) }
    guard file.isLock else { return }
    // A descriptor whose watch is being asked for may not get another use: its number is named.
    guard !holding.isArming else {
      guard let another = file.duplicate() else { return }
      return inherited.leave(another)
    }
    leaveShortage(watched.token(id), holding)
    watched.holdings[id] = nil
    if holding.isWatchedFileKnown, !holding.isSparse { heldCount -= 1 }
    if let watch = holding.watch { inotify.unwatch(watch, token: watched.token(id)) }
    inherited.leave(file)
  }

  /// The same for a whole root, or for those of it of whom nothing else would show that they live.
  func handOnAll(_ watched: WatchedRoot, onlyUnlinked: Bool) {
    for id in watched.schedule.ids
    where !onlyUnlinked || watched.holdings[id]?.file?.isUnlinkedLock == true
      || watched.holdings[id]?.lostDirectory != nil
    {
      handOn(watched, id)
    }
  }

  /// Of a lock that is watched without a descriptor nothing can be handed on: unless it can be seen to
  /// be there still, that much is remembered of the directory, whatever its name is by now.
  private func noteLost(_ watched: WatchedRoot, _ id: CandidateID, _ holding: Holding) {
    guard let directory = holding.lostDirectory else { return }
    if let root = watched.root, root.isInPlace, let path = watched.schedule.path(of: id),
      let lock = watched.rule.kind.lock,
      let there = try? status(ofPath: path.bytes, at: root.descriptor),
      InheritedLocks.Directory(there.identity) == directory,
      (try? status(ofPath: path.bytes + [UInt8(ascii: "/")] + lock.bytes, at: root.descriptor))
        != nil
    {
      return
    }
    inherited.noteLost(directory)
  }

  /// The kernel ended the watch of a candidate's file: that is gone for good, name and all, and with
  /// it whoever had it open.
  func watchLost(_ watched: WatchedRoot, _ id: CandidateID) {
    watched.holdings[id]?.watch = nil
    guard let holding = watched.holdings[id], holding.isSparse, holding.file == nil,
      !holding.isArming
    else { return }
    if let directory = holding.lostDirectory { inherited.forgetLost(directory) }
    release(watched, id)
    feed(watched, .closed(id), readMonotonic())
  }

  /// Ends the watch first: one that the kernel ends leaks its record in the library.
  func release(_ watched: WatchedRoot, _ id: CandidateID) {
    guard let holding = watched.holdings[id] else { return }
    leaveShortage(watched.token(id), holding)
    if holding.isArming { return watched.holdings.orphan(id) }
    watched.holdings[id] = nil
    close(holding, watch: holding.watch, watched.token(id))
  }

  private func close(_ holding: Holding, watch: WatchHandle?, _ token: UInt64) {
    if holding.isWatchedFileKnown, !holding.isSparse { heldCount -= 1 }
    if let watch {
      inotify.unwatch(watch, token: token, closing: holding.file?.descriptor.number)
    } else {
      holding.file?.descriptor.close()
    }
  }

  /// Of a candidate that is watched without a descriptor, the one it was watched through.
  private func closeSparse(_ watched: WatchedRoot, _ id: CandidateID) {
    guard let holding = watched.holdings[id], holding.isSparse, let file = holding.file
    else { return }
    file.descriptor.close()
    watched.holdings[id]?.file = nil
  }
}
