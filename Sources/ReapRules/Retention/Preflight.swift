// Whether there is room for what is about to be made: how much it will take, by what its like takes now.

/// What one instance that is there occupies.
package struct SampledInstance: Sendable, Equatable {
  package let bytes: Int64
  package let inodes: Int64

  package init(bytes: Int64, inodes: Int64) {
    self.bytes = bytes
    self.inodes = inodes
  }
}

/// How much is going to be made.
package struct SpawnPlan: Sendable, Equatable {
  /// So many instances, each like the mean of those that were sampled; nil: like those, one for each.
  package var count: Int64?
  /// Of each instance.
  package var replicas: Int64 = 1
  /// What a replica takes of its instance, in millionths: a fifth, which is what spica budgets.
  package var share: Int64 = 200_000
  /// At least so many bytes, whatever the samples say.
  package var least: Int64 = 0

  package init() {}

  package static let wholeShare: Int64 = 1_000_000

  /// Reads `0.2`, `1`, `1.25`, `20%`; nil for anything else, and for more than a thousandfold.
  package static func parseShare(_ text: String) -> Int64? {
    if case .share(let hundredths)? = FreeSpace.parseShare(text) { return hundredths * 100 }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isDigit) }),
      let whole = Int64(parts[0]), whole <= 1000
    else { return nil }
    var share = whole * wholeShare
    if parts.count == 2 {
      guard parts[1].utf8.count <= 6, let decimals = Int64(parts[1]) else { return nil }
      share += (0..<(6 - parts[1].utf8.count)).reduce(decimals) { value, _ in value * 10 }
    }
    return share
  }

  package static func formatShare(_ share: Int64) -> String {
    let (whole, rest) = share.quotientAndRemainder(dividingBy: wholeShare)
    guard rest > 0 else { return "\(whole)" }
    let digits = String(rest)
    let padded = String(repeating: "0", count: 6 - digits.utf8.count) + digits
    return "\(whole)." + padded.reversed().drop { $0 == "0" }.reversed()
  }
}

/// What a plan takes, by samples.
package struct SpawnEstimate: Sendable, Equatable {
  package let sampled: Int
  /// Of all that were sampled.
  package let sampledBytes: Int64
  /// The least and the most of one of them.
  package let smallest: Int64
  package let largest: Int64
  /// What is needed; rounded up.
  package let bytes: Int64
  package let inodes: Int64

  package init(_ plan: SpawnPlan, from samples: [SampledInstance]) {
    sampled = samples.count
    sampledBytes = samples.reduce(0) { Self.sum($0, max(0, $1.bytes)) }
    smallest = samples.map(\.bytes).min() ?? 0
    largest = samples.map(\.bytes).max() ?? 0
    let sampledInodes = samples.reduce(0) { Self.sum($0, max(0, $1.inodes)) }
    bytes = max(plan.least, Self.scaled(sampledBytes, plan, sampled: samples.count))
    inodes = Self.scaled(sampledInodes, plan, sampled: samples.count)
  }

  /// Sum × count / sampled × replicas × share.
  private static func scaled(_ sum: Int64, _ plan: SpawnPlan, sampled: Int) -> Int64 {
    guard sampled > 0 else { return 0 }
    let steps: [(factor: Int64, divisor: Int64)] = [
      (plan.count ?? Int64(sampled), Int64(sampled)), (plan.replicas, 1),
      (plan.share, SpawnPlan.wholeShare),
    ]
    guard steps.allSatisfy({ $0.factor > 0 }) else { return 0 }
    return steps.reduce(sum) { value, step in
      // More than can be counted stays that, whatever share of it is asked for.
      value == .max ? .max : ReapRules.scaled(value, by: step.factor, over: step.divisor)
    }
  }

  private static func sum(_ left: Int64, _ right: Int64) -> Int64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
  }
}

/// The verdict: what must stay free stays free also when all that is planned is there.
package struct Preflight: Sendable, Equatable {
  package let estimate: SpawnEstimate
  package let bounds: Retention.RoomBounds

  package init(_ estimate: SpawnEstimate, within bounds: Retention.RoomBounds) {
    self.estimate = estimate
    self.bounds = bounds
  }

  /// What is lacking; nothing is where there is room.
  package func shortage(in room: FreeRoom) -> RoomShortage {
    RoomShortage(
      bytes: Self.lack(bounds.minFree, estimate.bytes, room.freeBytes, room.totalBytes),
      // Where inodes are made as they are needed, there is no number of them.
      inodes: room.totalInodes == 0
        ? 0 : Self.lack(bounds.minFreeInodes, estimate.inodes, room.freeInodes, room.totalInodes))
  }

  private static func lack(
    _ bound: FreeSpace?, _ need: Int64, _ free: Int64, _ total: Int64
  ) -> Int64 {
    let left = saturatingDifference(free, need)
    return max(
      bound?.shortfall(free: left, total: total) ?? 0, max(0, saturatingDifference(need, free)))
  }
}
