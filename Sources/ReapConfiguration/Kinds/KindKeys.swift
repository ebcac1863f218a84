import ReapRules

/// Kinds by the name they are written with. The one place of the configuration that tells them apart:
/// what is particular to one lies in its file beside this one.
enum KindName: String, CaseIterable {
  case spill, generations, scratch, instances, files, log, visits

  init(_ kind: Rule.Kind) {
    switch kind {
    case .spill: self = .spill
    case .generations: self = .generations
    case .scratch: self = .scratch
    case .instances: self = .instances
    case .log: self = .log
    case .files: self = .files
    case .visits: self = .visits
    }
  }

  var keys: any KindKeys {
    switch self {
    case .spill: SpillKeys()
    case .generations: GenerationKeys()
    case .scratch: ScratchKeys()
    case .instances: InstanceKeys()
    case .log: LogKeys()
    case .files: FilesKeys()
    case .visits: VisitsKeys()
    }
  }
}

/// What the configuration knows of a kind. No member has a default: a new kind answers each of them.
protocol KindKeys: Sendable {
  associatedtype Settings: KindPart

  /// In the order in which they are printed.
  var keys: [Key<Settings>] { get }
  /// What has to be written.
  var required: [RuleKey] { get }
  /// What the rule matches where no match is written.
  var defaultMatch: Glob { get }

  /// What `never` holds whatever is written.
  var alwaysNever: [Glob] { get }
  /// Whether `{stem}` may stand in its match.
  var takesStem: Bool { get }
  /// What holds where nothing is written.
  var defaults: Settings { get }

  func kind(_ settings: Settings) -> Rule.Kind

  /// Checks what hangs on more than one key, once all are read.
  func complete(
    _ settings: inout Settings, _ written: [RuleKey: Setting], match: Glob
  ) throws(ConfigurationError)
}

extension KindKeys {
  var alwaysNever: [Glob] { [] }
  var names: [RuleKey] { keys.map(\.name) }

  /// The kind where none of its keys is written.
  var unwrittenKind: Rule.Kind { kind(defaults) }

  /// Reads all that is written of its keys.
  func read(
    from written: [RuleKey: Setting], into kind: inout Rule.Kind, match: Glob, _ context: Context
  ) throws(ConfigurationError) {
    guard var settings = kind.part as? Settings else { return }
    for last in [false, true] {
      try ReapConfiguration.read(
        keys, last: last, from: written, match: match, into: &settings, context)
    }
    try complete(&settings, written, match: match)
    kind = self.kind(settings)
  }

  func printed(_ kind: Rule.Kind) -> [PrintedKey] {
    guard let settings = kind.part as? Settings else { return [] }
    return ReapConfiguration.printed(keys, of: settings)
  }
}

extension LockType {
  init(_ setting: Setting) throws(ConfigurationError) {
    let word = try setting.word(of: LockType.allCases.map(\.rawValue))
    self = LockType(rawValue: word) ?? .auto
  }
}
