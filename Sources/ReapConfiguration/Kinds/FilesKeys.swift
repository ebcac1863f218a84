import ReapRules

/// The keys of kind `files`.
struct FilesKeys: KindKeys {
  /// The longest duration that a rule may hold, a hundred years: more is a mistake.
  static let longestSpan: Nanoseconds = 100 * 365 * 86400 * nanosecondsPerSecond
  private static let requireCopy = RuleKey("require_copy")
  private static let afterCopy = RuleKey("after_copy")

  var required: [RuleKey] { [] }
  var defaultMatch: Glob { FilesSettings.defaultGlob }
  var defaults: FilesSettings { FilesSettings() }

  func kind(_ settings: FilesSettings) -> Rule.Kind { .files(settings) }

  var alwaysNever: [Glob] { FilesSettings.alwaysNever }

  var takesStem: Bool { false }

  func complete(
    _ settings: inout FilesSettings, _ written: [RuleKey: Setting], match: Glob
  ) throws(ConfigurationError) {
    guard let setting = written[Self.afterCopy], settings.afterCopy != nil else { return }
    switch settings.copy {
    case .receipts, .command: break
    case .unproved, .notRequired:
      throw setting.error(
        "waits for a copy, and the rule proves none",
        "write 'require_copy: ' with receipts or a command, or leave after_copy out")
    }
  }

  var keys: [Key<FilesSettings>] { Self.all }

  private static let all: [Key<FilesSettings>] = [
    Key("directories") { given, settings, _ throws(ConfigurationError) in
      settings.directories = try given.entryNames()
    } print: {
      $0.directories.isEmpty
        ? .word(nil, remark: "the root itself") : printedNames($0.directories)
    },
    Key("max_age") { given, settings, _ throws(ConfigurationError) in
      settings.maxAge = try given.duration(1...longestSpan)
    } print: {
      .word($0.maxAge.map(formatDuration), remark: "none")
    },
    Key("pressure") { given, settings, _ throws(ConfigurationError) in
      settings.pressure = try Pressure(given)
    } print: {
      printedPressure($0.pressure)
    },
    Key(requireCopy) { given, settings, context throws(ConfigurationError) in
      settings.copy = try FilesSettings.Copy(given, context)
    } print: {
      printedCopy($0)
    },
    Key(afterCopy) { given, settings, _ throws(ConfigurationError) in
      if case .scalar("never", _) = given.value {
        settings.afterCopy = nil
      } else {
        settings.afterCopy = try given.duration(
          0...longestSpan, wanted: "write a duration such as 0s or 1h, or never")
      }
    } print: {
      .word($0.afterCopy.map(formatDuration) ?? "never")
    },
    Key("allow_last_copy") { given, settings, _ throws(ConfigurationError) in
      settings.allowLastCopy = try given.bool()
    } print: {
      .flag($0.allowLastCopy)
    },
    Key("references") { given, settings, context throws(ConfigurationError) in
      settings.references = try references(given, context)
    } print: {
      printedReferences($0.references)
    },
  ]
}

extension Pressure {
  /// `{start: 70%, stop: 60%, min_age: 1d}`.
  fileprivate init(_ setting: Setting) throws(ConfigurationError) {
    let wanted = "write {start: 85%, stop: 75%}, and min_age: 1d if need be"
    let members = try setting.members(of: ["start", "stop", "min_age"], wanted: wanted)
    guard let start = members["start"] else { throw setting.error("has no start", wanted) }
    guard let stop = members["stop"] else { throw setting.error("has no stop", wanted) }
    let (above, below) = (try share(start), try share(stop))
    guard below < above else {
      throw stop.error(
        "is \(FreeSpace.formatShare(below)), and start is \(FreeSpace.formatShare(above))",
        "write less for stop than for start")
    }
    self.init(
      start: above, stop: below,
      minAge: try members["min_age"]?.duration(0...FilesKeys.longestSpan) ?? 0)
  }
}

/// In hundredths of a percent.
private func share(_ setting: Setting) throws(ConfigurationError) -> Int64 {
  let wanted = "write a share such as 85%"
  let (text, _) = try setting.scalar(wanted)
  guard case .share(let share)? = FreeSpace.parseShare(text) else {
    throw setting.error("is \(quoted(text))", wanted)
  }
  return share
}

/// Absolute, or relative to the rule's root.
private func pathBelowRoot(
  _ setting: Setting, _ context: Context
) throws(ConfigurationError) -> FilePath {
  let wanted = "write an absolute path, or one below the root"
  let (text, _) = try setting.scalar(wanted)
  if let first = text.utf8.first, "/~$".utf8.contains(first) { return try setting.path(context) }
  let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
  guard parts.allSatisfy({ EntryName($0) != nil }) else {
    throw setting.error("is \(quoted(text))", wanted)
  }
  return FilePath(text)
}

extension FilesSettings.Copy {
  /// `off`, `{receipts: {file, pattern}}` or `{command: [PROGRAM, ARGUMENT…], timeout}`.
  fileprivate init(_ setting: Setting, _ context: Context) throws(ConfigurationError) {
    if case .scalar("off", _) = setting.value {
      self = .notRequired
      return
    }
    // YAML's own word for it.
    if case .scalar("false", .plain) = setting.value {
      throw setting.error("is false", "write off, which must be meant: age alone deletes then")
    }
    let wanted =
      "write {receipts: {file: PATH}}, {command: [PROGRAM, ARGUMENT], timeout: 30s}, or off"
    let members = try setting.members(of: ["receipts", "command", "timeout"], wanted: wanted)
    switch Set(members.keys) {
    case ["receipts"]:
      self = .receipts(try FilesSettings.Receipts(members["receipts"]!, context))
    case ["command"], ["command", "timeout"]:
      var arguments: [String] = []
      for element in try members["command"]!.elements() {
        arguments.append(try element.scalar(wanted).text)
      }
      guard !arguments.isEmpty else { throw members["command"]!.error("is empty", wanted) }
      var command = FilesSettings.CopyCommand(arguments: arguments)
      if let timeout = members["timeout"] {
        command.timeout = try timeout.duration(
          (100 * nanosecondsPerSecond / 1000)...(3600 * nanosecondsPerSecond))
      }
      self = .command(command)
    default: throw setting.error("is not one way", wanted)
    }
  }
}

extension FilesSettings.Receipts {
  fileprivate init(_ setting: Setting, _ context: Context) throws(ConfigurationError) {
    let wanted = "write {file: PATH}, and pattern: if its lines are no JSON"
    let members = try setting.members(of: ["file", "pattern"], wanted: wanted)
    guard let file = members["file"] else { throw setting.error("has no file", wanted) }
    self.init(file: try pathBelowRoot(file, context))
    guard let given = members["pattern"] else { return }
    let advice = "write an expression with (?<name>…) and (?<bytes>…) in it"
    let text = try given.text(advice)
    guard text.utf8.count <= 1024 else { throw given.error("is longer than 1024 bytes", advice) }
    let expression: Regex<AnyRegexOutput>
    do { expression = try Regex(text) } catch {
      throw given.error("is \(quoted(text)), which is no regular expression: \(error)", advice)
    }
    for group in ["name", "bytes"] where !expression.contains(captureNamed: group) {
      throw given.error("has no group \(group)", advice)
    }
    pattern = text
  }
}

private func references(
  _ setting: Setting, _ context: Context
) throws(ConfigurationError) -> [FilesSettings.Reference] {
  let wanted = "write a list of {file: posts.json, fields: [imageUrl]}"
  var references: [FilesSettings.Reference] = []
  for element in try setting.elements() {
    let members = try element.members(of: ["file", "fields"], wanted: wanted)
    guard let file = members["file"], let fields = members["fields"] else {
      throw element.error("is not whole", wanted)
    }
    var names: [String] = []
    for field in try fields.elements() { names.append(try field.text(wanted)) }
    guard !names.isEmpty else { throw fields.error("is empty", wanted) }
    references.append(
      .init(file: try pathBelowRoot(file, context), fields: names))
  }
  return references
}
