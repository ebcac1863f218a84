// Short of room, what may leave quarantine early is looked at, oldest first, until there is room.

import OwnedDirectories
import ReapRules

final class RoomMaker {
  private unowned let root: WatchedRoot
  private let edge: GenerationsEdge
  private var making = RoomMaking<CandidatePath>()

  init(_ root: WatchedRoot, edge: GenerationsEdge) {
    self.root = root
    self.edge = edge
  }

  func nextDeadline(now: Nanoseconds) -> Nanoseconds? {
    making.nextDeadline(hasWaiting: root.claims.hasCondemned, now: now)
  }

  func deadlinePassed(_ now: Nanoseconds) {
    goOn(making.deadlinePassed(hasWaiting: root.claims.hasCondemned, now: now), now)
  }

  func looked(at path: CandidatePath, isClaimed: Bool, _ now: Nanoseconds) {
    goOn(making.looked(at: path, isClaimed: isClaimed), now)
  }

  func removed(_ path: CandidatePath, _ now: Nanoseconds) { goOn(making.removed(path), now) }

  /// The judge says in each case whether it is one of those that may leave early.
  private func goOn(_ search: RoomMaking<CandidatePath>.Search?, _ now: Nanoseconds) {
    guard let search else { return }
    let untried = root.claims.condemned.filter { !search.tried.contains($0.id) }
    let next = root.root.flatMap {
      edge.shortage(at: $0)?.relief(from: Retention.order(of: untried)[...]).first?.id
    }
    making.chose(next, in: search)
    if let next { root.post(.appeared(next, created: false, .pressure), at: now) }
  }
}
