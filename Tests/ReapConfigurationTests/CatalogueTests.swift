// The catalogue: every file of it is read, and what it says can be used and copied.

import Foundation
import ReapRules
import Testing

@testable import ReapConfiguration

@Suite struct CatalogueTests {
  @Test func `every file of the folder is part of the catalogue`() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Sources/ReapConfiguration/Presets")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    let known = Catalogue.presets.map { "\($0.name).yaml" }
    #expect(files.sorted() == known)
    for preset in Catalogue.presets { #expect(preset.rules.first?.name == preset.name) }
    #expect(Set(Catalogue.names).count == Catalogue.names.count)
  }

  @Test(arguments: Catalogue.presets.map(\.name))
  func `what is printed to be copied gives the same rules`(name: String) throws {
    for user in [alice, root] {
      let environment: Environment = ["XDG_RUNTIME_DIR": "/run/user/7", "TMPDIR": "/t/m p"]
      let copies = CatalogueCopy(user: user, environment: environment)
      let preset = try copies.preset(named: name)
      let copied = try parse(try copies.text(preset), user: user).rules
      let expected = try preset.rules.map { rule in
        try Rule.fromCommandLine(
          root: rule.root == nil ? FilePath("/srv/\(rule.name)") : nil, preset: rule.name,
          user: user, environment: environment)
      }
      #expect(copied == expected)
    }
  }

  /// Two users, and a directory for temporary files of one's own.
  @Test(arguments: [[:], ["TMPDIR": "/var/tmp"], ["TMPDIR": "/home/alice/t"]] as [Environment])
  func `the whole of it stands side by side`(environment: Environment) throws {
    var words = CommandLineRules(roots: [])
    words.presets = ["all"]
    for user in [alice, root] {
      let rules = try Configuration.fromCommandLine(words, user: user, environment: environment)
        .rules
      let usual = Catalogue.presets.flatMap(\.rules).filter { $0.root != nil }.map(\.name)
      // What needs a variable that is not set is left out.
      #expect(Set(rules.map(\.name)).isSubset(of: usual))
      #expect(rules.count >= usual.count - 1)
      for rule in rules { #expect(Catalogue.preset(ofRule: rule.name) != nil) }
    }
  }

  @Test func `of two programs whose places lie in each other one is left out, and that is said`()
    throws
  {
    var words = CommandLineRules(roots: [])
    words.presets = ["all"]
    let environment: Environment = ["TMPDIR": "/t", "CCACHE_DIR": "/t/ccache"]
    let all = try Configuration.fromCommandLine(words, user: alice, environment: environment)
    #expect(
      all.rules.contains { $0.name == "buildah" } && !all.rules.contains { $0.name == "ccache" })
    #expect(all.leftOut.contains { $0.hasSuffix("ccache is left out") })
    words.presets = ["buildah", "ccache"]
    #expect(throws: ConfigurationError.self) {
      try Configuration.fromCommandLine(words, user: alice, environment: environment)
    }
  }

  @Test func `several presets may be named, each counts once, and options hold for all`() throws {
    var words = CommandLineRules(roots: [])
    words.presets = ["ant", "hypaware", "ant"]
    words.grace = "7s"
    let rules = try Configuration.fromCommandLine(words, user: alice, environment: [:]).rules
    #expect(rules.map(\.name) == ["ant", "hypaware"])
    #expect(rules.allSatisfy { $0.grace == 7_000_000_000 && $0.owners == .users([1000]) })
    words.roots = ["/d"]
    #expect(
      complaint { try Configuration.fromCommandLine(words, user: alice, environment: [:]) }
        .isEmpty == false)
    words.roots = []
    words.owner = "any"
    #expect(
      complaint { try Configuration.fromCommandLine(words, user: alice, environment: [:]) }
        .hasPrefix("command line: --owner"))
    let anybodys = try Configuration.fromCommandLine(words, user: root, environment: [:]).rules
    #expect(anybodys.allSatisfy { $0.owners == .anyone })
    words.presets = ["ants"]
    #expect(
      complaint { try Configuration.fromCommandLine(words, user: root, environment: [:]) }
        .contains("did you mean ant?"))
  }

  @Test func `one whose root cannot be known is passed over only among all`() throws {
    var words = CommandLineRules(roots: [])
    words.presets = ["ant"]
    let environment: Environment = ["XDG_DATA_HOME": ""]
    #expect(
      complaint { try Configuration.fromCommandLine(words, user: alice, environment: environment) }
        .contains("XDG_DATA_HOME is set, but empty"))
    words.presets = ["all"]
    let rules = try Configuration.fromCommandLine(words, user: alice, environment: environment)
      .rules
    #expect(!rules.map(\.name).contains("ant") && rules.map(\.name).contains("hypaware"))
  }

  @Test(
    "a file is read strictly",
    arguments: [
      ("", "the file is empty"), ("leaves: x\n", "a key is missing"),
      ("leaves: x\nowner: y\nversions: []\nrule: z\n", "no key 'rule'"),
      ("leaves: x\nowner: y\nversions: []\nrules: [{match: a}]\n", "has no kind"),
      ("leaves: x\nowner: y\nversions: []\nrules: [{kind: spil}]\n", "did you mean spill?"),
    ])
  func strict(_ text: String, _ message: String) {
    #expect(complaint { try PresetFile.read(Array(text.utf8), name: "x") }.contains(message))
  }

  @Test func `a default with a dash alone is for a variable that is not set`() throws {
    func root(_ environment: Environment) throws -> FilePath {
      try parse("rules: [{kind: spill, root: '${V-/d}/x'}]", environment: environment).rules[0].root
    }
    #expect(try root([:]) == "/d/x")
    #expect(try root(["V": "/v"]) == "/v/x")
    #expect(complaint { try root(["V": ""]) }.contains("V is set, but empty; unset it"))
  }
}
