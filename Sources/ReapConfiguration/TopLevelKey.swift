import ReapRules

/// The keys of the top level.
enum TopLevelKey: String, CaseIterable {
  case rules
  case auditLog = "audit_log"
  case backstop
  case logLevel = "log_level"
  case enabled
  case usageAtStart = "usage_at_start"
  case warnUsed = "warn_used"

  /// A backstop more frequent than every 100 ms would be polling; one longer than a year is a
  /// mistake.
  private static let backstopRange: ClosedRange<Nanoseconds> =
    (nanosecondsPerSecond / 10)...(365 * 86400 * nanosecondsPerSecond)

  /// The rules apart, which are read one by one.
  func read(
    _ setting: Setting, into configuration: inout Configuration, _ context: Context
  ) throws(ConfigurationError) {
    switch self {
    case .rules: return
    case .auditLog:
      if case .scalar("none", _) = setting.value {
        (configuration.auditLog, configuration.hasAudit) = (nil, false)
      } else {
        (configuration.auditLog, configuration.hasAudit) = (try setting.path(context), true)
      }
    case .backstop:
      configuration.backstop = try setting.durationOrOff(
        Self.backstopRange, wanted: "write a duration such as 5m, or off")
    case .logLevel: configuration.logLevel = try setting.word(of: Configuration.logLevels)
    case .enabled: configuration.enabled = try setting.bool()
    case .usageAtStart: configuration.usageAtStart = try setting.bool()
    case .warnUsed: configuration.warnUsed = try setting.usedShareOrOff()
    }
  }
}
