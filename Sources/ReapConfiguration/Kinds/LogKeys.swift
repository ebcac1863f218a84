import ReapRules

/// The keys of kind `log`.
struct LogKeys: KindKeys {
  private static let maxBytes = RuleKey("max_bytes")
  private static let keepBytes = RuleKey("keep_bytes")
  /// Less is a mistake: a block is the least that can be cut off.
  private static let sizes: ClosedRange<Int64> = (4 << 10)...(1 << 60)

  var required: [RuleKey] { [.match, Self.maxBytes] }
  /// Never used: `match` has to be written.
  var defaultMatch: Glob { LogSettings.defaultGlob }
  var defaults: LogSettings { LogSettings(maxBytes: 1 << 60) }

  func kind(_ settings: LogSettings) -> Rule.Kind { .log(settings) }

  var takesStem: Bool { false }

  func complete(
    _ settings: inout LogSettings, _ written: [RuleKey: Setting], match: Glob
  ) throws(ConfigurationError) {
    guard let setting = written[Self.keepBytes], let kept = settings.keepBytes,
      kept > settings.maxBytes - room(settings.maxBytes)
    else { return }
    throw setting.error(
      "is \(formatSize(kept)), and max_bytes is \(formatSize(settings.maxBytes))",
      "write less: what is kept must have room to grow")
  }

  /// What it must be able to grow by: a share, so that it is not trimmed all the time; and the lines that
  /// a trim itself writes, should it be the audit log, must not bring the next one.
  private func room(_ maxBytes: Int64) -> Int64 {
    max(maxBytes / 8, min(maxBytes / 2, 4 << 10))
  }

  var keys: [Key<LogSettings>] { Self.all }

  private static let all: [Key<LogSettings>] = [
    Key(maxBytes) { given, settings, _ throws(ConfigurationError) in
      settings.maxBytes = try given.size(sizes)
    } print: {
      .word(formatSize($0.maxBytes))
    },
    Key("keep_lines") { given, settings, _ throws(ConfigurationError) in
      settings.keepLines = try given.number(1...(1 << 40))
    } print: {
      .word($0.keepLines.map { "\($0)" }, remark: "any number")
    },
    Key(keepBytes) { given, settings, _ throws(ConfigurationError) in
      settings.keepBytes = try given.size(1...sizes.upperBound)
    } print: {
      .word($0.keepBytes.map(formatSize), remark: "half of max_bytes")
    },
    Key("in_place") { given, settings, _ throws(ConfigurationError) in
      let word = try given.word(of: LogSettings.InPlace.allCases.map(\.rawValue))
      settings.inPlace = LogSettings.InPlace(rawValue: word) ?? settings.inPlace
    } print: {
      .word($0.inPlace.rawValue)
    },
  ]
}
