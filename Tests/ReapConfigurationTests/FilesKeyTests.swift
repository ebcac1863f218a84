import ReapConfiguration
import ReapRules
import Testing

private func filesRule(_ keys: String...) throws -> Rule {
  let head = "rules:\n  - kind: files\n    root: /data/x\n    "
  return try #require(try parse(head + keys.joined(separator: "\n    ")).rules.first)
}

private let day: Nanoseconds = 86400 * 1_000_000_000
private let receipts = #"{receipts: {file: /r.log, pattern: '(?<name>\S+) (?<bytes>\d+)'}}"#

@Suite("Every key of kind files")
struct FilesKeyTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var key: String
    var value: String
    var change: @Sendable (inout FilesSettings) throws -> Void
    var testDescription: String { "\(key): \(value)" }

    init(
      _ key: String, _ value: String,
      _ change: @escaping @Sendable (inout FilesSettings) throws -> Void
    ) {
      (self.key, self.value, self.change) = (key, value, change)
    }
  }

  static let cases: [Case] = [
    Case("directories", "[images, bid-images]") {
      $0.directories = [EntryName("images")!, EntryName("bid-images")!]
    },
    Case("max_age", "7d") { $0.maxAge = 7 * day },
    Case("pressure", "{start: 70%, stop: 60.5%, min_age: 1d}") {
      $0.pressure = Pressure(start: 7000, stop: 6050, minAge: day)
    },
    Case("pressure", "{start: 70%, stop: 60%}") { $0.pressure = Pressure(start: 7000, stop: 6000) },
    Case("require_copy", "off") { $0.copy = .notRequired },
    Case("require_copy", receipts) {
      $0.copy = .receipts(.init(file: "/r.log", pattern: #"(?<name>\S+) (?<bytes>\d+)"#))
    },
    Case("require_copy", "{receipts: {file: logs/r.jsonl}}") {
      $0.copy = .receipts(.init(file: "logs/r.jsonl"))
    },
    Case("require_copy", "{command: [check, 7, '--x'], timeout: 5s}") {
      $0.copy = .command(.init(arguments: ["check", "7", "--x"], timeout: 5_000_000_000))
    },
    Case("allow_last_copy", "true") { $0.allowLastCopy = true },
    Case("references", "[{file: posts.json, fields: [imageUrl, videoUrl]}]") {
      $0.references = [.init(file: "posts.json", fields: ["imageUrl", "videoUrl"])]
    },
    Case("references", "{file: /d/posts.json, fields: imageUrl}") {
      $0.references = [.init(file: "/d/posts.json", fields: ["imageUrl"])]
    },
  ]

  private func expected(_ one: Case) throws -> FilesSettings {
    var settings = FilesSettings()
    try one.change(&settings)
    return settings
  }

  @Test(
    "can be set in the file and in the environment, and is read back as it is printed",
    arguments: cases)
  func set(_ one: Case) throws {
    let plain = try filesRule()
    let found = try filesRule("\(one.key): \(one.value)")
    #expect(found.kind == .files(try expected(one)) && found.kind != plain.kind)
    let overridden = try parse(
      "rules:\n  - kind: files\n    root: /data/x\n    name: media",
      environment: Environment(["REAPD_MEDIA_\(one.key.uppercased())": FilePath(one.value)]))
    #expect(overridden.rules[0].kind == found.kind)
    let whole = try parse(
      "rules:\n  - kind: files\n    root: /data/x\n    \(one.key): \(one.value)")
    #expect(try parse(whole.effectiveYAML).rules == whole.rules)
  }

  @Test("after_copy needs a way to prove copies")
  func afterCopy() throws {
    #expect(try filesRule("require_copy: \(receipts)", "after_copy: 0s").files?.afterCopy == 0)
    #expect(try filesRule("after_copy: never").files?.afterCopy == nil)
    #expect(complaint { try filesRule("after_copy: 1h") }.contains("the rule proves none"))
  }

  @Test(
    "What is half understood is refused, with what would be right",
    arguments: [
      ("pressure: {start: 60%, stop: 70%}", "write less for stop than for start"),
      ("pressure: {start: 60%}", "has no stop"),
      ("pressure: {start: 60, stop: 50%}", "such as 85%"),
      ("require_copy: false", "write off"), ("require_copy: no-copy", "or off"),
      ("require_copy: {receipts: {file: /r}, command: [x]}", "is not one way"),
      ("require_copy: {command: []}", "is empty"),
      ("require_copy: {receipts: {file: /r, pattern: '(?<name>.*)'}}", "has no group bytes"),
      ("require_copy: {receipts: {file: /r, pattern: '(?<name>'}}", "is no regular expression"),
      ("require_copy: {receipts: {file: ../r}}", "or one below the root"),
      ("references: [{file: posts.json}]", "is not whole"),
      ("directories: [a/b]", "cannot be a file's name"),
    ])
  func refused(_ keys: String, _ words: String) {
    let complaint = complaint { try filesRule(keys) }
    #expect(complaint.contains(words), "\(complaint)")
  }

  @Test("never always holds stores, dot files and keys, and what is written besides")
  func never() throws {
    let always = FilesSettings.alwaysNever.map(\.pattern)
    #expect(try filesRule().never.map(\.pattern) == always)
    #expect(
      try filesRule("never: ['*.keep', '*.json']").never.map(\.pattern).sorted()
        == (always + ["*.keep"]).sorted())
  }

  @Test("The preset has its writer's figures, and its writer's switch")
  func preset() throws {
    let text = "rules:\n  - preset: sovra-media\n    root: /data/.data"
    let rule = try parse(text).rules[0]
    #expect(rule.enabled && rule.files?.maxAge == 7 * day && rule.files?.allowLastCopy == true)
    #expect(rule.files?.directories.map(\.display) == ["images", "videos", "voice", "bid-images"])
    #expect(rule.files?.pressure == Pressure(start: 7000, stop: 6000, minAge: day))
    #expect(try !parse(text, environment: ["GC_ENABLED": "false"]).rules[0].enabled)
  }
}

extension Rule {
  fileprivate var files: FilesSettings? {
    if case .files(let settings) = kind { settings } else { nil }
  }
}
