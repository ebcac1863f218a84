import ReapConfiguration
import ReapRules
import Testing

@Suite("Every key of a rule")
struct RuleKeyTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var key: String
    /// As in the file.
    var value: String
    /// As in the environment, where that differs; nil for keys that cannot be overridden.
    var variable: String?
    var change: @Sendable (inout Rule) throws -> Void
    var testDescription: String { "\(key): \(value)" }

    init(
      _ key: String, _ value: String, variable: String? = nil, overridable: Bool = true,
      _ change: @escaping @Sendable (inout Rule) throws -> Void
    ) {
      self.key = key
      self.value = value
      self.variable = overridable ? variable ?? value : nil
      self.change = change
    }

    static func settings(
      _ change: @escaping @Sendable (inout SpillSettings) -> Void
    ) -> @Sendable (inout Rule) throws -> Void {
      { rule in
        var settings = spill(rule)
        change(&settings)
        rule.kind = .spill(settings)
      }
    }
  }

  static let cases: [Case] = [
    Case("name", "uploads", overridable: false) { $0.name = "uploads" },
    Case("enabled", "false") { $0.enabled = false },
    Case("match", "'up_[0-9]*'", variable: "up_[0-9]*") {
      $0.match = try Glob("up_[0-9]*")
      $0.kind = .spill(SpillSettings(missingLock: .keep))
    },
    Case("never", "spill_1_old") { $0.never = [try Glob("spill_1_old")] },
    Case("never", "[spill_7_*, 'a, b']") { $0.never = [try Glob("spill_7_*"), try Glob("a, b")] },
    Case("grace", "1h30m") { $0.grace = 5_400_000_000_000 },
    Case("grace", "\"250ms\"", variable: "250ms") { $0.grace = 250_000_000 },
    Case("owner", "1000") { $0.owners = .users([1000]) },
    Case("owner", "alice") { $0.owners = .users([1000]) },
    Case("owner", "[alice, 1001, root]", variable: "alice, 1001,root") {
      $0.owners = .users([0, 1000, 1001])
    },
    Case("owner", "any") { $0.owners = .anyone },
    Case("allow_shallow", "true") { $0.allowShallow = true },
    Case("allow_remote", "true") { $0.allowRemote = true },
    Case(
      "lock", "owner.lock",
      Case.settings {
        $0.lock = EntryName("owner.lock") ?? $0.lock
        $0.missingLock = .keep
      }),
    Case("lock_type", "flock", Case.settings { $0.lockType = .flock }),
    Case("lock_type", "fcntl", Case.settings { $0.lockType = .fcntl }),
    Case("lock_type", "auto", Case.settings { $0.lockType = .auto }),
    Case("missing_lock", "keep", Case.settings { $0.missingLock = .keep }),
    Case("missing_lock", "reap", Case.settings { $0.missingLock = .reap }),
    Case(
      "contents", "'^[0-9a-f]{64}$'", variable: "^[0-9a-f]{64}$",
      Case.settings { $0.contents = "^[0-9a-f]{64}$" }),
  ]

  @Test("can be set in the file and changes the rule", arguments: cases)
  func fromFile(_ one: Case) throws {
    var expected = try plainRule(owner: 0)
    try one.change(&expected)
    #expect(try rule("\(one.key): \(one.value)", user: root) == expected)
  }

  @Test("can be overridden by its variable", arguments: cases.filter { $0.variable != nil })
  func fromEnvironment(_ one: Case) throws {
    var expected = try plainRule(owner: 0)
    try one.change(&expected)
    let variable = "REAPD_SPILL_" + one.key.uppercased()
    let value = try #require(one.variable)
    let configuration = try parse(
      "rules: [{kind: spill, root: /data/spill}]", environment: [variable: value], user: root)
    #expect(configuration.rules == [expected])
    #expect(configuration.overrides == [variable])
  }

  @Test("has the documented default when it is left out")
  func defaults() throws {
    #expect(try rule() == plainRule())
  }

  @Test("root can be set and overridden, and the name stays that of the file")
  func rootKey() throws {
    let configuration = try parse(
      "rules: [{kind: spill, root: /data/spill}]",
      environment: ["REAPD_SPILL_ROOT": "$BASE/./other.d/", "BASE": "/srv"])
    #expect(configuration.rules.map(\.root) == ["/srv/other.d"])
    #expect(configuration.rules.map(\.name) == ["spill"])
  }

  @Test("kind and preset can be set")
  func kindAndPreset() throws {
    #expect(try rule().kind.name == "spill")
    let preset = try parse("rules: [{preset: ant, kind: spill, root: /data/spill}]").rules[0]
    #expect(spill(preset).lockType == .flock)
  }
}

@Suite("Preset ant")
struct AntPresetTests {
  private func ant(_ environment: Environment, _ keys: String = "") throws -> Rule {
    try parse("rules: [{preset: ant\(keys)}]", environment: environment).rules[0]
  }

  @Test("fills in what ant does")
  func filled() throws {
    var expected = try plainRule()
    expected.name = "ant"
    expected.root = "/home/me/.local/share/ant/spill"
    expected.kind = .spill(
      SpillSettings(lockType: .flock, missingLock: .reap, contents: "^[0-9a-f]{64}$"))
    #expect(try ant(["HOME": "/home/me"]) == expected)
  }

  @Test("takes the user database's home where HOME is not set")
  func withoutHome() throws {
    #expect(try ant([:]).root == "/home/alice/.local/share/ant/spill")
  }

  @Test("uses XDG_DATA_HOME as it is, relative ones from the working directory")
  func dataHome() throws {
    #expect(try ant(["XDG_DATA_HOME": "/data", "HOME": "/h"]).root == "/data/ant/spill")
    #expect(try ant(["XDG_DATA_HOME": "share/$x"]).root == "/cwd/share/$x/ant/spill")
    #expect(
      complaint { try ant(["XDG_DATA_HOME": ""]) }
        == "reapd.yaml:1: root of preset ant cannot be known: XDG_DATA_HOME is set, but empty; "
        + "unset it, or write 'root: '")
    #expect(complaint { try ant(["XDG_DATA_HOME": "../x"]) }.contains("with a '..' in it"))
  }

  @Test("gives way to what is written in the rule")
  func written() throws {
    let rule = try ant([:], ", root: /srv/x, match: 'a*', lock: l, lock_type: auto, grace: 1s")
    #expect(rule.root == "/srv/x")
    #expect(rule.match == (try Glob("a*")))
    #expect(rule.grace == 1_000_000_000)
    #expect(spill(rule).lock == EntryName("l"))
    #expect(spill(rule).lockType == .auto)
    #expect(spill(rule).missingLock == .reap)
    let other = try ant([:], ", missing_lock: keep, contents: '.*'")
    #expect(spill(other).missingLock == .keep && spill(other).contents == ".*")
  }

  @Test("takes what ant names, and nothing that a person put beside it")
  func candidates() throws {
    let match = try ant([:]).match
    for name in ["spill_1747000000_42", "spill_0_18446744073709551615", "spill_1_"] {
      #expect(match.matches(try #require(EntryName(name))), "\(name)")
    }
    for name in ["spill_backup", "spill_old-keys", "spill_", "spill_1", "spill__1", ".spill_1_2"] {
      #expect(!match.matches(try #require(EntryName(name))), "\(name)")
    }
  }
}

@Suite("missing_lock where it is not written")
struct MissingLockDefaultTests {
  @Test(
    "is keep, unless the preset or the plain default rule knows that every owner has a lock",
    arguments: [
      ("kind: spill, root: /r", MissingLock.reap), ("preset: ant, root: /r", .reap),
      ("preset: ant, root: /r, match: 'x*'", .reap), ("kind: spill, root: /r, match: 'x*'", .keep),
      ("kind: spill, root: /r, match: 'spill_*'", .keep),
      ("kind: spill, root: /r, match: 'spill_+([0-9])_*', lock: .lock", .reap),
      ("kind: spill, root: /r, lock: pid.lock", .keep),
      ("kind: spill, root: /r, match: 'x*', missing_lock: reap", .reap),
      ("kind: spill, root: /r, missing_lock: keep", .keep),
    ])
  func effective(_ keys: String, _ expected: MissingLock) throws {
    let configuration = try parse("rules: [{\(keys)}]")
    #expect(spill(configuration.rules[0]).missingLock == expected)
    #expect(configuration.effectiveYAML.contains("\n    missing_lock: \(expected.rawValue)\n"))
  }

  @Test("is the same on the command line")
  func commandLine() throws {
    func effective(match: String? = nil, lock: String? = nil) throws -> MissingLock {
      spill(
        try Rule.fromCommandLine(
          root: "/r", match: match, lock: lock, user: alice, environment: [:])
      ).missingLock
    }
    #expect(try effective() == .reap)
    #expect(try effective(match: "up_*") == .keep)
    #expect(try effective(lock: "l") == .keep)
  }
}
