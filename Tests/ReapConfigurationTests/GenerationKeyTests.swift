import ReapConfiguration
import ReapRules
import Testing

/// The one rule of kind generations that has the given keys besides kind and root.
private func generationsRule(_ keys: String...) throws -> Rule {
  let lines = (["kind: generations", "root: /data/cache"] + keys).joined(separator: "\n    ")
  return try #require(try parse("rules:\n  - " + lines).rules.first)
}

private func plainGenerations() throws -> Rule {
  Rule(
    name: "cache", root: "/data/cache", match: try Glob(GenerationSettings.defaultMatch),
    grace: 30_000_000_000, owners: .users([1000]), kind: .generations(GenerationSettings()))
}

private let secondSpan: Nanoseconds = 1_000_000_000

@Suite("Every key of kind generations")
struct GenerationKeyTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var key: String
    /// As in the file.
    var value: String
    /// As in the environment.
    var variable: String
    var change: @Sendable (inout GenerationSettings) throws -> Void
    var testDescription: String { "\(key): \(value)" }

    init(
      _ key: String, _ value: String, variable: String? = nil,
      _ change: @escaping @Sendable (inout GenerationSettings) throws -> Void
    ) {
      (self.key, self.value, self.variable) = (key, value, variable ?? value)
      self.change = change
    }
  }

  @Sendable static func member(_ field: String, _ pattern: String) throws -> CursorLayout {
    .member(field: field, pattern: try #require(CursorPattern(pattern)))
  }

  static let cases: [Case] = [
    Case("lock", ".lock") { $0.lock = EntryName(".lock") },
    Case("lock_type", "flock") { $0.lockType = .flock },
    Case("cursor", "HEAD.json") { $0.cursor = try #require(EntryName("HEAD.json")) },
    Case("layouts", "{field: current, pattern: 'gen-{}'}") {
      $0.layouts = [try member("current", "gen-{}")]
    },
    Case("layouts", "[{field: a, pattern: '{}'}, hypaware]") {
      $0.layouts = [try member("a", "{}"), .hypaware]
    },
    Case("layouts", "hypaware") { $0.layouts = [.hypaware] },
    Case("layouts", "[{field: current.dir, pattern: '{}'}]") {
      $0.layouts = [try member("current.dir", "{}")]
    },
    Case("layouts", "[{link: '{}'}, hypaware, {text: 'v{}'}]") {
      $0.layouts = [
        .link(try #require(CursorPattern("{}"))), .hypaware,
        .text(try #require(CursorPattern("v{}"))),
      ]
    },
    Case("complete", "'meta/@(a|b)/v?.json'", variable: "meta/@(a|b)/v?.json") {
      $0.complete = try GlobPath("meta/@(a|b)/v?.json")
    },
    Case("marker", ".gone") { $0.marker = try #require(EntryName(".gone")) },
    Case("owner_pidfile", "/run/x.pid") { $0.ownerPidfile = OwnerPidfile(path: "/run/x.pid") },
    Case("owner_pidfile", "{path: ~/x.pid, pid: p, start: s}") {
      $0.ownerPidfile = OwnerPidfile(path: "/home/alice/x.pid", pidField: "p", startField: "s")
    },
    Case("trust_pids", "true") { $0.trustPids = true },
    Case("quiet", "5m") { $0.quiet = 300 * secondSpan },
    Case("quarantine", "0s") { $0.quarantine = 0 },
    Case("quarantine", "2h") { $0.quarantine = 7200 * secondSpan },
    Case("quarantine_yields", "true") { $0.quarantineYields = true },
    Case("min_free", "20GB") { $0.minFree = .amount(20_000_000_000) },
    Case("min_free", "12.5%") { $0.minFree = .share(1250) },
    Case("min_free_inodes", "10000") { $0.minFreeInodes = .amount(10_000) },
    Case("min_free_inodes", "5%") { $0.minFreeInodes = .share(500) },
    Case("compaction", "{batch_bytes: 1MiB}") { $0.compaction.batchBytes = 1 << 20 },
    Case("compaction", "{batch_rows: 5}") { $0.compaction.batchRows = 5 },
    Case("compaction", "{target_bytes: 64MB}") { $0.compaction.targetBytes = 64_000_000 },
    Case("compaction", "{compression: zstd}") { $0.compaction.compression = .zstd },
    Case("retired_after", "0s") { $0.retiredAfter = 0 },
    Case("retired_after", "1m") { $0.retiredAfter = 60 * secondSpan },
    Case("stale_temporaries", "2h") { $0.staleTemporaries = 7200 * secondSpan },
    Case("stale_temporaries", "off") { $0.staleTemporaries = nil },
  ]

  func expected(_ one: Case) throws -> Rule {
    var rule = try plainGenerations()
    var settings = GenerationSettings()
    try one.change(&settings)
    rule.kind = .generations(settings)
    return rule
  }

  @Test("can be set in the file and changes the rule", arguments: cases)
  func fromFile(_ one: Case) throws {
    #expect(try generationsRule("\(one.key): \(one.value)") == expected(one))
  }

  @Test("can be overridden by its variable", arguments: cases)
  func fromEnvironment(_ one: Case) throws {
    let variable = "REAPD_CACHE_" + one.key.uppercased()
    let configuration = try parse(
      "rules: [{kind: generations, root: /data/cache}]", environment: [variable: one.variable])
    #expect(configuration.rules == [try expected(one)])
    #expect(configuration.overrides == [variable])
  }

  @Test("is printed and read back", arguments: cases)
  func printed(_ one: Case) throws {
    let first = try parse(
      "rules: [{kind: generations, root: /data/cache, \(one.key): \(one.value)}]")
    #expect(try parse(first.effectiveYAML) == first, "\(first.effectiveYAML)")
    #expect(first.json.text.contains("\"\(one.key)\":"))
  }

  @Test("has the documented default when it is left out")
  func defaults() throws {
    #expect(try generationsRule() == plainGenerations())
    let defaults = GenerationSettings()
    #expect(defaults.quiet == 3600 * secondSpan && defaults.retiredAfter == 600 * secondSpan)
    #expect(defaults.staleTemporaries == 3600 * secondSpan && defaults.quarantine == nil)
    #expect(defaults.lock == nil && defaults.ownerPidfile == nil && !defaults.trustPids)
    #expect(defaults.compaction.batchBytes == 32 << 20 && defaults.compaction.batchRows == 10_000)
    #expect(defaults.compaction.targetBytes == 128 << 20)
  }

  @Test("is among the cases, but for those that every kind has")
  func everyKey() {
    let message = complaint { try generationsRule("missing_lock: keep") }
    let known = message.split(separator: "known: ").last?.split(separator: ", ").map(String.init)
    let common: Set = [
      "name", "kind", "preset", "root", "enabled", "match", "grace", "owner", "allow_shallow",
      "allow_remote", "never",
    ]
    #expect(Set(known ?? []).subtracting(common) == Set(Self.cases.map(\.key)))
  }

  static let errors: [(String, String)] = [
    ("missing_lock: keep", "4: a rule of kind generations has no key 'missing_lock'; known: name,"),
    ("contents: a", "4: a rule of kind generations has no key 'contents'; known: "),
    ("cursor: a/b", "4: cursor is 'a/b', which cannot be a file's name; write the name of a file"),
    ("layouts: []", "4: layouts is an empty list; write hypaware, or a list of hypaware, {fi"),
    ("layouts: hyp", "4: layouts is 'hyp', which is unknown; known: hypaware"),
    ("layouts: [hypaware, hypaware]", "4: layouts has the same layout twice; remove one"),
    ("layouts: {field: a}", "4: layouts has a layout without pattern; write hypaware, or a list"),
    ("layouts: {pattern: 'a{}'}", "4: layouts has a layout without field; write hypaware"),
    (
      "layouts: {field: a, pattern: gen}",
      "4: pattern of layouts is 'gen'; write a directory's name with {} in it once"
    ),
    (
      "layouts:\n      - hypaware\n      - {feld: a, pattern: 'x{}'}",
      "6: layouts has no key 'feld'; did you mean field? known: field, pattern, text, link"
    ),
    (
      "layouts: {text: a}", "4: text of layouts is 'a'; write a directory's name with {} in it once"
    ),
    ("layouts: {link: 'a/{}'}", "4: link of layouts is 'a/{}'; write a directory's name with {}"),
    (
      "layouts: {text: '{}', pattern: 'a{}'}",
      "4: layouts has text beside other keys; write hypaware, or a list of hypaware, {field: curr"
    ),
    (
      "layouts: [{text: '{}'}, hypaware]",
      "4: layouts has a layout after text, which reads every file; put text last"
    ),
    (
      "layouts: {field: a..b, pattern: '{}'}",
      "4: field of layouts is 'a..b'; write names with a dot between each two"
    ),
    ("complete: /a", "4: complete is '/a': a part between '/' is empty; write a relative path of"),
    ("complete: a/../b", "4: complete is 'a/../b': '..' is the name of no entry; write a relative"),
    ("marker: 7", "4: marker is '7', a number; write the name of a file"),
    ("owner_pidfile: run/x", "4: owner_pidfile is 'run/x': it is not absolute; begin it with '/'"),
    ("owner_pidfile: {pid: a}", "4: owner_pidfile has no path; write a path, or {path: /run/x.pid"),
    ("owner_pidfile: [a]", "4: owner_pidfile is a list; write a path, or {path: /run/x.pid"),
    ("owner_pidfile: {path: a}", "4: path of owner_pidfile is 'a': it is not absolute; begin"),
    ("owner_pidfile: {}", "4: owner_pidfile is empty; write a path"),
    ("trust_pids: 1", "4: trust_pids is '1'; write true or false"),
    ("quiet: 0s", "4: quiet is '0s', which is out of range; write a duration from 1ns to 365d"),
    (
      "quarantine: 366d", "4: quarantine is '366d', which is out of range; write a duration from 0s"
    ),
    ("quarantine_yields: yes", "4: quarantine_yields is 'yes'; write true or false"),
    ("min_free: 20", "4: min_free is '20'; write a size such as 20GB, or a share such as 5%"),
    ("min_free: 101%", "4: min_free is '101%'; write a size such as 20GB, or a share such as 5%"),
    ("min_free_inodes: 5GB", "4: min_free_inodes is '5GB'; write a number of inodes, or a share"),
    ("compaction: 32MiB", "4: compaction is '32MiB'; write keys and values, as in {batch_bytes"),
    (
      "compaction:\n      batch_byte: 1MiB",
      "5: compaction has no key 'batch_byte'; did you mean batch_bytes? known: batch_bytes, "
    ),
    (
      "compaction:\n      batch_bytes: 1\n",
      "5: batch_bytes of compaction is '1'; write a size such as 64MiB or 2GB"
    ),
    (
      "compaction: {batch_bytes: 1B}",
      "4: batch_bytes of compaction is '1B', which is out of range; write a size from 4KiB to 16GiB"
    ),
    (
      "compaction: {batch_rows: 0}",
      "4: batch_rows of compaction is '0'; write a whole number from 1 to 1000000000"
    ),
    (
      "compaction: {compression: gz}",
      "4: compression of compaction is 'gz', which is unknown; did you mean gzip? known: same, none"
    ),
    ("retired_after: soon", "4: retired_after is 'soon'; write a duration such as 250ms"),
    (
      "stale_temporaries: never", "4: stale_temporaries is 'never'; write a duration such as 1h, or"
    ),
    ("lock_type: x", "4: lock_type is 'x', which is unknown; known: flock, fcntl, auto"),
  ]

  @Test("is refused with a wrong value, with the line and what would be right", arguments: errors)
  func refused(text: String, start: String) {
    let message = complaint { try generationsRule(text) }
    #expect(message.hasPrefix("reapd.yaml:" + start), "\(message)")
  }

  @Test("is refused from the environment by the name of its variable")
  func refusedVariables() {
    func tried(_ key: String, _ value: String) -> String {
      complaint {
        try parse(
          "rules: [{kind: generations, root: /data/cache}]",
          environment: ["REAPD_CACHE_" + key: value])
      }
    }
    #expect(
      tried("COMPACTION", "{batch_rows: x}")
        == "REAPD_CACHE_COMPACTION: batch_rows of compaction is 'x'; "
        + "write a whole number from 1 to 1000000000")
    #expect(
      tried("COMPACTION", "{batch_row: 1}").hasPrefix("REAPD_CACHE_COMPACTION: compaction has"))
    #expect(tried("MISSING_LOCK", "keep").hasPrefix("REAPD_CACHE_MISSING_LOCK: a rule of kind gen"))
  }
}

@Suite("Preset hypaware")
struct HypawarePresetTests {
  private func hypaware(_ environment: Environment, _ keys: String = "") throws -> Rule {
    try parse("rules: [{preset: hypaware\(keys)}]", environment: environment).rules[0]
  }

  @Test("fills in what hypaware does")
  func filled() throws {
    var expected = try plainGenerations()
    expected.name = "hypaware"
    expected.root = "/home/me/.hyp/hypaware/cache"
    var settings = GenerationSettings()
    settings.ownerPidfile = OwnerPidfile(
      path: "/home/me/.hyp/hypaware/run/hypaware.pid", startField: "startedAt")
    expected.kind = .generations(settings)
    #expect(try hypaware(["HOME": "/home/me"]) == expected)
    #expect(try hypaware(["HOME": "/home/me", "HYP_HOME": ""]) == expected)
  }

  @Test("uses HYP_HOME, relative ones from the working directory")
  func home() throws {
    #expect(try hypaware(["HYP_HOME": "/srv/hyp"]).root == "/srv/hyp/hypaware/cache")
    #expect(try hypaware(["HYP_HOME": "hyp"]).root == "/cwd/hyp/hypaware/cache")
    #expect(complaint { try hypaware(["HYP_HOME": "../x"]) }.contains("with a '..' in it"))
  }

  @Test("gives way to what is written in the rule, and keeps the pid file beside the cache")
  func written() throws {
    let rule = try hypaware([:], ", root: /srv/h/cache, quiet: 1m, lock: .lock")
    var settings = GenerationSettings()
    settings.quiet = 60 * secondSpan
    settings.lock = EntryName(".lock")
    settings.ownerPidfile = OwnerPidfile(path: "/srv/h/run/hypaware.pid", startField: "startedAt")
    #expect(rule.kind == .generations(settings))
    let other = try hypaware([:], ", owner_pidfile: /run/x.pid")
    guard case .generations(let changed) = other.kind else { return }
    #expect(changed.ownerPidfile == OwnerPidfile(path: "/run/x.pid"))
  }

  @Test("may be named on the command line, as may the kind")
  func commandLine() throws {
    let preset = try Rule.fromCommandLine(
      root: nil, preset: "hypaware", user: alice, environment: [:])
    #expect(preset.root == "/home/alice/.hyp/hypaware/cache")
    let kind = try Rule.fromCommandLine(
      root: "/data/cache", kind: "generations", user: alice, environment: [:])
    #expect(kind == (try plainGenerations()))
  }
}
