// How much room what is planned takes, and whether it is there.

import Testing

@testable import ReapRules

@Suite("Preflight")
struct PreflightTests {
  private func samples(_ bytes: Int64...) -> [SampledInstance] {
    bytes.map { SampledInstance(bytes: $0, inodes: $0 / 10) }
  }

  private func plan(
    count: Int64? = nil, replicas: Int64 = 1, share: Int64 = 200_000, least: Int64 = 0
  ) -> SpawnPlan {
    var plan = SpawnPlan()
    (plan.count, plan.replicas, plan.share, plan.least) = (count, replicas, share, least)
    return plan
  }

  private func room(free: Int64, total: Int64 = 10_000, inodes: Int64 = 1000) -> FreeRoom {
    FreeRoom(freeBytes: free, totalBytes: total, freeInodes: inodes, totalInodes: 1000)
  }

  @Test("The sum of those that are named, times replicas, times the share")
  func named() {
    let estimate = SpawnEstimate(plan(replicas: 3), from: samples(1000, 3000))
    #expect(estimate.bytes == 2400 && estimate.inodes == 240)
    #expect(estimate.sampled == 2 && estimate.sampledBytes == 4000)
    #expect(estimate.smallest == 1000 && estimate.largest == 3000)
    #expect(SpawnEstimate(plan(share: 1_000_000), from: samples(7)).bytes == 7)
    // Rounded up: a byte too little is too little.
    #expect(SpawnEstimate(plan(), from: samples(1)).bytes == 1)
  }

  @Test("Of a number of instances each is like the mean of the samples")
  func counted() {
    let estimate = SpawnEstimate(plan(count: 10, share: 1_000_000), from: samples(1000, 3000))
    #expect(estimate.bytes == 20_000 && estimate.inodes == 2000)
    #expect(SpawnEstimate(plan(count: 5), from: []).bytes == 0)
    #expect(SpawnEstimate(plan(count: 5, least: 9), from: []).bytes == 9)
    #expect(
      SpawnEstimate(plan(count: .max, replicas: .max), from: samples(.max, .max)).bytes == .max)
  }

  @Test("What must stay free stays free when all of it is there")
  func verdict() {
    func lack(_ least: Int64, free: Int64, _ bounds: Retention.RoomBounds = .init()) -> RoomShortage
    {
      Preflight(SpawnEstimate(plan(least: least), from: []), within: bounds)
        .shortage(in: room(free: free))
    }
    #expect(lack(100, free: 100).isNone)
    #expect(lack(101, free: 100) == RoomShortage(bytes: 1))
    let floor = Retention.RoomBounds(minFree: .amount(50))
    #expect(lack(50, free: 100, floor).isNone)
    #expect(lack(51, free: 100, floor) == RoomShortage(bytes: 1))
    #expect(lack(0, free: 49, floor) == RoomShortage(bytes: 1))
    #expect(lack(0, free: 1999, .init(minFree: .share(2000))) == RoomShortage(bytes: 1))
    #expect(lack(0, free: 0).isNone)
  }

  @Test("Inodes are needed, too, where there is a number of them")
  func inodes() {
    let estimate = SpawnEstimate(plan(share: 1_000_000), from: samples(100))
    let bounds = Retention.RoomBounds(minFreeInodes: .amount(5))
    let preflight = Preflight(estimate, within: bounds)
    #expect(preflight.shortage(in: room(free: 5000, inodes: 15)).isNone)
    #expect(preflight.shortage(in: room(free: 5000, inodes: 12)) == RoomShortage(inodes: 3))
    let btrfs = FreeRoom(freeBytes: 5000, totalBytes: 10_000, freeInodes: 0, totalInodes: 0)
    #expect(preflight.shortage(in: btrfs).isNone)
  }

  @Test("Where there are no blocks at all there is no room")
  func blockless() {
    let nothing = FreeRoom(freeBytes: 0, totalBytes: 0, freeInodes: 0, totalInodes: 0)
    let preflight = Preflight(SpawnEstimate(plan(least: 9), from: samples(1)), within: .init())
    #expect(preflight.shortage(in: nothing) == RoomShortage(bytes: 9))
  }

  @Test("A share is read back as it is written")
  func shares() {
    let rows: [(String, Int64)] = [
      ("0.2", 200_000), ("1", 1_000_000), ("1.25", 1_250_000), ("0", 0), ("0.000001", 1),
      ("1000", 1_000_000_000),
    ]
    for (text, share) in rows {
      #expect(SpawnPlan.parseShare(text) == share)
      #expect(SpawnPlan.formatShare(share) == text)
    }
    #expect(SpawnPlan.parseShare("20%") == 200_000)
    for bad in ["", ".5", "1.", "-1", "0.0000001", "1e3", "1001", "0,2", "x"] {
      #expect(SpawnPlan.parseShare(bad) == nil, "\(bad)")
    }
  }

  @Test("More samples, replicas or a larger share never need less, and the sum never overflows")
  func property() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededRandom(seed: seed)
    for _ in 0..<5000 {
      func any(_ bound: Int64) -> Int64 { random.chance(5) ? .max : random.below(bound) }
      let samples = (0..<random.below(5)).map { _ in
        SampledInstance(bytes: any(1 << 40), inodes: any(1 << 30))
      }
      var small = plan(replicas: any(50), share: random.below(2_000_000))
      small.count = random.chance(50) ? any(100) : nil
      var large = small
      large.replicas = max(small.replicas, any(100))
      large.share += random.below(1_000_000)
      let (less, more) = (SpawnEstimate(small, from: samples), SpawnEstimate(large, from: samples))
      #expect(less.bytes >= 0 && less.bytes <= more.bytes, "seed \(seed)")
      #expect(less.inodes >= 0 && less.inodes <= more.inodes, "seed \(seed)")
      #expect(samples.isEmpty || less.smallest <= less.largest, "seed \(seed)")
      if small.count == nil {
        let before = samples.reduce(0.0) { $0 + Double($1.bytes) } * Double(small.replicas)
        let exact = before * Double(small.share) / 1e6
        #expect(
          exact > 9e18 || (before > 9e18 && less.bytes == .max)
            || abs(Double(less.bytes) - exact) <= exact * 1e-9 + 2, "seed \(seed)")
      }
    }
  }

  @Test("Scaling rounds up and saturates")
  func scaling() {
    #expect(scaled(10, by: 3, over: 4) == 8 && scaled(0, by: 5, over: 1) == 0)
    #expect(scaled(.max, by: .max, over: 1) == .max && scaled(.max, by: 1, over: 1) == .max)
    #expect(scaled(.max, by: .max, over: .max) == .max && scaled(-5, by: 3, over: 1) == 0)
  }
}
