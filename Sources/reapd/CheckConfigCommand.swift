import ArgumentParser
import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

struct CheckConfigCommand: ParsableCommand, NeedsProc {
  static let configuration = CommandConfiguration(
    commandName: "check-config",
    abstract: "Validate the configuration and print the rules that result.",
    discussion: """
      Ends with 78 where a start would: also for the root of an enabled rule that 'watch' refuses \
      as things are now (a directory of the system, a layer of a mounted overlay …). A root that \
      does not exist is no mistake: 'watch' waits for it.
      """)

  @Option(help: "Configuration file (default: ~/.config/reapd/reapd.yaml, then /etc/reapd/).")
  var config: FilePath?

  @Flag(help: "Machine-readable output.")
  var json = false

  func run() throws {
    do {
      let environment = Environment.current
      let user = UserContext.current
      let mounts = MountView()
      guard
        let found = try Configuration.load(
          path: config, environment: environment, user: user,
          rootProblem: { problem(with: resolveRoot($0.root), $0, mounts) })
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

  private func problem(
    with root: FilePath, _ rule: Rule, _ mounts: MountView
  ) -> (what: String, wanted: String)? {
    // Without a mount table nothing is known of any root; a start says so.
    if let refusal = try? rootRefusal(root, rule: rule, mounts: mounts) {
      return ("root \(root) is refused: \(refusal.what)", refusal.wanted)
    }
    guard let facts = try? status(ofPath: root), facts.type != .directory else { return nil }
    return (
      "\(RootFailure.notADirectory(path: root))", "name a directory that holds only candidates"
    )
  }
}
