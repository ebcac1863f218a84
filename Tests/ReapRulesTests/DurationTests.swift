// Durations as people write them, there and back.

import Testing

@testable import ReapRules

@Suite("Durations")
struct DurationTests {
  static let written: [(String, Nanoseconds)] = [
    ("250ms", 250 * millisecond), ("30s", 30 * second), ("10m", 600 * second),
    ("1h30m", 5400 * second), ("3d", 259_200 * second), ("0", 0), ("0s", 0), ("1us", 1000),
    ("9223372036854775807ns", .max),
  ]

  @Test("A duration is read as written", arguments: written)
  func reading(text: String, expected: Nanoseconds) { #expect(parseDuration(text) == expected) }

  @Test(
    "Anything else is refused",
    arguments: [
      "", "s", "10", "-1s", "1.5s", "1 s", " 1s", "1s ", "30m1h", "1s1s", "1S", "1w", "+1s", "٣s",
      "9223372036854775808ns", "106752d", "106751d23h47m16s854ms775us808ns", "1smin",
    ])
  func refusing(text: String) { #expect(parseDuration(text) == nil) }

  @Test("What is formatted is read back to the same value")
  func roundTrip() {
    var random = SeededRandom(seed: 1)
    for _ in 0..<20_000 {
      let span = Nanoseconds(random.next() >> UInt64(1 + random.below(62)))
      #expect(parseDuration(formatDuration(span)) == span)
    }
    #expect(parseDuration(formatDuration(.max)) == .max)
    #expect(formatDuration(.min).hasPrefix("-106751d") && formatDuration(-second) == "-1s")
  }

  static let roughly: [(Nanoseconds, String)] = [
    (Nanoseconds(0), "0s"), (250 * millisecond, "250ms"), (65 * second, "1m5s"),
    (273_600 * second + 59, "3d4h"), (-65 * second, "-1m5s"), (second + 1, "1s"),
    (3600 * second + 1, "1h"),
  ]

  @Test("A rough duration has at most its two largest units", arguments: roughly)
  func rough(span: Nanoseconds, expected: String) { #expect(roughDuration(span) == expected) }
}
