import ArgumentParser
import Glibc
import Logging
import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

struct RestoreCommand: ParsableCommand, NeedsProc {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Take a generation out of quarantine, or list what is in it.",
    usage: """
      reapd restore --list [ROOT ...] [OPTIONS]
      reapd restore ID|PATH [ROOT ...] [OPTIONS]
      """,
    discussion: """
      Pins it, as 'reapd keep' does, so that it stays until 'reapd keep --undo'. What an earlier \
      reapd has renamed gets its own name again: never over something that has that name by now, \
      and never one whose removal has begun ('removing' in the list).
      """)

  @Flag(help: "Show what is in quarantine: id, state, age, time left, size, path.")
  var list = false

  @Argument(
    help: ArgumentHelp(
      """
      The id that the list and the audit give, or the directory's path; then, or \
      with --list, roots (default: those of the configuration).
      """, valueName: "id|path|root"))
  var words: [FilePath] = []

  @OptionGroup var rules: RuleOptions
  @OptionGroup var reaping: ReapOptions

  func run() throws {
    guard !list else { return try showQuarantine() }
    guard let word = words.first else {
      throw fail(.usage, "name what is to be restored: an id or a path; --list shows what there is")
    }
    let bytes = word.bytes
    guard let request = RestoreRequest(bytes, resolve: resolved) else {
      throw fail(.usage, "\(displayText(bytes)) does not end in the name of a directory")
    }
    let setup = try setup(for: request)
    let logger = try rules.logger(setup.configuration)
    let found = try entries(setup, logger).filter {
      $0.isMeant(by: request)
    }
    guard let entry = found.first else {
      throw fail(.badData, "\(displayText(bytes)): nothing of that name is in quarantine")
    }
    guard found.count == 1 else {
      let lines = found.map { "  \($0.id)  \(displayText($0.root.path(of: $0.path)))" }
      defer { writeError(lines.joined(separator: "\n")) }
      throw fail(.usage, "\(displayText(bytes)) means several entries; name one:")
    }
    try restore(entry, setup, logger)
  }

  private func restore(_ entry: QuarantineEntry, _ setup: Setup, _ logger: Logger) throws {
    let audit =
      reaping.dryRun ? nil : try reaping.audit(setup.configuration, logger, isRequired: false)
    defer { audit?.close() }
    let reporter = Reporter(audit: audit, logger: logger)
    let path = entry.root.path(of: entry.original)
    let isPinned: Bool
    do throws(RestoreFailure) {
      isPinned = try entry.restore(dryRun: reaping.dryRun)
    } catch {
      reporter.notRestored(entry, error)
      throw fail(error.exitStatus, "\(displayText(path)) (id \(entry.id)): \(error)")
    }
    if !reaping.dryRun { reporter.restored(entry) }
    if rules.json {
      printLine(
        JSONValue.object([
          JSONValue.pathMember(path),
          ("action", .string(reaping.dryRun ? "would-restore" : "restored")),
          ("id", .string("\(entry.id)")), ("name", .string(entry.path.name.display)),
          ("rule", .string(entry.rule.name)), ("pinned", .bool(isPinned)),
          ("dry_run", .bool(reaping.dryRun)),
        ]).text)
    } else {
      printLine(
        (reaping.dryRun ? "would be restored  " : "restored  ") + displayText(path)
          + (isPinned
            ? "  (kept until `reapd keep --undo`)"
            : "  (not pinned: this file system has no extended attributes, so it is judged anew)"))
    }
  }

  // MARK: - The list

  private func showQuarantine() throws {
    let setup = try rules.configuration(roots: words)
    var table: [[String]] = []
    let now = readClocks().wall
    for entry in try entries(setup, try rules.logger(setup.configuration)) {
      // A link or a file is nothing that was claimed.
      guard entry.state != .notADirectory else { continue }
      let path = entry.root.path(of: entry.original)
      let size = entry.measure()
      if rules.json {
        printLine(
          JSONValue.object([
            ("id", .string("\(entry.id)")), JSONValue.pathMember(path),
            ("name", .string(entry.path.name.display)),
            ("rule", .string(entry.rule.name)), ("state", .string(entry.state.rawValue)),
            ("bytes", size.map(JSONValue.integer) ?? .null),
            ("since", .string(formatTime(entry.id))),
            ("age_ms", .integer((now - entry.id) / 1_000_000)),
            ("deadline", entry.deadline.map { .string(formatTime($0)) } ?? .null),
          ]).text)
      } else {
        table.append([
          "\(entry.id)", entry.state.rawValue, roughDuration(now - entry.id),
          entry.deadline.map { $0 > now ? roughDuration($0 - now) : "over" } ?? "-",
          size.map(roughSize) ?? "-", displayText(path),
        ])
      }
    }
    guard !rules.json else { return }
    guard !table.isEmpty else { return printLine("nothing is in quarantine") }
    printTable(["ID", "STATE", "AGE", "LEFT", "SIZE", "PATH"], table)
  }

  // MARK: - Where to look

  /// A claim outlives the rule that was switched off since.
  private func entries(_ setup: Setup, _ logger: Logger) throws -> [QuarantineEntry] {
    var configuration = setup.configuration
    configuration.enabled = true
    configuration.rules = configuration.rules.filter(\.kind.quarantines).map {
      var rule = $0
      rule.enabled = true
      return rule
    }
    let whole = Setup(
      configuration: configuration, fromFile: setup.fromFile, roots: setup.roots)
    return try openPasses(whole, logger: logger, exclusive: false).flatMap { pass in
      do throws(SystemError) {
        return try quarantine(
          of: pass.rule, in: pass.root,
          condemned: condemnedRecords(
            below: pass.root, configured: ReapOptions.auditPlaces(setup.configuration)))
      } catch {
        throw fail(RootFailure.system(error), fromFile: setup.fromFile)
      }
    }
  }

  private func setup(for request: RestoreRequest) throws -> Setup {
    let roots = Array(words.dropFirst())
    guard roots.isEmpty, case .path(let path) = request,
      let slash = path.lastIndex(of: UInt8(ascii: "/")), let name = EntryName(path[(slash + 1)...])
    else { return try rules.configuration(roots: roots) }
    let parent = FilePath(path[..<slash])
    let setup = try rules.configuration(containing: slash == 0 ? "/" : parent, name)
    guard setup.configuration.rules.contains(where: \.kind.quarantines) else {
      throw fail(
        .usage,
        "\(displayText(path)) lies in no root of a rule with a quarantine (kind generations)")
    }
    return setup
  }

  /// Absolute, links of the directories above it resolved.
  private func resolved(_ argument: [UInt8]) -> [UInt8]? {
    var bytes = argument
    while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
    let slash = bytes.lastIndex(of: UInt8(ascii: "/"))
    guard let name = EntryName(slash.map { bytes[($0 + 1)...] } ?? bytes[...]) else { return nil }
    let parent = slash.map { $0 == 0 ? "/" : FilePath(bytes[..<$0]) } ?? "."
    return resolveRoot(absolute(parent)).appending(name.bytes).bytes
  }
}

extension RestoreFailure {
  fileprivate var exitStatus: ExitStatus {
    switch self {
    case .gone, .notADirectory: .badData
    case .foreignOwner: .noPermission
    case .system(let error) where error.code == EACCES || error.code == EPERM: .noPermission
    case .nameTaken, .removing, .locked, .noPins, .system: .someFailed
    }
  }
}
