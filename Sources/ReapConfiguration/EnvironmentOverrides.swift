import ReapRules

/// The environment over the file: REAPD_<KEY> for the top level, REAPD_<RULE NAME>_<KEY> for rules.
struct EnvironmentOverrides {
  private static let prefix = "REAPD_"

  private(set) var configuration: Configuration
  private let context: Context

  init(_ configuration: Configuration, _ context: Context) {
    self.configuration = configuration
    self.context = context
  }

  private var rules: [Rule] { configuration.rules }

  /// Applies the variables that name a key of the top level; all others are left to the rules.
  mutating func applyToTopLevel() throws(ConfigurationError) {
    for key in TopLevelKey.allCases where key != .rules {
      let variable = Self.prefix + key.rawValue.uppercased()
      guard let value = context.environment.path(variable) else { continue }
      let setting = Setting(key: key.rawValue, untyped: value, file: variable)
      try key.read(setting, into: &configuration, context)
      note(variable)
    }
  }

  /// Decodes again each rule that a variable changes. The rule keeps its name, even where that came
  /// from the root and the root changes.
  mutating func applyToRules(
    _ settings: inout [RuleSettings]
  ) throws(ConfigurationError) {
    try applyOwn(&settings)
    // Sorted, so that of several errors always the same one is reported.
    for (variable, value) in context.environment.sorted {
      guard let target = try target(of: variable) else { continue }
      try set(target.key, of: target.rule, to: value, by: variable, &settings)
    }
  }

  /// The variables of the programs that presets are of: before ours, which win.
  private mutating func applyOwn(_ settings: inout [RuleSettings]) throws(ConfigurationError) {
    for rule in settings.indices {
      guard case .scalar(let name, _)? = settings[rule].written[.preset]?.value else { continue }
      for own in Catalogue.rule(named: name)?.environment ?? [] {
        guard let value = context.environment.path(own.name) else { continue }
        try set(
          own.key, of: rule, to: FilePath(value.bytes + Array(own.unit.utf8)), by: own.name,
          &settings)
      }
    }
  }

  private mutating func set(
    _ key: RuleKey, of rule: Int, to value: FilePath, by variable: String,
    _ settings: inout [RuleSettings]
  ) throws(ConfigurationError) {
    settings[rule].written[key] = Setting(key: key.rawValue, untyped: value, file: variable)
    if settings[rule].written[.name] == nil {
      settings[rule].written[.name] = Setting(
        key: "name", untyped: rules[rule].name, file: variable)
    }
    configuration.rules[rule] = try settings[rule].rule(context)
    note(variable)
  }

  private mutating func note(_ variable: String) {
    configuration.overrides.append(variable)
    configuration.overrides.sort()
  }

  /// The rule and key that a variable means; nil for a variable that means neither.
  private func target(
    of variable: String
  ) throws(ConfigurationError) -> (rule: Int, key: RuleKey)? {
    guard variable.hasPrefix(Self.prefix) else { return nil }
    let topLevel = TopLevelKey.allCases.filter { $0 != .rules }.map { $0.rawValue.uppercased() }
    guard !topLevel.contains(String(variable.dropFirst(Self.prefix.count))) else { return nil }

    var found: [(rule: Int, key: RuleKey)] = []
    var unknown: (rule: Int, rest: String)?
    for (index, rule) in rules.enumerated() {
      let start = Self.prefix + Self.variablePart(rule.name) + "_"
      guard variable.hasPrefix(start) else { continue }
      let rest = String(variable.dropFirst(start.count))
      let key = RuleKey.allCases.first { $0.rawValue.uppercased() == rest }
      if let key, key.canBeOverridden {
        found.append((index, key))
      } else {
        unknown = (index, rest)
      }
    }
    guard found.count <= 1 else {
      let readings = found.map { "\($0.key.rawValue) of rule \(rules[$0.rule].name)" }
      throw ConfigurationError(
        file: variable, what: "it may mean " + readings.joined(separator: " or "),
        wanted: "rename one of the rules")
    }
    if let unknown, found.isEmpty {
      let kind = KindName(rules[unknown.rule].kind)
      let known = RuleKey.keys(of: kind).filter(\.canBeOverridden)
        .map { $0.rawValue.uppercased() }
      throw ConfigurationError(
        file: variable,
        what: "rule \(rules[unknown.rule].name) has no key \(quoted(unknown.rest)) to override",
        wanted: knownWords(known, near: unknown.rest))
    }
    return found.first
  }

  private static func variablePart(_ name: String) -> String {
    String(name.uppercased().map { $0 == "-" ? "_" : $0 })
  }
}
