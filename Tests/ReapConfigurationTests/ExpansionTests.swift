import ReapConfiguration
import ReapRules
import Testing

@Suite("Paths")
struct ExpansionTests {
  private func expanded(
    _ path: String, _ environment: Environment = [:], user: UserContext = alice
  ) throws -> FilePath {
    try parse(
      "rules:\n  - {name: a, kind: spill, root: '\(path)'}", environment: environment, user: user
    ).rules[0].root
  }

  @Test(
    "are expanded",
    arguments: [
      ("~/x", "/h/x"), ("~bob/x", "/home/bob/x"), ("/a/~/x", "/a/~/x"), ("$V/x", "/v w/x"),
      ("/x/$V", "/x/v w"), ("${V}x", "/v wx"), ("/a$V_/b", "/au/b"), ("${NONE:-/d}/x", "/d/x"),
      ("${EMPTY:-/d}/x", "/d/x"), ("${V:-/d}/x", "/v w/x"), ("${NONE:-~/.hyp}/x", "/h/.hyp/x"),
      ("${NONE:-${NONE:-$V}}/x", "/v w/x"), ("/a$$V", "/a$V"), ("/a/${NONE:-}b", "/a/b"),
      ("/a//b/./c/", "/a/b/c"), ("$TILDE/x", "/~/x"),
    ])
  func expansion(_ path: String, _ result: String) throws {
    let environment: Environment = [
      "HOME": "/h", "V": "/v w", "EMPTY": "", "V_": "u", "TILDE": "/~",
    ]
    #expect(try expanded(path, environment) == FilePath(result))
  }

  @Test("take the home of the user database where HOME is not set or empty")
  func homeless() throws {
    #expect(try expanded("~/x") == "/home/alice/x")
    #expect(try expanded("~/x", ["HOME": ""]) == "/home/alice/x")
    var nobody = alice
    nobody.home = ""
    #expect(complaint { try expanded("~/x", user: nobody) }.contains("set HOME"))
  }

  @Test(
    "that cannot be expanded are refused",
    arguments: [
      ("$NONE/x", "the variable NONE is not set"), ("$EMPTY/x", "the variable EMPTY is empty"),
      ("${NONE}/x", "the variable NONE is not set"), ("~carol/x", "there is no user 'carol'"),
      ("/a$/x", "a '$' without the name"), ("/a$1", "a '$' without the name"),
      ("/${V", "'${' is not followed by"), ("/${}", "'${' is not followed by"),
      ("/${V:=x}", "'${V:=x}' is not understood"), ("$REL/x", "which becomes 'rel/x'"),
      ("${NONE:-$NONE2}", "the variable NONE2 is not set"), ("/a/..", "with a '..' in it"),
      ("$UP/x", "with a '..' in it"), ("", "root has no value"),
    ])
  func refusal(_ path: String, _ reason: String) {
    let environment: Environment = ["EMPTY": "", "V": "v", "REL": "rel", "UP": "/a/../b"]
    let complaint = complaint { try expanded(path, environment) }
    #expect(complaint.hasPrefix("reapd.yaml:2: ") && complaint.contains(reason), "\(complaint)")
  }

  @Test("hold the bytes of a variable that is no UTF-8, and nothing that looks like it")
  func strayBytes() throws {
    let home = FilePath(Array("/h/".utf8) + [0xFF])
    let environment = Environment(["HOME": home, "D": home])
    #expect(try expanded("~/x", environment) == home.appending("x"))
    #expect(try expanded("${D}", environment) == home)
    #expect(try expanded("${NONE:-$D}/é", environment) == home.appending("é"))
    #expect(
      Configuration.searchPaths(environment: environment, user: alice).first
        == home.appending(".config/reapd/reapd.yaml"))
    let ant = try parse("rules: [{preset: ant}]", environment: environment)
    #expect(ant.rules.first?.root == home.appending(".local/share/ant/spill"))
    // What YAML cannot hold is not written into it as something else.
    #expect(ant.effectiveYAML.contains("root: null # /h/\\xff/.local/share/ant/spill"))
    #expect(complaint { try parse(ant.effectiveYAML) }.contains("root"))
    #expect(ant.json.text.contains("\"root_b64\":\"L2gv/y8ubG9jYWwvc2hhcmUvYW50L3NwaWxs\""))
  }

  @Test("come from an override as the bytes that it has; other keys take no such value")
  func strayOverride() throws {
    let bytes = FilePath(Array("/srv/".utf8) + [0xFF])
    let text = "rules: [{name: a, kind: spill, root: /srv/a}]"
    let configuration = try parse(text, environment: Environment(["REAPD_A_ROOT": bytes]))
    #expect(configuration.rules.first?.root == bytes)
    #expect(
      complaint { try parse(text, environment: Environment(["REAPD_A_MATCH": bytes])) }
        .contains("match is '/srv/\\xff', which is not UTF-8"))
  }

  @Test("that are longer than the kernel takes are refused")
  func length() {
    let long = "/" + String(repeating: "a/", count: 2048) + "b"
    #expect(
      complaint { try expanded(long) } == "reapd.yaml:2: root is too long; write a shorter path")
  }
}
