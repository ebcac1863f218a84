// How the reaper keeps a file of each candidate open and watched, and lets go of both in order.

import OwnedDirectories
import ReapRules
import Watching

extension Reaper {
  /// Notes what stays open for a candidate, and ends the watch on what does not.
  func keep(_ watched: WatchedRoot, _ id: CandidateID, _ held: HeldFile?) -> Schedule.Hold {
    guard let held else {
      release(watched, id)
      return .none
    }
    var holding = watched.holdings[id] ?? Holding()
    if holding.isSparse {
      if holding.watch != nil, !deservesDescriptor(watched.token(id)) {
        held.descriptor.close()
        return .watched
      }
      gotDescriptor(watched.token(id))
      holding.isSparse = false
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
