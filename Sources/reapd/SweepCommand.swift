import ArgumentParser
import ReapConfiguration
import ReapEngine
import ReapRules

struct SweepCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sweep",
    abstract: "Make one pass over the roots, then exit.",
    usage: "reapd sweep [ROOT ...] [OPTIONS]")

  @Argument(help: "Directories to sweep (default: those of the configuration).")
  var roots: [FilePath] = []

  @OptionGroup var rules: RuleOptions
  @OptionGroup var reaping: ReapOptions

  func run() throws {
    let setup = try rules.configuration(roots: roots)
    let logger = try rules.logger(setup.configuration)
    let reporter = Reporter(audit: try reaping.audit(setup.configuration, logger), logger: logger)
    for pass in try openPasses(
      setup, logger: logger, exclusive: !reaping.dryRun)
    {
      let sweep = Sweep(
        rule: pass.rule, root: pass.root, roots: pass.otherRoots, mounts: pass.mounts,
        reporter: reporter, claiming: !reaping.dryRun)
      for finding in try sweep.run() { say(finding, pass, reporter) }
    }
    reporter.audit?.close()
    let summary = reporter.summary
    if rules.json {
      printLine(summary.json.text)
    } else if reaping.dryRun {
      printLine("\(summary.wouldReap) would be reaped, \(summary.kept) kept")
    } else {
      printLine(
        "\(summary.reaped) reaped (\(formatBytes(summary.bytes))), \(summary.kept) kept, "
          + "\(summary.failed) failed")
    }
    if summary.failed > 0 { throw ExitCode(ExitStatus.someFailed.rawValue) }
  }

  private func say(_ finding: Sweep.Finding, _ pass: Pass, _ reporter: Reporter) {
    let path = pass.root.path(
      of: finding.path.renamed(ClaimName(finding.path.name)?.original ?? finding.path.name))
    var action = "kept"
    if case .dispose = finding.verdict {
      action = reaping.dryRun ? "would-reap" : "reaped"
    } else if finding.failure == nil {
      reporter.count { $0.kept += 1 }
    } else {
      action = "failed"
    }
    if rules.json {
      printLine(
        JSONValue.object([
          JSONValue.pathMember(path), ("action", .string(action)),
          ("reason", .string(finding.verdict.reason.rawValue)),
        ]).text)
    } else {
      printLine("\(action)  \(displayText(path))  (\(finding.verdict.reason.rawValue))")
    }
  }
}
