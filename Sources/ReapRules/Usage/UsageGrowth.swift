// How a tree and its file system have changed between two runs, and what comes of it if that goes on.

/// What a tree occupies and what its file system has left, at one time.
package struct UsagePoint: Sendable, Equatable {
  /// Wall clock, ns.
  package var wall: Nanoseconds
  /// Of the tree, allocated.
  package var bytes: Int64
  package var inodes: Int64
  /// Of the file system, for unprivileged users; nil where it has no number of them.
  package var freeBytes: Int64?
  package var freeInodes: Int64?

  package init(
    wall: Nanoseconds, bytes: Int64, inodes: Int64, freeBytes: Int64?, freeInodes: Int64?
  ) {
    self.wall = wall
    self.bytes = bytes
    self.inodes = inodes
    self.freeBytes = freeBytes
    self.freeInodes = freeInodes
  }

  package init(wall: Nanoseconds, _ sum: UsageSum, _ room: FreeRoom) {
    self.init(
      wall: wall, bytes: sum.bytes, inodes: sum.inodes,
      freeBytes: room.totalBytes > 0 ? room.freeBytes : nil,
      freeInodes: room.totalInodes > 0 ? room.freeInodes : nil)
  }
}

/// When a file system is full if it goes on as it did.
package struct Forecast: Sendable, Equatable {
  package enum Room: String, Sendable {
    case bytes, inodes
  }

  /// Whose pace it is.
  package enum Pace: String, Sendable {
    /// What all on the file system have taken.
    case fileSystem = "file-system"
    /// What the tree has taken: others may have given back as much, once.
    case tree
  }

  /// Wall clock, ns.
  package let full: Nanoseconds
  package let room: Room
  package let pace: Pace

  /// Days that are further away than so many years are none that anybody plans for.
  private static let horizon: Nanoseconds = 100 * 365 * 86400 * nanosecondsPerSecond

  /// The day, of UTC: `2026-12-14`.
  package var day: String { String(formatTime(full).prefix(10)) }

  /// Nil where what is asked for does not run out within a hundred years.
  ///
  /// - Parameters:
  ///   - free: what is left.
  ///   - taken: how much was taken in `span`.
  private init?(
    _ room: Room, _ pace: Pace, free: Int64, taken: Int64, in span: Nanoseconds,
    from wall: Nanoseconds
  ) {
    guard taken > 0, span > 0 else { return nil }
    let left = scaled(free, by: span, over: taken)
    guard left <= Self.horizon, !wall.addingReportingOverflow(left).overflow else { return nil }
    self.full = wall + left
    self.room = room
    self.pace = pace
  }

  /// The earliest of all that may run out: bytes and inodes, each by both paces.
  fileprivate static func earliest(
    from old: UsagePoint, to new: UsagePoint, in span: Nanoseconds
  ) -> Forecast? {
    func forecasts(
      _ room: Room, _ oldFree: Int64?, _ newFree: Int64?, byTree taken: Int64
    ) -> [Forecast?] {
      guard let newFree else { return [] }
      return [
        oldFree.flatMap {
          Forecast(
            room, .fileSystem, free: newFree, taken: saturatingDifference($0, newFree), in: span,
            from: new.wall)
        },
        Forecast(room, .tree, free: newFree, taken: taken, in: span, from: new.wall),
      ]
    }
    let all =
      forecasts(
        .bytes, old.freeBytes, new.freeBytes, byTree: saturatingDifference(new.bytes, old.bytes))
      + forecasts(
        .inodes, old.freeInodes, new.freeInodes,
        byTree: saturatingDifference(new.inodes, old.inodes))
    return all.compactMap { $0 }.min { $0.full < $1.full }
  }
}

package struct UsageGrowth: Sendable, Equatable {
  /// Of the tree; negative where it shrank.
  package let bytes: Int64
  package let inodes: Int64
  /// Since the earlier run; nil where the clock was set back in between.
  package let span: Nanoseconds?
  package let forecast: Forecast?

  /// A pace that was seen for less than this is none.
  package static let shortestSpan = nanosecondsPerSecond

  package init(from old: UsagePoint, to new: UsagePoint) {
    bytes = saturatingDifference(new.bytes, old.bytes)
    inodes = saturatingDifference(new.inodes, old.inodes)
    let span = saturatingDifference(new.wall, old.wall)
    self.span = span >= 0 ? span : nil
    forecast =
      span >= Self.shortestSpan ? Forecast.earliest(from: old, to: new, in: span) : nil
  }

  /// Of the tree, in 24 hours; nil where the time between is too short, or not known.
  package var bytesPerDay: Int64? {
    guard let span, span >= Self.shortestSpan else { return nil }
    let perDay = Double(bytes) / Double(span) * Double(86400 * nanosecondsPerSecond)
    return abs(perDay) < 9e18 ? Int64(perDay) : nil
  }
}

extension UsageSnapshot {
  /// How much more one of the directories in the tree occupies now; nil where that was not noted.
  package func growth(of name: [UInt8], to bytes: Int64) -> Int64? {
    if let before = directories[name] { return saturatingDifference(bytes, before) }
    return hasAllDirectories ? bytes : nil
  }
}
