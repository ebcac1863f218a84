// Numbers in pid files, told apart.

import Testing

@testable import ReapRules

@Suite("Start stamps")
struct StartStampTests {
  @Test(
    "Ticks, seconds and milliseconds are told apart, and what could be two things denies nothing",
    arguments: [
      (1234, 1234, StartStamp.ticks(isSame: true)), (1234, 99, .ticks(isSame: false)),
      (-1, 99, .ticks(isSame: false)), (999_999_999, 5, .ticks(isSame: false)),
      // In seconds, although the machine has been up for 200 days; and ticks that look like seconds.
      (1_795_000_000, 1_728_000_000, .instant(1_795_000_000 * second)),
      (1_728_000_000, 1_728_000_000, .ticks(isSame: true)),
      (1_795_000_000_123, 77, .instant(1_795_000_000_123 * 1_000_000)),
      (50_000_000_000, 50_000_000_000, .ticks(isSame: true)),
      (50_000_000_000, 1, .ticks(isSame: false)),
      // Microseconds, nanoseconds, and what fits nothing.
      (1_795_000_000_123_456, 1, .unclear), (.max, 1, .unclear),
    ] as [(Int64, Int64, StartStamp)])
  func table(number: Int64, ticks: Int64, expected: StartStamp) {
    #expect(readStart(number, ticks: ticks) == expected)
  }
}
