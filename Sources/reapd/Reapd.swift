import ArgumentParser
import CrashDrill
import Glibc
import OwnedDirectories
import ReapEngine
import ReapRules

/// Removes what killed programs leave on disk, the moment they die, and never anything alive.
@main
struct Reapd: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reapd",
    abstract: "Removes what killed programs leave on disk, the moment they die.",
    discussion: """
      What goes at once is proved dead: its owner's lock could be taken, or its owner was seen to \
      end. Where nothing proves it, a directory without the lock file that its rule expects goes \
      when nobody has used it for a grace; a generation is condemned first, and stays in its place \
      until its quarantine is over. Everything in doubt is kept, and 'explain' says why.
      """,
    version: "0.1.0",
    subcommands: [
      SurveyCommand.self, PresetsCommand.self, WatchCommand.self, SweepCommand.self,
      ListCommand.self, ExplainCommand.self,
      CheckConfigCommand.self, RestoreCommand.self, KeepCommand.self, CompactCommand.self,
      SlimCommand.self, PackCommand.self,
      TailCommand.self,
      DrillCommand.self,
    ])

  /// Signals that reapd's own work may raise are dealt with before any thread exists, and what the
  /// standard streams lack before any file is open.
  static func main() {
    fillStandardStreams()
    ignoreIncidentalSignals()
    neverWaitForStandardError()
    // What a drill kills by the thousand; reading its words as a command's takes most of a start.
    if var writer = DrillWriter(CommandLine.arguments) { writer.run() }
    var status = ExitCode.success
    do {
      var command = try parseAsRoot(commandLineArguments())
      if command is any NeedsProc, let missing = missingFromProc() {
        throw fail(
          .systemLacks,
          "/proc is needed and not there (\(missing)): mount it (mount -t proc proc /proc)")
      }
      try command.run()
    } catch {
      status = exitCode(for: error)
      // Names that a shell has put in for a pattern are among the words that it repeats.
      let text = fullMessage(for: error).split(separator: "\n", omittingEmptySubsequences: false)
        .map { displayText(ArgumentText.decode(String($0))) }.joined(separator: "\n")
      if !text.isEmpty { status.isSuccess ? printLine(text) : writeError(text) }
    }
    _ = errors.finish(within: patience)
    Glibc.exit(status.rawValue)
  }
}

/// A command that looks at mounts, locks or descriptors by way of /proc.
protocol NeedsProc {}
