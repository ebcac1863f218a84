import ReapRules

/// The keys of kind `spill`.
struct SpillKeys: KindKeys {
  var required: [RuleKey] { [] }
  var defaultMatch: Glob { SpillSettings.defaultGlob }

  var defaults: SpillSettings { SpillSettings() }

  func kind(_ settings: SpillSettings) -> Rule.Kind { .spill(settings) }

  var takesStem: Bool { false }

  func complete(_ settings: inout SpillSettings, _ written: [RuleKey: Setting], match: Glob) {}

  var keys: [Key<SpillSettings>] { Self.all }

  private static let all: [Key<SpillSettings>] = [
    Key(.lock) { given, settings, _ throws(ConfigurationError) in
      settings.lock = try given.entryName()
    } print: {
      .text($0.lock)
    },
    Key(.lockType) { given, settings, _ throws(ConfigurationError) in
      settings.lockType = try LockType(given)
    } print: {
      .word($0.lockType.rawValue)
    },
    Key("missing_lock") { given, settings, _ throws(ConfigurationError) in
      let word = try given.word(of: MissingLock.allCases.map(\.rawValue))
      settings.missingLock = MissingLock(rawValue: word) ?? settings.missingLock
    } otherwise: { settings, match in
      // Other programs may make directories without a lock. A missing lock says something only where
      // every owner is known to make one.
      if match.pattern == SpillSettings.defaultMatch, settings.lock == SpillSettings().lock {
        settings.missingLock = .reap
      }
    } print: {
      .word($0.missingLock.rawValue)
    },
    Key("contents") { given, settings, _ throws(ConfigurationError) in
      settings.contents = try given.regularExpression()
    } print: {
      .text($0.contents, remark: "anything")
    },
  ]
}
