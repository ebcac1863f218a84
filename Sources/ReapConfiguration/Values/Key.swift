import ReapRules

/// The name of a rule's key, as it is written.
struct RuleKey: Hashable, Sendable {
  let rawValue: String

  init(_ rawValue: String) { self.rawValue = rawValue }

  // Of every kind:
  static let name = RuleKey("name")
  static let kind = RuleKey("kind")
  static let preset = RuleKey("preset")
  static let root = RuleKey("root")
  static let enabled = RuleKey("enabled")
  static let match = RuleKey("match")
  static let never = RuleKey("never")
  static let grace = RuleKey("grace")
  static let owner = RuleKey("owner")
  static let allowShallow = RuleKey("allow_shallow")
  static let allowRemote = RuleKey("allow_remote")

  // Of more than one:
  static let lock = RuleKey("lock")
  static let lockType = RuleKey("lock_type")
}

/// All that there is to know of one key: its name, how its value is read into the settings, and how
/// `check-config` prints it.
struct Key<Settings>: Sendable {
  typealias Reading =
    @Sendable (Setting, inout Settings, Context) throws(ConfigurationError) -> Void

  let name: RuleKey
  /// It is read after those that are not: of several errors, the first that is met is told.
  let isReadLast: Bool
  let read: Reading
  /// What holds where it is not written and the default hangs on the rule's match.
  let otherwise: (@Sendable (inout Settings, Glob) -> Void)?
  /// Nil where it is not printed, because others tell the same.
  let print: @Sendable (Settings) -> PrintedValue?

  init(
    _ name: RuleKey, isReadLast: Bool = false, read: @escaping Reading,
    otherwise: (@Sendable (inout Settings, Glob) -> Void)? = nil,
    print: @escaping @Sendable (Settings) -> PrintedValue?
  ) {
    self.name = name
    self.isReadLast = isReadLast
    self.read = read
    self.otherwise = otherwise
    self.print = print
  }

  init(
    _ name: String, isReadLast: Bool = false, read: @escaping Reading,
    otherwise: (@Sendable (inout Settings, Glob) -> Void)? = nil,
    print: @escaping @Sendable (Settings) -> PrintedValue?
  ) {
    self.init(
      RuleKey(name), isReadLast: isReadLast, read: read, otherwise: otherwise, print: print)
  }
}

/// The keys of free room, of the kinds that have them.
func roomKeys<Settings>(
  _ minFree: any WritableKeyPath<Settings, FreeSpace?> & Sendable,
  _ minFreeInodes: any WritableKeyPath<Settings, FreeSpace?> & Sendable
) -> [Key<Settings>] {
  [
    Key("min_free", isReadLast: true) { given, settings, _ throws(ConfigurationError) in
      settings[keyPath: minFree] = try given.freeBytes()
    } print: {
      .word($0[keyPath: minFree]?.text(formatSize), remark: "none")
    },
    Key("min_free_inodes", isReadLast: true) { given, settings, _ throws(ConfigurationError) in
      settings[keyPath: minFreeInodes] = try given.freeInodes()
    } print: {
      .word($0[keyPath: minFreeInodes]?.text { "\($0)" }, remark: "none")
    },
  ]
}

/// Reads what is written of a list of keys.
///
/// - Parameter last: only those that are read last, or only the others.
func read<Settings>(
  _ keys: [Key<Settings>], last: Bool, from written: [RuleKey: Setting], match: Glob,
  into settings: inout Settings, _ context: Context
) throws(ConfigurationError) {
  for key in keys where key.isReadLast == last {
    if let setting = written[key.name] {
      try key.read(setting, &settings, context)
    } else {
      key.otherwise?(&settings, match)
    }
  }
}

/// The keys with the values that hold, as `check-config` prints them.
func printed<Settings>(_ keys: [Key<Settings>], of settings: Settings) -> [PrintedKey] {
  keys.compactMap { key in
    key.print(settings).map { PrintedKey(name: key.name.rawValue, value: $0) }
  }
}
