package import ReapRules

// Rules from the command line: the same validation and defaults as in a file.

extension Rule {
  /// A rule for one root named on the command line, without any file.
  ///
  /// - Parameters:
  ///   - root: an absolute path, or one relative to the working directory; nothing in it is
  ///     expanded. Nil: the preset's root.
  ///   - kind: nil means the preset's kind or, without a preset, `spill`.
  ///   - grace: the text of a duration, such as `30s`.
  package static func fromCommandLine(
    root: FilePath?, kind: String? = nil, preset: String? = nil, match: String? = nil,
    lock: String? = nil, grace: String? = nil, owner: String? = nil, user: UserContext,
    environment: Environment
  ) throws(ConfigurationError) -> Rule {
    let file = "command line"
    var settings = RuleSettings(place: Place(file: file, line: nil))
    settings.fromShell = true
    let kind = kind ?? (preset == nil ? KindName.spill.rawValue : nil)
    settings.written[.root] = root.map { Setting(key: "ROOT", untyped: $0, file: file) }
    let given: [(RuleKey, String, String?)] = [
      (.kind, "--kind", kind), (.preset, "--preset", preset),
      (.match, "--match", match), (.lock, "--lock", lock), (.grace, "--grace", grace),
      (.owner, "--owner", owner),
    ]
    for case (let key, let option, let value?) in given {
      settings.written[key] = Setting(
        key: option, untyped: FilePath(ArgumentText.decode(value)), file: file)
    }
    return try settings.rule(Context(environment: environment, user: user))
  }

  /// One rule for each rule of the catalogue: on this root or, where it is nil, on the usual one. What
  /// has no usual place, or one that cannot be known, is left out.
  package static func ofPresets(
    root: FilePath?, user: UserContext, environment: Environment
  ) -> [Rule] {
    Catalogue.names.compactMap { preset in
      try? fromCommandLine(root: root, preset: preset, user: user, environment: environment)
    }
  }
}
