import ArgumentParser
import Logging
import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

struct SweepCommand: ParsableCommand, NeedsProc {
  static let configuration = CommandConfiguration(
    commandName: "sweep",
    abstract: "Make one pass over the roots, then exit.",
    usage: "reapd sweep [ROOT ...] [OPTIONS]",
    discussion: """
      Prints one line for each candidate, and a summary. What would have to be condemned first \
      stays: a pass waits for no quarantine.
      """)

  @Argument(help: "Directories to sweep (default: those of the configuration).")
  var roots: [FilePath] = []

  @OptionGroup var rules: RuleOptions
  @OptionGroup var reaping: ReapOptions

  func run() throws {
    let setup = try rules.configuration(roots: roots)
    let logger = try rules.logger(setup.configuration)
    let reporter = Reporter(
      audit: try reaping.audit.open(setup.configuration, logger, isRequired: !reaping.dryRun),
      logger: logger, hearing: .listed)
    // Whoever reads the lines may take long: by then nothing is locked or half done.
    var findings: [(Sweep.Finding, Pass)] = []
    let passes = try openPasses(setup, logger: logger, exclusive: !reaping.dryRun)
    for group in passes.byRoot {
      do throws(SystemError) {
        let found = try group.run(for: .sweep(claiming: !reaping.dryRun), reporter)
        for (pass, found) in zip(group, found) { findings += found.map { ($0, pass) } }
      } catch {
        logger.error("\(group[0].root.path): \(error)")
        reporter.count { $0.failed += 1 }
      }
      for pass in group { pass.root.release(unlocking: true) }
    }
    reporter.audit?.close()
    for (finding, pass) in findings { say(finding, pass, reporter) }
    let summary = reporter.summary
    if rules.json {
      printLine(summary.json.text)
    } else if reaping.dryRun {
      printLine(
        "\(summary.wouldReap) would be reaped, \(summary.kept) kept"
          + (summary.failed > 0 ? ", \(summary.failed) failed" : ""))
    } else {
      printLine(
        "\(summary.reaped) reaped"
          + (summary.slimmed > 0 ? " and \(summary.slimmed) slimmed" : "")
          + " (\(roughSize(summary.bytes))), \(summary.kept) kept, "
          + "\(summary.failed) failed")
    }
    if summary.failed > 0 { throw ExitCode(ExitStatus.someFailed.rawValue) }
    try passes.finish()
  }

  private func say(_ finding: Sweep.Finding, _ pass: Pass, _ reporter: Reporter) {
    let path = pass.root.path(
      of: finding.path.renamed(ClaimName(finding.path.name)?.original ?? finding.path.name))
    if finding.action == nil { reporter.count { $0.kept += 1 } }
    let action = finding.action?.rawValue ?? "kept"
    let reason = finding.reason.rawValue
    if rules.json {
      var members: [(String, JSONValue)] = [
        JSONValue.pathMember(path), ("action", .string(action)), ("reason", .string(reason)),
      ]
      if let failure = finding.failure { members.append(("error", .string("\(failure)"))) }
      printLine(JSONValue.object(members).text)
    } else {
      let failure = finding.failure.map { ": \($0)" } ?? ""
      printLine("\(action)  \(displayText(path))  (\(reason)\(displayText(failure)))")
    }
  }
}
