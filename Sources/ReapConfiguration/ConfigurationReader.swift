import ReapRules

/// Reads the text of a file: the rules as they were written, and the rest.
struct ConfigurationReader {
  private let file: String
  private let context: Context
  private var rules: [RuleSettings] = []
  private var configuration = Configuration(rules: [])

  private init(file: String, _ context: Context) {
    self.file = file
    self.context = context
  }

  /// - Throws: the first error that is found.
  static func read(
    _ text: [UInt8], file: String, _ context: Context, rootProblem: Configuration.RootCheck
  ) throws(ConfigurationError) -> Configuration {
    var reader = ConfigurationReader(file: file, context)
    try reader.readTopLevel(text)
    try reader.addRules()
    var overrides = EnvironmentOverrides(reader.configuration, context)
    try overrides.applyToTopLevel()
    try overrides.applyToRules(&reader.rules)
    var configuration = overrides.configuration
    let rules = reader.rules
    try SharedRoots.settle(&configuration.rules, context.user) { rules[$0].place(of: .root) }
    // What is switched off is not opened by a start either.
    guard configuration.enabled else { return configuration }
    for (index, rule) in configuration.rules.enumerated() where rule.enabled {
      guard let problem = rootProblem(rule) else { continue }
      throw rules[index].place(of: .root).error(problem.what, problem.wanted)
    }
    return configuration
  }

  private mutating func addRules() throws(ConfigurationError) {
    for settings in rules {
      let rule = try settings.rule(context)
      if let other = configuration.rules.firstIndex(where: { $0.name == rule.name }) {
        throw settings.place(of: .name).error(
          "two rules have the name \(quoted(rule.name)), the other one \(rules[other].location)",
          "give this one a 'name: ' of its own")
      }
      configuration.rules.append(rule)
    }
  }

  private mutating func readTopLevel(_ text: [UInt8]) throws(ConfigurationError) {
    let noRules = (
      what: "there are no rules", wanted: "a minimal file is '\(Configuration.minimalExample)'"
    )
    guard let root = try YAMLDocument.parse(text, file: file) else {
      throw ConfigurationError(file: file, what: noRules.what, wanted: noRules.wanted)
    }
    guard case .mapping(let members) = root.content else {
      throw Place(file: file, line: root.line).error(
        "the file holds \(root.summary), not keys and values", noRules.wanted)
    }
    var rulesLine: Int?
    for member in members {
      let place = Place(file: file, line: member.line)
      guard let key = TopLevelKey(rawValue: member.key) else {
        throw unknownKey(member.key, place)
      }
      let setting = Setting(
        key: member.key, value: member.value.content,
        place: Place(file: file, line: member.value.line))
      guard key == .rules else {
        try key.read(setting, into: &configuration, context)
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
  }

  private func unknownKey(_ key: String, _ place: Place) -> ConfigurationError {
    if RuleKey(known: key) != nil {
      return place.error(
        "the key \(quoted(key)) belongs into a rule", "indent it under 'rules:' and a '-'")
    }
    return place.error(
      "there is no key \(quoted(key))", knownWords(TopLevelKey.allCases.map(\.rawValue), near: key))
  }
}
