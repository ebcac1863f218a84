// What was found of each member of one archive, in as few bytes as a million of them allow, and what
// follows from it.

/// One file on the disk that proves a member, as it was when it was compared.
package struct ProvingFile: Sendable, Equatable {
  package let path: [UInt8]
  /// A digest of device, inode, birth, change time and size.
  package let stamp: UInt64
}

/// The members of one archive in their order.
package struct Ledger {
  /// Where each begins in the unpacked stream, what stands before its own headers included.
  private var starts: [Int64] = []
  private var names: [UInt64] = []
  /// Bit 0: byte-equal to a file on the disk; above: its global headers' length.
  private var marks: [UInt32] = []
  private var linked: Set<UInt64> = []
  private var paths: [UInt8] = []
  private var proofs: [(start: UInt32, length: UInt16, stamp: UInt64)] = []
  private var tail: Int64 = 0
  /// Where the end blocks begin.
  package private(set) var end: Int64 = 0
  package private(set) var provedCount = 0
  private let nameLimit: Int

  package init(nameLimit: Int) { self.nameLimit = nameLimit }

  package var count: Int { starts.count }
  package var proofCount: Int { proofs.count }

  /// - Parameter global: bytes of the global headers in front of it.
  package mutating func add(name: UInt64, at start: Int64, global: Int64, isProved: Bool) {
    starts.append(start)
    names.append(name)
    marks.append(UInt32(clamping: global) << 1 | (isProved ? 1 : 0))
    if isProved { provedCount += 1 }
  }

  /// A hard link, which stays, and so must what it names.
  package mutating func addLink(to name: UInt64) { linked.insert(name) }

  mutating func add(proof path: [UInt8], stamp: UInt64) throws(SlimProblem) {
    guard paths.count + path.count <= nameLimit, let length = UInt16(exactly: path.count) else {
      throw SlimProblem(.limit, "more than \(nameLimit) bytes of names")
    }
    proofs.append((UInt32(paths.count), length, stamp))
    paths += path
  }

  /// - Parameters:
  ///   - tail: where global headers begin that no member follows.
  ///   - end: where the end blocks begin.
  package mutating func finish(tail: Int64, end: Int64) { (self.tail, self.end) = (tail, end) }

  package func proof(_ index: Int) -> ProvingFile {
    let (start, length, stamp) = proofs[index]
    return ProvingFile(path: Array(paths[Int(start)..<Int(start) + Int(length)]), stamp: stamp)
  }

  /// What stays of the archive.
  package func plan() -> SlimPlan {
    let sorted = names.sorted()
    var twice: Set<UInt64> = []
    for (one, next) in zip(sorted, sorted.dropFirst()) where one == next { twice.insert(one) }
    var plan = SlimPlan(members: count)
    for index in starts.indices {
      let stop = index + 1 < starts.count ? starts[index + 1] : tail
      let goes =
        marks[index] & 1 == 1 && !twice.contains(names[index]) && !linked.contains(names[index])
      let global = Int64(marks[index] >> 1)
      plan.add(starts[index], stop, global: global, goes: goes)
    }
    plan.add(tail: tail..<end)
    return plan
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

  init(members: Int) { self.members = members }

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
