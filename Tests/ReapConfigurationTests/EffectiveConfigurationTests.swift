import ReapConfiguration
import ReapRules
import Testing

@Suite("The effective configuration")
struct EffectiveConfigurationTests {
  private let text = """
    audit_log: "/var/log/a $$ b.jsonl"
    backstop: off
    log_level: debug
    enabled: false
    usage_at_start: false
    warn_used: 92.5%
    rules:
      - preset: ant
        name: "one"
      - kind: spill
        root: "/data/\\"quo\\\\ted\\" \\u00a0\\u0085\\u2028\\n\\t€ \\U0001F600 $${HOME} #x"
        name: two
        enabled: false
        match: "\\\\*[!a-z]: 'x'"
        never: ["it's", "a, \\"b\\""]
        grace: 1h30m250ms
        owner: [bob, 0]
        allow_shallow: true
        allow_remote: true
        lock: "~ l"
        lock_type: fcntl
        missing_lock: keep
        contents: "^(a|\\\\.b)$"
      - {kind: spill, root: /c/d, owner: any, match: "true", lock: "12"}
    """

  @Test("read again gives the same, also under the same overrides")
  func roundTrip() throws {
    let environment: Environment = [
      "HOME": "/h", "REAPD_D_GRACE": "7s", "REAPD_LOG_LEVEL": "trace",
    ]
    let first = try parse(text, environment: environment, user: root)
    #expect(first.overrides == ["REAPD_D_GRACE", "REAPD_LOG_LEVEL"])
    #expect(try parse(first.effectiveYAML, environment: environment, user: root) == first)
    var bare = first
    bare.overrides = []
    #expect(try parse(first.effectiveYAML, user: root) == bare)
  }

  @Test("holds every key, presets filled in, and names the overrides and the source")
  func everything() throws {
    var configuration = try parse(
      "rules: [{preset: ant}]", environment: ["HOME": "/h", "REAPD_ANT_GRACE": "7s"])
    configuration.source = "/etc/reapd/\nreapd.yaml"
    #expect(
      configuration.effectiveYAML == """
        # from /etc/reapd/\\x0areapd.yaml
        # overridden by REAPD_ANT_GRACE
        enabled: true
        log_level: info
        backstop: 5m
        # audit_log: the default place
        usage_at_start: true
        warn_used: 80%
        rules:
          - name: "ant"
            kind: spill
            root: "/h/.local/share/ant/spill"
            enabled: true
            match: "spill_+([0-9])_*"
            # never: none
            grace: 7s
            owner: [1000]
            allow_shallow: false
            allow_remote: false
            lock: ".lock"
            lock_type: flock
            missing_lock: reap
            contents: "^[0-9a-f]{64}$"

        """)
  }

  @Test("is JSON, too")
  func json() throws {
    let configuration = try parse("backstop: off\nrules: [{kind: spill, root: /data/spill}]")
    #expect(
      configuration.json.text
        == #"{"source":null,"enabled":true,"log_level":"info","backstop":"off","audit_log":null,"#
        + #""usage_at_start":true,"warn_used":"80%","overrides":[],"rules":[{"name":"spill","kind":"spill","root":"/data/spill","#
        + #""enabled":true,"match":"spill_+([0-9])_*","never":[],"grace":"30s","owner":[1000],"#
        + #""allow_shallow":false,"allow_remote":false,"lock":".lock","lock_type":"auto","#
        + #""missing_lock":"reap","contents":null}]}"#)
  }
}
