// Whether a file system is used up to a mark, said once.

extension FreeRoom {
  /// What is not free for unprivileged users, of the whole, in hundredths of a percent; nil where there is
  /// no whole.
  package static func usedShare(free: Int64, total: Int64) -> Int64? {
    guard total > 0 else { return nil }
    let used = max(0, saturatingDifference(total, max(0, free)))
    return total.dividingFullWidth(used.multipliedFullWidth(by: FreeSpace.whole)).quotient
  }

  package var usedBytesShare: Int64? { Self.usedShare(free: freeBytes, total: totalBytes) }
  package var usedInodesShare: Int64? { Self.usedShare(free: freeInodes, total: totalInodes) }
}

/// Of one file system.
package struct UseWarning: Sendable, Equatable {
  package struct Words: Sendable, Equatable {
    package let room: Forecast.Room
    /// Used, in hundredths of a percent.
    package let share: Int64
  }

  /// So much has use to fall below the mark before it is said again, in hundredths of a percent: else what
  /// stays about there would be told time and again.
  private static let slack: Int64 = 100

  private var said: Set<Forecast.Room> = []

  package init() {}

  /// - Parameter mark: in hundredths of a percent.
  /// - Returns: what is to be said now.
  package mutating func look(at room: FreeRoom, mark: Int64) -> [Words] {
    let shares: [(Forecast.Room, Int64?)] = [
      (.bytes, room.usedBytesShare), (.inodes, room.usedInodesShare),
    ]
    var words: [Words] = []
    for case (let room, let share?) in shares {
      if share >= mark {
        if said.insert(room).inserted { words.append(Words(room: room, share: share)) }
      } else if share < mark - min(Self.slack, mark / 2) {
        said.remove(room)
      }
    }
    return words
  }
}
