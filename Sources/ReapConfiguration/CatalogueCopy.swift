package import ReapRules

/// A program of the catalogue as `reapd presets` prints it: what it is, and the rules to copy.
package struct CatalogueCopy {
  private let context: Context

  package init(user: UserContext, environment: Environment) {
    context = Context(environment: environment, user: user)
  }

  package func preset(named name: String) throws(ConfigurationError) -> Preset {
    if let preset = Catalogue.presets.first(where: { $0.name == name }) { return preset }
    throw ConfigurationError(
      file: "command line", what: "there is no preset \(quoted(name))",
      wanted: knownWords(Catalogue.presets.map(\.name), near: name))
  }

  /// As they are written; `-` where each user of the program chooses.
  package func usualRoots(_ preset: Preset) -> [String] {
    let roots = preset.rules.compactMap(\.root).map {
      $0.replacing("${\(PresetRule.userVariable)}", with: "<user>")
        .replacing("${\(PresetRule.uidVariable)}", with: "<uid>")
    }
    return roots.isEmpty ? ["-"] : roots
  }

  /// A configuration that has these rules alone.
  package func text(_ preset: Preset) throws(ConfigurationError) -> String {
    var lines = ["# \(preset.name): \(preset.leaves)", "# its owner is known by \(preset.owner)"]
    if !preset.versions.isEmpty {
      lines.append("# tried with " + preset.versions.joined(separator: ", "))
    }
    lines += wrapped(preset.remark).map { "# " + $0 }
    lines.append("rules:")
    for rule in preset.rules {
      if rule.root == nil { lines.append("  # There is no usual place: name the root.") }
      for (index, key) in try keys(of: rule).enumerated() {
        lines.append((index == 0 ? "  - " : "    ") + key.yaml)
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  package func json(_ preset: Preset) throws(ConfigurationError) -> JSONValue {
    var rules: [JSONValue] = []
    for rule in preset.rules { rules.append(.object(try keys(of: rule).map(\.json))) }
    return .object([
      ("name", .string(preset.name)), ("leaves", .string(preset.leaves)),
      ("roots", .array(preset.rules.compactMap(\.root).map(JSONValue.string))),
      ("owner", .string(preset.owner)), ("versions", .array(preset.versions.map(JSONValue.string))),
      ("remark", .string(preset.remark)), ("rules", .array(rules)),
    ])
  }

  /// What is written in the catalogue, and what says which rule it is.
  private func keys(of preset: PresetRule) throws(ConfigurationError) -> [PrintedKey] {
    let written = Set(try preset.settings.keys)
    let rule = try Rule.fromCommandLine(
      root: preset.root == nil ? FilePath("/srv/\(preset.name)") : nil, preset: preset.name,
      user: context.user, environment: context.environment)
    let all =
      printed(CommonKeys.all, of: rule) + KindName(rule.kind).keys.printed(rule.kind)
    return all.filter {
      [.name, .kind, .root].contains(RuleKey($0.name)) || written.contains(RuleKey($0.name))
    }
  }

  private func wrapped(_ text: String) -> [String] {
    var lines: [String] = []
    for word in text.split(separator: " ") {
      if let last = lines.last, last.count + word.count < 76 {
        lines[lines.count - 1] = last + " " + word
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }
}
