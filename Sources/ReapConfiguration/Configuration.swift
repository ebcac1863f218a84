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
  /// Names of the environment variables that took effect, sorted.
  package var overrides: [String] = []
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
    let context = Context(environment: environment, user: user)
    var rules: [RuleSettings] = []
    var configuration = try readTopLevel(text, file: file, context, rules: &rules)
    for settings in rules {
      let rule = try settings.rule(context)
      if let other = configuration.rules.firstIndex(where: { $0.name == rule.name }) {
        throw settings.place(of: .name).error(
          "two rules have the name \(quoted(rule.name)), the other one \(rules[other].location)",
          "give this one a 'name: ' of its own")
      }
      configuration.rules.append(rule)
    }
    try configuration.applyTopLevelOverrides(context)
    try configuration.applyRuleOverrides(to: &rules, context)
    try configuration.settleSharedRoots(user) { rules[$0].place(of: .root) }
    // What is switched off is not opened by a start either.
    guard configuration.enabled else { return configuration }
    for (index, rule) in configuration.rules.enumerated() where rule.enabled {
      guard let problem = rootProblem(rule) else { continue }
      throw rules[index].place(of: .root).error(problem.what, problem.wanted)
    }
    return configuration
  }

  private static func readTopLevel(
    _ text: [UInt8], file: String, _ context: Context, rules: inout [RuleSettings]
  ) throws(ConfigurationError) -> Configuration {
    let noRules = (what: "there are no rules", wanted: "a minimal file is '\(minimalExample)'")
    guard let root = try YAMLDocument.parse(text, file: file) else {
      throw ConfigurationError(file: file, what: noRules.what, wanted: noRules.wanted)
    }
    guard case .mapping(let members) = root.content else {
      throw Place(file: file, line: root.line).error(
        "the file holds \(root.summary), not keys and values", noRules.wanted)
    }
    var configuration = Configuration(rules: [])
    var rulesLine: Int?
    for member in members {
      let place = Place(file: file, line: member.line)
      guard let key = TopLevelKey(rawValue: member.key) else {
        throw unknownTopLevelKey(member.key, place)
      }
      let setting = Setting(
        key: member.key, value: member.value.content,
        place: Place(file: file, line: member.value.line))
      guard key == .rules else {
        try configuration.set(key, setting, context)
        continue
      }
      rulesLine = member.line
      if case .scalar("", .plain) = member.value.content { continue }
      guard case .sequence(let nodes) = member.value.content else {
        throw setting.error(
          "is \(member.value.summary)", "write a list of rules; \(noRules.wanted)")
      }
      for node in nodes { rules.append(try RuleSettings(node, file: file)) }
    }
    guard !rules.isEmpty else {
      throw Place(file: file, line: rulesLine).error(noRules.what, noRules.wanted)
    }
    return configuration
  }

  private static func unknownTopLevelKey(_ key: String, _ place: Place) -> ConfigurationError {
    if RuleKey(rawValue: key) != nil {
      return place.error(
        "the key \(quoted(key)) belongs into a rule", "indent it under 'rules:' and a '-'")
    }
    return place.error(
      "there is no key \(quoted(key))", knownWords(TopLevelKey.allCases.map(\.rawValue), near: key))
  }

}

/// The keys of the top level.
enum TopLevelKey: String, CaseIterable {
  case rules
  case auditLog = "audit_log"
  case backstop
  case logLevel = "log_level"
  case enabled
}

extension Configuration {
  /// A backstop more frequent than every 100 ms would be polling; one longer than a year is a
  /// mistake.
  static let backstopRange: ClosedRange<Nanoseconds> =
    (nanosecondsPerSecond / 10)...(365 * 86400 * nanosecondsPerSecond)

  mutating func set(
    _ key: TopLevelKey, _ setting: Setting, _ context: Context
  ) throws(ConfigurationError) {
    switch key {
    case .rules: return
    case .auditLog:
      if case .scalar("none", _) = setting.value {
        (auditLog, hasAudit) = (nil, false)
      } else {
        (auditLog, hasAudit) = (try setting.path(context), true)
      }
    case .backstop:
      if case .scalar("off", _) = setting.value {
        backstop = nil
      } else {
        backstop = try setting.duration(
          Self.backstopRange, wanted: "write a duration such as 5m, or off")
      }
    case .logLevel: logLevel = try setting.word(of: Self.logLevels)
    case .enabled: enabled = try setting.bool()
    }
  }
}

extension RuleSettings {
  fileprivate var location: String { place.line.map { "in line \($0)" } ?? "in \(place.file)" }
}
