import ReapConfiguration
import ReapRules
import Testing

@Suite("Paths")
struct ExpansionTests {
  private func expanded(
    _ path: String, _ environment: [String: String] = [:], user: UserContext = alice
  ) throws -> String {
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
    let environment = ["HOME": "/h", "V": "/v w", "EMPTY": "", "V_": "u", "TILDE": "/~"]
    #expect(try expanded(path, environment) == result)
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
    let environment = ["EMPTY": "", "V": "v", "REL": "rel", "UP": "/a/../b"]
    let complaint = complaint { try expanded(path, environment) }
    #expect(complaint.hasPrefix("reapd.yaml:2: ") && complaint.contains(reason), "\(complaint)")
  }

  @Test("that are longer than the kernel takes are refused")
  func length() {
    let long = "/" + String(repeating: "a/", count: 2048) + "b"
    #expect(
      complaint { try expanded(long) } == "reapd.yaml:2: root is too long; write a shorter path")
  }
}
