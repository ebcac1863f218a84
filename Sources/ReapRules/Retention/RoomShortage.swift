// Too little room on a file system: how much is lacking, and which members of a group end that.

/// How much more has to become free. Nothing is lacking where both are zero.
package struct RoomShortage: Sendable, Equatable {
  package var bytes: Int64
  package var inodes: Int64

  package init(bytes: Int64 = 0, inodes: Int64 = 0) {
    self.bytes = bytes
    self.inodes = inodes
  }

  package var isNone: Bool { bytes <= 0 && inodes <= 0 }

  /// Whether the end of this member would make it less, as far as is known.
  private func isLessened<ID>(by member: Retention.Member<ID>) -> Bool {
    (bytes > 0 && member.bytes != 0) || (inodes > 0 && member.inodes != 0)
  }

  /// Whether only its end will show how much is lacking then.
  private func isUnknown<ID>(after member: Retention.Member<ID>) -> Bool {
    (bytes > 0 && member.bytes == nil) || (inodes > 0 && member.inodes == nil)
  }

  mutating func lessen<ID>(by member: Retention.Member<ID>) {
    bytes = max(0, saturatingDifference(bytes, max(0, member.bytes ?? 0)))
    inodes = max(0, saturatingDifference(inodes, max(0, member.inodes ?? 0)))
  }

  /// The members whose end gives what is lacking, and none more. What frees nothing stays; after one
  /// of which nobody knows what it frees, the room is to be looked at anew.
  ///
  /// - Parameter ordered: the expendable ones, in the order in which they go.
  package func relief<ID>(
    from ordered: some Sequence<Retention.Member<ID>>
  ) -> [Retention.Member<ID>] {
    var lacking = self
    var chosen: [Retention.Member<ID>] = []
    for member in ordered {
      guard !lacking.isNone else { break }
      guard lacking.isLessened(by: member) else { continue }
      chosen.append(member)
      if lacking.isUnknown(after: member) { break }
      lacking.lessen(by: member)
    }
    return chosen
  }

  /// What `relief` chooses; nothing where all the members together would not give what is lacking.
  package func wholeRelief<ID>(
    from ordered: some Sequence<Retention.Member<ID>>
  ) -> [Retention.Member<ID>] {
    let chosen = relief(from: ordered)
    var rest = self
    for member in chosen { rest.lessen(by: member) }
    return rest.isNone ? chosen : []
  }
}

/// Begins above one mark of use and ends at another below it, so that it does not flicker at one.
package struct Pressure: Sendable, Hashable {
  /// Which of both was above `start` and is not yet at `stop`.
  package struct Begun: OptionSet, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let bytes = Begun(rawValue: 1 << 0)
    package static let inodes = Begun(rawValue: 1 << 1)
  }

  /// Used, of the whole, in hundredths of a percent. Used is what is not free for unprivileged users.
  package var start: Int64
  /// At most `start`.
  package var stop: Int64
  /// Nothing younger goes for it.
  package var minAge: Nanoseconds

  package init(start: Int64, stop: Int64, minAge: Nanoseconds = 0) {
    self.start = start
    self.stop = min(start, stop)
    self.minAge = minAge
  }

  /// Of the whole, in hundredths of a percent: use this near the mark is looked at now and then, since
  /// writes elsewhere on the file system make no event here.
  private static let vicinity: Int64 = 500

  /// Whether use is so near the mark at which it begins.
  package func isNear(_ room: FreeRoom) -> Bool {
    isNear(room.freeBytes, room.totalBytes) || isNear(room.freeInodes, room.totalInodes)
  }

  private func isNear(_ free: Int64, _ total: Int64) -> Bool {
    guard total > 0 else { return false }
    func isAbove(_ mark: Int64) -> Bool {
      FreeSpace.share(min(FreeSpace.whole, max(0, FreeSpace.whole - mark)))
        .isBelow(free: free, total: total)
    }
    return isAbove(start - Self.vicinity) && !isAbove(start + Self.vicinity)
  }

  /// What is lacking now.
  ///
  /// - Parameter begun: what was under way at the last look; gives what is at this one.
  package func shortage(in room: FreeRoom, _ begun: inout Begun) -> RoomShortage {
    RoomShortage(
      bytes: lack(room.freeBytes, room.totalBytes, .bytes, &begun),
      inodes: lack(room.freeInodes, room.totalInodes, .inodes, &begun))
  }

  private func lack(
    _ free: Int64, _ total: Int64, _ part: Begun, _ begun: inout Begun
  ) -> Int64 {
    let lacking = FreeSpace.share(FreeSpace.whole - stop).shortfall(free: free, total: total)
    let isAbove = FreeSpace.share(FreeSpace.whole - start).isBelow(free: free, total: total)
    guard lacking > 0, isAbove || begun.contains(part) else {
      begun.remove(part)
      return 0
    }
    begun.insert(part)
    return lacking
  }
}
