/// Reads a file of the catalogue, as strictly as a configuration.
enum PresetFile {
  private static let wanted = "write leaves, owner, versions and rules"

  static func read(_ text: [UInt8], name: String) throws(ConfigurationError) -> Preset {
    let place = Place(file: "preset \(name)", line: nil)
    guard let node = try YAMLDocument.parse(text, file: place.file) else {
      throw place.error("the file is empty", wanted)
    }
    let whole = Setting(key: "the file", value: node.content, place: place)
    let members = try whole.members(
      of: ["leaves", "owner", "versions", "remark", "rules"], wanted: wanted)
    guard let leaves = members["leaves"], let owner = members["owner"],
      let versions = members["versions"], let written = members["rules"]
    else { throw place.error("a key is missing", wanted) }
    var releases: [String] = []
    for version in try versions.elements() { releases.append(try version.text(wanted)) }
    var rules: [PresetRule] = []
    for rule in try written.elements() { rules.append(try read(rule, of: name)) }
    return Preset(
      name: name, leaves: try leaves.text(wanted), owner: try owner.text(wanted),
      versions: releases, remark: try members["remark"]?.text(wanted) ?? "", rules: rules)
  }

  private static func read(
    _ rule: Setting, of program: String
  ) throws(ConfigurationError) -> PresetRule {
    guard case .mapping(let members) = rule.value else {
      throw rule.error("is no rule", "write keys and values")
    }
    var name = program
    var kind: KindName?
    var root: String?
    var rest: [YAMLNode.Member] = []
    var environment: [PresetRule.Variable] = []
    for member in members {
      let setting = Setting(
        key: member.key, value: member.value.content,
        place: Place(file: rule.place.file, line: member.line))
      switch member.key {
      case "name": name = try setting.text("write a name")
      case "root": root = try setting.text("write a path")
      case "kind":
        kind = KindName(rawValue: try setting.word(of: KindName.allCases.map(\.rawValue)))
      case "environment": environment = try variables(setting)
      default: rest.append(member)
      }
    }
    guard let kind else { throw rule.error("has no kind", "write 'kind: '") }
    return PresetRule(
      name: name, kind: kind, members: rest, root: root, environment: environment,
      file: rule.place.file)
  }

  private static func variables(
    _ setting: Setting
  ) throws(ConfigurationError) -> [PresetRule.Variable] {
    guard case .mapping(let members) = setting.value else {
      throw setting.error("is no mapping", "write variables, each with its key")
    }
    var variables: [PresetRule.Variable] = []
    for member in members {
      let given = Setting(
        key: member.key, value: member.value.content,
        place: Place(file: setting.place.file, line: member.line))
      let parts = try given.members(of: ["key", "unit"], wanted: "write key and unit")
      guard let name = try parts["key"]?.text("name a key"), let key = RuleKey(known: name) else {
        throw given.error("names no key", "write {key: NAME}")
      }
      variables.append(
        .init(name: member.key, key: key, unit: try parts["unit"]?.text("write a unit") ?? ""))
    }
    return variables
  }
}
