import ArgumentParser
import OwnedDirectories
import ReapConfiguration
import ReapRules

struct CheckConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check-config",
    abstract: "Validate the configuration and print the rules that result.")

  @Option(help: "Configuration file (default: ~/.config/reapd/reapd.yaml, then /etc/reapd/).")
  var config: FilePath?

  @Flag(help: "Machine-readable output.")
  var json = false

  func run() throws {
    do {
      let environment = Environment.current
      let user = UserContext.current
      guard
        let found = try Configuration.load(path: config, environment: environment, user: user)
      else {
        let places = Configuration.searchPaths(environment: environment, user: user)
        throw fail(
          .configuration,
          "no configuration file at \(places.map(\.description).joined(separator: " or "))")
      }
      printText(json ? found.json.text + "\n" : found.effectiveYAML)
    } catch let error as ConfigurationError {
      throw fail(error)
    }
  }
}
