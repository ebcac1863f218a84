// What events at a root of partitions mean besides: cursors that are replaced, an owner that ends,
// names that stand in each other's way, and room that runs short.

import OwnedDirectories
import ReapRules
import Watching

final class GenerationFollower: KindFollower {
  private unowned let root: WatchedRoot
  private let edge: GenerationsEdge
  private let owner: OwnerFile?
  private let room: RoomMaker?

  init(_ root: WatchedRoot, edge: GenerationsEdge) {
    self.root = root
    self.edge = edge
    owner = edge.owner.map { OwnerFile($0, root) }
    room = edge.settings.room.isFloored ? RoomMaker(root, edge: edge) : nil
  }

  // MARK: - Cursors

  func signalled(
    _ name: EntryName, _ change: WatchMessage.Change, in number: UInt32, _ arrival: Nanoseconds
  ) {
    guard change != .attributes else { return }
    let live = liveGeneration(in: number)
    // Written in place by somebody who keeps it open, so that no close tells. Torn as it may be for
    // a moment, it says something once it can be read; the next write tells, or the close.
    if change == .modified, live == nil { return }
    // Looks at those of whom a cursor decides: not at what is kept whatever it says, unless it says
    // that one's name. A partition may hold a thousand of those.
    lookAtPartition(number, .cursorChange, arrival) { path in
      if let live, path.name == live || ClaimName(path.name)?.original == live { return true }
      return root.schedule.reason(of: path)?.isEnded(by: .cursor) != false
    }
  }

  private func liveGeneration(in number: UInt32) -> EntryName? {
    guard let place = root.places[number], let open = root.root else { return nil }
    return edge.liveGeneration(in: place.path, below: open, of: root)
  }

  private func lookAtPartition(
    _ number: UInt32, _ trigger: Trigger, _ arrival: Nanoseconds,
    where isConcerned: (CandidatePath) -> Bool = { _ in true }
  ) {
    guard let place = root.places[number] else { return }
    // Claimed ones first: one that the cursor names now must be back at once. Then the one that it
    // named until now: it waits for nothing else.
    func rank(_ path: CandidatePath) -> Int {
      if ClaimName(path.name) != nil { return 0 }
      return root.schedule.reason(of: path)?.traits.isLive == true ? 1 : 2
    }
    let paths = place.candidates.map { CandidatePath(directory: place.path, $0) }
      .filter { isConcerned($0) && !root.claims.contains($0) }
      .map { (rank: rank($0), path: $0) }
    for (_, path) in paths.sorted(by: { $0.rank < $1.rank }) {
      root.post(.appeared(path, created: false, trigger), at: arrival)
    }
  }

  // MARK: - Candidates

  func kept(_ path: CandidatePath, for reason: Reason, _ evidence: Evidence, _ now: Nanoseconds) {
    if reason.traits.isLive { liveIsThere(path, now) }
    // A claimed name that stays though its own is wanted back: that one is taken.
    let isStuck = ClaimName(path.name) != nil && !evidence.claim.stays(for: reason)
    if reason.isEnded(by: .names) || isStuck { foundConflict(path, now) }
  }

  /// What was kept for want of the live generation is looked at again: that came, or was put back.
  private func liveIsThere(_ live: CandidatePath, _ now: Nanoseconds) {
    guard let number = root.places.number(of: live.directory), let place = root.places[number]
    else { return }
    for name in place.candidates {
      let path = CandidatePath(directory: place.path, name)
      if root.schedule.reason(of: path)?.isEnded(by: .live) == true {
        root.post(.appeared(path, created: false, .rescan), at: now)
      }
    }
  }

  /// A name that went before this was known to be a conflict asked for no look: this one sees it.
  private func foundConflict(_ path: CandidatePath, _ now: Nanoseconds) {
    guard let number = root.places.number(of: path.directory), root.places.noteConflict(in: number)
    else { return }
    lookAtPartition(number, .rescan, now)
  }

  /// A name that is there claimed and unclaimed stands in the way of its whole partition.
  func nameCame(_ path: CandidatePath) {}

  func nameGone(_ gone: EntryName, in number: UInt32, _ arrival: Nanoseconds) {
    guard let place = root.places[number], place.hasConflict else { return }
    let wasOne =
      if let claim = ClaimName(gone) {
        place.candidates.contains(claim.original)
      } else {
        place.candidates.contains { ClaimName($0)?.original == gone }
      }
    guard wasOne else { return }
    root.places.forgetConflict(in: number)
    lookAtPartition(number, .rescan, arrival)
  }

  func looked(at path: CandidatePath, isClaimed: Bool, _ now: Nanoseconds) {
    room?.looked(at: path, isClaimed: isClaimed, now)
  }

  func removed(_ path: CandidatePath, _ now: Nanoseconds) { room?.removed(path, now) }

  func forgot(place: [UInt8]) { edge.memory.forget(place) }

  // MARK: - The owner's file, and room

  func watch() { owner?.watch() }
  func rootFound() {}
  func endWatches() { owner?.endWatch() }
  func armed(_ number: UInt32, _ result: Result<WatchHandle, WatchFailure>) { owner?.armed(result) }
  func watchLost(_ number: UInt32) { owner?.watchLost() }
  func entryChanged(
    _ number: UInt32, _ name: [UInt8], _ change: WatchMessage.Change, _ arrival: Nanoseconds
  ) { owner?.placeChanged(name) }

  // Nothing is open for these.
  var arming: Int { 0 }
  func armedTooLate(_ number: UInt32) {}

  func nextDeadline(now: Nanoseconds) -> Nanoseconds? { room?.nextDeadline(now: now) }
  func deadlinePassed(_ now: Nanoseconds) { room?.deadlinePassed(now) }
}
