// Short of room, one thing after the other is asked to leave, until there is room: whose turn it is,
// and when room is looked at. Pure.

package struct RoomMaking<ID: Hashable & Sendable>: Sendable {
  /// How often room is looked at while something could leave: no event tells of it.
  package static var interval: Nanoseconds { 5 * nanosecondsPerSecond }

  /// To be done: the next one is chosen, if room is short still, and told by `chose`.
  package struct Search: Sendable {
    /// Asked before, so not again.
    package let tried: Set<ID>
    fileprivate let check: Nanoseconds
  }

  private enum State {
    /// `check`: monotonic; nil where nothing depends on room.
    case resting(check: Nanoseconds?)
    /// What becomes of one is awaited, since what its end frees is not known.
    case asking(ID, tried: Set<ID>, check: Nanoseconds)
    /// The one that was asked is being removed.
    case removing(ID, tried: Set<ID>, check: Nanoseconds)
  }

  private var state = State.resting(check: nil)

  package init() {}

  /// Monotonic; when room is to be looked at.
  ///
  /// - Parameter hasWaiting: whether something could leave for want of room.
  package mutating func nextDeadline(hasWaiting: Bool, now: Nanoseconds) -> Nanoseconds? {
    guard hasWaiting else {
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

  /// What did not answer by then is not waited for any more.
  package mutating func deadlinePassed(hasWaiting: Bool, now: Nanoseconds) -> Search? {
    guard let check = nextDeadline(hasWaiting: hasWaiting, now: now), check <= now else {
      return nil
    }
    return Search(tried: [], check: now + Self.interval)
  }

  /// One was looked at: either its removal has begun, or it stays.
  package mutating func looked(at id: ID, isClaimed: Bool) -> Search? {
    guard case .asking(id, let tried, let check) = state else { return nil }
    guard isClaimed else { return Search(tried: tried, check: check) }
    state = .removing(id, tried: tried, check: check)
    return nil
  }

  /// A removal has ended, well or not.
  package mutating func removed(_ id: ID) -> Search? {
    guard case .removing(id, let tried, let check) = state else { return nil }
    return Search(tried: tried, check: check)
  }

  /// - Parameter next: nil where there is room, or nothing is left to be asked.
  package mutating func chose(_ next: ID?, in search: Search) {
    guard let next else {
      state = .resting(check: search.check)
      return
    }
    state = .asking(next, tried: search.tried.union([next]), check: search.check)
  }
}
