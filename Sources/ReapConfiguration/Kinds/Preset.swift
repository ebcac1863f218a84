import ReapRules

/// Values for the directories of a known program. A key that is written in the rule wins.
enum Preset: String, CaseIterable {
  case ant, hypaware

  var kind: KindName {
    switch self {
    case .ant: .spill
    case .hypaware: .generations
    }
  }

  /// Where that program keeps them.
  ///
  /// - Parameter place: where the preset was written.
  func root(_ place: Place, _ context: Context) throws(ConfigurationError) -> FilePath {
    let setting = Setting(key: "root of preset \(rawValue)", value: .sequence([]), place: place)
    switch self {
    case .ant:
      let home = PathExpansion(environment: context.environment, user: context.user).home
      if let data = context.environment.path("XDG_DATA_HOME") {
        guard !data.bytes.isEmpty else {
          throw setting.error(
            "cannot be known: XDG_DATA_HOME is set, but empty", "unset it, or write 'root: '")
        }
        return try setting.tidy(try setting.absolute(data.appending("ant/spill"), context))
      }
      guard let home else {
        throw setting.error("cannot be known: there is no home directory", "write 'root: '")
      }
      return try setting.tidy(
        try setting.absolute(home.appending(".local/share/ant/spill"), context))
    case .hypaware:
      let expansion = PathExpansion(environment: context.environment, user: context.user)
      let root: FilePath
      do { root = try expansion.expand("${HYP_HOME:-~/.hyp}/hypaware/cache") } catch {
        throw setting.error("cannot be known: \(error.what)", "write 'root: '")
      }
      return try setting.tidy(try setting.absolute(root, context))
    }
  }
}
