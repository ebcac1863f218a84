import ArgumentParser
import Glibc
import Logging
import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

/// Which directories, by which rules: the options that watch, sweep, list and explain share.
struct RuleOptions: ParsableArguments {
  @Option(help: "Configuration file (default: ~/.config/reapd/reapd.yaml, then /etc/reapd/).")
  var config: FilePath?

  @Option(help: "Kind of candidate: spill, generations, scratch, log.")
  var kind: String?

  @Option(
    name: .customLong("preset"),
    help: ArgumentHelp(
      "A program of the catalogue ('reapd presets'), several times, or all.", valueName: "name"))
  var presets: [String] = []

  @Option(
    help: ArgumentHelp(
      "Names that are candidates (spill: \(SpillSettings.defaultMatch)).", valueName: "glob"))
  var match: String?

  @Option(help: ArgumentHelp("Name of the lock file (spill: .lock).", valueName: "name"))
  var lock: String?

  @Option(help: ArgumentHelp("Time after creation without a probe (30s).", valueName: "duration"))
  var grace: String?

  @Option(
    help: ArgumentHelp(
      "Whose candidates may go: users, or any, which is root's to say (you).", valueName: "user"))
  var owner: String?

  @Option(
    name: .customLong("log-level"),
    help: ArgumentHelp(
      "Least level that is told: \(Configuration.logLevels.joined(separator: ", ")) (info).",
      valueName: "level"))
  var logLevel: String?

  @Flag(help: "Machine-readable output.")
  var json = false

  /// Whether options ask for a rule of their own, whatever a configuration says.
  var shapesRules: Bool { kind != nil || !presets.isEmpty || match != nil || lock != nil }

  /// A rule of the file, with the grace and the owners that options give.
  func refined(_ rule: Rule) throws(ConfigurationError) -> Rule {
    guard grace != nil || owner != nil else { return rule }
    let told = try Rule.fromCommandLine(
      root: rule.root, kind: "spill", grace: grace, owner: owner, user: .current,
      environment: .current)
    var rule = rule
    if grace != nil { rule.grace = told.grace }
    if owner != nil { rule.owners = told.owners }
    return rule
  }

  /// The configuration that results from file, environment and command line.
  ///
  /// A root on the command line uses the file's rule for it, if there is one and no option asks
  /// for another rule.
  func configuration(roots: [FilePath]) throws -> Setup {
    let environment = Environment.current
    let user = UserContext.current
    do {
      let file = try Configuration.load(path: config, environment: environment, user: user)
      if roots.isEmpty, !shapesRules {
        guard let file else {
          throw fail(
            .usage,
            "no root was named and no configuration file was found; name a root, or --config")
        }
        var refined = file
        refined.rules = []
        for rule in file.rules { refined.rules.append(try self.refined(rule)) }
        return Setup(configuration: refined, fromFile: true, roots: file.rules.map(\.root))
      }
      var result = try Configuration.fromCommandLine(
        words(roots), user: user, environment: environment)
      if let file {
        var rules: [Rule] = []
        for rule in result.rules {
          let path = resolveRoot(rule.root)
          let written = file.rules.filter { resolveRoot($0.root) == path }
          if shapesRules, let first = written.first, !roots.isEmpty {
            complain("rule \(first.name) of the configuration does not count for \(rule.root) here")
          }
          if written.isEmpty || shapesRules {
            rules.append(rule)
          } else {
            for rule in written { rules.append(try refined(rule)) }
          }
        }
        result.rules = rules
        if !shapesRules { try result.settleSharedRoots(user) }
        result.auditLog = file.auditLog
        result.hasAudit = file.hasAudit
        result.backstop = file.backstop
        result.logLevel = file.logLevel
        result.enabled = file.enabled
        result.usageAtStart = file.usageAtStart
        result.warnUsed = file.warnUsed
      }
      let known = result.rules + (file?.rules ?? [])
      return Setup(
        configuration: result, fromFile: false, roots: known.map(\.root),
        namesRoots: !roots.isEmpty, hasUsualRoots: roots.isEmpty && !presets.isEmpty,
        isCatalogue: roots.isEmpty && presets.contains(CommandLineRules.everyPreset))
    } catch let error as ConfigurationError {
      throw fail(error)
    }
  }

  private func words(_ roots: [FilePath]) -> CommandLineRules {
    var words = CommandLineRules(roots: roots)
    words.kind = kind
    words.presets = presets
    words.match = match
    words.lock = lock
    words.grace = grace
    words.owner = owner
    words.disk = .present
    return words
  }

  /// - Parameter loudness: -q and -v, where a command has them.
  func logger(_ configuration: Configuration, _ loudness: Loudness? = nil) throws -> Logger {
    let name = logLevel ?? loudness?.level ?? configuration.logLevel
    guard let level = Logger.Level(rawValue: name) else {
      throw fail(
        .usage, "--log-level \(name): use one of \(Configuration.logLevels.joined(separator: ", "))"
      )
    }
    var handler = PlainLog()
    handler.logLevel = level
    return Logger(label: "reapd") { _ in handler }
  }
}

/// How much a command that stays says of what it does.
struct Loudness: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Tell of warnings and errors only.")
  var quiet = false

  @Flag(
    name: .shortAndLong,
    help: "Tell of each removal, not only in a terminal; -vv: of what is kept, too, and why.")
  var verbose: Int

  func validate() throws {
    guard !quiet || verbose == 0 else {
      throw ValidationError("-q and -v contradict each other: give one of both")
    }
  }

  /// Nil where the configuration's holds.
  var level: String? { quiet ? "warning" : verbose > 1 ? "debug" : verbose > 0 ? "info" : nil }

  /// In a terminal somebody looks on; a journal or a file has the audit beside it.
  var narrates: Bool { verbose > 0 || (!quiet && isatty(STDERR_FILENO) == 1) }
}

/// A configuration, and where it comes from.
struct Setup {
  var configuration: Configuration
  /// Whether the roots were named in a file, and not on the command line.
  let fromFile: Bool
  /// Every root that file and command line name.
  let roots: [FilePath]
  /// Whether the roots are words of the command line.
  var namesRoots = false
  /// Whether the roots are the usual places of programs of the catalogue …
  var hasUsualRoots = false
  /// … and of the whole of it.
  var isCatalogue = false
}

/// Where the audit is written: for the commands that change something.
struct AuditOptions: ParsableArguments {
  @Option(
    name: .customLong("audit-log"),
    help: ArgumentHelp(
      "Where decisions are noted; missing directories are made. none: nowhere.",
      valueName: "file"))
  var auditLog: FilePath?

  /// Where the audit of a reapd with this configuration is looked for.
  static func places(_ configuration: Configuration) -> [FilePath] {
    guard configuration.hasAudit else { return [] }
    return configuration.auditLog.map { [absolute($0)] } ?? defaultPlaces
  }

  private static var defaultPlaces: [FilePath] {
    let state =
      Environment.current.path("XDG_STATE_HOME").flatMap { $0.isAbsolute ? $0 : nil }
      ?? UserContext.current.home.appending(".local/state")
    let places: [FilePath] = [
      "/var/log/reapd/audit.jsonl", state.appending("reapd/audit.jsonl"),
    ]
    return geteuid() == 0 ? places : places.reversed()
  }

  /// Opens the audit log; nil where none is wanted.
  ///
  /// - Parameters:
  ///   - configuration: names the log, where no option does.
  ///   - logger: is told of places where the log cannot be written.
  ///   - isRequired: whether something is to be removed: nothing is removed without an audit.
  func open(
    _ configuration: Configuration, _ logger: Logger, isRequired: Bool
  ) throws -> AuditLog? {
    guard auditLog != "none", auditLog != nil || configuration.hasAudit else { return nil }
    let named = auditLog ?? configuration.auditLog
    do {
      return try AuditLog(
        trying: named.map { [absolute($0)] } ?? Self.defaultPlaces,
        complain: { logger.warning("\($0)") })
    } catch {
      guard isRequired else {
        logger.warning("no audit is written: \(error)")
        return nil
      }
      throw fail(
        .noPermission,
        "the audit log cannot be written, and nothing is removed without: \(error); "
          + "name a file with --audit-log (or audit_log:), or go without by --audit-log none")
    }
  }
}

/// The options that only `watch` and `sweep` have.
struct ReapOptions: ParsableArguments {
  @Flag(
    name: [.customShort("n"), .customLong("dry-run")],
    help: "Judge and note it in the audit (as would-reap), but remove nothing.")
  var dryRun = false

  @OptionGroup var audit: AuditOptions
}

func absolute(_ path: FilePath) -> FilePath {
  path.isAbsolute ? path : UserContext.current.workingDirectory.appending(path.bytes)
}

extension FilePath: ExpressibleByArgument {
  /// A path from an argument as `commandLineArguments` has encoded it. An empty one is a variable that
  /// was not set, and not the working directory.
  public init?(argument: String) {
    guard !argument.isEmpty else { return nil }
    self.init(ArgumentText.decode(argument))
  }
}
