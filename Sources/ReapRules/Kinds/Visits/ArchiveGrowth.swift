// Archives of a node that contain each other, seen by their sizes: each of the last is far larger than the
// one before.

package struct ArchiveGrowth: Sendable, Equatable {
  package struct Archive: Sendable, Equatable {
    /// Bytes.
    package let size: Int64
    /// Wall clock.
    package let made: Nanoseconds

    package init(size: Int64, made: Nanoseconds) {
      (self.size, self.made) = (size, made)
    }
  }

  /// Each of so many has grown …
  private static let steps = 3
  /// … by this factor at least: two archives in each other double, and what else is in them blurs that.
  private static let factor = 1.8

  /// The last ones, the newest at the end.
  package let sizes: [Int64]
  /// How many more there is room for; nil where that is not known.
  package let left: Int64?
  /// When the one comes that has none, at the pace of the last; wall clock.
  package let full: Nanoseconds?

  /// Nil where they do not grow so.
  ///
  /// - Parameters:
  ///   - archives: the newest at the end, as they were made: a slimmed one says nothing.
  ///   - free: bytes that unprivileged users may take.
  package init?(_ archives: [Archive], free: Int64?) {
    let last = archives.suffix(Self.steps + 1)
    guard last.count == Self.steps + 1, let first = last.first, let newest = last.last,
      zip(last, last.dropFirst()).allSatisfy({
        $0.size > 0 && Double($1.size) >= Double($0.size) * Self.factor
      })
    else { return nil }
    sizes = last.map(\.size)
    let ratio = Double(newest.size) / Double(Array(last)[Self.steps - 1].size)
    var (next, room, count) = (Double(newest.size) * ratio, Double(free ?? 0), Int64(0))
    // Each is larger by the factor: they are few.
    while free != nil, next <= room {
      room -= next
      next *= ratio
      count += 1
    }
    left = free.map { _ in count }
    let pace = saturatingDifference(newest.made, first.made) / Nanoseconds(Self.steps)
    let (span, isFar) = pace.multipliedReportingOverflow(by: count + 1)
    full = free != nil && pace > 0 && !isFar ? saturatingSum(newest.made, span) : nil
  }

  package var words: String {
    let grown = sizes.map(roughSize).joined(separator: ", ")
    guard let left else { return "its archives grow by each other: \(grown)" }
    let when = full.map { ", about \(formatTime($0).prefix(16))Z at this pace" } ?? ""
    return "its archives grow by each other: \(grown); the disk has room for "
      + (left == 1 ? "1 more" : "\(left) more") + ", and is full with the next\(when)"
  }

  package var members: [(String, JSONValue)] {
    [
      ("sizes", .array(sizes.map(JSONValue.integer))),
      ("archives_left", left.map(JSONValue.integer) ?? .null),
      ("full_at", full.map { .string(formatTime($0)) } ?? .null),
    ]
  }
}

/// Archives of which each is far larger than the one before.
package struct GrowthWarning: Sendable {
  /// Absolute; the directory that they are of.
  package let path: [UInt8]
  package let growth: ArchiveGrowth

  package init(path: [UInt8], growth: ArchiveGrowth) {
    (self.path, self.growth) = (path, growth)
  }
}
