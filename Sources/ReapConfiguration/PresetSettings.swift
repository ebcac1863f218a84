import ReapRules

// A rule of the catalogue as settings: what holds where the rule that names it says nothing.

extension PresetRule {
  var settings: [RuleKey: Setting] {
    get throws(ConfigurationError) {
      let node = YAMLNode(content: .mapping(members), line: 1)
      var written = try RuleSettings(node, file: file).written
      // A line of the catalogue is no line of the file that is read.
      for key in written.keys { written[key]?.place.line = nil }
      return written
    }
  }

  /// Where that program keeps them.
  ///
  /// - Parameter place: where the preset was written.
  func root(_ place: Place, _ context: Context) throws(ConfigurationError) -> FilePath {
    let setting = Setting(key: "root of preset \(name)", value: .sequence([]), place: place)
    guard let root else {
      throw setting.error(
        "cannot be known: each has a place of its own",
        "write 'root: ', or name a directory on the command line")
    }
    var environment = context.environment
    environment.set(Self.userVariable, to: FilePath(context.user.name))
    environment.set(Self.uidVariable, to: FilePath(context.user.number))
    let expanded: FilePath
    do {
      expanded = try PathExpansion(environment: environment, user: context.user)
        .expand(FilePath(root))
    } catch {
      throw setting.error("cannot be known: \(error.what)", "\(error.wanted), or write 'root: '")
    }
    return try setting.tidy(try setting.absolute(expanded, context))
  }
}
