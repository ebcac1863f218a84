import ReapRules

/// The keys of kind `generations`.
struct GenerationKeys: KindKeys {
  /// The longest duration that a rule may hold, a year: more is a mistake.
  private static let longestSpan: Nanoseconds = 365 * 86400 * nanosecondsPerSecond

  var required: [RuleKey] { [] }
  var defaultMatch: Glob { GenerationSettings.defaultGlob }

  var defaults: GenerationSettings { GenerationSettings() }

  func kind(_ settings: GenerationSettings) -> Rule.Kind { .generations(settings) }

  var takesStem: Bool { false }

  func complete(_ settings: inout GenerationSettings, _ written: [RuleKey: Setting], match: Glob) {}

  var keys: [Key<GenerationSettings>] { Self.all }

  private static let all = names + owners + waits + room + ends

  private static let names: [Key<GenerationSettings>] = [
    Key("cursor") { given, settings, _ throws(ConfigurationError) in
      settings.cursor = try given.entryName()
    } print: {
      .text($0.cursor)
    },
    Key("layouts") { given, settings, _ throws(ConfigurationError) in
      settings.layouts = try cursorLayouts(given)
    } print: {
      printedLayouts($0.layouts)
    },
    Key("complete") { given, settings, _ throws(ConfigurationError) in
      settings.complete = try given.globPath()
    } print: {
      .text($0.complete.pattern)
    },
    Key("marker") { given, settings, _ throws(ConfigurationError) in
      settings.marker = try given.entryName()
    } print: {
      .text($0.marker)
    },
    Key(.lock) { given, settings, _ throws(ConfigurationError) in
      settings.lock = try given.entryName()
    } print: {
      .text($0.lock, remark: "none")
    },
    Key(.lockType) { given, settings, _ throws(ConfigurationError) in
      settings.lockType = try LockType(given)
    } print: {
      .word($0.lockType.rawValue)
    },
  ]

  private static let owners: [Key<GenerationSettings>] = [
    Key("owner_pidfile") { given, settings, context throws(ConfigurationError) in
      settings.ownerPidfile = try OwnerPidfile(given, context)
    } print: {
      printedPidfile($0.ownerPidfile)
    },
    Key("trust_pids") { given, settings, _ throws(ConfigurationError) in
      settings.trustPids = try given.bool()
    } print: {
      .flag($0.trustPids)
    },
  ]

  private static let waits: [Key<GenerationSettings>] = [
    Key("quiet") { given, settings, _ throws(ConfigurationError) in
      settings.quiet = try given.duration(1...longestSpan)
    } print: {
      .word(formatDuration($0.quiet))
    },
    Key("quarantine") { given, settings, _ throws(ConfigurationError) in
      settings.quarantine = try given.duration(0...longestSpan)
    } print: {
      .word(
        $0.quarantine.map(formatDuration),
        remark: "0s with a free lock, else "
          + formatDuration(GenerationSettings.defaultQuarantine))
    },
    Key("quarantine_yields") { given, settings, _ throws(ConfigurationError) in
      settings.quarantineYields = try given.bool()
    } print: {
      .flag($0.quarantineYields)
    },
  ]

  private static let room: [Key<GenerationSettings>] =
    roomKeys(\.minFree, \.minFreeInodes) + [
      Key("compaction", isReadLast: true) { given, settings, _ throws(ConfigurationError) in
        settings.compaction = try CompactionSettings(given)
      } print: {
        printedCompaction($0.compaction)
      }
    ]

  private static let ends: [Key<GenerationSettings>] = [
    Key("retired_after") { given, settings, _ throws(ConfigurationError) in
      settings.retiredAfter = try given.duration(0...longestSpan)
    } print: {
      .word(formatDuration($0.retiredAfter))
    },
    Key("stale_temporaries") { given, settings, _ throws(ConfigurationError) in
      if case .scalar("off", _) = given.value {
        settings.staleTemporaries = nil
      } else {
        settings.staleTemporaries = try given.duration(
          1...longestSpan, wanted: "write a duration such as 1h, or off")
      }
    } print: {
      .word($0.staleTemporaries.map(formatDuration) ?? "off")
    },
  ]
}
