import ReapRules

/// How far an archive is followed. Each limit that is reached keeps the archive whole, and names itself.
package struct SlimLimits: Sendable, Equatable {
  /// Archives in archives.
  package var depth = 20
  /// Members, those of archives inside included.
  package var entries: Int64 = 1_000_000
  /// Bytes that one packed byte may turn into, …
  package var ratio: Int64 = 200
  /// … above so many.
  package var ratioFloor: Int64 = 1 << 20
  /// Unpacked bytes of it and all that is inside; nil: any number.
  package var bytes: Int64?
  /// Bytes of the names of members that are left out, as far as each differs from the one before, and eleven more
  /// for each: they are in memory until the end.
  package var nameBytes = 16 << 20

  package init() {}
}

/// What one archive has used of its limits.
final class SlimSpending {
  let limits: SlimLimits
  private var entries: Int64 = 0
  private var bytes: Int64 = 0

  init(_ limits: SlimLimits) { self.limits = limits }

  func spendEntry() throws(SlimProblem) {
    entries += 1
    guard entries <= limits.entries else {
      throw SlimProblem(.limit, "more than \(limits.entries) entries")
    }
  }

  func spend(bytes count: Int, packed: Int64, unpacked: Int64) throws(SlimProblem) {
    bytes += Int64(count)
    if let limit = limits.bytes, bytes > limit {
      throw SlimProblem(.limit, "more than \(formatSize(limit)) to read")
    }
    guard unpacked > limits.ratioFloor, unpacked / limits.ratio > packed else { return }
    throw SlimProblem(.limit, "more than \(limits.ratio) bytes out of each packed one")
  }

  func check(depth: Int) throws(SlimProblem) {
    guard depth <= limits.depth else {
      throw SlimProblem(.limit, "more than \(limits.depth) archives in each other")
    }
  }
}
