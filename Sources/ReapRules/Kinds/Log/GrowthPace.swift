/// When to look at the size of a growing log next: a writer at full speed must not bring about a look at
/// each of its lines, and one that fills the disk must not go unseen for long.
package struct GrowthPace: Sendable {
  /// A log that grows by 100 MB/s is a tenth of the usual limit further by then.
  package static let shortest = 50 * nanosecondsPerSecond / 1000
  /// However slowly it grows: it may grow faster from one moment to the next.
  package static let longest = 2 * nanosecondsPerSecond

  private var last: (size: Int64, at: Nanoseconds)?

  package init() {}

  /// How long to wait, where the log has that size now.
  ///
  /// - Parameter limit: the size that it is to be looked at for; above it, nothing is hurried.
  package mutating func wait(size: Int64, limit: Int64, now: Nanoseconds) -> Nanoseconds {
    defer { last = (size, now) }
    guard let last, now > last.at else { return Self.shortest }
    guard size <= limit else { return Self.longest / 2 }
    let grown = Double(max(1, size - last.size))
    // Half-way to the limit, at the pace that it has.
    let left = Double(limit - size) * Double(now - last.at) / grown / 2
    return Nanoseconds(min(max(left, Double(Self.shortest)), Double(Self.longest)))
  }
}
