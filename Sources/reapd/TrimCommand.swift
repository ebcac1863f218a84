import ArgumentParser
import Glibc
import Logging
import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

struct TrimCommand: ParsableCommand, NeedsProc {
  static let configuration = CommandConfiguration(
    commandName: "trim",
    abstract: "Cut a log down to its last lines without losing one that is being written.",
    usage: "reapd trim FILE [OPTIONS]",
    discussion: """
      What is kept begins with a whole line; of several bounds the one that keeps less holds. \
      The head is taken out of the file itself where the file system can do that and nobody but \
      appending writers has it open; otherwise the tail goes into a new file, and what late writers \
      still write to the old one is carried over. Settings that no option gives come from the rule of \
      kind log that takes the file.
      """)

  @Argument(help: "The log.")
  var file: FilePath

  @Option(help: ArgumentHelp("Do nothing unless it is larger than this.", valueName: "size"))
  var maxBytes: String?

  @Option(help: ArgumentHelp("How many lines stay …", valueName: "number"))
  var keepLines: Int64?

  @Option(help: ArgumentHelp("… and how many bytes, at most.", valueName: "size"))
  var keepBytes: String?

  @Option(
    help: ArgumentHelp(
      "auto; always: or not at all, also under readers; never (auto).", valueName: "word"))
  var inPlace: String?

  @Option(
    help: ArgumentHelp(
      "How long to wait for writers of the old file (10s).", valueName: "duration"))
  var wait = "10s"

  @Option(help: "Configuration file (default: ~/.config/reapd/reapd.yaml, then /etc/reapd/).")
  var config: FilePath?

  @Flag(
    name: [.customShort("n"), .customLong("dry-run")],
    help: "Say what would be done, and change nothing.")
  var dryRun = false

  @Flag(help: "Machine-readable output.")
  var json = false

  @OptionGroup var audit: AuditOptions

  /// Between two looks at an old file that somebody has open: of what no event tells here.
  private static let firstPause: UInt32 = 5
  private static let longestPause: UInt32 = 200

  func run() throws {
    guard let given = GivenPath(file) else { throw fail(.usage, "\(file) does not end in a name") }
    guard let patience = parseDuration(wait) else {
      throw fail(.usage, "--wait \(wait): use a duration such as 10s")
    }
    let directory = resolveRoot(absolute(given.parent))
    let configuration = try loaded()
    let rule = try rule(for: given.name, in: directory, configuration)
    var handler = PlainLog()
    handler.logLevel = Logger.Level(rawValue: configuration.logLevel) ?? .info
    let logger = Logger(label: "reapd") { [handler] _ in handler }
    let reporter = Reporter(
      audit: try audit.open(configuration, logger, isRequired: !dryRun), logger: logger,
      hearing: .listed)
    let root: OpenRoot
    do {
      root = try openDirectoryByHand(directory, rule: rule, exclusive: !dryRun)
    } catch {
      throw fail(error, fromFile: false)
    }
    defer { root.release(unlocking: true) }
    let trim = TrimByHand(
      rule: rule, root: root, mounts: MountView(), reporter: reporter, claiming: !dryRun)
    guard let step = trim.trim(given.name) else {
      throw fail(.badData, "\(displayText(given.bytes)) does not exist")
    }
    let left = dryRun ? [] : drain(trim, for: patience)
    reporter.audit?.close()
    report(step, given, isDraining: !left.isEmpty)
    try finish(step, left, given)
  }

  // MARK: - The rule

  private func loaded() throws -> Configuration {
    do {
      return try Configuration.load(path: config, environment: Environment.current, user: .current)
        ?? Configuration(rules: [])
    } catch {
      throw fail(error)
    }
  }

  /// A rule for that one file.
  private func rule(
    for name: EntryName, in directory: FilePath, _ configuration: Configuration
  ) throws -> Rule {
    guard let text = String(validating: name.bytes, as: UTF8.self),
      let match = try? Glob(escaped(text))
    else {
      throw fail(.badData, "\(name.display): a log whose name is not UTF-8 cannot be trimmed")
    }
    let known = configuration.rules.first {
      $0.kind.part is LogSettings && resolveRoot($0.root) == directory && $0.takes(name, in: [])
    }
    guard known != nil || maxBytes != nil || keepLines != nil || keepBytes != nil else {
      throw fail(
        .usage,
        "no rule of kind log takes \(name.display): say what is to be kept, by --keep-lines "
          + "or --keep-bytes, or how large it may be, by --max-bytes")
    }
    var rule = Rule(
      name: known?.name ?? "trim", root: directory, match: match, grace: 0,
      owners: known?.owners ?? .anyone, kind: try settings(known?.kind.part as? LogSettings).kind)
    rule.never = known?.never ?? []
    return rule
  }

  private func settings(_ known: LogSettings?) throws -> LogSettings {
    // What is named by hand is trimmed as it is, unless somebody says otherwise.
    var settings = known ?? LogSettings(maxBytes: 0, keepBytes: .max)
    if keepLines != nil || keepBytes != nil {
      settings.maxBytes = 0
      (settings.keepLines, settings.keepBytes) = (nil, .max)
    }
    if let maxBytes {
      settings.maxBytes = try size("--max-bytes", maxBytes)
      if keepLines == nil, keepBytes == nil { settings.keepBytes = nil }
    }
    if let keepLines {
      guard keepLines > 0 else { throw fail(.usage, "--keep-lines \(keepLines): use 1 or more") }
      settings.keepLines = keepLines
    }
    if let keepBytes { settings.keepBytes = try size("--keep-bytes", keepBytes) }
    if let inPlace {
      guard let word = LogSettings.InPlace(rawValue: inPlace) else {
        throw fail(.usage, "--in-place \(inPlace): use auto, always or never")
      }
      settings.inPlace = word
    }
    return settings
  }

  private func size(_ option: String, _ text: String) throws -> Int64 {
    guard let size = parseSize(text) else {
      throw fail(.usage, "\(option) \(text): use a number and its unit, such as 50MiB")
    }
    return size
  }

  /// A pattern that nothing but the name itself fits.
  private func escaped(_ name: String) -> String {
    String(name.flatMap { "\\*?[]@+(|){}!".contains($0) ? ["\\", $0] : [$0] })
  }

  // MARK: - Waiting

  /// Drains what trims have left, until nothing is or the time is over; what is left then.
  private func drain(_ trim: TrimByHand, for patience: Nanoseconds) -> [TrimByHand.Step] {
    let deadline = readMonotonic() + patience
    var pause = Self.firstPause
    while true {
      let left = trim.drain().filter { $0.action != .trimmed }
      guard left.contains(where: { $0.reason == .draining }), readMonotonic() < deadline else {
        return left
      }
      OwnedDirectories.pause(milliseconds: pause)
      pause = min(2 * pause, Self.longestPause)
    }
  }

  // MARK: - Reports

  private func report(_ step: TrimByHand.Step, _ given: GivenPath, isDraining: Bool) {
    let path = absolute(FilePath(given.bytes)).bytes
    let action = step.action?.rawValue ?? "kept"
    guard json else {
      let sizes = step.log.map { log in
        log.sizeAfter.map { "\(roughSize(log.size)) to \(roughSize($0))" } ?? roughSize(log.size)
      }
      let way = step.log?.way.map { ", \($0.rawValue)" } ?? ""
      let failure = step.failure.map { ": \($0)" } ?? ""
      return printLine(
        "\(action)  \(displayText(given.bytes))  "
          + "(\(step.reason.rawValue)\(displayText(failure))\(sizes.map { ", \($0)" } ?? "")\(way))"
      )
    }
    var members: [(String, JSONValue)] = [
      JSONValue.pathMember(path), ("action", .string(action)),
      ("reason", .string(step.reason.rawValue)), ("dry_run", .bool(dryRun)),
      ("bytes", .integer(step.bytes)), ("draining", .bool(isDraining)),
    ]
    if let log = step.log {
      members.append(("size_before", .integer(log.size)))
      members.append(("size_after", log.sizeAfter.map { .integer($0) } ?? .null))
      members.append(("cut_at", log.cut.map { .integer($0) } ?? .null))
      members.append(("way", log.way.map { .string($0.rawValue) } ?? .null))
      members.append(("holders", log.holders.map { .string($0.text) } ?? .null))
    }
    if let failure = step.failure { members.append(("error", .string("\(failure)"))) }
    printLine(JSONValue.object(members).text)
  }

  private func finish(
    _ step: TrimByHand.Step, _ left: [TrimByHand.Step], _ given: GivenPath
  ) throws {
    let name = displayText(given.bytes)
    switch step.reason {
    case .notAFile: throw fail(.badData, "\(name): \(step.reason.explanation)")
    case .notInPlace, .cannotClaim, .keptByHand, .mountPoint, .foreignOwner, .auditUnwritable:
      throw fail(.someFailed, "\(name) is left as it is: \(step.reason.explanation)")
    default: break
    }
    if let failure = step.failure {
      throw fail(failure.isRefusal ? .noPermission : .someFailed, "\(name): \(failure)")
    }
    if left.contains(where: { $0.reason == .draining }) {
      throw fail(
        .someFailed,
        "\(name): somebody has the old file open still. Nothing is lost: what is written to it comes "
          + "into the log with the next 'reapd trim', or by a watch with a rule of kind log")
    }
    if let failed = left.first(where: { $0.failure != nil }), let failure = failed.failure {
      throw fail(.someFailed, "\(name): the old file: \(failure)")
    }
  }
}
