import ArgumentParser
import Glibc
import OwnedDirectories

/// Removes what killed programs leave on disk, the moment they die, and never anything alive.
@main
struct Reapd: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reapd",
    abstract: "Removes what killed programs leave on disk, the moment they die.",
    discussion: """
      A directory is removed only when its owner is proved to be gone: its lock could be \
      taken. Everything in doubt is kept, and 'explain' says why.
      """,
    version: "0.1.0",
    subcommands: [
      WatchCommand.self, SweepCommand.self, ListCommand.self, ExplainCommand.self,
      CheckConfigCommand.self,
    ])

  /// Signals are dealt with before any thread or descriptor exists.
  static func main() async {
    ignoreIncidentalSignals()
    await main(nil)
  }
}
