// What was found of each member of one archive, in as few bytes as a million of them allow, and what
// follows from it.

/// The members of one archive in their order.
package struct Ledger {
  /// Where each begins in the unpacked stream, what stands before its own headers included: a multiple of
  /// tar's blocks. Bit 0: byte-equal to a file on the disk; above: blocks of global headers.
  private var starts: [Int64] = []
  private var names: [UInt64] = []
  private var linked: [UInt64] = []
  private var tail: Int64 = 0
  /// Where the end blocks begin.
  package private(set) var end: Int64 = 0
  package private(set) var provedCount = 0
  package private(set) var proofs: ProvingFiles

  private static let longestGlobal: Int64 = 255

  /// - Parameters:
  ///   - nameLimit: bytes that the proving files may take.
  ///   - entries: as many members as may come.
  package init(nameLimit: Int, entries: Int64 = 1 << 10) {
    proofs = ProvingFiles(limit: nameLimit)
    // What is not used of it is not in memory; growing would need it twice.
    let room = Int(clamping: min(entries, 1 << 20))
    starts.reserveCapacity(room)
    names.reserveCapacity(room)
  }

  package var count: Int { starts.count }

  /// - Parameter global: bytes of the global headers in front of it.
  package mutating func add(name: UInt64, at start: Int64, global: Int64, isProved: Bool) {
    let blocks = global / HeaderChain.blockSize
    // Longer ones are nobody's; the member stays as it is.
    let goes = isProved && blocks <= Self.longestGlobal
    starts.append(start | (goes ? blocks << 1 | 1 : 0))
    names.append(name)
    if goes { provedCount += 1 }
  }

  /// A hard link, which stays, and so must what it names.
  package mutating func addLink(to name: UInt64) { linked.append(name) }

  mutating func add(proof path: [UInt8], stamp: UInt64) throws(SlimProblem) {
    try proofs.add(path, stamp: stamp)
  }

  /// - Parameters:
  ///   - tail: where global headers begin that no member follows.
  ///   - end: where the end blocks begin.
  package mutating func finish(tail: Int64, end: Int64) { (self.tail, self.end) = (tail, end) }

  /// What stays of the archive.
  package func plan() -> SlimPlan {
    let needed = neededNames()
    var plan = SlimPlan(members: count)
    for index in starts.indices {
      let mark = starts[index] % HeaderChain.blockSize
      let start = starts[index] - mark
      let next = index + 1 < starts.count ? starts[index + 1] : tail
      let goes = mark & 1 == 1 && !isIn(needed, names[index])
      plan.add(
        start, next - next % HeaderChain.blockSize, global: (mark >> 1) * HeaderChain.blockSize,
        goes: goes)
    }
    plan.add(tail: tail..<end)
    return plan
  }
}

extension Ledger {
  /// Names that occur twice or that a link names, sorted. No set: that would take four times as much, and an
  /// archive can be made of nothing else.
  private func neededNames() -> [UInt64] {
    var sorted = names.sorted()
    var count = 0
    for index in sorted.indices.dropFirst() where sorted[index] == sorted[index - 1] {
      sorted[count] = sorted[index]
      count += 1
    }
    sorted.removeLast(sorted.count - count)
    sorted += linked
    sorted.sort()
    return sorted
  }

  private func isIn(_ sorted: [UInt64], _ name: UInt64) -> Bool {
    var (low, high) = (0, sorted.count)
    while low < high {
      let middle = (low + high) / 2
      if sorted[middle] < name { low = middle + 1 } else { high = middle }
    }
    return low < sorted.count && sorted[low] == name
  }
}

/// Which ranges of the unpacked stream stay, joined where they meet.
package struct SlimPlan: Sendable, Equatable {
  package private(set) var kept: [Range<Int64>] = []
  /// Where each member that stays begins in the new stream, its global headers included.
  package private(set) var starts: [Int64] = []
  package let members: Int
  package private(set) var leftOut = 0
  package private(set) var leftOutBytes: Int64 = 0
  /// Bytes that stay, end blocks apart.
  package private(set) var length: Int64 = 0
  private var pending: Int64?

  init(members: Int) {
    self.members = members
    kept.reserveCapacity(members)
    starts.reserveCapacity(members)
  }

  fileprivate mutating func add(_ start: Int64, _ stop: Int64, global: Int64, goes: Bool) {
    if goes {
      leftOut += 1
      leftOutBytes += stop - start - global
      guard global > 0 else { return }
      // They open what stays next.
      pending = pending ?? length
      keep(start..<start + global)
    } else {
      starts.append(pending ?? length)
      pending = nil
      keep(start..<stop)
    }
  }

  fileprivate mutating func add(tail: Range<Int64>) { if !tail.isEmpty { keep(tail) } }

  private mutating func keep(_ range: Range<Int64>) {
    length += range.upperBound - range.lowerBound
    if let last = kept.last, last.upperBound == range.lowerBound {
      kept[kept.count - 1] = last.lowerBound..<range.upperBound
    } else {
      kept.append(range)
    }
  }
}
