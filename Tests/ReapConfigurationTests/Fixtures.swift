import ReapConfiguration
import ReapRules
import Testing

// What the tests share: users that exist nowhere, and short ways to parse.

let alice = context(euid: 1000)
let root = context(euid: 0)

func context(euid: UInt32, workingDirectory: FilePath = "/cwd") -> UserContext {
  UserContext(
    euid: euid, name: euid == 0 ? "root" : "alice", home: euid == 0 ? "/root" : "/home/alice",
    workingDirectory: workingDirectory,
    lookupUser: { ["root": 0, "alice": 1000, "bob": 1001][$0] },
    lookupHome: { ["root": "/root", "alice": "/home/alice", "bob": "/home/bob"][$0] })
}

func parse(
  _ text: String, environment: Environment = [:], user: UserContext = alice
) throws -> Configuration {
  try Configuration.parse(
    text: Array(text.utf8), file: "reapd.yaml", environment: environment, user: user)
}

/// The one rule of a file that has the given keys besides kind and root.
func rule(
  _ keys: String..., environment: Environment = [:], user: UserContext = alice
) throws -> Rule {
  let lines = (["kind: spill", "root: /data/spill"] + keys).joined(separator: "\n    ")
  let configuration = try parse("rules:\n  - " + lines, environment: environment, user: user)
  return try #require(configuration.rules.first)
}

/// What `rule` gives without any key.
func plainRule(owner: UInt32 = 1000) throws -> Rule {
  Rule(
    name: "spill", root: "/data/spill", match: try Glob("spill_+([0-9])_*"), grace: 30_000_000_000,
    owners: .users([owner]), kind: .spill(SpillSettings(missingLock: .reap)))
}

func spill(_ rule: Rule) -> SpillSettings {
  guard case .spill(let settings) = rule.kind else {
    fatalError("a rule of kind spill is expected")
  }
  return settings
}

/// The description of the error that the body ends with.
func complaint(_ body: () throws -> some Any) -> String {
  do {
    return "no error, but \(try body())"
  } catch {
    return "\(error)"
  }
}
