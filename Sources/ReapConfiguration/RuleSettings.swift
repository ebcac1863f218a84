import ReapRules

/// Bounds of `grace`. With no grace at all a directory could be probed while it is being made; a
/// grace of more than a year is a mistake.
let graceRange: ClosedRange<Nanoseconds> = 1...(365 * 86400 * nanosecondsPerSecond)

/// A rule as it was written: which keys, with which values, and where.
struct RuleSettings {
  var written: [RuleKey: Setting] = [:]
  /// Where the rule begins: the place of errors that are about no written key.
  var place: Place
  /// Whether the rule comes from the command line. Its root may be relative then, and is not expanded:
  /// the shell has done that.
  var fromShell = false

  init(_ node: YAMLNode, file: String) throws(ConfigurationError) {
    place = Place(file: file, line: node.line)
    guard case .mapping(let members) = node.content else {
      throw place.error(
        "a rule is \(node.summary)", "write keys and values, as in '- kind: spill'")
    }
    for member in members {
      let place = Place(file: file, line: member.line)
      guard let key = RuleKey(rawValue: member.key) else {
        throw place.error(
          "a rule has no key \(quoted(member.key))",
          knownWords(RuleKey.allCases.map(\.rawValue), near: member.key))
      }
      written[key] = Setting(
        key: member.key, value: member.value.content,
        place: Place(file: file, line: member.value.line))
    }
  }

  init(place: Place) { self.place = place }

  /// The place for an error about a key, whether the key is written or not.
  func place(of key: RuleKey) -> Place { written[key]?.place ?? place }

  func rule(_ context: Context) throws(ConfigurationError) -> Rule {
    var preset: Preset?
    if let setting = written[.preset] {
      preset = Preset(rawValue: try setting.word(of: Preset.allCases.map(\.rawValue)))
    }
    var kindName = preset?.kind
    if let setting = written[.kind] {
      kindName = KindName(rawValue: try setting.word(of: KindName.allCases.map(\.rawValue)))
    }
    if let preset, kindName != preset.kind {
      throw place(of: .kind).error(
        "preset \(preset.rawValue) is of kind \(preset.kind.rawValue)", "leave kind out")
    }
    guard let kindName else {
      throw place.error(
        "the rule has no kind",
        "write 'kind: \(KindName.spill.rawValue)', or 'preset: \(Preset.ant.rawValue)'")
    }
    try refuseKeys(foreignTo: kindName)
    let root = try self.root(preset, context)
    let match = try match(kindName)
    var rule = Rule(
      name: try name(root: root, preset), root: root, match: match,
      grace: try written[.grace]?.duration(graceRange) ?? 30 * nanosecondsPerSecond,
      owners: try written[.owner]?.owners(context.user) ?? .users([context.user.euid]),
      kind: try kind(kindName, preset, match, root: root, context))
    rule.never = try written[.never]?.globs() ?? []
    rule.enabled = try written[.enabled]?.bool() ?? true
    rule.allowShallow = try written[.allowShallow]?.bool() ?? false
    rule.allowRemote = try written[.allowRemote]?.bool() ?? false
    return rule
  }

  private func refuseKeys(foreignTo kind: KindName) throws(ConfigurationError) {
    // In the order of the keys, so that of several errors always the same one is reported.
    for key in RuleKey.allCases where written[key] != nil && !key.belongs(to: kind) {
      let known = RuleKey.allCases.filter { $0.belongs(to: kind) }.map(\.rawValue)
      throw place(of: key).error(
        "a rule of kind \(kind.rawValue) has no key \(quoted(key.rawValue))",
        knownWords(known, near: key.rawValue))
    }
  }

  private func root(_ preset: Preset?, _ context: Context) throws(ConfigurationError) -> FilePath {
    let root: FilePath
    if let setting = written[.root] {
      root = try fromShell ? setting.shellPath(context) : setting.path(context)
    } else if let preset {
      root = try presetRoot(preset, context)
    } else {
      throw place.error(
        "the rule has no root", "write 'root: ' and the directory that holds the candidates")
    }
    guard root != "/" else {
      throw self.place(of: .root).error(
        "root is '/'", "name a directory that holds only candidates")
    }
    return root
  }

  private func name(root: FilePath, _ preset: Preset?) throws(ConfigurationError) -> String {
    let wanted = "use letters, digits, '_' and '-'"
    if let setting = written[.name] {
      let name = try setting.text(wanted)
      guard isRuleName(name) else { throw setting.error("is \(quoted(name))", wanted) }
      return name
    }
    if let preset { return preset.rawValue }
    let directory = root.lastComponent
    let name = String(decoding: directory, as: UTF8.self)
    if isRuleName(name) { return name }
    guard !fromShell else { return ruleName(from: directory) }
    throw place.error(
      "the rule has no name, and root's last component \(quoted(name)) cannot be one",
      "write 'name: '; \(wanted)")
  }

  private func match(_ kind: KindName) throws(ConfigurationError) -> Glob {
    if let setting = written[.match] { return try setting.glob() }
    switch kind {
    case .spill:
      return try Setting(key: "match", untyped: Rule.defaultSpillMatch, file: place.file).glob()
    case .generations: return GenerationSettings.defaultGlob
    }
  }

  func lockType() throws(ConfigurationError) -> LockType? {
    guard let setting = written[.lockType] else { return nil }
    return LockType(rawValue: try setting.word(of: LockType.allCases.map(\.rawValue)))
  }

  private func kind(
    _ kind: KindName, _ preset: Preset?, _ match: Glob, root: FilePath, _ context: Context
  ) throws(ConfigurationError) -> Rule.Kind {
    switch kind {
    case .spill: return .spill(try spill(preset, match))
    case .generations: return .generations(try generations(preset, root: root, context))
    }
  }

  private func spill(
    _ preset: Preset?, _ match: Glob
  ) throws(ConfigurationError) -> SpillSettings {
    var settings = SpillSettings()
    let defaultLock = settings.lock
    if preset == .ant { settings.fillInAnt() }
    if let setting = written[.lock] { settings.lock = try setting.entryName() }
    settings.lockType = try lockType() ?? settings.lockType
    // Other programs may make directories without a lock. A missing lock says something only where
    // every owner is known to make one.
    if match.pattern == Rule.defaultSpillMatch, settings.lock == defaultLock {
      settings.missingLock = .reap
    }
    if let setting = written[.missingLock] {
      let word = try setting.word(of: MissingLock.allCases.map(\.rawValue))
      settings.missingLock = MissingLock(rawValue: word) ?? settings.missingLock
    }
    if let setting = written[.contents] { settings.contents = try setting.regularExpression() }
    return settings
  }
}

private func isNameByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
  case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"): true
  default: false
  }
}

private func isRuleName(_ name: String) -> Bool {
  !name.isEmpty && name.utf8.allSatisfy(isNameByte)
}

/// A directory's name, with `-` for each byte that a rule's name cannot hold.
private func ruleName(from directory: [UInt8]) -> String {
  String(decoding: directory.map { isNameByte($0) ? $0 : UInt8(ascii: "-") }, as: UTF8.self)
}
