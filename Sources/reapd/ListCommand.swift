import ArgumentParser
import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

struct ListCommand: ParsableCommand, NeedsProc {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "Show every candidate: verdict, reason, age, size.",
    usage: "reapd list [ROOT ...] [OPTIONS]",
    discussion: "Changes nothing.")

  @Argument(help: "Roots to list (default: those of the configuration).")
  var roots: [FilePath] = []

  @OptionGroup var rules: RuleOptions

  func run() throws {
    let setup = try rules.configuration(roots: roots)
    let logger = try rules.logger(setup.configuration)
    let reporter = Reporter(audit: nil, logger: logger)
    var table: [[String]] = []
    let passes = try openPasses(setup, logger: logger, exclusive: false)
    for pass in passes.open {
      let sweep = Sweep(
        rule: pass.rule, root: pass.root, roots: pass.otherRoots, mounts: pass.mounts,
        reporter: reporter, for: .list,
        condemned: condemnedRecords(
          below: pass.root, configured: AuditOptions.places(setup.configuration)))
      for finding in try sweep.run() {
        let path = pass.root.path(of: finding.path)
        let age = age(finding.evidence)
        if rules.json {
          printLine(
            JSONValue.object([
              JSONValue.pathMember(path), ("rule", .string(pass.rule.name)),
              ("verdict", .string(finding.verdict.word)),
              ("reason", .string(finding.verdict.reason.rawValue)),
              ("explanation", .string(finding.verdict.reason.explanation)),
              ("age_ms", age.map { .integer($0 / 1_000_000) } ?? .null),
              ("bytes", finding.bytes.map(JSONValue.integer) ?? .null),
              ("evidence", finding.evidence.json),
            ]).text)
        } else {
          table.append([
            finding.verdict.word, finding.verdict.reason.rawValue, age.map(roughDuration) ?? "-",
            finding.bytes.map(roughSize) ?? "-", displayText(path),
          ])
        }
      }
    }
    if !table.isEmpty {
      printTable(["VERDICT", "REASON", "AGE", "SIZE", "PATH"], table)
    } else if !rules.json, !passes.lackNamedRoot {
      printLine("no candidates")
    }
    try passes.finish()
  }

  /// By birth time, else by the time in the name.
  private func age(_ evidence: Evidence) -> Nanoseconds? {
    (evidence.clocks.birth ?? evidence.clocks.name).map { readClocks().wall - $0 }
  }
}
