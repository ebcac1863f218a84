// Which of a group go: one example for each bound, and what bounds mean together.

import Testing

@testable import ReapRules

typealias Member = Retention.Member<String>

/// One that may go: `age` seconds old, of so many bytes.
func expendable(
  _ id: String, age: Nanoseconds, rank: UInt8 = 0, bytes: Int64? = 10, inodes: Int64? = 1
) -> Member {
  Member(
    id, .expendable(rank: rank), since: retentionTime - age * second, bytes: bytes, inodes: inodes)
}

func staying(_ id: String, age: Nanoseconds, bytes: Int64? = 10) -> Member {
  Member(id, .stays, since: retentionTime - age * second, bytes: bytes, inodes: 1)
}

let retentionTime: Nanoseconds = 1_000_000 * second

func freeRoom(_ bytes: Int64, inodes: Int64 = 1000) -> FreeRoom {
  FreeRoom(freeBytes: bytes, totalBytes: 1000, freeInodes: inodes, totalInodes: 1000)
}

@Suite("Retention")
struct RetentionTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let expected: [String]
    var members: [Member] = RetentionTests.five
    var room: FreeRoom?
    let retention: Retention

    init(
      _ title: String, _ expected: [String], members: [Member] = RetentionTests.five,
      room: FreeRoom? = nil, _ change: (inout Retention) -> Void
    ) {
      (testDescription, self.expected, self.members, self.room) = (title, expected, members, room)
      var retention = Retention()
      change(&retention)
      self.retention = retention
    }
  }

  /// `a` is the oldest.
  static let five = [
    expendable("c", age: 30), expendable("a", age: 50), expendable("e", age: 10),
    expendable("b", age: 40), expendable("d", age: 20),
  ]

  static let plain: [Case] = [
    Case("without bounds all stay", []) { _ in },
    Case("the newest stay", ["a", "b"]) { $0.maxCount = 3 },
    Case("of fewer than the bound all stay", []) { $0.maxCount = 6 },
    Case("none may be kept", ["a", "b", "c", "d", "e"]) { $0.maxCount = 0 },
    Case("what is alive does not use up the count", ["a"], members: five + [staying("x", age: 99)])
    { $0.maxCount = 4 },
    Case(
      "a lower rank goes first, however young", ["e", "a"],
      members: five.map { $0.id == "e" ? $0 : expendable($0.id, age: age($0), rank: 1) }
    ) { $0.maxCount = 3 },
    Case("as old as the bound is too old", ["a", "b"]) { $0.maxAge = 40 * second },
    Case("and a nanosecond less is not", ["a"]) { $0.maxAge = 40 * second + 1 },
    Case("the future is young", [], members: [expendable("a", age: -50)]) {
      $0.maxAge = second
    },
    Case("bytes: the oldest go until the rest fits", ["a", "b", "c"]) { $0.maxBytes = 29 },
    Case("and none more", ["a", "b"]) { $0.maxBytes = 30 },
    Case("what is alive weighs", ["a", "b", "c"], members: five + [staying("x", age: 1)]) {
      $0.maxBytes = 30
    },
    Case(
      "what weighs nothing does not go for its weight", ["b"],
      members: [expendable("a", age: 9, bytes: 0), expendable("b", age: 8)]
    ) { $0.maxBytes = 0 },
    Case(
      "nor does what nobody has weighed", ["b"],
      members: [expendable("a", age: 9, bytes: nil), expendable("b", age: 8)]
    ) { $0.maxBytes = 0 },
    Case("what goes for its age counts for the rest", ["a", "b"]) {
      ($0.maxAge, $0.maxCount, $0.maxBytes) = (40 * second, 3, 30)
    },
  ]

  static func age(_ member: Member) -> Nanoseconds { (retentionTime - member.since) / second }

  static let room: [Case] = [
    Case("room enough", [], room: freeRoom(100)) { $0.room.minFree = .amount(100) },
    Case("the oldest go until there is", ["a", "b"], room: freeRoom(85)) {
      $0.room.minFree = .amount(100)
    },
    Case("a share of the whole", ["a"], room: freeRoom(95)) { $0.room.minFree = .share(1000) },
    Case("inodes", ["a", "b", "c"], room: freeRoom(0, inodes: 97)) {
      $0.room.minFreeInodes = .amount(100)
    },
    Case("what goes anyway gives room too", ["a", "b"], room: freeRoom(85)) {
      ($0.room.minFree, $0.maxCount) = (.amount(100), 3)
    },
    Case("so many stay in any case", ["a", "b", "c"], room: freeRoom(0)) {
      ($0.room.minFree, $0.room.minCount) = (.amount(500), 2)
    },
    Case("as far as it goes", ["a", "b", "c", "d", "e"], room: freeRoom(0)) {
      $0.room.minFree = .amount(500)
    },
    Case("or not at all", [], room: freeRoom(0)) {
      ($0.room.minFree, $0.room.isAllOrNothing) = (.amount(51), true)
    },
    Case("where it suffices", ["a", "b", "c", "d", "e"], room: freeRoom(0)) {
      ($0.room.minFree, $0.room.isAllOrNothing) = (.amount(50), true)
    },
    Case(
      "of unknown size one goes, and then the room is looked at anew", ["a"],
      members: five.map { expendable($0.id, age: age($0), bytes: nil) }, room: freeRoom(0)
    ) { $0.room.minFree = .amount(500) },
    Case(
      "also where that goes for its age", ["a"],
      members: five.map { expendable($0.id, age: age($0), bytes: nil) }, room: freeRoom(0)
    ) { ($0.room.minFree, $0.maxAge) = (.amount(500), 45 * second) },
    Case("a file system that does not answer demands nothing", []) {
      ($0.room.minFree, $0.room.pressure) = (.share(10_000), Pressure(start: 0, stop: 0))
    },
  ]

  @Test("Each bound takes what it demands", arguments: plain + room)
  func table(example: Case) {
    let choice = example.retention.choose(
      from: example.members, room: example.room, now: retentionTime)
    #expect(choice.going.map(\.member.id) == example.expected)
  }

  @Test("Pressure begins above start, and goes on down to stop")
  func hysteresis() {
    var retention = Retention()
    retention.room.pressure = Pressure(start: 9000, stop: 8000)
    let many = (0..<20).map { expendable("\($0 + 10)", age: 100 - Nanoseconds($0), bytes: 10) }
    func choose(_ free: Int64, _ begun: Pressure.Begun) -> (Int, Pressure.Begun) {
      let choice = retention.choose(
        from: many, room: freeRoom(free), now: retentionTime, begun: begun)
      return (choice.going.count, choice.begun)
    }
    #expect(choose(100, []) == (0, []), "at the mark it does not begin")
    #expect(choose(99, []) == (11, .bytes), "above it begins, and frees down to stop")
    #expect(choose(150, []) == (0, []), "between both marks it is not under way")
    #expect(choose(150, .bytes) == (5, .bytes), "unless it has begun")
    #expect(choose(200, .bytes) == (0, []), "at stop it ends")
  }

  @Test("Pressure takes nothing young, and inodes press as bytes do")
  func pressure() {
    var retention = Retention()
    retention.room.pressure = Pressure(start: 9000, stop: 8000, minAge: 30 * second)
    let bytes = retention.choose(from: Self.five, room: freeRoom(0), now: retentionTime)
    #expect(bytes.going.map(\.member.id) == ["a", "b", "c"])
    let inodes = retention.choose(
      from: Self.five, room: freeRoom(1000, inodes: 50), now: retentionTime)
    #expect(inodes.going.map(\.member.id) == ["a", "b", "c"] && inodes.begun == .inodes)
    #expect(inodes.going.allSatisfy { $0.cause == .pressure })
  }

  @Test("It says why each one goes, and when age alone demands the next")
  func causes() {
    var retention = Retention(maxCount: 3, maxAge: 45 * second, maxBytes: 25)
    retention.room.minFree = .amount(1000)
    retention.room.minCount = 1
    let choice = retention.choose(from: Self.five, room: freeRoom(0), now: retentionTime)
    #expect(choice.going.map(\.cause) == [.age, .count, .bytes, .room])
    #expect(choice.going.map(\.member.id) == ["a", "b", "c", "d"])
    retention = Retention(maxAge: 45 * second)
    let next = retention.choose(from: Self.five, now: retentionTime).nextDue
    #expect(next == retentionTime + 5 * second)
    #expect(retention.choose(from: [Member](), now: retentionTime).nextDue == nil)
  }

  @Test("What is lacking of a share is exact for the largest file systems")
  func shortfall() {
    #expect(FreeSpace.share(1).shortfall(free: 0, total: 1) == 1)
    #expect(FreeSpace.share(5000).shortfall(free: 1, total: 3) == 1)
    #expect(FreeSpace.share(5000).shortfall(free: 2, total: 3) == 0)
    #expect(FreeSpace.share(10_000).shortfall(free: .max - 1, total: .max) == 1)
    #expect(FreeSpace.share(0).shortfall(free: 0, total: .max) == 0)
    #expect(FreeSpace.amount(.max).shortfall(free: 0, total: 1) == .max)
    #expect(FreeSpace.amount(1).shortfall(free: 0, total: 0) == 0)
  }
}
