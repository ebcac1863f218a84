import ReapConfiguration
import ReapRules
import Testing

@Suite("Several rules over one tree")
struct SharedRootTests {
  private static let spill = "kind: spill"
  private static let generations = "kind: generations"
  private static let scratch =
    "kind: scratch, root: /d, match: 'w-*', owned_by: [{open: true}], also: "

  /// A file of two rules.
  private func two(
    _ first: String, _ second: String, user: UserContext = alice
  ) throws -> Configuration {
    try parse("rules:\n  - {name: one, \(first)}\n  - {name: two, \(second)}\n", user: user)
  }

  @Test(
    "are allowed where no name can be taken by two of them",
    arguments: [
      ("\(spill), root: /d", "\(generations), root: /d"),
      ("\(spill), root: /d, match: 'a*'", "\(spill), root: /d, match: 'b*'"),
      ("\(spill), root: /d/in/ner", "\(generations), root: /d"),
      ("\(spill), root: /d", "\(spill), root: /d/e, match: '@(job|run)-*'"),
      ("\(spill), root: /d", "\(spill), root: /d2"),
      ("\(spill), root: /d", "\(spill), root: /d, enabled: false"),
      ("\(generations), root: /d", "\(generations), root: /d, match: 'v+([0-9])'"),
      ("\(scratch)['{name}.log', 'x-{name}']", "\(spill), root: /d, match: 'log-*'"),
    ])
  func allowed(_ first: String, _ second: String) throws {
    #expect(try two(first, second).rules.count == 2)
    #expect(try two(second, first).rules.count == 2)
  }

  @Test(
    "are refused with both names otherwise",
    arguments: [
      ("\(spill), root: /d", "\(spill), root: /d, match: 'spill_*'"),
      ("\(spill), root: /d", "\(spill), root: /d/e"),
      ("\(spill), root: /d", "\(generations), root: /d, match: 'sp*'"),
      ("\(generations), root: /d", "\(generations), root: /d/e/f"),
      ("\(generations), root: /d", "\(spill), root: /d/e, match: '*'"),
      ("\(spill), root: /d, match: '[ab]*'", "\(spill), root: /d, match: 'c*'"),
      ("\(spill), root: /d, match: '+(ab)c'", "\(spill), root: /d, match: 'ababc'"),
      // What goes with an entry of the one is an entry of the other.
      ("\(scratch)['log-{name}']", "\(spill), root: /d, match: 'log-w-*'"),
      ("\(scratch)['log-{name}']", "\(spill), root: /d, match: 'l*'"),
    ])
  func refused(_ first: String, _ second: String) {
    for (a, b) in [(first, second), (second, first)] {
      let message = complaint { try two(a, b) }
      #expect(message.hasPrefix("reapd.yaml:3: the rules one and two have "), "\(message)")
      #expect(message.contains("and may take the same names; remove one, set"), "\(message)")
    }
  }

  @Test("are found by where their roots lead")
  func links() {
    var user = alice
    user.resolvePath = { $0 == "/link" ? "/data/a" : $0 }
    let message = complaint {
      try two("kind: spill, root: /data/a", "kind: spill, root: /link", user: user)
    }
    #expect(message.hasPrefix("reapd.yaml:3: the rules one and two have the same root '/link' and"))
    let nested = complaint {
      try two("kind: spill, root: /link", "kind: spill, root: /data", user: user)
    }
    #expect(
      nested.hasPrefix(
        "reapd.yaml:3: the rules one and two have nested roots, '/data' and '/link',"))
  }

  @Test("are refused on the command line, too")
  func commandLine() {
    #expect(
      complaint {
        try Configuration.fromCommandLine(
          CommandLineRules(roots: ["/d", "/d/e"]), user: alice, environment: [:])
      }.hasPrefix(
        "command line: the rules d and e have nested roots, '/d' and '/d/e', and may take"))
  }

  @Test("leave each other's directories alone: a rule that walks knows what others take")
  func others() throws {
    let rules = try two("kind: spill, root: /d/e", "kind: generations, root: /d").rules
    #expect(rules[0].others.isEmpty)
    #expect(rules[1].others == [rules[0].match])
    let apart = try two("kind: spill, root: /e", "kind: generations, root: /d").rules
    #expect(apart[1].others.isEmpty)
    let above = try two("kind: spill, root: /d", "kind: generations, root: /d/e").rules
    #expect(above[1].others.isEmpty)
  }
}
