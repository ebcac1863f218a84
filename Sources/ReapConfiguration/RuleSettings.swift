import ReapRules

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
      guard let key = RuleKey(known: member.key) else {
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

  /// Where it begins, for messages.
  var location: String { place.line.map { "in line \($0)" } ?? "in \(place.file)" }

  func rule(_ context: Context) throws(ConfigurationError) -> Rule {
    let (kindName, preset) = try kindAndPreset()
    try refuseKeys(foreignTo: kindName)
    let keys = kindName.keys
    let root = try self.root(preset, context)
    var context = context
    var written = written
    if let preset {
      context.environment.set(PresetRule.parentVariable, to: root.parent ?? "/")
      // What is written in the rule wins.
      written.merge(try preset.settings) { own, _ in own }
    }
    for key in keys.required where written[key] == nil {
      throw place.error("the rule has no \(key.rawValue)", "write '\(key.rawValue): '")
    }
    let match = try written[.match]?.glob(takesStem: keys.takesStem) ?? keys.defaultMatch
    var rule = Rule(
      name: try name(root: root, preset), root: root, match: match,
      grace: 30 * nanosecondsPerSecond, owners: .users([context.user.euid]),
      kind: keys.unwrittenKind)
    try read(
      CommonKeys.all, last: false, from: written, match: match, into: &rule, context)
    try keys.read(from: written, into: &rule.kind, match: match, context)
    try read(CommonKeys.all, last: true, from: written, match: match, into: &rule, context)
    let own = rule.never.map(\.pattern)
    rule.never = keys.alwaysNever.filter { !own.contains($0.pattern) } + rule.never
    return rule
  }

  private func kindAndPreset() throws(ConfigurationError) -> (KindName, PresetRule?) {
    var preset: PresetRule?
    if let setting = written[.preset] {
      preset = Catalogue.rule(named: try setting.word(of: Catalogue.names))
    }
    var kind = preset?.kind
    if let setting = written[.kind] {
      kind = KindName(rawValue: try setting.word(of: KindName.allCases.map(\.rawValue)))
    }
    if let preset, kind != preset.kind {
      throw place(of: .kind).error(
        "preset \(preset.name) is of kind \(preset.kind.rawValue)", "leave kind out")
    }
    guard let kind else {
      throw place.error(
        "the rule has no kind",
        "write 'kind: \(KindName.spill.rawValue)', or 'preset: ant'")
    }
    return (kind, preset)
  }

  private func refuseKeys(foreignTo kind: KindName) throws(ConfigurationError) {
    let known = RuleKey.keys(of: kind)
    // In the order of the keys, so that of several errors always the same one is reported.
    for key in RuleKey.allCases where written[key] != nil && !known.contains(key) {
      throw place(of: key).error(
        "a rule of kind \(kind.rawValue) has no key \(quoted(key.rawValue))",
        knownWords(known.map(\.rawValue), near: key.rawValue))
    }
  }

  private func root(_ preset: PresetRule?, _ context: Context) throws(ConfigurationError)
    -> FilePath
  {
    let root: FilePath
    if let setting = written[.root] {
      root = try fromShell ? setting.shellPath(context) : setting.path(context)
    } else if let preset {
      root = try preset.root(place(of: .preset), context)
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

  private func name(root: FilePath, _ preset: PresetRule?) throws(ConfigurationError) -> String {
    let wanted = "use letters, digits, '_' and '-'"
    if let setting = written[.name] {
      let name = try setting.text(wanted)
      guard isRuleName(name) else { throw setting.error("is \(quoted(name))", wanted) }
      return name
    }
    if let preset { return preset.name }
    let directory = root.lastComponent
    let name = String(decoding: directory, as: UTF8.self)
    if isRuleName(name) { return name }
    guard !fromShell else { return ruleName(from: directory) }
    throw place.error(
      "the rule has no name, and root's last component \(quoted(name)) cannot be one",
      "write 'name: '; \(wanted)")
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
