import ReapRules

// Kind `generations`: its keys, read from what was written.

/// The longest duration that a rule may hold, a year: more is a mistake.
private let longestSpan: Nanoseconds = 365 * 86400 * nanosecondsPerSecond

extension RuleSettings {
  func generations(
    _ preset: Preset?, root: FilePath, _ context: Context
  ) throws(ConfigurationError) -> GenerationSettings {
    var settings = GenerationSettings()
    if preset == .hypaware {
      settings.ownerPidfile = try hypawarePidfile(root: root)
    }
    try readNames(into: &settings)
    if let setting = written[.ownerPidfile] {
      settings.ownerPidfile = try setting.ownerPidfile(context)
    }
    settings.trustPids = try written[.trustPids]?.bool() ?? settings.trustPids
    try readWaits(into: &settings)
    settings.minFree = try written[.minFree]?.freeBytes()
    settings.minFreeInodes = try written[.minFreeInodes]?.freeInodes()
    settings.compaction = try written[.compaction]?.compaction() ?? settings.compaction
    return settings
  }

  private func readNames(into settings: inout GenerationSettings) throws(ConfigurationError) {
    if let setting = written[.cursor] { settings.cursor = try setting.entryName() }
    if let setting = written[.layouts] { settings.layouts = try setting.layouts() }
    if let setting = written[.complete] { settings.complete = try setting.globPath() }
    if let setting = written[.marker] { settings.marker = try setting.entryName() }
    settings.lock = try written[.lock]?.entryName()
    settings.lockType = try lockType() ?? settings.lockType
  }

  private func readWaits(into settings: inout GenerationSettings) throws(ConfigurationError) {
    if let setting = written[.quiet] { settings.quiet = try setting.duration(1...longestSpan) }
    settings.quarantine = try written[.quarantine]?.duration(0...longestSpan)
    if let setting = written[.quarantineYields] { settings.quarantineYields = try setting.bool() }
    if let setting = written[.retiredAfter] {
      settings.retiredAfter = try setting.duration(0...longestSpan)
    }
    if let setting = written[.staleTemporaries] {
      if case .scalar("off", _) = setting.value {
        settings.staleTemporaries = nil
      } else {
        settings.staleTemporaries = try setting.duration(
          1...longestSpan, wanted: "write a duration such as 1h, or off")
      }
    }
  }
}
