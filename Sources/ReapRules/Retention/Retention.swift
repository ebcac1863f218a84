// Which of a group's members go though each of them might stay: pure, the same for every kind.

/// How much of a group is kept: by count, age, bytes and free room. What is unbounded is nil.
package struct Retention: Sendable, Equatable {
  /// So many expendable ones stay, the last in the order in which they go. What is not expendable
  /// does not use it up.
  package var maxCount: Int?
  /// None stays that is so old.
  package var maxAge: Nanoseconds?
  /// So many bytes stay, those of members that are not expendable counted in.
  package var maxBytes: Int64?
  package var room = RoomBounds()

  package init(
    maxCount: Int? = nil, maxAge: Nanoseconds? = nil, maxBytes: Int64? = nil,
    room: RoomBounds = RoomBounds()
  ) {
    self.maxCount = maxCount
    self.maxAge = maxAge
    self.maxBytes = maxBytes
    self.room = room
  }

  /// Of the file system that the group lies on.
  package struct RoomBounds: Sendable, Equatable {
    package var minFree: FreeSpace?
    package var minFreeInodes: FreeSpace?
    package var pressure: Pressure?
    /// So many expendable ones stay, however little room there is.
    package var minCount = 0
    /// Nothing goes for `minFree` and `minFreeInodes` where all together could not reach them.
    package var isAllOrNothing = false

    package init(minFree: FreeSpace? = nil, minFreeInodes: FreeSpace? = nil) {
      self.minFree = minFree
      self.minFreeInodes = minFreeInodes
    }

    /// Whether `minFree` or `minFreeInodes` is anything to look at.
    package var isFloored: Bool { minFree != nil || minFreeInodes != nil }

    /// What is lacking of `minFree` and `minFreeInodes`.
    package func shortage(in room: FreeRoom) -> RoomShortage {
      RoomShortage(
        bytes: minFree?.shortfall(free: room.freeBytes, total: room.totalBytes) ?? 0,
        inodes: minFreeInodes?.shortfall(free: room.freeInodes, total: room.totalInodes) ?? 0)
    }
  }

  /// One of the group.
  package struct Member<ID: Comparable & Sendable>: Sendable {
    package enum Standing: Sendable, Equatable {
      /// Alive, protected or in doubt: it stays, whatever is lacking.
      case stays
      /// It may go. All of a lower rank go before any of a higher.
      case expendable(rank: UInt8)
    }

    package let id: ID
    package let standing: Standing
    /// What its age is counted from. Of one rank, the oldest goes first.
    package let since: Nanoseconds
    /// What its end frees; nil where nobody knows.
    package let bytes: Int64?
    package let inodes: Int64?
    /// Whether age alone may demand its end.
    package let yieldsToAge: Bool

    package init(
      _ id: ID, _ standing: Standing, since: Nanoseconds, bytes: Int64? = nil,
      inodes: Int64? = nil, yieldsToAge: Bool = true
    ) {
      self.yieldsToAge = yieldsToAge
      self.id = id
      self.standing = standing
      self.since = since
      self.bytes = bytes
      self.inodes = inodes
    }

    fileprivate var rank: UInt8? {
      if case .expendable(let rank) = standing { rank } else { nil }
    }
  }

  /// What demands that one goes.
  package enum Cause: Sendable, Equatable {
    case age, count, bytes, room, pressure
  }

  package struct Choice<ID: Comparable & Sendable>: Sendable {
    /// In the order in which they go.
    package var going: [(member: Member<ID>, cause: Cause)] = []
    /// To be handed to the next choice.
    package var begun: Pressure.Begun
    /// When time alone demands the next one; nil where it does not.
    package var nextDue: Nanoseconds?
  }

  /// The expendable ones in the order in which they go, whatever order they came in.
  package static func order<ID>(of members: some Sequence<Member<ID>>) -> [Member<ID>] {
    members.filter { $0.rank != nil }.sorted {
      ($0.rank ?? 0, $0.since, $0.id) < ($1.rank ?? 0, $1.since, $1.id)
    }
  }

  /// Which of a group go now.
  ///
  /// - Parameters:
  ///   - room: nil where the file system does not answer: nothing goes for it then.
  ///   - now: of the clock that `since` is of.
  ///   - begun: what the last choice said of pressure.
  package func choose<ID>(
    from members: [Member<ID>], room free: FreeRoom? = nil, now: Nanoseconds,
    begun: Pressure.Begun = []
  ) -> Choice<ID> {
    var choosing = Choosing(expendable: Self.order(of: members), choice: Choice(begun: begun))
    if let maxAge {
      choosing.take(.age) {
        $0.filter { $0.yieldsToAge && saturatingDifference(now, $0.since) >= maxAge }
      }
      choosing.choice.nextDue =
        choosing.expendable.filter(\.yieldsToAge).map { Self.sum($0.since, maxAge) }.min()
    }
    if let maxCount {
      choosing.take(.count) { Array($0.prefix(max(0, $0.count - max(0, maxCount)))) }
    }
    if let maxBytes {
      let staying = members.lazy.filter { $0.rank == nil } + choosing.expendable
      let weight = staying.reduce(0) { Self.sum($0, max(0, $1.bytes ?? 0)) }
      let excess = RoomShortage(bytes: max(0, saturatingDifference(weight, max(0, maxBytes))))
      // What nobody has measured is not in the weight, so its end would not lessen that.
      choosing.take(.bytes) { excess.relief(from: $0.lazy.filter { $0.bytes != nil }) }
    }
    if let free { chooseForRoom(&choosing, free, now) }
    return choosing.choice
  }

  private func chooseForRoom<ID>(
    _ choosing: inout Choosing<ID>, _ free: FreeRoom, _ now: Nanoseconds
  ) {
    if let lacking = choosing.rest(of: room.shortage(in: free)) {
      choosing.take(.room) {
        let spare = $0.dropLast(max(0, room.minCount))
        return room.isAllOrNothing ? lacking.wholeRelief(from: spare) : lacking.relief(from: spare)
      }
    }
    guard let pressure = room.pressure else { return }
    let shortage = pressure.shortage(in: free, &choosing.choice.begun)
    guard let lacking = choosing.rest(of: shortage) else { return }
    choosing.take(.pressure) {
      lacking.relief(
        from: $0.dropLast(max(0, room.minCount)).lazy.filter {
          saturatingDifference(now, $0.since) >= pressure.minAge
        })
    }
    // What is too young now may go for it then.
    let coming = choosing.expendable.lazy.map { Self.sum($0.since, pressure.minAge) }
      .filter { $0 > now }.min()
    guard !lacking.isNone, let coming else { return }
    choosing.choice.nextDue = min(choosing.choice.nextDue ?? .max, coming)
  }

  private static func sum(_ left: Int64, _ right: Int64) -> Int64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
  }

  /// A choice that is being made.
  private struct Choosing<ID: Comparable & Sendable> {
    /// The members that nothing has demanded yet, in order.
    var expendable: [Member<ID>]
    var choice: Choice<ID>

    mutating func take(_ cause: Cause, _ demand: ([Member<ID>]) -> [Member<ID>]) {
      let demanded = demand(expendable)
      guard !demanded.isEmpty else { return }
      choice.going += demanded.map { ($0, cause) }
      let ids = demanded.map(\.id)
      var left = ids[...]
      // Both are in the same order.
      expendable.removeAll { member in
        guard left.first == member.id else { return false }
        left.removeFirst()
        return true
      }
    }

    /// What is still lacking when those have gone that go anyway; nil where that only shows then.
    func rest(of shortage: RoomShortage) -> RoomShortage? {
      var lacking = shortage
      for (member, _) in choice.going {
        if lacking.bytes > 0, member.bytes == nil { return nil }
        if lacking.inodes > 0, member.inodes == nil { return nil }
        lacking.lessen(by: member)
      }
      return lacking
    }
  }
}
