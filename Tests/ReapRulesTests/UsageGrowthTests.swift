// Growth between two runs of `usage`, what is kept of one, and the warning of a file system that fills up.

import Testing

@testable import ReapRules

private let day: Nanoseconds = 86400 * second
/// 2026-11-28T00:00:00Z.
private let midnight: Nanoseconds = 1_795_824_000 * second

private func point(
  _ wall: Nanoseconds, bytes: Int64 = 0, inodes: Int64 = 0, free: Int64? = 1000,
  freeInodes: Int64? = 1000
) -> UsagePoint {
  UsagePoint(wall: wall, bytes: bytes, inodes: inodes, freeBytes: free, freeInodes: freeInodes)
}

@Suite("The growth of a tree")
struct UsageGrowthTests {
  struct Row: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let old: UsagePoint
    let new: UsagePoint
    var day: String?
    var room: Forecast.Room?
    var pace: Forecast.Pace?
  }

  static let rows = [
    Row(
      testDescription: "what all have taken, from what is left",
      old: point(midnight, free: 1100), new: point(midnight + day, free: 1000),
      day: "2026-12-09", room: .bytes, pace: .fileSystem),
    Row(
      testDescription: "the tree's own pace where others gave back as much",
      old: point(midnight, bytes: 100), new: point(midnight + day, bytes: 300),
      day: "2026-12-04", room: .bytes, pace: .tree),
    Row(
      testDescription: "whichever comes first",
      old: point(midnight, bytes: 100, free: 1500),
      new: point(midnight + day, bytes: 200, free: 1000),
      day: "2026-12-01", room: .bytes, pace: .fileSystem),
    Row(
      testDescription: "inodes, where they run out before",
      old: point(midnight, bytes: 0, inodes: 0), new: point(midnight + day, bytes: 1, inodes: 500),
      day: "2026-12-01", room: .inodes, pace: .tree),
    Row(
      testDescription: "the same day where nothing is left",
      old: point(midnight, free: 10), new: point(midnight + day, free: 0),
      day: "2026-11-29", room: .bytes, pace: .fileSystem),
    Row(
      testDescription: "a byte a day, too",
      old: point(midnight, bytes: 0, free: 5), new: point(midnight + day, bytes: 1, free: 5),
      day: "2026-12-04", room: .bytes, pace: .tree),
    Row(
      testDescription: "none where nothing grows",
      old: point(midnight, bytes: 10), new: point(midnight + day, bytes: 5, free: 1005)),
    Row(
      testDescription: "none within a hundred years",
      old: point(midnight, bytes: 0), new: point(midnight + 40 * day, bytes: 1)),
    Row(
      testDescription: "none where the clock was set back",
      old: point(midnight + day, bytes: 0), new: point(midnight, bytes: 100)),
    Row(
      testDescription: "none after less than a second",
      old: point(midnight, bytes: 0), new: point(midnight + second - 1, bytes: 100)),
    Row(
      testDescription: "no inodes where the file system has no number of them",
      old: point(midnight, inodes: 0, freeInodes: nil),
      new: point(midnight + day, inodes: 900, freeInodes: nil)),
  ]

  @Test("gives the day on which the disk is full", arguments: rows)
  func forecasts(_ row: Row) {
    let forecast = UsageGrowth(from: row.old, to: row.new).forecast
    #expect(forecast?.day == row.day)
    #expect(forecast?.room == row.room)
    #expect(forecast?.pace == row.pace)
  }

  @Test("is told by the day")
  func perDay() {
    let growth = UsageGrowth(from: point(midnight), to: point(midnight + day / 2, bytes: 50))
    #expect(growth.bytes == 50 && growth.bytesPerDay == 100 && growth.span == day / 2)
    let back = UsageGrowth(from: point(midnight, bytes: 9), to: point(midnight - 1))
    #expect(back.bytes == -9 && back.span == nil && back.bytesPerDay == nil)
  }

  @Test("whatever the numbers are, never forecasts a day before the last run, nor traps")
  func property() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededRandom(seed: seed)
    let large: [Int64] = [0, 1, 1000, 1 << 40, .max / 2, .max - 1, .max]
    for _ in 0..<20_000 {
      func any() -> Int64 { random.chance(30) ? random.pick(large) : random.below(1 << 45) }
      func one() -> UsagePoint {
        UsagePoint(
          wall: random.chance(10) ? random.pick(large) : midnight + random.below(1000 * day),
          bytes: any(), inodes: any(), freeBytes: random.chance(90) ? any() : nil,
          freeInodes: random.chance(90) ? any() : nil)
      }
      let (old, new) = (one(), one())
      let growth = UsageGrowth(from: old, to: new)
      guard let forecast = growth.forecast else { continue }
      #expect(forecast.full >= new.wall, "seed \(seed)")
      // What is left is taken by then, at the pace that is told.
      let free = forecast.room == .bytes ? new.freeBytes : new.freeInodes
      let before = forecast.room == .bytes ? old.freeBytes : old.freeInodes
      let taken =
        forecast.pace == .fileSystem
        ? saturatingDifference(before!, free!)
        : forecast.room == .bytes ? growth.bytes : growth.inodes
      let expected = Double(free!) / Double(taken) * Double(growth.span!)
      #expect(
        abs(Double(forecast.full - new.wall) - expected) <= expected * 1e-9 + 1, "seed \(seed)")
    }
  }
}

@Suite("What a run keeps")
struct UsageSnapshotTests {
  private var snapshot: UsageSnapshot {
    var snapshot = UsageSnapshot(
      path: [0x2F, 0xFF, 0x0A],
      identity: TreeIdentity(device: .max, fileSystem: 1 << 63, inode: 2, birth: nil),
      point: point(midnight, bytes: 7, inodes: 3, freeInodes: nil), isWhole: false)
    snapshot.directories = [bytes("a"): 4, [0xFE]: 2]
    snapshot.hasAllDirectories = false
    return snapshot
  }

  @Test("is read back as it was written")
  func roundTrip() {
    #expect(UsageSnapshot(snapshot.text) == snapshot)
    var other = snapshot
    other.identity.birth = -5
    other.hasAllDirectories = true
    #expect(UsageSnapshot(other.text) == other)
  }

  @Test("is not taken for one where it is torn or another's")
  func torn() {
    let text = snapshot.text
    for count in 0..<(text.count - 1) {
      #expect(UsageSnapshot(Array(text[..<count])) == nil, "\(count) bytes")
    }
    let other = String(decoding: text, as: UTF8.self).replacing("\"v\":1", with: "\"v\":2")
    #expect(UsageSnapshot(Array(other.utf8)) == nil)
    for strange in ["", "{}", "[]", "null", "{\"v\":1}"] {
      #expect(UsageSnapshot(Array(strange.utf8)) == nil)
    }
  }

  @Test("tells what a directory grew by, and of a new one where all were kept")
  func directories() {
    var kept = snapshot
    #expect(kept.growth(of: bytes("a"), to: 10) == 6)
    #expect(kept.growth(of: bytes("new"), to: 10) == nil)
    kept.hasAllDirectories = true
    #expect(kept.growth(of: bytes("new"), to: 10) == 10)
  }

  @Test("lies in a file whose name is good for any path")
  func names() {
    let long = [UInt8](repeating: 0x0A, count: 4095)
    #expect(UsageSnapshot.fileName(of: long).utf8.count == "usage-0123456789abcdef.json".utf8.count)
    #expect(UsageSnapshot.fileName(of: bytes("/a")) != UsageSnapshot.fileName(of: bytes("/b")))
  }
}

@Suite("The warning of use")
struct UseWarningTests {
  private func room(used: Int64, inodes: Int64 = 0) -> FreeRoom {
    FreeRoom(
      freeBytes: 10_000 - used, totalBytes: 10_000, freeInodes: 10_000 - inodes,
      totalInodes: 10_000)
  }

  @Test("is given once, and again only after use fell a percentage point below the mark")
  func once() {
    var warning = UseWarning()
    func looks(_ used: Int64, inodes: Int64 = 0) -> [UseWarning.Words] {
      warning.look(at: room(used: used, inodes: inodes), mark: 8000)
    }
    #expect(looks(7999) == [])
    #expect(looks(8000) == [.init(room: .bytes, share: 8000)])
    #expect(looks(9999) == [])
    #expect(looks(7900) == [])
    #expect(looks(8100) == [])
    #expect(looks(7899) == [])
    #expect(looks(8100, inodes: 8200).map(\.room) == [.bytes, .inodes])
    #expect(looks(8100, inodes: 100) == [])
    #expect(looks(8100, inodes: 8000) == [.init(room: .inodes, share: 8000)])
  }

  @Test("is about what there is a number of")
  func withoutTotal() {
    var warning = UseWarning()
    let btrfs = FreeRoom(freeBytes: 0, totalBytes: 10, freeInodes: 0, totalInodes: 0)
    #expect(warning.look(at: btrfs, mark: 8000).map(\.room) == [.bytes])
    #expect(FreeRoom.usedShare(free: 0, total: 0) == nil)
    #expect(FreeRoom.usedShare(free: -5, total: .max) == 10_000)
    #expect(FreeRoom.usedShare(free: .max, total: 10) == 0)
  }

  @Test("of a low mark can be given again, too")
  func lowMark() {
    var warning = UseWarning()
    #expect(warning.look(at: room(used: 60), mark: 50).count == 1)
    #expect(warning.look(at: room(used: 10), mark: 50) == [])
    #expect(warning.look(at: room(used: 60), mark: 50).count == 1)
  }
}
