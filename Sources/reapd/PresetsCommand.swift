import ArgumentParser
import OwnedDirectories
import ReapConfiguration
import ReapRules

struct PresetsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "presets",
    abstract: "List the programs that are known, or print the rule for one of them.",
    usage: "reapd presets [NAME] [OPTIONS]",
    discussion: """
      With a name, prints what can be copied into a configuration; 'preset: NAME' in a rule, or \
      '--preset NAME' of watch and sweep, means the same.
      """)

  @Argument(help: "A program of the catalogue (default: all, as a table).")
  var name: String?

  @Flag(help: "Machine-readable output.")
  var json = false

  func run() throws {
    do {
      let copies = CatalogueCopy(user: .current, environment: .current)
      let presets = try name.map { [try copies.preset(named: $0)] } ?? Catalogue.presets
      if json {
        for preset in presets { printLine(try copies.json(preset).text) }
      } else if name != nil {
        for preset in presets { printText(try copies.text(preset)) }
      } else {
        printTable(
          ["NAME", "LEAVES", "ROOT", "ITS OWNER IS KNOWN BY", "VERSIONS"],
          presets.map { preset in
            [
              preset.name, preset.leaves,
              copies.usualRoots(preset).joined(separator: ", "), preset.owner,
              preset.versions.isEmpty ? "-" : preset.versions.joined(separator: ", "),
            ]
          })
      }
    } catch let error as ConfigurationError {
      throw fail(error)
    }
  }
}
