import ReapConfiguration
import ReapRules
import Testing

private func logRule(_ keys: String) throws -> Rule {
  try #require(
    try parse("rules:\n  - kind: log\n    root: /data/x\n    match: e.log\n    " + keys).rules.first
  )
}

@Suite("Every key of kind log")
struct LogKeyTests {
  @Test(arguments: [
    ("keep_lines: 10", LogSettings(maxBytes: 1 << 20, keepLines: 10)),
    ("keep_bytes: 64KiB", LogSettings(maxBytes: 1 << 20, keepBytes: 64 << 10)),
  ])
  func `what is kept`(line: String, expected: LogSettings) throws {
    #expect(try logRule("max_bytes: 1MiB\n    " + line).kind == .log(expected))
  }

  @Test(arguments: LogSettings.InPlace.allCases)
  func `whether in place`(word: LogSettings.InPlace) throws {
    var expected = LogSettings(maxBytes: 1 << 20)
    expected.inPlace = word
    #expect(
      try logRule("max_bytes: 1MiB\n    in_place: \(word.rawValue)").kind == .log(expected))
  }

  @Test(arguments: [
    ("keep_lines: 5", "max_bytes"),
    ("max_bytes: 1MiB\n    keep_bytes: 1MiB", "what is kept must have room to grow"),
    ("max_bytes: 4KiB\n    keep_bytes: 4095B", "what is kept must have room to grow"),
    ("max_bytes: 8MiB\n    keep_bytes: 7340033B", "what is kept must have room to grow"),
    ("max_bytes: 1MiB\n    keep_lines: 0", "write a whole number from 1"),
    ("max_bytes: 12B", "out of range"),
    ("max_bytes: 1MiB\n    in_place: sometimes", "auto, always, never"),
  ])
  func `what cannot be meant is refused`(keys: String, words: String) throws {
    let told = complaint { try logRule(keys) }
    #expect(told.contains(words), "\(told)")
  }

  @Test func `the preset is the program's own policy`() throws {
    let rule = try #require(
      try parse("rules:\n  - preset: sovra-log\n    root: /srv/app/.data").rules.first)
    #expect(rule.kind == .log(LogSettings(maxBytes: 50 << 20, keepLines: 10_000)))
    #expect(rule.match.pattern == "events.jsonl" && rule.grace == 1_000_000_000)
  }
}
