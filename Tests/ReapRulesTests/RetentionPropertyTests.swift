// What must hold of retention for any group, any bounds and any room, from seeded examples.

import Testing

@testable import ReapRules

@Suite("Retention, of any group")
struct RetentionPropertyTests {
  struct Example {
    var members: [Member]
    var retention: Retention
    var room: FreeRoom?
    var begun: Pressure.Begun

    init(seed: UInt64, isMeasured: Bool = false) {
      var random = SeededRandom(seed: seed)
      let unknown: [Int64?] = isMeasured ? [] : [nil]
      members = (0..<random.below(14)).map { number in
        let bytes = random.pick(unknown + [0, 1, random.below(20), random.below(200)])
        let inodes = random.pick(unknown + [1, 1, random.below(5)])
        let since = retentionTime + random.pick([-1, -1, -1, 1]) * random.below(60) * second
        let standing: Member.Standing =
          random.chance(25) ? .stays : .expendable(rank: UInt8(random.below(3)))
        return Member("\(number)", standing, since: since, bytes: bytes, inodes: inodes)
      }
      retention = Retention(
        maxCount: random.pick([nil, nil, 0, Int(random.below(12))]),
        maxAge: random.pick([nil, nil, random.below(60) * second]),
        maxBytes: random.pick([nil, nil, 0, random.below(600)]))
      retention.room.minFree = random.pick([nil, .amount(random.below(500)), .share(2000)])
      retention.room.minFreeInodes = random.pick([nil, nil, .amount(random.below(20))])
      retention.room.minCount = random.pick([0, 0, 1, 3])
      retention.room.isAllOrNothing = random.chance(25)
      if random.chance(50) {
        let stop = random.below(10_000)
        retention.room.pressure = Pressure(
          start: stop + random.below(10_000 - stop), stop: stop,
          minAge: random.pick([0, random.below(60) * second]))
      }
      room = random.chance(20) ? nil : freeRoom(random.below(1000), inodes: random.below(30))
      begun = random.pick([[], .bytes, .inodes, [.bytes, .inodes]])
    }

    var choice: Retention.Choice<String> {
      retention.choose(from: members, room: room, now: retentionTime, begun: begun)
    }

    var going: [(member: Member, cause: Retention.Cause)] { choice.going }

    func left(without gone: [Member]) -> [Member] {
      let ids = Set(gone.map(\.id))
      return members.filter { !ids.contains($0.id) }
    }

    /// What the bounds on count, age and bytes still demand of those that are left.
    func isWithin(_ cause: Retention.Cause, _ left: [Member]) -> Bool {
      let expendable = left.filter { $0.standing != .stays }
      return switch cause {
      case .count: expendable.count <= retention.maxCount ?? .max
      case .age:
        expendable.allSatisfy { retentionTime - $0.since < retention.maxAge ?? .max }
      case .bytes: left.reduce(0) { $0 + ($1.bytes ?? 0) } <= retention.maxBytes ?? .max
      case .room, .pressure: true
      }
    }

    /// The room when those are gone, as far as is known.
    func room(without gone: [Member]) -> FreeRoom? {
      room.map { room in
        FreeRoom(
          freeBytes: room.freeBytes + gone.reduce(0) { $0 + ($1.bytes ?? 0) },
          totalBytes: room.totalBytes,
          freeInodes: room.freeInodes + gone.reduce(0) { $0 + ($1.inodes ?? 0) },
          totalInodes: room.totalInodes)
      }
    }
  }

  static let seeds = UInt64(1)...5000

  @Test("It takes each at most once, and only what is expendable")
  func onlyExpendable() {
    var causes: [String: Int] = [:]
    for seed in Self.seeds {
      let going = Example(seed: seed).going
      for (member, cause) in going {
        causes["\(cause)", default: 0] += 1
        if member.standing == .stays { Issue.record("seed \(seed): \(member) goes") }
      }
      if Set(going.map(\.member.id)).count != going.count { Issue.record("seed \(seed): twice") }
    }
    for cause in ["age", "count", "bytes", "room", "pressure"] {
      #expect(causes[cause, default: 0] > 100, "\(cause) must be reached often")
    }
  }

  @Test("Without the last one that goes for a bound, that bound would not be kept")
  func neverMoreThanDemanded() {
    for seed in Self.seeds {
      let example = Example(seed: seed)
      let going = example.going
      for cause in [Retention.Cause.count, .bytes, .room, .pressure] {
        guard let last = going.lastIndex(where: { $0.cause == cause }) else { continue }
        let others = going[..<last].map(\.member)
        let isDemanded =
          switch cause {
          case .count, .bytes: !example.isWithin(cause, example.left(without: others))
          case .room:
            example.room(without: others).map {
              !example.retention.room.shortage(in: $0).isNone
            } == true
          case .pressure: isPressed(example, others)
          case .age: true
          }
        if !isDemanded { Issue.record("seed \(seed): \(going[last]) need not go") }
      }
      for (member, cause) in going where cause == .age {
        if example.isWithin(.age, [member]) { Issue.record("seed \(seed): \(member) is young") }
      }
    }
  }

  /// Restated in shares of use.
  func isPressed(_ example: Example, _ gone: [Member]) -> Bool {
    guard let pressure = example.retention.room.pressure, let before = example.room,
      let after = example.room(without: gone)
    else { return false }
    func used(_ free: Int64, _ total: Int64) -> Int64 { (total - free) * 10_000 / total }
    let bytes =
      (used(before.freeBytes, 1000) > pressure.start || example.begun.contains(.bytes))
      && (1000 - after.freeBytes) * 10_000 > pressure.stop * 1000
    let inodes =
      ((1000 - before.freeInodes) * 10 > pressure.start || example.begun.contains(.inodes))
      && (1000 - after.freeInodes) * 10 > pressure.stop
    return bytes || inodes
  }

  @Test("What is left is within the bounds, as far as expendable ones can bring it there")
  func boundsAreKept() {
    for seed in Self.seeds {
      let example = Example(seed: seed)
      let left = example.left(without: example.going.map(\.member))
      let isLight =
        example.isWithin(.bytes, left)
        || left.allSatisfy { $0.standing == .stays || $0.bytes == nil || $0.bytes == 0 }
      if !example.isWithin(.count, left) || !example.isWithin(.age, left) || !isLight {
        Issue.record("seed \(seed): left \(left.map(\.id))")
      }
      if let due = example.choice.nextDue, due <= retentionTime {
        Issue.record("seed \(seed): something is overdue")
      }
    }
  }

  @Test("Any order of arrival ends in the same set")
  func arrival() {
    for seed in Self.seeds {
      var example = Example(seed: seed)
      let expected = example.going.map(\.member.id)
      var random = SeededRandom(seed: seed)
      example.members.shuffle(using: &random)
      if example.going.map(\.member.id) != expected { Issue.record("seed \(seed): order decides") }
    }
  }

  @Test("One at a time, as each of them arrives, ends in what one look at all would leave")
  func oneByOne() {
    for seed in Self.seeds {
      let example = Example(seed: seed)
      var retention = Retention(maxCount: example.retention.maxCount)
      retention.maxAge = example.retention.maxAge
      let whole = retention.choose(from: example.members, now: retentionTime)
      var kept: [Member] = []
      for member in example.members {
        kept.append(member)
        let going = Set(retention.choose(from: kept, now: retentionTime).going.map(\.member.id))
        kept.removeAll { going.contains($0.id) }
      }
      let expected = example.left(without: whole.going.map(\.member)).map(\.id)
      if kept.map(\.id) != expected { Issue.record("seed \(seed): \(kept.map(\.id))") }
    }
  }

  @Test("What goes in one look leaves nothing for the next, where all of it was measured")
  func idempotent() {
    for seed in Self.seeds {
      var example = Example(seed: seed, isMeasured: true)
      let choice = example.choice
      let gone = choice.going.map(\.member)
      example.members = example.left(without: gone)
      (example.room, example.begun) = (example.room(without: gone), choice.begun)
      // Where not enough can go, a younger one is not looked for in the next look either.
      if !example.going.isEmpty { Issue.record("seed \(seed): \(example.going) goes only now") }
    }
  }

  @Test("Nothing goes for the count while one of a lower rank stays, or an elder of its own")
  func eldestFirst() {
    func rank(_ member: Member) -> UInt8? {
      if case .expendable(let rank) = member.standing { rank } else { nil }
    }
    for seed in Self.seeds {
      let example = Example(seed: seed)
      let left = example.left(without: example.going.map(\.member))
      for (gone, cause) in example.going where cause == .count {
        guard let goneRank = rank(gone) else { continue }
        let isPassedOver = left.contains { other in
          guard let otherRank = rank(other) else { return false }
          return otherRank < goneRank || (otherRank == goneRank && other.since < gone.since)
        }
        if isPassedOver { Issue.record("seed \(seed): \(gone) goes too early") }
      }
    }
  }
}
