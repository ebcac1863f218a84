// One choice carried out: what is asked for next, what came of it, and when it is over. Pure.

/// How much became free by what went for free room, from one pass to the next.
package struct RoomYield<ID: Comparable & Hashable & Sendable>: Sendable {
  /// The last one, and the room before it went.
  fileprivate var last: (member: Retention.Member<ID>, room: FreeRoom)?
  /// So many in a row freed less than half of what was counted.
  fileprivate var poor = 0

  package init() {}
}

package struct RetentionPass<ID: Comparable & Hashable & Sendable>: Sendable {
  /// So many go in one pass; the rest in the next, so that whoever follows sees an end.
  package static var limit: Int { 1000 }
  /// So many in a row that freed less than half of what was counted end what goes for free room: what
  /// fills the disk is something else.
  private static var poorLimit: Int { 2 }

  /// What a pass came to.
  package struct Result: Sendable, Equatable {
    /// Chosen and gone, or going.
    package var pruned = 0
    /// Chosen, and kept after all: somebody uses them by now, or they could not be removed.
    package var kept = 0
    /// Allocated bytes that became free, as far as was counted.
    package var bytes: Int64 = 0
    /// Left for the next pass.
    package var left = 0
    /// What went for free room freed too little.
    package var hasGivenUp = false
  }

  private typealias Chosen = (member: Retention.Member<ID>, cause: Retention.Cause)

  private let bounds: Retention.RoomBounds
  /// Nothing becomes free: what was chosen is taken as it is.
  private let isDry: Bool
  private var waiting: ArraySlice<Chosen>
  private var asked: Set<ID> = []
  /// To be handed to the next pass.
  package private(set) var yield: RoomYield<ID>
  package private(set) var result = Result()
  /// To be handed to the next choice.
  package private(set) var begun: Pressure.Begun

  package init(
    _ choice: Retention.Choice<ID>, bounds: Retention.RoomBounds,
    after yield: RoomYield<ID> = RoomYield(), isDry: Bool = false
  ) {
    self.yield = yield
    self.bounds = bounds
    self.isDry = isDry
    waiting = choice.going.prefix(Self.limit)[...]
    result.left = choice.going.count - waiting.count
    begun = choice.begun
  }

  package var isOver: Bool { waiting.isEmpty && asked.isEmpty }

  /// Whether what is next rests on how much the last one has freed.
  package var asksForRoom: Bool {
    !isDry && asked.isEmpty && yield.last != nil
  }

  package func awaits(_ id: ID) -> Bool { asked.contains(id) }

  /// What is to be judged again now, with the demand. Of what goes for free room one after the other,
  /// and none once there is enough.
  ///
  /// - Parameter room: as it is now; nil where the file system does not answer.
  package mutating func next(room: FreeRoom?) -> [(id: ID, demand: Retention.Demand)] {
    if asked.isEmpty, let room { judgeYield(room) }
    var asking: [(id: ID, demand: Retention.Demand)] = []
    while let first = waiting.first {
      if isDry || !first.cause.isOfRoom {
        waiting.removeFirst()
      } else {
        guard asked.isEmpty else { return asking }
        guard let room, isStillLacking(first.cause, room) else {
          waiting.removeFirst()
          continue
        }
        waiting.removeFirst()
        if first.cause == .room { yield.last = (first.member, room) }
      }
      asked.insert(first.member.id)
      asking.append(
        (first.member.id, Retention.Demand(first.cause, since: first.member.since)))
    }
    return asking
  }

  /// It stays after all.
  package mutating func kept(_ id: ID) {
    guard asked.remove(id) != nil else { return }
    result.kept += 1
    // It has freed nothing, and was not to. Whether the others can reach the bound is another question
    // then.
    guard yield.last?.member.id == id else { return }
    yield.last = nil
    waiting.removeAll { $0.cause == .room }
  }

  /// It is gone.
  ///
  /// - Parameter bytes: what its removal has freed.
  package mutating func removed(_ id: ID, bytes: Int64) {
    guard asked.remove(id) != nil else { return }
    result.pruned += 1
    result.bytes = saturatingSum(result.bytes, bytes)
  }

  /// At once: what is written later is no fault of what went.
  private mutating func judgeYield(_ room: FreeRoom) {
    guard let last = yield.last else { return }
    yield.last = nil
    let lacking = bounds.shortage(in: room)
    let isPoor = !lacking.isNone && last.member.isPoor(before: last.room, after: room, lacking)
    yield.poor = isPoor ? yield.poor + 1 : 0
    if yield.poor >= Self.poorLimit {
      yield = RoomYield()
      result.hasGivenUp = true
    }
  }

  private mutating func isStillLacking(_ cause: Retention.Cause, _ room: FreeRoom) -> Bool {
    if cause == .pressure {
      guard let pressure = bounds.pressure else { return false }
      return !pressure.shortage(in: room, &begun).isNone
    }
    let lacking = bounds.shortage(in: room)
    return !lacking.isNone && !result.hasGivenUp
  }
}

extension Retention.Member {
  /// Whether its end has freed less than half of what was counted, of what is lacking.
  fileprivate func isPoor(before: FreeRoom, after: FreeRoom, _ lacking: RoomShortage) -> Bool {
    func isPoor(_ counted: Int64?, _ freed: Int64) -> Bool {
      counted.map { freed < $0 / 2 } ?? false
    }
    return lacking.bytes > 0
      && isPoor(bytes, saturatingDifference(after.freeBytes, before.freeBytes))
      || lacking.inodes > 0
        && isPoor(inodes, saturatingDifference(after.freeInodes, before.freeInodes))
  }
}
