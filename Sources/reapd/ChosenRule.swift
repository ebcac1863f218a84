import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

/// The rule by which `preflight` looks at a root, with what the environment of the spawner says.
struct ChosenRule {
  let rule: Rule
  /// What else the configuration says; of the preset alone, where there is none.
  let configuration: Configuration

  /// - Throws: `ExitCode` where there is no such rule, or no root.
  init(root: FilePath?, rule name: String?, config: FilePath?) throws {
    do {
      let file = try Configuration.load(path: config, environment: .current, user: .current)
      let place = root.map { resolveRoot(absolute($0)) }
      if let name {
        guard let found = file?.rules.first(where: { $0.name == name }) else {
          throw fail(.configuration, "no rule of the configuration has the name \(name)")
        }
        configuration = file!
        rule = Self.moved(found, to: place)
      } else if let file, let found = Self.rule(of: file, at: place) {
        (configuration, rule) = (file, found)
      } else {
        guard let place else {
          throw fail(.usage, "name a root, or a rule: --root ROOT or --rule NAME")
        }
        configuration = try Self.preset()
        rule = Self.moved(configuration.rules[0], to: place)
      }
    } catch let error as ConfigurationError {
      throw fail(error)
    }
  }

  /// Whether an instance is whole, so that it tells what another one will take.
  func isComplete(_ name: EntryName, _ sampling: InstanceSampling) -> Bool {
    let settings = rule.kind.part as? InstanceSettings
    return sampling.holds(settings?.complete.map(\.bytes) ?? [], in: name)
  }

  /// As a file has it that names nothing but the preset: so the environment counts as it does there.
  private static func preset() throws(ConfigurationError) -> Configuration {
    try Configuration.parse(
      text: Array("rules: [{preset: spica, root: /the/root/that/is/named}]".utf8),
      file: "preset spica", environment: .current, user: .current)
  }

  /// Of several on one root that which says how much room there has to be, else the first.
  private static func rule(of file: Configuration, at root: FilePath?) -> Rule? {
    guard let root else { return nil }
    let there = file.rules.filter { resolveRoot($0.root) == root }
    return there.first { $0.kind.part.room.isFloored } ?? there.first
  }

  private static func moved(_ rule: Rule, to root: FilePath?) -> Rule {
    var rule = rule
    if let root { rule.root = root }
    return rule
  }
}
