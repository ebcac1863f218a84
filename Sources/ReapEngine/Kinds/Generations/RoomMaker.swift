// Short of room, what may leave quarantine early is looked at, oldest first, until there is room.

import OwnedDirectories
import ReapRules

final class RoomMaker {
  /// How often room is looked at while something waits in quarantine: no event tells of it.
  private static let interval: Nanoseconds = 5 * nanosecondsPerSecond

  private enum State {
    /// `check`: monotonic; nil where nothing depends on room.
    case resting(check: Nanoseconds?)
    /// What becomes of one is awaited, since what it frees is not known; the others were tried before.
    case asking(CandidatePath, tried: Set<CandidatePath>, check: Nanoseconds)
    /// The same, and it is being removed.
    case removing(CandidatePath, tried: Set<CandidatePath>, check: Nanoseconds)
  }

  private unowned let root: WatchedRoot
  private let edge: GenerationsEdge
  private var state = State.resting(check: nil)

  init(_ root: WatchedRoot, edge: GenerationsEdge) {
    self.root = root
    self.edge = edge
  }

  func nextDeadline(now: Nanoseconds) -> Nanoseconds? {
    guard root.claims.hasCondemned else {
      state = .resting(check: nil)
      return nil
    }
    switch state {
    case .resting(nil):
      state = .resting(check: now + Self.interval)
      return now + Self.interval
    case .resting(let check?), .asking(_, _, let check), .removing(_, _, let check): return check
    }
  }

  func deadlinePassed(_ now: Nanoseconds) {
    guard let check = nextDeadline(now: now), check <= now else { return }
    askNext(tried: [], check: now + Self.interval, now)
  }

  /// Goes on with the next one, once it is known what became of the one before.
  func looked(at path: CandidatePath, isClaimed: Bool, _ now: Nanoseconds) {
    guard case .asking(path, let tried, let check) = state else { return }
    if isClaimed {
      state = .removing(path, tried: tried, check: check)
    } else {
      askNext(tried: tried, check: check, now)
    }
  }

  func removed(_ path: CandidatePath, _ now: Nanoseconds) {
    guard case .removing(path, let tried, let check) = state else { return }
    askNext(tried: tried, check: check, now)
  }

  /// The judge says in each case whether it is one of those that may leave early.
  private func askNext(tried: Set<CandidatePath>, check: Nanoseconds, _ now: Nanoseconds) {
    let untried = root.claims.condemned.filter { !tried.contains($0.id) }
    guard let open = root.root,
      let next = edge.shortage(at: open)?.relief(from: Retention.order(of: untried)[...]).first?.id
    else {
      state = .resting(check: check)
      return
    }
    state = .asking(next, tried: tried.union([next]), check: check)
    root.post(.appeared(next, created: false, .pressure), at: now)
  }
}
