// A choice carried out, against a world in which what goes may free less than was counted, may not go at
// all, and others write meanwhile.

import Testing

@testable import ReapRules

@Suite("A pass through a group")
struct RetentionPassTests {
  typealias Pass = RetentionPass<String>

  struct World {
    var members: [String: Member]
    var room: FreeRoom
    /// Somebody uses them by the time that they are judged again.
    var busy: Set<String> = []
    /// Their end frees nothing: somebody has them open still, or the file system is slow to tell.
    var hollow: Set<String> = []
    private(set) var gone: [String] = []

    mutating func ask(_ id: String, _ pass: inout Pass) {
      guard !busy.contains(id), let member = members.removeValue(forKey: id) else {
        return pass.kept(id)
      }
      gone.append(id)
      if !hollow.contains(id) {
        room = FreeRoom(
          freeBytes: room.freeBytes + (member.bytes ?? 0), totalBytes: room.totalBytes,
          freeInodes: room.freeInodes + (member.inodes ?? 0), totalInodes: room.totalInodes)
      }
      pass.removed(id, bytes: member.bytes ?? 0)
    }
  }

  /// Runs one pass; what is asked for together is answered in any order.
  static func run(
    _ retention: Retention, _ world: inout World, _ random: inout SeededRandom,
    begun: inout Pressure.Begun, yield: inout RoomYield<String>
  ) -> Pass.Result {
    let choice = retention.choose(
      from: Array(world.members.values), room: world.room, now: retentionTime, begun: begun)
    var pass = Pass(choice, bounds: retention.room, after: yield)
    var turns = 0
    while !pass.isOver {
      var asked = pass.next(room: world.room).map(\.id)
      while !asked.isEmpty {
        world.ask(asked.remove(at: Int(random.below(Int64(asked.count)))), &pass)
      }
      turns += 1
      precondition(turns <= 2 * choice.going.count + 2, "it does not end")
    }
    begun = pass.begun
    yield = pass.yield
    return pass.result
  }

  static func run(
    _ retention: Retention, _ world: inout World, _ random: inout SeededRandom,
    begun: inout Pressure.Begun
  ) -> Pass.Result {
    var yield = RoomYield<String>()
    return run(retention, &world, &random, begun: &begun, yield: &yield)
  }

  static func world(of example: RetentionPropertyTests.Example, _ room: FreeRoom) -> World {
    World(
      members: Dictionary(uniqueKeysWithValues: example.members.map { ($0.id, $0) }), room: room)
  }

  @Test("What stays is never asked for, bounds are reached, and a second pass has nothing to do")
  func bounds() {
    for seed in RetentionPropertyTests.seeds {
      var random = SeededRandom(seed: seed ^ 0xABCD)
      let example = RetentionPropertyTests.Example(seed: seed, isMeasured: true)
      guard let room = example.room else { continue }
      var world = Self.world(of: example, room)
      var begun = example.begun
      let result = Self.run(example.retention, &world, &random, begun: &begun)
      let stays = Set(example.members.filter { $0.standing == .stays }.map(\.id))
      #expect(stays.isDisjoint(with: world.gone), "seed \(seed)")
      #expect(result.pruned == world.gone.count && result.kept == 0, "seed \(seed)")
      for cause in [Retention.Cause.count, .age, .bytes] {
        #expect(
          example.isWithin(cause, Array(world.members.values)) || !isReachable(cause, example),
          "seed \(seed): \(cause)")
      }
      let before = world.gone.count
      _ = Self.run(example.retention, &world, &random, begun: &begun)
      #expect(world.gone.count == before, "seed \(seed): it is not idempotent")
    }
  }

  /// What stays may be too much by itself.
  private func isReachable(
    _ cause: Retention.Cause, _ example: RetentionPropertyTests.Example
  ) -> Bool {
    guard cause == .bytes else { return true }
    return example.isWithin(.bytes, example.members.filter { $0.standing == .stays })
  }

  @Test("For free room no more goes than is needed, whatever was counted or is written meanwhile")
  func room() {
    for seed in RetentionPropertyTests.seeds {
      var random = SeededRandom(seed: seed)
      var retention = Retention()
      retention.room.minFree = .amount(random.below(400))
      retention.room.minCount = Int(random.below(3))
      let members = (0..<random.below(12)).map { number in
        Member(
          "\(number)", random.chance(20) ? .stays : .expendable(rank: 0),
          since: retentionTime - random.below(100), bytes: 1 + random.below(90), inodes: 1)
      }
      var world = World(
        members: Dictionary(uniqueKeysWithValues: members.map { ($0.id, $0) }),
        room: freeRoom(random.below(300), inodes: 10))
      world.busy = Set(members.map(\.id).filter { _ in random.chance(15) })
      let needed = retention.room.shortage(in: world.room)
      var begun: Pressure.Begun = []
      let result = Self.run(retention, &world, &random, begun: &begun)
      let freed = members.filter { world.gone.contains($0.id) }
      // Without the last one, it was lacking still.
      #expect(
        freed.isEmpty
          || needed.bytes
            > freed.reduce(0) { $0 + ($1.bytes ?? 0) }
            - (freed.first { $0.id == world.gone.last }?.bytes ?? 0),
        "seed \(seed)")
      #expect(!result.hasGivenUp, "seed \(seed)")
      let expendable = world.members.values.count { $0.standing != .stays }
      #expect(freed.isEmpty || expendable >= retention.room.minCount, "seed \(seed)")
    }
  }

  @Test("Two in a row that free less than half of what was counted are the last")
  func givesUp() {
    var retention = Retention()
    retention.room.minFree = .amount(1000)
    let members = (0..<20).map {
      Member("\($0 + 10)", .expendable(rank: 0), since: Int64($0), bytes: 100, inodes: 1)
    }
    func gone(hollow: Set<String>) -> (Int, Bool) {
      var world = World(
        members: Dictionary(uniqueKeysWithValues: members.map { ($0.id, $0) }),
        room: freeRoom(0, inodes: 10), hollow: hollow)
      var random = SeededRandom(seed: 1)
      var begun: Pressure.Begun = []
      let result = Self.run(retention, &world, &random, begun: &begun)
      return (world.gone.count, result.hasGivenUp)
    }
    #expect(gone(hollow: []) == (10, false))
    #expect(gone(hollow: ["10", "11"]) == (2, true))
    // One after another one is no row.
    #expect(gone(hollow: ["10", "12", "14"]) == (10, false))
    #expect(gone(hollow: ["13", "14"]) == (5, true))
  }

  @Test("Also where each is in a pass of its own: the first seems to be enough, time and again")
  func givesUpLater() {
    var retention = Retention()
    retention.room.minFree = .amount(50)
    let members = (0..<20).map {
      Member("\($0 + 10)", .expendable(rank: 0), since: Int64($0), bytes: 100, inodes: 1)
    }
    var world = World(
      members: Dictionary(uniqueKeysWithValues: members.map { ($0.id, $0) }),
      room: freeRoom(0, inodes: 10), hollow: Set(members.map(\.id)))
    var random = SeededRandom(seed: 1)
    var begun: Pressure.Begun = []
    var yield = RoomYield<String>()
    var passes = 0
    while !Self.run(retention, &world, &random, begun: &begun, yield: &yield).hasGivenUp {
      passes += 1
      guard passes < 10 else { break }
    }
    #expect(passes == 2 && world.gone == ["10", "11"])
  }

  @Test("One that stays after all ends what goes for room: the rest may not be enough")
  func busy() {
    var retention = Retention()
    retention.room.minFree = .amount(300)
    retention.room.isAllOrNothing = true
    let sizes: [Int64] = [20, 300, 30]
    let members = sizes.indices.map {
      Member("\($0)", .expendable(rank: 0), since: Int64($0), bytes: sizes[$0], inodes: 1)
    }
    let choice = retention.choose(from: members, room: freeRoom(0, inodes: 9), now: retentionTime)
    var pass = Pass(choice, bounds: retention.room)
    #expect(pass.next(room: freeRoom(0, inodes: 9)).map(\.id) == ["0"])
    pass.removed("0", bytes: 20)
    #expect(pass.next(room: freeRoom(20, inodes: 9)).map(\.id) == ["1"])
    pass.kept("1")
    #expect(pass.isOver)
  }

  @Test("At most 1,000 go in one pass, the oldest, and the rest in the next")
  func limit() {
    let retention = Retention(maxCount: 10)
    let members = (0..<2310).map {
      Member("\($0 + 10_000)", .expendable(rank: 0), since: Int64($0), bytes: 1, inodes: 1)
    }
    var world = World(
      members: Dictionary(uniqueKeysWithValues: members.map { ($0.id, $0) }),
      room: freeRoom(0, inodes: 10))
    var random = SeededRandom(seed: 7)
    var begun: Pressure.Begun = []
    var left: [Int] = []
    for _ in 0..<4 {
      left.append(Self.run(retention, &world, &random, begun: &begun).left)
    }
    #expect(left == [1300, 300, 0, 0])
    #expect(Set(world.members.keys) == Set(members.suffix(10).map(\.id)))
  }

  @Test("A dry run asks for all that was chosen, though nothing becomes free")
  func dry() {
    var retention = Retention()
    retention.room.minFree = .amount(300)
    let members = (0..<9).map {
      Member("\($0)", .expendable(rank: 0), since: Int64($0), bytes: 100, inodes: 1)
    }
    let choice = retention.choose(from: members, room: freeRoom(0, inodes: 1), now: retentionTime)
    var pass = Pass(choice, bounds: retention.room, isDry: true)
    #expect(pass.next(room: nil).map(\.id) == ["0", "1", "2"])
  }
}
