import ReapRules

/// The keys of kind `visits`.
struct VisitsKeys: KindKeys {
  /// The longest duration that a rule may hold, a year: more is a mistake.
  private static let longestSpan: Nanoseconds = 365 * 86400 * nanosecondsPerSecond

  var required: [RuleKey] { [] }
  var defaultMatch: Glob { VisitsSettings.defaultGlob }
  var defaults: VisitsSettings { VisitsSettings() }
  var takesStem: Bool { false }

  func kind(_ settings: VisitsSettings) -> Rule.Kind { .visits(settings) }

  func complete(_ settings: inout VisitsSettings, _ written: [RuleKey: Setting], match: Glob) {}

  var keys: [Key<VisitsSettings>] { Self.all }

  private static let all: [Key<VisitsSettings>] = [
    Key("owner_pidfile") { given, settings, _ throws(ConfigurationError) in
      settings.owner = try VisitsSettings.OwnerNote(given)
    } print: {
      printedNote($0.owner)
    },
    Key("trust_pids") { given, settings, _ throws(ConfigurationError) in
      settings.trustPids = try given.bool()
    } print: {
      .flag($0.trustPids)
    },
    Key("quiet") { given, settings, _ throws(ConfigurationError) in
      settings.quiet = try given.duration(1...longestSpan)
    } print: {
      .word(formatDuration($0.quiet))
    },
    Key("on_superseded") { given, settings, _ throws(ConfigurationError) in
      let word = try given.word(of: VisitsSettings.Superseded.allCases.map(\.rawValue))
      settings.onSuperseded = VisitsSettings.Superseded(rawValue: word) ?? settings.onSuperseded
    } print: {
      .word($0.onSuperseded.rawValue)
    },
    Key("keep_archives") { given, settings, _ throws(ConfigurationError) in
      if case .scalar("all", _) = given.value {
        settings.keepArchives = nil
      } else {
        settings.keepArchives = try given.number(0...1_000_000)
      }
    } print: {
      .word($0.keepArchives.map { "\($0)" } ?? "all")
    },
  ]
}

extension VisitsSettings.OwnerNote {
  /// A name alone, or with the names of the members that hold the pid and its start.
  fileprivate init(_ setting: Setting) throws(ConfigurationError) {
    let wanted =
      "write the name of a file in the run, or {path: run.lock.json, pid: pid, start: pid_start_time}"
    guard case .mapping = try setting.structure() else {
      self.init(name: try setting.entryName())
      return
    }
    let members = try setting.members(of: ["path", "pid", "start"], wanted: wanted)
    guard let path = members["path"] else { throw setting.error("has no path", wanted) }
    self.init(name: try path.entryName())
    let member = "name a member of the file"
    if let pid = members["pid"] { pidField = try pid.text(member) }
    startField = try members["start"]?.text(member)
  }
}

private func printedNote(_ note: VisitsSettings.OwnerNote?) -> PrintedValue {
  guard let note else { return .word(nil, remark: "none") }
  let start = note.startField.map { ", start: " + yamlText($0) } ?? ""
  return PrintedValue(
    yaml: "{path: \(yamlText(note.name.display)), pid: \(yamlText(note.pidField))\(start)}",
    json: .object([
      ("path", .string(note.name.display)), ("pid", .string(note.pidField)),
      ("start", note.startField.map(JSONValue.string) ?? .null),
    ]))
}
