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
    abstract: "Take something out of quarantine, or list what is in there.",
    usage: """
      reapd restore --list [ROOT ...] [OPTIONS]
      reapd restore ID|PATH [ROOT ...] [OPTIONS]
      """,
    discussion: """
      Pins the entry, as 'reapd keep' does, so that it stays until 'reapd keep --undo'. One \
      that an earlier reapd has renamed gets its own name again, unless something has that name by \
      now, or the removal has begun ('removing' in the list).

      Only kinds generations and scratch have a quarantine. In kind spill a free lock is the proof \
      of death, and the directory goes at once: pin it beforehand, with 'reapd keep'.
      """)

  @Flag(help: "Show what is in quarantine: id, state, age, time left, size, path.")
  var list = false

  @Argument(
    help: ArgumentHelp(
      """
      The id that the list and the audit give, or the path of the entry; behind it, or \
      with --list, roots (default: those of the configuration).
      """, valueName: "id|path|root"))
  var words: [FilePath] = []

  @OptionGroup var rules: RuleOptions
  @Flag(
    name: [.customShort("n"), .customLong("dry-run")],
    help: "Make every check, but restore and note nothing.")
  var dryRun = false

  @OptionGroup var audit: AuditOptions

  func run() throws {
    guard !list else { return try showQuarantine() }
    guard let word = words.first else {
      throw fail(.usage, "name what is to be restored: an id or a path; --list shows what there is")
    }
    let bytes = word.bytes
    guard let request = RestoreRequest(bytes, resolve: resolved) else {
      throw fail(.usage, "\(displayText(bytes)) does not end in a name")
    }
    let setup = try setup(for: request)
    let logger = try rules.logger(setup.configuration)
    let found = try entries(try passes(setup, logger), setup).filter { $0.isMeant(by: request) }
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
      dryRun ? nil : try self.audit.open(setup.configuration, logger, isRequired: false)
    defer { audit?.close() }
    let reporter = Reporter(audit: audit, logger: logger)
    let path = entry.root.path(of: entry.original)
    let isPinned: Bool
    do throws(RestoreFailure) {
      isPinned = try entry.restore(dryRun: dryRun)
    } catch {
      reporter.notRestored(entry, error)
      throw fail(error.exitStatus, "\(displayText(path)) (id \(entry.id)): \(error)")
    }
    if !dryRun { reporter.restored(entry) }
    if rules.json {
      printLine(
        JSONValue.object([
          JSONValue.pathMember(path),
          ("action", .string(dryRun ? "would-restore" : "restored")),
          ("id", .string("\(entry.id)")), ("name", .string(entry.path.name.display)),
          ("rule", .string(entry.rule.name)), ("pinned", .bool(isPinned)),
          ("dry_run", .bool(dryRun)),
        ]).text)
    } else {
      printLine(
        (dryRun ? "would be restored  " : "restored  ") + displayText(path)
          + (isPinned
            ? "  (kept until `reapd keep --undo`)"
            : "  (not pinned: this file system has no extended attributes, so it is judged anew)"))
    }
  }

  // MARK: - The list

  private func showQuarantine() throws {
    let setup = try rules.configuration(roots: words)
    let passes = try passes(setup, try rules.logger(setup.configuration))
    var table: [[String]] = []
    let now = readClocks().wall
    for entry in try entries(passes, setup) {
      // A link, or a file where the rule takes none, is nothing that was claimed.
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
    if !table.isEmpty {
      printTable(["ID", "STATE", "AGE", "LEFT", "SIZE", "PATH"], table)
    } else if !rules.json, !passes.lackNamedRoot {
      let quarantines = setup.configuration.rules.contains(where: \.kind.quarantines)
      printLine(
        "nothing is in quarantine"
          + (quarantines
            ? "" : ": only rules of kinds generations and scratch have one, and there is none"))
    }
    try passes.finish()
  }

  // MARK: - Where to look

  /// A claim outlives the rule that was switched off since.
  private func passes(_ setup: Setup, _ logger: Logger) throws -> Passes {
    var configuration = setup.configuration
    configuration.enabled = true
    for index in configuration.rules.indices { configuration.rules[index].enabled = true }
    let whole = Setup(
      configuration: configuration, fromFile: setup.fromFile, roots: setup.roots,
      namesRoots: setup.namesRoots)
    return try openPasses(whole, logger: logger, exclusive: false)
  }

  private func entries(_ passes: Passes, _ setup: Setup) throws -> [QuarantineEntry] {
    try passes.open.flatMap { pass in
      do throws(SystemError) {
        return try quarantine(
          of: pass.rule, in: pass.root,
          condemned: condemnedRecords(
            below: pass.root, configured: AuditOptions.places(setup.configuration)))
      } catch {
        throw fail(RootFailure.system(error), fromFile: setup.fromFile)
      }
    }
  }

  private func setup(for request: RestoreRequest) throws -> Setup {
    let roots = Array(words.dropFirst())
    guard roots.isEmpty, case .path(let path) = request, let given = GivenPath(FilePath(path))
    else { return try rules.configuration(roots: roots) }
    let setup = try rules.configuration(containing: given.parent, given.name)
    guard setup.configuration.rules.contains(where: \.kind.quarantines) else {
      let rule = setup.fromFile ? setup.configuration.rules.first?.name : nil
      throw fail(
        .usage,
        "\(displayText(path)) lies in "
          + (rule.map { "the root of rule \($0), which has no quarantine" }
            ?? "no root of a rule with a quarantine")
          + ": only kinds generations and scratch have one, so there is nothing to restore; `reapd "
          + "keep` pins what is still there")
    }
    return setup
  }

  /// Absolute, links of the directories above it resolved.
  private func resolved(_ argument: [UInt8]) -> [UInt8]? {
    GivenPath(FilePath(argument))?.resolved.bytes
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
