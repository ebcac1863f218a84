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
}

extension SpillSettings {
  /// Fills in what is known of the uploader ant.
  ///
  /// Every upload takes a BSD lock at once: asking for that kind only leaves less to misread. Its
  /// chunks have hashes for names; a file with another name was put there by a person.
  mutating func fillInAnt() {
    lockType = .flock
    missingLock = .reap
    contents = "^[0-9a-f]{64}$"
  }
}

extension RuleSettings {
  func presetRoot(
    _ preset: Preset, _ context: Context
  ) throws(ConfigurationError) -> FilePath {
    let setting = Setting(
      key: "root of preset \(preset.rawValue)", value: .sequence([]),
      place: self.place(of: .preset))
    switch preset {
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

  /// hypaware keeps its pid file in `run`, beside the cache; the root may lie elsewhere than usual.
  func hypawarePidfile(root: FilePath) throws(ConfigurationError) -> OwnerPidfile {
    let parent = root.parent ?? "/"
    return OwnerPidfile(path: parent.appending("run/hypaware.pid"), startField: "startedAt")
  }
}
