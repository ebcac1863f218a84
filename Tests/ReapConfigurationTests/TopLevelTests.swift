import ReapConfiguration
import ReapRules
import Testing

@Suite("Every key of the top level")
struct TopLevelTests {
  private let rules = "rules: [{kind: spill, root: /data/spill}]\n"

  @Test("has the documented default")
  func defaults() throws {
    let configuration = try parse(rules)
    #expect(configuration.auditLog == nil)
    #expect(configuration.backstop == 300_000_000_000)
    #expect(configuration.logLevel == "info")
    #expect(configuration.enabled)
    #expect(configuration.usageAtStart && configuration.warnUsed == 8000)
    #expect(configuration.overrides == [])
    #expect(configuration.source == nil)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var key: String
    var value: String
    var holds: @Sendable (Configuration) -> Bool
    var testDescription: String { "\(key): \(value)" }
  }

  static let cases: [Case] =
    [
      Case(key: "audit_log", value: "~/audit.jsonl") { $0.auditLog == "/home/alice/audit.jsonl" },
      Case(key: "audit_log", value: "none") { $0.auditLog == nil && !$0.hasAudit },
      Case(key: "backstop", value: "10m") { $0.backstop == 600_000_000_000 },
      Case(key: "backstop", value: "off") { $0.backstop == nil },
      Case(key: "enabled", value: "false") { !$0.enabled },
      Case(key: "usage_at_start", value: "false") { !$0.usageAtStart },
      Case(key: "warn_used", value: "92.5%") { $0.warnUsed == 9250 },
      Case(key: "warn_used", value: "off") { $0.warnUsed == nil },
    ]
    + Configuration.logLevels.map { level in
      Case(key: "log_level", value: level) { $0.logLevel == level }
    }

  @Test("can be set in the file", arguments: cases)
  func fromFile(_ one: Case) throws {
    #expect(one.holds(try parse(rules + "\(one.key): \(one.value)\n")))
  }

  @Test("can be overridden by its variable", arguments: cases)
  func fromEnvironment(_ one: Case) throws {
    let variable = "REAPD_" + one.key.uppercased()
    let text =
      rules + "audit_log: /a\nbackstop: 1m\nenabled: true\nlog_level: error\n"
      + "usage_at_start: true\nwarn_used: 70%\n"
    let configuration = try parse(text, environment: [variable: one.value])
    #expect(one.holds(configuration))
    #expect(configuration.overrides == [variable])
  }
}

@Suite("Overrides")
struct OverrideTests {
  private let two = """
    rules:
      - {name: my-spill, kind: spill, root: /data/a}
      - {name: other, kind: spill, root: /data/b}
    """

  @Test("reach the rule whose name they bear, '-' written as '_'")
  func named() throws {
    let configuration = try parse(
      two, environment: ["REAPD_MY_SPILL_GRACE": "5s", "REAPD_LOG_LEVEL": "debug"])
    #expect(configuration.rules.map(\.grace) == [5_000_000_000, 30_000_000_000])
    #expect(configuration.overrides == ["REAPD_LOG_LEVEL", "REAPD_MY_SPILL_GRACE"])
  }

  @Test("of other programs' and unknown variables change nothing")
  func unknown() throws {
    let configuration = try parse(
      two, environment: ["REAPD_FOO": "x", "REAPD_": "y", "REAPD_RULES": "z", "GRACE": "1s"])
    #expect(configuration.overrides == [])
  }

  @Test("of a rule's unknown key are an error that names the variable")
  func unknownKey() {
    #expect(
      complaint { try parse(two, environment: ["REAPD_OTHER_GRACES": "1s"]) }
        == "REAPD_OTHER_GRACES: rule other has no key 'GRACES' to override; did you mean GRACE? "
        + "known: ROOT, ENABLED, MATCH, NEVER, GRACE, OWNER, ALLOW_SHALLOW, ALLOW_REMOTE, LOCK, "
        + "LOCK_TYPE, MISSING_LOCK, CONTENTS")
    for key in ["NAME", "KIND", "PRESET"] {
      let variable = "REAPD_OTHER_\(key)"
      #expect(
        complaint { try parse(two, environment: [variable: "x"]) }
          .hasPrefix("\(variable): rule other has no key '\(key)' to override"))
    }
  }

  @Test("with a bad value are an error that names the variable")
  func badValue() {
    #expect(
      complaint { try parse(two, environment: ["REAPD_OTHER_GRACE": "soon"]) }
        == "REAPD_OTHER_GRACE: grace is 'soon'; write a duration such as 250ms, 30s or 1h30m")
    #expect(
      complaint { try parse(two, environment: ["REAPD_ENABLED": ""]) }
        == "REAPD_ENABLED: enabled has no value; write true or false")
    #expect(
      complaint { try parse(two, environment: ["REAPD_OTHER_OWNER": "alice,"]) }
        .hasPrefix("REAPD_OTHER_OWNER: owner has no value"))
    #expect(
      complaint { try parse(two, environment: ["REAPD_OTHER_ROOT": "/data/a"]) }
        == "REAPD_OTHER_ROOT: the rules my-spill and other have the same root '/data/a' "
        + "and may take the same names; remove one, set 'enabled: false' for it, or let each "
        + "'match' begin with something else")
  }

  @Test("that may mean two rules are an error")
  func ambiguous() {
    let text = """
      rules:
        - {name: x, kind: spill, root: /data/a}
        - {name: x-missing, kind: spill, root: /data/b}
      """
    #expect(
      complaint { try parse(text, environment: ["REAPD_X_MISSING_LOCK": "keep"]) }
        == "REAPD_X_MISSING_LOCK: it may mean missing_lock of rule x or lock of rule x-missing; "
        + "rename one of the rules")
  }

  @Test("with a rule's name that begins another one's reach the one that has the key")
  func longerName() throws {
    let text = """
      rules:
        - {name: x, kind: spill, root: /data/a}
        - {name: x-y, kind: spill, root: /data/b}
      """
    let configuration = try parse(text, environment: ["REAPD_X_Y_GRACE": "1s"])
    #expect(configuration.rules.map(\.grace) == [30_000_000_000, 1_000_000_000])
  }

  @Test("of the top level are not taken for a rule's")
  func topLevelFirst() throws {
    let text = "rules: [{name: log, kind: spill, root: /data/a}]"
    let configuration = try parse(text, environment: ["REAPD_LOG_LEVEL": "error"])
    #expect(configuration.logLevel == "error")
  }
}

@Suite("A check of the roots")
struct RootCheckTests {
  private func complaint(_ text: String, environment: Environment = [:]) -> String {
    do {
      _ = try Configuration.parse(
        text: Array(text.utf8), file: "reapd.yaml", environment: environment, user: alice,
        rootProblem: { $0.root == "/bad" ? ("root \($0.root) is refused", "name another") : nil })
      return ""
    } catch {
      return "\(error)"
    }
  }

  @Test("names file and line of the root, or the variable that overrides it")
  func place() {
    let rules = "rules:\n  - kind: spill\n    root: /good\n  - kind: spill\n    root: "
    #expect(complaint(rules + "/bad\n") == "reapd.yaml:5: root /bad is refused; name another")
    #expect(complaint(rules + "/fine\n") == "")
    #expect(
      complaint(rules + "/fine\n", environment: ["REAPD_FINE_ROOT": "/bad"])
        == "REAPD_FINE_ROOT: root /bad is refused; name another")
  }

  @Test("passes over what is switched off")
  func off() {
    #expect(complaint("rules: [{kind: spill, root: /bad, enabled: false}]") == "")
    #expect(complaint("enabled: false\nrules: [{kind: spill, root: /bad}]") == "")
    #expect(complaint("enabled: true\nrules: [{kind: spill, root: /bad}]").contains("reapd.yaml:2"))
  }
}
