// When archives of a node are said to grow by each other, and what is forecast.

import Testing

@testable import ReapRules

@Suite("Growth of archives")
struct ArchiveGrowthTests {
  private func archives(_ sizes: [Int64], pace: Nanoseconds = 600 * second)
    -> [ArchiveGrowth.Archive]
  {
    sizes.enumerated().map { .init(size: $1, made: Nanoseconds($0) * pace) }
  }

  @Test("Each of the last three has to be 1.8 times the one before")
  func alarm() {
    #expect(ArchiveGrowth(archives([100, 180, 324]), free: 1000) == nil)
    #expect(ArchiveGrowth(archives([100, 180, 324, 583]), free: 1000) == nil)
    #expect(
      ArchiveGrowth(archives([100, 180, 324, 584]), free: 1000)?.sizes == [100, 180, 324, 584])
    #expect(ArchiveGrowth(archives([900, 100, 200, 400, 800]), free: 0)?.sizes.first == 100)
    #expect(ArchiveGrowth(archives([100, 200, 400, 800, 900]), free: 0) == nil)
    #expect(ArchiveGrowth(archives([0, 0, 0, 0]), free: 0) == nil)
  }

  @Test("The forecast counts the archives that there is room for, at the pace of the last")
  func forecast() throws {
    let last = archives([100, 200, 400, 800])
    // 1,600 and 3,200 have room, 6,400 has none.
    let growth = try #require(ArchiveGrowth(last, free: 11_199))
    #expect(growth.left == 2 && growth.full == 6 * 600 * second)
    #expect(ArchiveGrowth(last, free: 11_200)?.left == 3)
    #expect(ArchiveGrowth(last, free: 0)?.left == 0)
    #expect(ArchiveGrowth(last, free: .max).map { $0.left ?? 0 < 64 } == true)
    let unknown = try #require(ArchiveGrowth(last, free: nil))
    #expect(unknown.left == nil && unknown.full == nil)
    // Copied, or made with a clock that was set back.
    #expect(ArchiveGrowth(archives([100, 200, 400, 800], pace: 0), free: 9)?.full == nil)
    #expect(ArchiveGrowth(archives([100, 200, 400, 800], pace: -5), free: 9)?.full == nil)
    #expect(growth.words.contains("room for 2 more"))
  }
}
