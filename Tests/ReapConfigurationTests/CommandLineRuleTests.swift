import ReapConfiguration
import ReapRules
import Testing

@Suite("A rule from the command line")
struct CommandLineRuleTests {
  @Test("has the defaults of kind spill")
  func defaults() throws {
    let rule = try Rule.fromCommandLine(root: "/data/spill/", user: alice, environment: [:])
    #expect(rule == (try plainRule()))
  }

  @Test(
    "takes roots as the shell gives them",
    arguments: [
      ("/data/a", "/data/a"), ("a/b//", "/cwd/a/b"), ("./a", "/cwd/a"), (".", "/cwd"),
      ("~/a", "/cwd/~/a"), ("$X", "/cwd/$X"), ("true", "/cwd/true"), ("7", "/cwd/7"),
    ])
  func roots(_ given: String, _ root: String) throws {
    #expect(
      try Rule.fromCommandLine(root: FilePath(given), user: alice, environment: [:]).root
        == FilePath(root))
  }

  @Test("takes a root's bytes, and refuses a pattern that text cannot hold")
  func strayBytes() throws {
    let bytes = FilePath(Array("/data/".utf8) + [0xFF, 0x0A])
    let rule = try Rule.fromCommandLine(root: bytes, user: alice, environment: [:])
    #expect(rule.root == bytes)
    #expect(rule.name == "--")
    let pattern = ArgumentText.encode(Array("up_".utf8) + [0xFF])
    #expect(
      complaint {
        try Rule.fromCommandLine(root: "/d/x", match: pattern, user: alice, environment: [:])
      }.contains("--match is 'up_\\xff', which is not UTF-8"))
  }

  @Test("takes each option")
  func options() throws {
    let rule = try Rule.fromCommandLine(
      root: "/d/x.y", kind: "spill", preset: "ant", match: "up_*", lock: "l", grace: "1s",
      user: alice, environment: [:])
    #expect(rule.name == "ant")
    #expect(rule.match == (try Glob("up_*")))
    #expect(rule.grace == 1_000_000_000)
    #expect(
      rule.kind
        == .spill(
          SpillSettings(
            lock: try #require(EntryName("l")), lockType: .flock, missingLock: .reap,
            contents: "^[0-9a-f]{64}$")))
  }

  @Test("takes the preset's root where none is given")
  func presetRoot() throws {
    let rule = try Rule.fromCommandLine(
      root: nil, preset: "ant", user: alice, environment: ["XDG_DATA_HOME": "share"])
    #expect(rule.root == "/cwd/share/ant/spill")
  }

  @Test("is refused with the option's name")
  func refusals() {
    func tried(
      root: FilePath? = "/data/spill", kind: String? = nil, preset: String? = nil,
      match: String? = nil, lock: String? = nil, grace: String? = nil, user: UserContext = alice
    ) -> String {
      complaint {
        try Rule.fromCommandLine(
          root: root, kind: kind, preset: preset, match: match, lock: lock, grace: grace,
          user: user, environment: [:])
      }
    }
    #expect(
      tried(kind: "spil")
        == "command line: --kind is 'spil', which is unknown; did you mean spill? "
        + "known: spill, generations, scratch, instances, files, log, visits")
    #expect(
      tried(preset: "ants")
        == "command line: --preset is 'ants', which is unknown; did you mean ant? "
        + "known: \(Catalogue.names.joined(separator: ", "))")
    #expect(
      tried(grace: "0")
        == "command line: --grace is '0', which is out of range; "
        + "write a duration from 1ns to 365d")
    #expect(tried(match: "a/b").hasPrefix("command line: --match is 'a/b': a name never"))
    #expect(tried(lock: "..").hasPrefix("command line: --lock is '..', which cannot be"))
    #expect(tried(root: "").hasPrefix("command line: ROOT has no value"))
    #expect(tried(root: "/").hasPrefix("command line: root is '/'"))
    #expect(tried(root: "a/../b").contains("with a '..' in it"))
    #expect(tried(root: nil).hasPrefix("command line: the rule has no root"))
    #expect(
      tried(root: "a", user: context(euid: 1, workingDirectory: ""))
        .hasPrefix("command line: ROOT is 'a', but there is no working directory"))
  }

  @Test("of a program whose rules differ in their usual roots alone is one rule on a root")
  func programs() throws {
    func rules(_ roots: FilePath..., presets: String...) throws -> [String] {
      var words = CommandLineRules(roots: roots)
      words.presets = presets
      return try Configuration.fromCommandLine(words, user: alice, environment: [:])
        .rules.map(\.name)
    }
    #expect(try rules("/srv/spill", presets: "dask") == ["dask"])
    #expect(try rules("/srv/a", "/srv/b", presets: "dask") == ["dask", "dask-2"])
    #expect(try rules("/srv/a", presets: "dask", "duckdb") == ["dask", "duckdb"])
    #expect(
      complaint { try rules("/srv/a", "/srv/a/", presets: "dask") }
        == "command line: the root '/srv/a' is named twice; name it once")
  }

  @Test("gets a name of its own among several roots, and the top level from the environment")
  func several() throws {
    let configuration = try Configuration.fromCommandLine(
      CommandLineRules(roots: ["/a/spill", "/b/spill", "c"]), user: alice,
      environment: ["REAPD_BACKSTOP": "off", "REAPD_SPILL_GRACE": "1s"])
    #expect(configuration.rules.map(\.name) == ["spill", "spill-2", "c"])
    #expect(configuration.rules.map(\.grace) == [30_000_000_000, 30_000_000_000, 30_000_000_000])
    #expect(configuration.backstop == nil)
    #expect(configuration.overrides == ["REAPD_BACKSTOP"])
    #expect(
      complaint {
        try Configuration.fromCommandLine(
          CommandLineRules(roots: ["/cwd/a", "a/"]), user: alice, environment: [:])
      } == "command line: the root '/cwd/a' is named twice; name it once")
  }
}
