import ArgumentParser
import Logging
import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

struct SurveyCommand: ParsableCommand, NeedsProc {
  static let configuration = CommandConfiguration(
    commandName: "survey",
    abstract: "Show what known programs have left on this machine.",
    usage: "reapd survey [OPTIONS]",
    discussion: """
      Looks in the usual places of the catalogue ('reapd presets'), of all users as root and else \
      of yours, and changes nothing. Needs no configuration, and reads none. An orphan is what \
      'reapd sweep' would remove now.
      """)

  @Option(help: ArgumentHelp("Time after creation without a probe.", valueName: "duration"))
  var grace: String?

  @Option(
    help: ArgumentHelp(
      "Whose: users, or any, which is root's to say (any as root, else you).", valueName: "user"))
  var owner: String?

  @Flag(help: "End with 1 where something is orphaned.")
  var check = false

  @Flag(help: "Machine-readable output.")
  var json = false

  func run() throws {
    let setup = try setup()
    var handler = PlainLog()
    handler.logLevel = .warning
    let logger = Logger(label: "reapd") { [handler] _ in handler }
    let reporter = Reporter(audit: nil, logger: logger, hearing: .listed)
    let progress = ProgressBar(total: 0, isSilent: json)
    var survey = Survey()
    var listed = 0
    for group in try openPasses(setup, logger: logger, exclusive: false).byRoot {
      do throws(SystemError) {
        let found = try group.run(for: .survey, reporter) {
          listed += $0
          progress.show("\(listed) names in \(displayText(group[0].root.pathBytes))")
        }
        for (pass, findings) in zip(group, found) { survey.add(findings, of: pass.rule) }
      } catch {
        progress.end()
        logger.warning("\(group[0].root.path): \(error)")
      }
      for pass in group { pass.root.release() }
    }
    progress.end()
    json ? survey.printLines(sweepWords) : survey.printTable(sweepWords)
    if check, survey.hasOrphans { throw ExitCode(ExitStatus.someFailed.rawValue) }
  }

  /// What `sweep` is told besides the preset, to do what was shown.
  private var sweepWords: [String] {
    (grace.map { ["--grace", $0] } ?? []) + (owner.map { ["--owner", $0] } ?? [])
  }

  private func setup() throws -> Setup {
    let user = UserContext.current
    var words = CommandLineRules(roots: [])
    words.presets = [CommandLineRules.everyPreset]
    words.grace = grace
    words.owner = owner ?? (user.euid == 0 ? "any" : nil)
    words.disk = .present
    do {
      let configuration = try Configuration.fromCommandLine(
        words, user: user, environment: .current)
      return Setup(
        configuration: configuration, fromFile: false, roots: configuration.rules.map(\.root),
        hasUsualRoots: true, isCatalogue: true)
    } catch {
      throw fail(error)
    }
  }
}
