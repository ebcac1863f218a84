import Glibc
import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

/// What was found of each program.
struct Survey {
  private struct Row {
    var orphans = 0
    var bytes: Int64 = 0
    var live = 0
    /// In doubt, by why.
    var kept: [Reason: Int] = [:]
    /// Wall clock, of the oldest orphan.
    var oldest: Nanoseconds?
    /// Whether some of the orphans are not the caller's own.
    var hasOthers = false

    var keptCount: Int { kept.values.reduce(0, +) }

    /// The most frequent first.
    var reasons: [(reason: Reason, count: Int)] {
      kept.map { ($0.key, $0.value) }
        .sorted { ($1.count, $0.reason.rawValue) < ($0.count, $1.reason.rawValue) }
    }
  }

  private var rows: [String: Row] = [:]
  private let user = geteuid()

  var hasOrphans: Bool { total.orphans > 0 }

  mutating func add(_ findings: [Sweep.Finding], of rule: Rule) {
    let program = Catalogue.preset(ofRule: rule.name) ?? rule.name
    var row = rows[program] ?? Row()
    for finding in findings {
      switch finding.verdict {
      case .dispose:
        row.orphans += 1
        row.bytes += finding.bytes ?? 0
        row.hasOthers = row.hasOthers || finding.evidence.entry.owner != user
        if let birth = finding.evidence.clocks.birth ?? finding.evidence.clocks.name {
          row.oldest = min(row.oldest ?? birth, birth)
        }
      // Somebody else's is no business of whoever asks.
      case .keep(.foreignOwner, _): continue
      case .keep(let reason, _) where reason.isOfUse: row.live += 1
      case .keep(let reason, _), .unsure(let reason), .condemn(let reason, _):
        row.kept[reason, default: 0] += 1
      case .expendable: row.kept[finding.verdict.reason, default: 0] += 1
      }
    }
    guard row.orphans + row.live + row.keptCount > 0 else { return }
    rows[program] = row
  }

  private var sorted: [(program: String, row: Row)] {
    rows.map { ($0.key, $0.value) }
      .sorted {
        ($1.row.bytes, $1.row.orphans, $0.program) < ($0.row.bytes, $0.row.orphans, $1.program)
      }
  }

  private var total: Row {
    rows.values.reduce(into: Row()) {
      $0.orphans += $1.orphans
      $0.bytes += $1.bytes
      $0.live += $1.live
      $0.kept.merge($1.kept, uniquingKeysWith: +)
    }
  }

  private func command(_ program: String, _ row: Row, _ words: [String]) -> String? {
    guard row.orphans > 0 else { return nil }
    let others = row.hasOthers && !words.contains("--owner") ? ["--owner", "any"] : []
    return (["reapd sweep --preset", program] + words + others).joined(separator: " ")
  }

  func printTable(_ words: [String]) {
    let now = readClocks().wall
    let table = sorted.map { program, row in
      [
        program, "\(row.orphans)", roughSize(row.bytes), "\(row.live)", "\(row.keptCount)",
        row.oldest.map { roughDuration(max(0, now - $0)) } ?? "-",
        row.reasons.map { "\($0.count) \($0.reason.rawValue)" }.joined(separator: ", "),
      ]
    }
    guard !table.isEmpty else {
      return printLine("nothing is left by a program of the catalogue ('reapd presets' lists it)")
    }
    reapd.printTable(["PROGRAM", "ORPHANS", "SIZE", "LIVE", "KEPT", "OLDEST", "WHY KEPT"], table)
    let commands = sorted.compactMap { command($0.program, $0.row, words) }
    guard !commands.isEmpty else { return printLine("\nNothing is orphaned.") }
    printLine("\nWhat removes the orphans (with --dry-run: lists them):")
    for command in commands { printLine("  " + command) }
  }

  func printLines(_ words: [String]) {
    let now = readClocks().wall
    for (program, row) in sorted {
      printLine(
        JSONValue.object(
          [("program", .string(program))] + counts(row)
            + [
              ("oldest_ms", row.oldest.map { .integer(max(0, now - $0) / 1_000_000) } ?? .null),
              (
                "reasons",
                .object(row.reasons.map { ($0.reason.rawValue, .integer(Int64($0.count))) })
              ),
              ("command", command(program, row, words).map(JSONValue.string) ?? .null),
            ]
        ).text)
    }
    printLine(JSONValue.object(counts(total)).text)
  }

  private func counts(_ row: Row) -> [(String, JSONValue)] {
    [
      ("orphans", .integer(Int64(row.orphans))), ("live", .integer(Int64(row.live))),
      ("kept", .integer(Int64(row.keptCount))), ("bytes", .integer(row.bytes)),
    ]
  }
}
