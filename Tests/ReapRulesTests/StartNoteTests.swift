// The start that a pid file notes: seconds, milliseconds, ticks and RFC 3339 are told apart, and what
// cannot be told denies nothing.

import Testing

@testable import ReapRules

@Suite("A noted start")
struct StartNoteTests {
  /// A process that began 2026-11-20T23:11:04Z, ten minutes after its machine, an hour ago.
  static let start: Int64 = 1_795_216_264
  let process = StartedProcess(
    ticks: 60_000, wall: start * second, now: (start + 3600) * second, ticksNow: 420_000)
  /// The same on a machine that has been up for 250 days.
  let old = StartedProcess(
    ticks: 2_160_000_000, wall: start * second, now: (start + 3600) * second,
    ticksNow: 2_160_360_000)

  private func verdict(_ note: JSONValue, isTrusted: Bool = true) -> Bool? {
    process.began(as: note, isTrusted: isTrusted)
  }

  @Test("Every way to write the right start is recognized, trusted or not")
  func right() {
    let notes: [JSONValue] = [
      .integer(Self.start), .integer(Self.start + 2), .integer(Self.start - 2),
      .integer(Self.start * 1000 + 250), .integer(60_000), .number(Double(Self.start) + 0.55),
      .number(Double(Self.start) * 1000 + 0.5), .string("2026-11-20T23:11:04.123Z"),
      .string("2026-11-21T00:11:04+01:00"), .string("\(Self.start)"),
      .string("\(Self.start * 1000)"), .string("60000"),
    ]
    for note in notes {
      for isTrusted in [false, true] {
        #expect(verdict(note, isTrusted: isTrusted) == true, "\(note.text)")
      }
    }
  }

  @Test("Only ticks deny that a process is the one, for only they are exact")
  func wrong() {
    #expect(verdict(.integer(60_001)) == false && verdict(.integer(0)) == false)
    #expect(verdict(.integer(999_999_999)) == false)
    for note: JSONValue in [
      .integer(Self.start - 60), .integer((Self.start - 60) * 1000),
      .string("2026-11-20T23:10:04Z"), .number(Double(Self.start) - 60.5),
    ] {
      #expect(verdict(note) == nil, "\(note.text)")
    }
  }

  @Test("A start noted long after the process began is another's, unless pids are trusted")
  func late() {
    for note: JSONValue in [.integer(Self.start + 120), .integer((Self.start + 120) * 1000)] {
      #expect(verdict(note) == true && verdict(note, isTrusted: false) == nil)
    }
  }

  @Test("What is no plausible start tells nothing")
  func implausible() {
    let notes: [JSONValue] = [
      .null, .bool(true), .string(""), .string("yesterday"), .string("2026-11-20T23:11:04"),
      .integer(-1), .integer(.min), .integer(.max), .integer(Self.start + 7200),
      .integer(500_000_000_000), .integer(Self.start * 1_000_000),
      .integer(Self.start * 1_000_000_000), .number(.nan), .number(.infinity), .number(60_000.5),
      .number(5e11), .number(1e300), .array([]), .object([]),
    ]
    for note in notes { #expect(verdict(note) == nil, "\(note.text)") }
  }

  @Test("A number that no time has is read in no way")
  func absurd() {
    let process = StartedProcess(ticks: 1, wall: 1, now: 1, ticksNow: 1)
    for number in [9.3e9, 1e10, 9.9e10, 9.3e12, 9.9e13, 1e300, -1, .infinity, .nan] {
      #expect(process.readings(of: .number(number)).isEmpty, "\(number)")
    }
  }

  @Test("After 116 days ticks look like seconds: what fits is recognized, what does not is unsure")
  func ambiguous() {
    for number in [2_160_000_000, Self.start] {
      for isTrusted in [false, true] {
        #expect(old.began(as: .integer(number), isTrusted: isTrusted) == true, "\(number)")
      }
    }
    #expect(old.readings(of: .integer(Self.start)).count == 2)
    #expect(old.began(as: .integer(Self.start + 120), isTrusted: true) == nil)
    #expect(old.began(as: .integer(Self.start - 120), isTrusted: true) == nil)
    // In the future as seconds, it can be nothing but ticks.
    #expect(old.began(as: .integer(2_160_000_001), isTrusted: true) == false)
  }

  @Test("The units are told apart at their bounds")
  func bounds() {
    #expect(process.readings(of: .integer(999_999_999)) == [.ticks(999_999_999)])
    #expect(
      process.readings(of: .integer(1_000_000_000)) == [
        .instant(1_000_000_000 * second, unit: second)
      ])
    #expect(process.readings(of: .integer(99_999_999_999)) == [])
    #expect(process.readings(of: .integer(999_999_999_999)) == [])
    #expect(
      process.readings(of: .integer(1_000_000_000_000)) == [
        .instant(1_000_000_000 * second, unit: millisecond)
      ])
    #expect(process.readings(of: .integer(100_000_000_000_000)) == [])
  }
}
