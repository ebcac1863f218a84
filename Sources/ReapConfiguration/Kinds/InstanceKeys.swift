import ReapRules

/// The keys of kind `instances`.
struct InstanceKeys: KindKeys {
  /// The longest duration that a rule may hold, a hundred years: more is a mistake.
  private static let longestSpan: Nanoseconds = 100 * 365 * 86400 * nanosecondsPerSecond

  var required: [RuleKey] { [] }
  var defaultMatch: Glob { InstanceSettings.defaultGlob }

  var defaults: InstanceSettings { InstanceSettings() }

  func kind(_ settings: InstanceSettings) -> Rule.Kind { .instances(settings) }

  var takesStem: Bool { false }

  func complete(
    _ settings: inout InstanceSettings, _ written: [RuleKey: Setting], match: Glob
  ) throws(ConfigurationError) {
    if let setting = written[RuleKey("prune_to_min_free")], settings.prunesToMinFree,
      !settings.room.isFloored
    {
      throw setting.error("is true without min_free", "write 'min_free: ' or 'min_free_inodes: '")
    }
  }

  var keys: [Key<InstanceSettings>] { Self.all }

  private static let all = bounds + room + files + owners

  private static let bounds: [Key<InstanceSettings>] = [
    Key("max_count") { given, settings, _ throws(ConfigurationError) in
      settings.maxCount = Int(try given.number(0...Int64(Int32.max)))
    } print: {
      .word($0.maxCount.map { "\($0)" }, remark: "none")
    },
    Key("max_age") { given, settings, _ throws(ConfigurationError) in
      settings.maxAge = try given.duration(1...longestSpan)
    } print: {
      .word($0.maxAge.map(formatDuration), remark: "none")
    },
    Key("max_bytes") { given, settings, _ throws(ConfigurationError) in
      settings.maxBytes = try given.size(0...Int64.max)
    } print: {
      .word($0.maxBytes.map(formatSize), remark: "none")
    },
  ]

  private static let room: [Key<InstanceSettings>] =
    roomKeys(\.minFree, \.minFreeInodes) + [
      Key("prune_to_min_free") { given, settings, _ throws(ConfigurationError) in
        settings.prunesToMinFree = try given.bool()
      } print: {
        .flag($0.prunesToMinFree)
      },
      Key("min_count") { given, settings, _ throws(ConfigurationError) in
        settings.minCount = Int(try given.number(0...Int64(Int32.max)))
      } print: {
        .word("\($0.minCount)")
      },
    ]

  private static let files: [Key<InstanceSettings>] = [
    Key("manifest") { given, settings, _ throws(ConfigurationError) in
      settings.manifest = try given.entryName()
    } print: {
      .text($0.manifest)
    },
    Key("time_field") { given, settings, _ throws(ConfigurationError) in
      settings.timeField = try given.text("name the member that holds the time")
    } print: {
      .text($0.timeField)
    },
    Key("bad_timestamp") { given, settings, _ throws(ConfigurationError) in
      let word = try given.word(of: InstanceSettings.BadTimestamp.allCases.map(\.rawValue))
      settings.badTimestamp = .init(rawValue: word) ?? settings.badTimestamp
    } print: {
      .word($0.badTimestamp.rawValue)
    },
    Key("complete", isReadLast: true) { given, settings, _ throws(ConfigurationError) in
      settings.complete = try given.entryNames()
    } otherwise: { settings, _ in
      settings.complete = [settings.manifest]
    } print: {
      printedNames($0.complete)
    },
  ]

  private static let owners: [Key<InstanceSettings>] = [
    Key("protect") { given, settings, _ throws(ConfigurationError) in
      settings.protect = try given.entryNames()
    } print: {
      printedNames($0.protect)
    },
    Key("protect_stale_after") { given, settings, _ throws(ConfigurationError) in
      settings.protectStaleAfter = try given.duration(1...longestSpan)
    } print: {
      .word(formatDuration($0.protectStaleAfter))
    },
    Key("abandoned_after") { given, settings, _ throws(ConfigurationError) in
      settings.abandonedAfter = try given.durationOrOff(1...longestSpan)
    } print: {
      .word($0.abandonedAfter.map(formatDuration) ?? "off")
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
}
