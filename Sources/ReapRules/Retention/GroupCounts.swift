// What a group amounts to, and what becomes free by the end of some of it.

/// How many of a group are left.
package struct GroupCounts: Sendable, Equatable {
  /// Expendable, within the bounds.
  package var kept = 0
  /// Not expendable: alive, protected, incomplete or in doubt.
  package var protected = 0

  package init<ID>(_ members: some Sequence<Retention.Member<ID>>) {
    for member in members {
      if member.standing == .stays { protected += 1 } else { kept += 1 }
    }
  }
}

/// What would be free besides, in a dry run.
package struct RoomGain: Sendable, Equatable {
  private var bytes: Int64 = 0
  private var inodes: Int64 = 0

  package init() {}

  package mutating func add<ID>(_ member: Retention.Member<ID>) {
    bytes = saturatingSum(bytes, max(0, member.bytes ?? 0))
    inodes = saturatingSum(inodes, max(0, member.inodes ?? 0))
  }

  package func added(to room: FreeRoom) -> FreeRoom {
    FreeRoom(
      freeBytes: saturatingSum(room.freeBytes, bytes), totalBytes: room.totalBytes,
      freeInodes: saturatingSum(room.freeInodes, inodes), totalInodes: room.totalInodes)
  }
}
