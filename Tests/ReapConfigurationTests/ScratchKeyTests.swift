import ReapConfiguration
import ReapRules
import Testing

private let plainKeys = "kind: scratch, root: /data/x, match: 'w-*'"

/// The one rule of kind scratch that has the given keys besides kind, root and match.
private func scratchRule(_ keys: String) throws -> Rule {
  let ways = keys.contains("owned_by") ? "" : "\n    owned_by: [{open: true}]"
  let head = "rules:\n  - kind: scratch\n    root: /data/x\n    match: w-*\n    "
  return try #require(try parse(head + keys + ways).rules.first)
}

private func path(_ text: String) throws -> ScratchPath { try #require(ScratchPath(text)) }

private let secondSpan: Nanoseconds = 1_000_000_000

@Suite("Every key of kind scratch")
struct ScratchKeyTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var key: String
    var value: String
    var change: @Sendable (inout ScratchSettings) throws -> Void
    var testDescription: String { "\(key): \(value)" }

    init(
      _ key: String, _ value: String,
      _ change: @escaping @Sendable (inout ScratchSettings) throws -> Void
    ) {
      (self.key, self.value, self.change) = (key, value, change)
    }
  }

  static let cases: [Case] = [
    Case("entries", "files") { $0.entries = .files },
    Case("entries", "both") { $0.entries = .both },
    Case("owned_by", "[{lock: '../{name}.lock'}]") {
      $0.ownedBy = [.lock(try path("../{name}.lock"))]
    },
    Case("owned_by", "[{lock: .}, {open: true}]") { $0.ownedBy = [.lock(try path(".")), .open] },
    Case("owned_by", "[{pid: {name: 'w-{pid}-*'}}]") {
      $0.ownedBy = [.pidInName(try #require(PidPattern("w-{pid}-*")))]
    },
    Case("owned_by", "[{pid: {link: SingletonLock, pattern: '{host}-{pid}'}}]") {
      $0.ownedBy = [
        .pidInLink(try path("SingletonLock"), try #require(PidPattern("{host}-{pid}")))
      ]
    },
    Case("owned_by", "[{pid: {file: .lock}}, {boot: true}]") {
      $0.ownedBy = [.pidInFile(PidFile(path: try path(".lock"))), .boot]
    },
    Case("owned_by", "[{pid: {file: '../{name}.json', field: pid, start: began}}]") {
      $0.ownedBy = [
        .pidInFile(
          PidFile(path: try path("../{name}.json"), field: "pid", startField: "began"))
      ]
    },
    Case("lock_type", "fcntl") { $0.lockType = .fcntl },
    Case("trust_pids", "true") { $0.trustPids = true },
    Case("quiet", "5m") { $0.quiet = 300 * secondSpan },
    Case("quiet", "off") { $0.quiet = nil },
    Case("quarantine", "0s") { $0.quarantine = 0 },
    Case("quarantine", "2h") { $0.quarantine = 7200 * secondSpan },
    Case("also", "['{name}.lock', '../{name}.log']") {
      $0.also = [try path("../{name}.lock"), try path("../{name}.log")]
    },
    Case("cleaners_lock", "../purge.lock") { $0.cleanersLock = try path("../purge.lock") },
  ]

  private func expected(_ one: Case) throws -> Rule {
    var settings = ScratchSettings(ownedBy: [.open])
    try one.change(&settings)
    return Rule(
      name: "x", root: "/data/x", match: try Glob("w-*"), grace: 30 * secondSpan,
      owners: .users([1000]), kind: .scratch(settings))
  }

  @Test("can be set in the file and changes the rule", arguments: cases)
  func fromFile(_ one: Case) throws {
    #expect(try scratchRule("\(one.key): \(one.value)") == expected(one))
  }

  @Test("can be overridden by its variable", arguments: cases)
  func fromEnvironment(_ one: Case) throws {
    // A text of one word has no quotes there.
    let variable = "REAPD_X_" + one.key.uppercased()
    let configuration = try parse(
      "rules: [{\(plainKeys), owned_by: [{open: true}]}]", environment: [variable: one.value]
    )
    #expect(configuration.rules == [try expected(one)])
    #expect(configuration.overrides == [variable])
  }

  @Test("is printed and read back", arguments: cases)
  func printed(_ one: Case) throws {
    let ways = one.key == "owned_by" ? "" : ", owned_by: [{open: true}]"
    let first = try parse("rules: [{\(plainKeys)\(ways), \(one.key): \(one.value)}]")
    #expect(try parse(first.effectiveYAML) == first, "\(first.effectiveYAML)")
    #expect(first.json.text.contains("\"\(one.key)\":"))
  }

  @Test("of every kind means what it means elsewhere")
  func common() throws {
    #expect(try scratchRule("grace: 1s").grace == secondSpan)
    #expect(try !scratchRule("enabled: false").enabled)
    #expect(try scratchRule("name: other").name == "other")
    let never = try scratchRule("never: [w-mine, 'w-old*']")
    for (name, stays) in [("w-mine", true), ("w-older", true), ("w-1", false)] {
      #expect(never.neverTakes(try #require(EntryName(name))) == stays)
    }
    let owners = try parse(
      "rules: [{\(plainKeys), owned_by: [{open: true}], owner: [bob]}]", user: root
    ).rules[0].owners
    #expect(owners == .users([1001]))
  }

  @Test("has the documented default when it is left out")
  func defaults() throws {
    let settings = ScratchSettings(ownedBy: [.open])
    #expect(try scratchRule("grace: 30s").kind == .scratch(settings))
    #expect(settings.entries == .directories && settings.lockType == .auto && !settings.trustPids)
    #expect(settings.quiet == nil && settings.quarantine == nil && settings.also.isEmpty)
    #expect(ScratchSettings.defaultQuarantine == 3600 * secondSpan)
  }

  @Test("is among the cases, but for those that every kind has")
  func everyKey() {
    let message = complaint { try scratchRule("missing_lock: keep") }
    let known = message.split(separator: "known: ").last?.split(separator: ", ").map(String.init)
    let common: Set = [
      "name", "kind", "preset", "root", "enabled", "match", "grace", "owner", "allow_shallow",
      "allow_remote", "never",
    ]
    #expect(Set(known ?? []).subtracting(common) == Set(Self.cases.map(\.key)), "\(message)")
  }

  static let errors: [(String, String)] = [
    ("missing_lock: keep", "a rule of kind scratch has no key 'missing_lock'; known: name,"),
    ("lock: .lock", "a rule of kind scratch has no key 'lock'; known: name, "),
    ("entries: file", "entries is 'file', which is unknown; did you mean files? known: dir"),
    ("owned_by: []", "owned_by is an empty list; write a list of {lock: "),
    ("owned_by: [{open: false}]", "open of owned_by is false; write true, or leave it out"),
    ("owned_by: [{opened: true}]", "owned_by has no key 'opened'; did you mean open? known: lock"),
    ("owned_by: [{open: true, boot: true}]", "owned_by has several ways in one entry; write a"),
    ("owned_by: [{open: true}, {open: true}]", "owned_by has open twice; remove one"),
    ("owned_by: [{lock: /run/x}]", "lock of owned_by is '/run/x'; write a path in the entry, '.."),
    ("owned_by: [{lock: ../../x}]", "lock of owned_by is '../../x'; write a path in the entry"),
    ("owned_by: [{pid: {name: 'w-*'}}]", "name of pid of owned_by is 'w-*'; write {pid} in it onc"),
    ("owned_by: [{pid: {link: a}}]", "pid of owned_by is not whole; write {name: 'x-{pid}'}"),
    ("owned_by: [{pid: {file: .}}]", "file of pid of owned_by is '.'; write a path in the entry"),
    ("owned_by: [{pid: {file: a, start: b}}]", "pid of owned_by has a start, and no field; write"),
    ("owned_by: [{lock: '../{stem}.lock'}]", "owned_by is '../{stem}.lock', and the match has no"),
    ("lock_type: x", "lock_type is 'x', which is unknown; known: flock, fcntl, auto"),
    ("trust_pids: 1", "trust_pids is '1'; write true or false"),
    ("quiet: 0s", "quiet is '0s', which is out of range; write a duration from 1ns to 365d"),
    ("quarantine: 366d", "quarantine is '366d', which is out of range; write a duration from 0s"),
    ("also: [lock]", "also is 'lock'; write a name with {name} or {stem} in it, such as '{name}."),
    ("also: ['{name}']", "also is '{name}', which is the entry itself; write a name with"),
    ("also: ['{name}/x']", "also is '{name}/x'; write a name with {name} or {stem} in it, such"),
    ("cleaners_lock: .", "cleaners_lock is '.'; write a path in the entry, or '../' and one be"),
  ]

  @Test("is refused with a wrong value, with the line and what would be right", arguments: errors)
  func refused(text: String, start: String) {
    let message = complaint { try scratchRule(text) }
    #expect(message.hasPrefix("reapd.yaml:5: " + start), "\(message)")
  }

  @Test("that has to be written is asked for")
  func required() {
    #expect(
      complaint { try parse("rules: [{kind: scratch, root: /d/x, owned_by: [{open: true}]}]") }
        .hasPrefix("reapd.yaml:1: the rule has no match"))
    #expect(
      complaint { try parse("rules: [{kind: scratch, root: /d/x, match: a}]") }
        .hasPrefix("reapd.yaml:1: the rule has no owned_by"))
  }
}
