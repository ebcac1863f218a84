import ReapConfiguration
import ReapRules
import Testing

@Suite("A wrong file is refused, with the line and what would be right")
struct ErrorTests {
  private static let start = "rules:\n  - kind: spill\n    root: /data/spill\n"

  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var text: String
    var expected: String
    var testDescription: String { name }

    init(_ name: String, _ text: String, _ expected: String) {
      self.name = name
      self.text = text
      self.expected = expected
    }
  }

  static let noRules =
    "there are no rules; "
    + "a minimal file is 'rules: [{kind: spill, root: /var/lib/app/spill}]'"
  static let ruleKeys =
    "known: name, kind, preset, root, enabled, match, never, grace, owner, "
    + "allow_shallow, allow_remote, lock, lock_type, missing_lock, contents, cursor, layouts, "
    + "complete, marker, owner_pidfile, trust_pids, quiet, quarantine, quarantine_yields, min_free, "
    + "min_free_inodes, compaction, retired_after, stale_temporaries, "
    + "entries, owned_by, also, cleaners_lock, max_count, max_age, max_bytes, prune_to_min_free, "
    + "min_count, manifest, time_field, bad_timestamp, protect, protect_stale_after, "
    + "abandoned_after, directories, pressure, require_copy, after_copy, allow_last_copy, references, "
    + "keep_lines, keep_bytes, in_place, on_superseded, keep_archives"
  static let spillKeys =
    "known: name, kind, preset, root, enabled, match, never, grace, owner, "
    + "allow_shallow, allow_remote, lock, lock_type, missing_lock, contents"

  static let cases: [Case] = [
    Case("empty file", "", "reapd.yaml: \(noRules)"),
    Case("only a comment", "# nothing\n", "reapd.yaml: \(noRules)"),
    Case("no rules", "enabled: true\n", "reapd.yaml: \(noRules)"),
    Case("empty rules", "enabled: true\nrules: []\n", "reapd.yaml:2: \(noRules)"),
    Case("rules without value", "rules:\n", "reapd.yaml:1: \(noRules)"),
    Case(
      "a list", "- kind: spill\n",
      "reapd.yaml:1: the file holds a list, not keys and values; "
        + "a minimal file is 'rules: [{kind: spill, root: /var/lib/app/spill}]'"),
    Case(
      "unknown key of the top level", start + "log_levle: info\n",
      "reapd.yaml:4: there is no key 'log_levle'; did you mean log_level? "
        + "known: rules, audit_log, backstop, log_level, enabled, usage_at_start, warn_used"),
    Case(
      "key of a rule at the top level", start + "grace: 5s\n",
      "reapd.yaml:4: the key 'grace' belongs into a rule; indent it under 'rules:' and a '-'"),
    Case(
      "unknown key of a rule", start + "    graec: 5s\n",
      "reapd.yaml:4: a rule has no key 'graec'; did you mean grace? \(ruleKeys)"),
    Case(
      "key of a later version", start + "    zzz_later: x\n",
      "reapd.yaml:4: a rule has no key 'zzz_later'; \(ruleKeys)"),
    Case(
      "key of another kind", start + "    quarantine: 5s\n",
      "reapd.yaml:4: a rule of kind spill has no key 'quarantine'; \(spillKeys)"),
    Case(
      "kind beside a preset of another", "rules:\n  - preset: hypaware\n    kind: spill\n",
      "reapd.yaml:3: preset hypaware is of kind generations; leave kind out"),
    Case(
      "merge key", start + "    <<: {grace: 1s}\n",
      "reapd.yaml:4: a rule has no key '<<'; \(ruleKeys)"),
    Case(
      "doubled key", start + "    grace: 1s\n    grace: 1s\n",
      "reapd.yaml:5: the key 'grace' is there twice, first in line 4; remove one"),
    Case(
      "doubled key in other quotes", start + "    grace: 1s\n    \"gr\\x61ce\": 1s\n",
      "reapd.yaml:5: the key 'grace' is there twice, first in line 4; remove one"),
    Case(
      "doubled rules", start + "rules: []\n",
      "reapd.yaml:4: the key 'rules' is there twice, first in line 1; remove one"),
    Case(
      "doubled key without value", "enabled: true\nenabled:\n",
      "reapd.yaml:2: the key 'enabled' is there twice, first in line 1; remove one"),
    Case(
      "bad duration", start + "    grace: 5 apples\n",
      "reapd.yaml:4: grace is '5 apples'; write a duration such as 250ms, 30s or 1h30m"),
    Case(
      "duration without unit", start + "    grace: 30\n",
      "reapd.yaml:4: grace is '30'; write a duration such as 250ms, 30s or 1h30m"),
    Case(
      "no grace", start + "    grace: 0s\n",
      "reapd.yaml:4: grace is '0s', which is out of range; write a duration from 1ns to 365d"),
    Case(
      "too long a grace", start + "    grace: 366d\n",
      "reapd.yaml:4: grace is '366d', which is out of range; write a duration from 1ns to 365d"),
    Case(
      "backstop that would poll", start + "backstop: 1ms\n",
      "reapd.yaml:4: backstop is '1ms', which is out of range; "
        + "write a duration from 100ms to 365d"),
    Case(
      "mark that is no share", start + "warn_used: 80\n",
      "reapd.yaml:4: warn_used is '80'; write a share from 1% to 100%, such as 80%, or off"),
    Case(
      "mark that all are above", start + "warn_used: 0%\n",
      "reapd.yaml:4: warn_used is '0%'; write a share from 1% to 100%, such as 80%, or off"),
    Case(
      "bad backstop", start + "backstop: never\n",
      "reapd.yaml:4: backstop is 'never'; write a duration such as 5m, or off"),
    Case(
      "tab", "rules:\n\t- kind: spill\n",
      "reapd.yaml:2: a tab in the indentation; indent with spaces"),
    Case(
      "tab after spaces", start + "    \tgrace: 5s\n",
      "reapd.yaml:4: a tab in the indentation; indent with spaces"),
    Case(
      "text for a boolean", start + "    enabled: \"true\"\n",
      "reapd.yaml:4: enabled is 'true' in quotes, a text; write true or false"),
    Case(
      "yes for a boolean", start + "enabled: yes\n",
      "reapd.yaml:4: enabled is 'yes'; write true or false"),
    Case(
      "list for a text", start + "    lock: [a]\n",
      "reapd.yaml:4: lock is a list; write the name of a file, without '/', such as .lock"),
    Case(
      "boolean for a text", start + "    lock: true\n",
      "reapd.yaml:4: lock is 'true', a boolean; write the name of a file, without '/', "
        + "such as .lock; put it in quotes if it is meant as text"),
    Case(
      "number for a text", start + "    match: 12\n",
      "reapd.yaml:4: match is '12', a number; write a pattern such as 'spill_*'; "
        + "put it in quotes if it is meant as text"),
    Case(
      "no value", start + "    match:\n",
      "reapd.yaml:4: match has no value; write a pattern such as 'spill_*'"),
    Case(
      "null", start + "    match: null\n",
      "reapd.yaml:4: match has no value; write a pattern such as 'spill_*'"),
    Case(
      "NUL", start + "    match: \"a\\0b\"\n",
      "reapd.yaml:4: match contains a NUL character; write a pattern such as 'spill_*'"),
    Case(
      "rule that is a text", "rules:\n  - spill\n",
      "reapd.yaml:2: a rule is 'spill'; write keys and values, as in '- kind: spill'"),
    Case(
      "rules as a mapping", "rules:\n  kind: spill\n",
      "reapd.yaml:2: rules is a mapping; write a list of rules; "
        + "a minimal file is 'rules: [{kind: spill, root: /var/lib/app/spill}]'"),
    Case(
      "unknown kind", "rules:\n  - root: /data/spill\n    kind: queues\n",
      "reapd.yaml:3: kind is 'queues', which is unknown; "
        + "known: spill, generations, scratch, instances, files, log, visits"),
    Case(
      "misspelt kind", "rules:\n  - root: /data/spill\n    kind: spil\n",
      "reapd.yaml:3: kind is 'spil', which is unknown; did you mean spill? "
        + "known: spill, generations, scratch, instances, files, log, visits"
    ),
    Case(
      "unknown preset", "rules:\n  - preset: tomorrow\n",
      "reapd.yaml:2: preset is 'tomorrow', which is unknown; known: "
        + Catalogue.names.joined(separator: ", ")),
    Case(
      "no kind", "rules:\n\n  - root: /data/spill\n",
      "reapd.yaml:3: the rule has no kind; write 'kind: spill', or 'preset: ant'"),
    Case(
      "no root", "rules:\n  - kind: spill\n",
      "reapd.yaml:2: the rule has no root; "
        + "write 'root: ' and the directory that holds the candidates"),
    Case(
      "relative root", "rules:\n  - kind: spill\n    root: data/spill\n",
      "reapd.yaml:3: root is 'data/spill': it is not absolute; begin it with '/' or '~/'"),
    Case(
      "root with ..", "rules:\n  - kind: spill\n    root: /data/../spill\n",
      "reapd.yaml:3: root is '/data/../spill', with a '..' in it; "
        + "write the path it leads to: where '..' leads depends on symbolic links"),
    Case(
      "the root of everything", "rules:\n  - kind: spill\n    root: //./\n",
      "reapd.yaml:3: root is '/'; name a directory that holds only candidates"),
    Case(
      "unset variable", "rules:\n  - kind: spill\n    root: $DATA/spill\n",
      "reapd.yaml:3: root is '$DATA/spill': the variable DATA is not set; "
        + "set it, or write ${DATA:-default}"),
    Case(
      "relative audit log", start + "audit_log: audit.jsonl\n",
      "reapd.yaml:4: audit_log is 'audit.jsonl': it is not absolute; begin it with '/' or '~/'"),
    Case(
      "bad name", start + "    name: my spill\n",
      "reapd.yaml:4: name is 'my spill'; use letters, digits, '_' and '-'"),
    Case(
      "root that gives no name", "rules:\n  - kind: spill\n    root: /data/spill.d\n",
      "reapd.yaml:2: the rule has no name, and root's last component 'spill.d' cannot be one; "
        + "write 'name: '; use letters, digits, '_' and '-'"),
    Case(
      "same name", start + "  - {kind: spill, root: /other/spill}\n",
      "reapd.yaml:4: two rules have the name 'spill', the other one in line 2; "
        + "give this one a 'name: ' of its own"),
    Case(
      "same root", start + "  - kind: spill\n    name: b\n    root: //data/./spill/\n",
      "reapd.yaml:6: the rules spill and b have the same root '/data/spill' and "
        + "may take the same names; remove one, set 'enabled: false' for it, or let each 'match' "
        + "begin with something else"),
    Case(
      "empty never", start + "    never: []\n",
      "reapd.yaml:4: never is an empty list; write names and patterns, or leave it out"),
    Case(
      "bad never", start + "    never:\n      - ok\n      - a/b\n",
      "reapd.yaml:6: never is 'a/b': a name never contains '/'; write a pattern such as 'spill_*'"),
    Case(
      "bad pattern", start + "    match: 'a['\n",
      "reapd.yaml:4: match is 'a[': '[' without ']'; write a pattern such as 'spill_*'"),
    Case(
      "bad lock", start + "    lock: a/b\n",
      "reapd.yaml:4: lock is 'a/b', which cannot be a file's name; "
        + "write the name of a file, without '/', such as .lock"),
    Case(
      "unknown lock type", start + "    lock_type: flok\n",
      "reapd.yaml:4: lock_type is 'flok', which is unknown; did you mean flock? "
        + "known: flock, fcntl, auto"),
    Case(
      "unknown missing_lock", start + "    missing_lock: ignore\n",
      "reapd.yaml:4: missing_lock is 'ignore', which is unknown; known: reap, keep"),
    Case(
      "unknown log level", start + "log_level: warn\n",
      "reapd.yaml:4: log_level is 'warn', which is unknown; "
        + "known: trace, debug, info, notice, warning, error, critical"),
    Case(
      "bad contents", start + "    contents: 'a{2,1}'\n",
      "reapd.yaml:4: contents is 'a{2,1}': Invalid content of \\{\\}; "
        + "write a POSIX extended regular expression such as '^[0-9a-f]{64}$'"),
    Case(
      "unknown user", start + "    owner: mallory\n",
      "reapd.yaml:4: owner is 'mallory': there is no such user; "
        + "name one, or its uid without quotes"),
    Case(
      "quoted uid", start + "    owner: '1000'\n",
      "reapd.yaml:4: owner is '1000': there is no such user; "
        + "name one, or its uid without quotes"),
    Case(
      "foreign user", start + "    owner:\n      - alice\n      - bob\n",
      "reapd.yaml:6: owner is 'bob', but only root may dispose of what others own; "
        + "leave it out, or run reapd as root (it runs as uid 1000)"),
    Case(
      "any user", start + "    owner: any\n",
      "reapd.yaml:4: owner is 'any', but only root may dispose of what others own; "
        + "leave it out, or run reapd as root (it runs as uid 1000)"),
    Case(
      "any beside others", start + "    owner: [alice, any]\n",
      "reapd.yaml:4: owner lists any beside others; write any alone, or leave it out"),
    Case(
      "no users", start + "    owner: []\n",
      "reapd.yaml:4: owner is an empty list; "
        + "write a user name, a numeric uid, a list of them, or any"),
    Case(
      "no uid", start + "    owner: 4294967295\n",
      "reapd.yaml:4: owner is '4294967295', which is no uid; write one from 0 to 4294967294"),
    Case(
      "anchor", start + "    grace: &g 5s\n",
      "reapd.yaml:4: anchors (&name) are not supported; write the value out"),
    Case(
      "alias", start + "    grace: *g\n",
      "reapd.yaml:4: aliases (*name) are not supported; write the value out"),
    Case(
      "tag", start + "    grace: !!str 5s\n",
      "reapd.yaml:4: tags (!name) are not supported; write the plain value"),
    Case(
      "bare tag", start + "    grace: ! 5s\n",
      "reapd.yaml:4: tags (!name) are not supported; write the plain value"),
    Case(
      "tag on a list", "rules: !x []\n",
      "reapd.yaml:1: tags (!name) are not supported; write the plain value"),
    Case(
      "second document", start + "---\n" + start,
      "reapd.yaml:4: a second document begins here; keep one document, without '---'"),
    Case(
      "key that is a list", "[a]: b\n",
      "reapd.yaml:1: a list stands where a key is expected; "
        + "begin with a plain key, as in 'kind: spill'; quote text that begins with '[' or '{'"),
    Case(
      "pattern that begins with *", start + "    match: *_spill\n",
      "reapd.yaml:4: aliases (*name) are not supported; write the value out"),
    Case(
      "value with a colon", start + "    match: a: b\n",
      "reapd.yaml:4: a ':' that begins a value where none may begin; "
        + "check the indentation of this line and the one above, or quote text that holds ': '"),
    Case(
      "open quote", start + "    match: 'a\n",
      "reapd.yaml:5: a quote is not closed; close it"),
    Case(
      "open list", "rules: [\n",
      "reapd.yaml:2: a value is missing, or a '[' or '{' is not closed; complete it"),
    Case(
      "open list with a value", "rules: [a\n",
      "reapd.yaml:2: a list that was begun with '[' is not closed; "
        + "separate with ',' and close with ']'"),
    Case(
      "contents that is a file of its own",
      start + "    contents: '" + String(repeating: "(", count: 5000) + "'\n",
      "reapd.yaml:4: contents is longer than 1024 bytes; "
        + "write a POSIX extended regular expression such as '^[0-9a-f]{64}$'"),
    Case(
      "key of the top level out of line", "enabled: true\n backstop: 1m\n",
      "reapd.yaml:2: a ':' that begins a value where none may begin; "
        + "check the indentation of this line and the one above, or quote text that holds ': '"),
    Case(
      "keys out of line", start + "   grace: 1s\n",
      "reapd.yaml:4: the indentation does not fit the lines above; "
        + "put the keys of a mapping in one column, and so the '- ' of a list"),
    Case(
      "control character", start + "    match: a\u{7}\n",
      "reapd.yaml:4: a control character (control characters are not allowed); "
        + "remove it, or escape it in double quotes as in \"\\x07\""),
  ]

  @Test("saying so", arguments: cases)
  func refused(_ one: Case) {
    #expect(complaint { try parse(one.text) } == one.expected)
  }

  @Test("also where bytes are not UTF-8")
  func invalidUTF8() {
    let text = Array("rules:\n  - kind: ".utf8) + [0xFF, 0x0A]
    #expect(
      complaint {
        try Configuration.parse(text: text, file: "f", environment: [:], user: alice)
      } == "f:2: this line is not valid UTF-8; save it as UTF-8")
  }

  @Test("also above 1 MiB, but not at it")
  func size() throws {
    let rules = "rules: [{kind: spill, root: /data/spill}]\n#"
    let full = rules + String(repeating: "x", count: (1 << 20) - rules.utf8.count)
    #expect(try parse(full).rules.count == 1)
    #expect(
      complaint { try parse(full + "x") }
        == "reapd.yaml: the file is larger than 1 MiB; name a configuration of reapd")
  }

  @Test("also when it is nested without end")
  func depth() {
    let text = "rules: " + String(repeating: "[", count: 500_000)
    #expect(complaint { try parse(text) }.hasPrefix("reapd.yaml:1: this is nested too deeply"))
  }

  @Test("as a value of its own type")
  func value() {
    #expect(
      throws: ConfigurationError(
        file: "reapd.yaml", line: 1, what: "enabled is 'on'", wanted: "write true or false")
    ) { try parse("enabled: on") }
  }

  @Test("and a disabled rule may share a root")
  func disabledTwin() throws {
    let text = Self.start + "  - {kind: spill, name: b, root: /data/spill, enabled: false}\n"
    #expect(try parse(text).rules.map(\.enabled) == [true, false])
  }

  @Test("and the minimal file of the message is right")
  func minimal() throws {
    #expect(try parse(Configuration.minimalExample).rules.map(\.name) == ["spill"])
  }

  @Test("and random damage does not bring the parser down", arguments: [UInt64(1)])
  func noise(seed: UInt64) {
    var state = seed
    func next(_ bound: Int) -> Int {
      // Knuth's MMIX constants.
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    let valid = Array((Self.start + "    owner: [alice]\nbackstop: 5m\n").utf8)
    for _ in 0..<3000 {
      var text = valid
      for _ in 0...next(4) { text[next(text.count)] = UInt8(next(256)) }
      let parsed = try? Configuration.parse(text: text, file: "f", environment: [:], user: alice)
      #expect(parsed == nil || parsed?.rules.isEmpty == false, "seed \(seed)")
    }
  }
}
