import ArgumentParser
import Compaction
import Compression
import Glibc
import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

struct CompactCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compact",
    abstract: "Merge the many small files of a live generation into few large ones.",
    usage: "reapd compact PARTITION [OPTIONS]",
    discussion: """
      PARTITION is the directory that holds the cursor. A new generation is written beside the \
      live one and made live at the end; every line is kept. Should it be killed, the live one \
      stays as it was. Settings come from the rule whose root holds the partition.
      """)

  @Argument(help: "The directory that holds the cursor.")
  var partition: FilePath

  @Option(help: "Configuration file (default: ~/.config/reapd/reapd.yaml, then /etc/reapd/).")
  var config: FilePath?

  @Option(help: ArgumentHelp("Flush a batch at this size (32MiB) …", valueName: "size"))
  var batchBytes: String?

  @Option(help: ArgumentHelp("… or at this many rows (10000).", valueName: "number"))
  var batchRows: Int64?

  @Option(help: ArgumentHelp("Close a file at this size on the disk (128MiB).", valueName: "size"))
  var targetBytes: String?

  @Option(help: ArgumentHelp("none, gzip, zstd, or same (as the input).", valueName: "word"))
  var compression: String?

  @Flag(help: "Also if the result is larger than 1.2 times its input.")
  var allowGrowth = false

  @Flag(
    name: [.customShort("n"), .customLong("dry-run")],
    help: "Read all of it, print the plan and both sizes, change nothing.")
  var dryRun = false

  @Flag(help: "Machine-readable output.")
  var json = false

  func run() throws {
    let path = resolveRoot(absolute(partition))
    guard let text = path.text else {
      throw fail(.badData, "\(path): a partition whose path is not UTF-8 cannot be compacted")
    }
    do {
      let compaction = try PartitionCompaction(
        partition: text, settings: try settings(path), allowGrowth: allowGrowth)
      if compaction.isIdle { return report(planned: compaction, nil) }
      let bar = ProgressBar(total: compaction.survey.bytes, isSilent: json)
      let started = readClocks().monotonic
      defer { bar.end() }
      if dryRun {
        let plan = try compaction.plan(progress: bar.show)
        bar.end()
        return report(planned: compaction, plan)
      }
      let outcome = try compaction.run(progress: bar.show)
      bar.end()
      let seconds = Double(readClocks().monotonic - started) / 1e9
      report(compaction, outcome, seconds)
    } catch let error as CompactionError {
      let status: ExitStatus =
        switch error.reason {
        case .badData: .badData
        case .contended: .rootHeld
        case .noPermission: .noPermission
        case .system, .grows: .someFailed
        }
      throw fail(status, "\(error)")
    }
  }

  // MARK: - Settings

  private func settings(_ path: FilePath) throws -> CompactionSettings {
    var settings = CompactionSettings()
    do {
      let file = try Configuration.load(
        path: config, environment: Environment.current, user: .current)
      // The innermost root decides, should one lie in another.
      let rules = (file?.rules ?? []).filter { rule in
        path.isWithin(resolveRoot(rule.root))
      }
      for rule in rules.sorted(by: { $0.root.bytes.count < $1.root.bytes.count }) {
        guard let generations = rule.kind.generations else { continue }
        guard generations.layouts.contains(.hypaware) else {
          throw fail(
            .badData,
            "rule \(rule.name) reads the cursor by other layouts than hypaware, the only one that "
              + "compact can write")
        }
        settings = generations.compaction
      }
    } catch let exit as ExitCode {
      throw exit
    } catch let error as ConfigurationError {
      throw fail(error)
    }
    if let batchBytes {
      settings.batchBytes = try size("--batch-bytes", batchBytes, atLeast: 64 << 10)
    }
    if let targetBytes {
      settings.targetBytes = try size("--target-bytes", targetBytes, atLeast: 1)
    }
    if let batchRows {
      guard batchRows > 0 else { throw fail(.usage, "--batch-rows \(batchRows): use 1 or more") }
      settings.batchRows = batchRows
    }
    if let compression {
      guard let word = CompactionSettings.Compression(rawValue: compression) else {
        throw fail(.usage, "--compression \(compression): use none, gzip, zstd or same")
      }
      settings.compression = word
    }
    return settings
  }

  private func size(_ option: String, _ text: String, atLeast least: Int64) throws -> Int64 {
    guard let size = parseSize(text), size >= least else {
      throw fail(.usage, "\(option) \(text): use a size such as 32MiB, at least \(least) bytes")
    }
    return size
  }

  // MARK: - Reports

  private func report(planned compaction: PartitionCompaction, _ plan: PartitionCompaction.Plan?) {
    let survey = compaction.survey
    let settings = compaction.settings
    if json {
      let outcome: [(String, JSONValue)] =
        plan.map {
          [
            ("files_after", .integer(Int64($0.files))), ("bytes_after", .integer($0.bytes)),
            ("rows", .integer($0.counts.rows)), ("refused", .bool($0.isRefused)),
          ]
        } ?? []
      printLine(
        JSONValue.object(
          [
            JSONValue.pathMember(Array(survey.partition.utf8)), ("from", .string(survey.live)),
            ("to", .null), ("dry_run", .bool(dryRun)), ("idle", .bool(compaction.isIdle)),
            ("files_before", .integer(Int64(survey.files.count))),
            ("bytes_before", .integer(survey.bytes)),
            ("temporaries", .integer(Int64(survey.temporaries))),
            ("compression", .string(compaction.encoding.rawValue)),
            ("batch_bytes", .integer(settings.batchBytes)),
            ("batch_rows", .integer(settings.batchRows)),
            ("target_bytes", .integer(settings.targetBytes)),
          ] + outcome
        ).text)
      return
    }
    let path = displayText(Array("\(survey.partition)/\(survey.live)".utf8))
    let size = roughSize(survey.bytes)
    guard !compaction.isIdle else {
      return printLine("\(path): \(survey.files.count) files (\(size)): nothing to merge")
    }
    printLine("would merge \(path): \(survey.files.count) files, \(size) on the disk")
    for encoding in Encoding.allCases {
      let count = survey.files.count { $0.encoding == encoding }
      if count > 0 { printLine("  \(count) with compression \(encoding.rawValue)") }
    }
    if survey.temporaries > 0 {
      printLine("  \(survey.temporaries) temporary files of writers would be left behind")
    }
    let after = plan.map { "\($0.files) files, \(roughSize($0.bytes))" } ?? "files"
    printLine(
      "into \(after), of up to \(roughSize(settings.targetBytes)) each, "
        + compaction.encoding.rawValue)
    printLine(
      "  in batches of \(roughSize(settings.batchBytes)) or \(settings.batchRows) rows")
    guard plan?.isRefused != true else {
      return printLine("that is more than 1.2 times its input: refused without --allow-growth")
    }
    printLine("then the cursor would name the new generation; \(survey.live) would be retired")
  }

  private func report(
    _ compaction: PartitionCompaction, _ outcome: PartitionCompaction.Outcome, _ seconds: Double
  ) {
    let (survey, counts) = (compaction.survey, outcome.counts)
    if let warning = outcome.warning { complain("not marked as retired: \(warning)") }
    if json {
      let numbers: [(String, Int64)] = [
        ("files_before", Int64(survey.files.count)), ("files_after", Int64(outcome.files)),
        ("bytes_before", survey.bytes), ("bytes_after", outcome.bytes),
        ("bytes_plain", counts.bytes), ("rows", counts.rows), ("blank_lines", counts.blank),
        ("malformed_lines", counts.malformed), ("torn_lines", counts.torn),
        ("newlines_added", counts.newlinesAdded), ("empty_files", counts.emptyFiles),
        ("temporaries", Int64(survey.temporaries)), ("milliseconds", Int64(seconds * 1000)),
      ]
      let head: [(String, JSONValue)] = [
        JSONValue.pathMember(Array(survey.partition.utf8)), ("from", .string(survey.live)),
        ("to", .string(outcome.generation)), ("dry_run", .bool(false)), ("idle", .bool(false)),
        ("compression", .string(compaction.encoding.rawValue)),
      ]
      printLine(JSONValue.object(head + numbers.map { ($0.0, .integer($0.1)) }).text)
      return
    }
    printLine(
      "\(survey.live) → \(outcome.generation): \(counts.rows) rows, "
        + "\(survey.files.count) files (\(roughSize(survey.bytes))) → "
        + "\(outcome.files) (\(roughSize(outcome.bytes)))")
    let odd: [(Int64, String)] = [
      (counts.torn, "torn last lines, kept as they were, each on its own line"),
      (counts.malformed, "lines that are no JSON object or array, kept as they were"),
      (counts.blank, "blank lines, kept"), (counts.emptyFiles, "empty files"),
      (Int64(survey.temporaries), "temporary files of writers, left behind"),
    ]
    for (count, what) in odd where count > 0 { printLine("  \(count) \(what)") }
  }
}
