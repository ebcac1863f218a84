// Names on disk: claimed names, and the times in names of spill directories.

import Testing

@testable import ReapRules

@Suite("Names")
struct NameTests {
  static let stamp: Nanoseconds = 1_795_216_876_835_000_001

  @Test("A claimed name is read back to what it was made of, whatever the bytes")
  func roundTrip() {
    let originals = [
      bytes("spill_1_2"), bytes("a\nb"), [0xFF, 0xFE, 0x80], bytes(".reapd."), bytes(". ."),
      [UInt8](repeating: 0x61, count: 228),
    ]
    for original in originals {
      let claim = ClaimName(claimedAt: Self.stamp, original: EntryName(original)!)!
      #expect(claim.entry.bytes == bytes(".reapd.1795216876835000001.") + original)
      #expect(ClaimName(claim.entry) == claim)
    }
  }

  @Test("A name of 228 bytes can be claimed, one of 229 cannot")
  func longest() {
    let longest = EntryName([UInt8](repeating: 0x61, count: 228))!
    #expect(ClaimName(claimedAt: Self.stamp, original: longest)?.entry.bytes.count == 255)
    let longer = EntryName([UInt8](repeating: 0x61, count: 229))!
    #expect(ClaimName(claimedAt: Self.stamp, original: longer) == nil)
  }

  @Test("A time of fewer than 19 digits makes no claimed name")
  func earlyClock() {
    for time: Nanoseconds in [0, -1, .min, 999_999_999_999_999_999] {
      #expect(ClaimName(claimedAt: time, original: entryName("a")) == nil)
    }
  }

  @Test(
    "Other names are not taken for claimed ones",
    arguments: [
      ".reapd.179521687683500000.a", ".reapd.17952168768350000011.a",
      ".reapd.179521687683500000x.a",
      ".reapd.1795216876835000001", ".reapd.1795216876835000001.", ".reapd.1795216876835000001..",
      ".reapd.1795216876835000001...", "reapd.1795216876835000001.a",
      ".reapd.+795216876835000001.a",
      ".reapd.9999999999999999999.a", ".reapd.0000000000000000001.a", "a",
    ])
  func notClaimed(text: String) { #expect(ClaimName(entryName(text)) == nil) }

  static let spillTimes: [(String, Nanoseconds?)] = [
    ("spill_1_2", second), ("spill_0_0", 0),
    ("spill_1763000000_18446744073709551615", 1_763_000_000 * second),
    ("spill_9223372036_1", 9_223_372_036 * second), ("spill_9223372037_1", nil),
    ("spill_99999999999999999999_1", nil), ("spill_1", nil), ("spill_1_2_3", nil),
    ("spill__2", nil), ("spill_1_", nil), ("spill_-1_2", nil), ("spill_+1_2", nil),
    ("spill_1_x", nil), ("Spill_1_2", nil), ("xspill_1_2", nil), ("spill", nil),
  ]

  @Test(
    "The time in the name of a spill directory is read where there is one", arguments: spillTimes)
  func spillTime(text: String, expected: Nanoseconds?) {
    #expect(spillNameTime(entryName(text)) == expected)
  }

  @Test("A spill name that is no text has no time, and does no harm")
  func rawSpillName() {
    #expect(spillNameTime(EntryName(bytes("spill_1_") + [0xB2])!) == nil)
    #expect(spillNameTime(EntryName(bytes("spill_1\n_2"))!) == nil)
  }

  @Test("What cannot be an entry is no name", arguments: ["", ".", "..", "a/b", "a\0b"])
  func noEntry(text: String) { #expect(EntryName(text) == nil) }

  @Test("A name is shown with control and stray bytes escaped")
  func display() {
    #expect(entryName("a\nb\u{1B}é").display == #"a\x0ab\x1bé"#)
    #expect(EntryName([0x61, 0xFF])!.display == #"a\xff"#)
  }
}
