package import ReapRules

/// Everything that reapd is told: the file, with the environment's overrides in place.
package struct Configuration: Sendable, Equatable {
  package var rules: [Rule]
  /// The audit log's absolute path; nil means the default place.
  package var auditLog: FilePath?
  /// False for `audit_log: none`. With an audit, nothing is removed while the log cannot be written.
  package var hasAudit = true
  /// How often everything is looked at again; nil means never.
  package var backstop: Nanoseconds? = 5 * 60 * nanosecondsPerSecond
  /// A word of `logLevels`.
  package var logLevel = "info"
  package var enabled = true
  /// Whether `watch` tells once of each rule what its root holds.
  package var usageAtStart = true
  /// So much of a file system is used that `watch` warns, in hundredths of a percent; nil means never.
  package var warnUsed: Int64? = 8000
  /// Names of the environment variables that took effect, sorted.
  package var overrides: [String] = []
  /// Why rules of the whole catalogue were left out that may take what others of it take.
  package var leftOut: [String] = []
  /// The file that the configuration was read from; nil for one that the command line gave.
  package var source: FilePath?

  package init(rules: [Rule]) { self.rules = rules }

  /// What is wrong with the root of a rule, and what would be right.
  package typealias RootCheck = (Rule) -> (what: String, wanted: String)?

  package static let logLevels = [
    "trace", "debug", "info", "notice", "warning", "error", "critical",
  ]

  /// A whole configuration on one line, for messages.
  package static let minimalExample = "rules: [{kind: spill, root: /var/lib/app/spill}]"

  /// Parses the text of a file and applies the environment's overrides.
  ///
  /// - Parameters:
  ///   - file: how errors name the file.
  ///   - rootProblem: what a start would refuse a rule's root for; nil where it would not.
  /// - Throws: the first error that is found.
  package static func parse(
    text: [UInt8], file: String, environment: Environment, user: UserContext,
    rootProblem: RootCheck = { _ in nil }
  ) throws(ConfigurationError) -> Configuration {
    try ConfigurationReader.read(
      text, file: file, Context(environment: environment, user: user), rootProblem: rootProblem)
  }

  /// Reads the named file, or else the first of `searchPaths` that exists.
  ///
  /// - Parameter rootProblem: as for `parse`.
  /// - Returns: nil where no file was named and none was found.
  package static func load(
    path: FilePath?, environment: Environment, user: UserContext,
    rootProblem: RootCheck = { _ in nil }
  ) throws(ConfigurationError) -> Configuration? {
    let candidates = path.map { [$0] } ?? searchPaths(environment: environment, user: user)
    for candidate in candidates {
      guard let text = try readFile(candidate, isOptional: path == nil) else { continue }
      var configuration = try parse(
        text: text, file: "\(candidate)", environment: environment, user: user,
        rootProblem: rootProblem)
      configuration.source = candidate
      return configuration
    }
    return nil
  }

  /// `$XDG_CONFIG_HOME/reapd/reapd.yaml` (`~/.config`), then `/etc/reapd/reapd.yaml`.
  package static func searchPaths(
    environment: Environment, user: UserContext
  ) -> [FilePath] {
    var paths: [FilePath] = []
    if let directory = environment.path("XDG_CONFIG_HOME"), !directory.bytes.isEmpty {
      paths.append(directory.appending("reapd/reapd.yaml"))
    } else if let home = PathExpansion(environment: environment, user: user).home {
      paths.append(home.appending(".config/reapd/reapd.yaml"))
    }
    return paths + ["/etc/reapd/reapd.yaml"]
  }

  /// The rules that the command line names, with the top level from the environment.
  package static func fromCommandLine(
    _ words: CommandLineRules, user: UserContext, environment: Environment
  ) throws(ConfigurationError) -> Configuration {
    let context = Context(environment: environment, user: user)
    var overrides = EnvironmentOverrides(Configuration(rules: try words.rules(context)), context)
    try overrides.applyToTopLevel()
    var configuration = overrides.configuration
    if words.isCatalogue {
      configuration.leftOut = SharedRoots.fit(&configuration.rules, user)
    } else {
      try configuration.settleSharedRoots(user)
    }
    return configuration
  }

  /// Refuses rules from the command line that share a tree and may take the same names; see
  /// `SharedRoots`.
  package mutating func settleSharedRoots(_ user: UserContext) throws(ConfigurationError) {
    try SharedRoots.settle(&rules, user) { _ in Place(file: "command line", line: nil) }
  }
}
