import ReapRules

/// The keys that rules of every kind have.
enum CommonKeys {
  /// Bounds of `grace`. With no grace at all a directory could be probed while it is being made; a
  /// grace of more than a year is a mistake.
  private static let graceRange: ClosedRange<Nanoseconds> = 1...(365 * 86400 * nanosecondsPerSecond)

  /// In the order in which they are printed. Those of which the others hang are read by
  /// `RuleSettings`, before the rule is there.
  static let all: [Key<Rule>] = [
    known(.name) { .text($0.name) },
    known(.kind) { .word($0.kind.name) },
    known(.preset) { _ in nil },
    known(.root) { .path($0.root) },
    Key(.enabled, isReadLast: true) { given, rule, _ throws(ConfigurationError) in
      rule.enabled = try given.bool()
    } print: {
      .flag($0.enabled)
    },
    known(.match) { .text($0.match.pattern) },
    Key(.never, isReadLast: true) { given, rule, _ throws(ConfigurationError) in
      rule.never = try given.globs()
    } print: {
      printedNever($0.never)
    },
    Key(.grace) { given, rule, _ throws(ConfigurationError) in
      rule.grace = try given.duration(graceRange)
    } print: {
      .word(formatDuration($0.grace))
    },
    Key(.owner) { given, rule, context throws(ConfigurationError) in
      rule.owners = try given.owners(context.user)
    } print: {
      printedOwners($0.owners)
    },
    Key(.allowShallow, isReadLast: true) { given, rule, _ throws(ConfigurationError) in
      rule.allowShallow = try given.bool()
    } print: {
      .flag($0.allowShallow)
    },
    Key(.allowRemote, isReadLast: true) { given, rule, _ throws(ConfigurationError) in
      rule.allowRemote = try given.bool()
    } print: {
      .flag($0.allowRemote)
    },
  ]

  private static func known(
    _ name: RuleKey, print: @escaping @Sendable (Rule) -> PrintedValue?
  ) -> Key<Rule> {
    Key(name, read: { _, _, _ in }, print: print)
  }

  private static func printedNever(_ globs: [Glob]) -> PrintedValue {
    PrintedValue(
      yaml: globs.isEmpty
        ? nil : "[" + globs.map { yamlText($0.pattern) }.joined(separator: ", ") + "]",
      remark: "none", json: .array(globs.map { .string($0.pattern) }))
  }

  private static func printedOwners(_ owners: Rule.Owners) -> PrintedValue {
    switch owners {
    case .anyone: return .word("any")
    case .users(let users):
      let sorted = users.sorted()
      return PrintedValue(
        yaml: "[" + sorted.map(String.init).joined(separator: ", ") + "]",
        json: .array(sorted.map { .integer(Int64($0)) }))
    }
  }
}

extension RuleKey: CaseIterable {
  /// Every key of every kind, once; the common ones first.
  static let allCases: [RuleKey] = {
    var keys = CommonKeys.all.map(\.name)
    for kind in KindName.allCases {
      keys += kind.keys.names.filter { !keys.contains($0) }
    }
    return keys
  }()

  private static let byName = Dictionary(
    uniqueKeysWithValues: allCases.map { ($0.rawValue, $0) })
  private static let byKind: [KindName: [RuleKey]] = {
    let common = CommonKeys.all.map(\.name)
    return Dictionary(
      uniqueKeysWithValues: KindName.allCases.map { kind in
        let own = kind.keys.names
        return (kind, allCases.filter { common.contains($0) || own.contains($0) })
      })
  }()

  /// Nil for a word that is no key.
  init?(known word: String) {
    guard let key = Self.byName[word] else { return nil }
    self = key
  }

  /// The keys that a rule of that kind may have, in one order for all kinds.
  static func keys(of kind: KindName) -> [RuleKey] { byKind[kind] ?? [] }

  /// Whether an environment variable may override the key. Those that tell which rule it is may not
  /// be.
  var canBeOverridden: Bool { ![.name, .kind, .preset].contains(self) }
}
