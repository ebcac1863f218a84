import ReapRules

/// Sets of values for a program that is known: what is written in the rule wins.
enum Preset: String, CaseIterable {
  case ant, hypaware

  var kind: KindName {
    switch self {
    case .ant: .spill
    case .hypaware: .generations
    }
  }
}

extension RuleSettings {
  func presetRoot(
    _ preset: Preset, _ context: Context
  ) throws(ConfigurationError) -> String {
    let setting = Setting(
      key: "root of preset \(preset.rawValue)", value: .sequence([]),
      place: self.place(of: .preset))
    switch preset {
    case .ant:
      let home = PathExpansion(environment: context.environment, user: context.user).home
      if let data = context.environment["XDG_DATA_HOME"] {
        guard !data.isEmpty else {
          throw setting.error(
            "cannot be known: XDG_DATA_HOME is set, but empty", "unset it, or write 'root: '")
        }
        return try setting.tidy(try setting.absolute(data + "/ant/spill", context))
      }
      guard let home else {
        throw setting.error("cannot be known: there is no home directory", "write 'root: '")
      }
      return try setting.tidy(try setting.absolute(home + "/.local/share/ant/spill", context))
    case .hypaware:
      let expansion = PathExpansion(environment: context.environment, user: context.user)
      let root: String
      do { root = try expansion.expand("${HYP_HOME:-~/.hyp}/hypaware/cache") } catch {
        throw setting.error("cannot be known: \(error.what)", "write 'root: '")
      }
      return try setting.tidy(try setting.absolute(root, context))
    }
  }

  /// hypaware keeps its pid file in `run`, beside the cache; the root may lie elsewhere than usual.
  func hypawarePidfile(root: String) throws(ConfigurationError) -> OwnerPidfile {
    let parent = root.utf8.lastIndex(of: UInt8(ascii: "/")).map { root[..<$0] } ?? ""
    return OwnerPidfile(path: parent + "/run/hypaware.pid", startField: "startedAt")
  }
}
