import ReapRules

/// The keys of kind `scratch`.
struct ScratchKeys: KindKeys {
  private static let longestSpan: Nanoseconds = 365 * 86400 * nanosecondsPerSecond

  var required: [RuleKey] { [.match, RuleKey("owned_by")] }
  /// Never used: `match` has to be written.
  var defaultMatch: Glob { SpillSettings.defaultGlob }

  var defaults: ScratchSettings { ScratchSettings() }

  func kind(_ settings: ScratchSettings) -> Rule.Kind { .scratch(settings) }

  var takesStem: Bool { true }

  func complete(
    _ settings: inout ScratchSettings, _ written: [RuleKey: Setting], match: Glob
  ) throws(ConfigurationError) {
    settings.stem = match.stem
    guard match.stem == nil else { return }
    let keys: [(RuleKey, [ScratchPath])] = [
      (RuleKey("owned_by"), settings.ownedBy.compactMap(\.path)), (RuleKey("also"), settings.also),
      (RuleKey("cleaners_lock"), settings.cleanersLock.map { [$0] } ?? []),
    ]
    for (key, paths) in keys {
      if let setting = written[key], let path = paths.first(where: \.holdsStem) {
        throw setting.error(
          "is \(quoted(path.text)), and the match has no {stem}",
          "write {name}, or a match with {stem}")
      }
    }
  }

  var keys: [Key<ScratchSettings>] { Self.all }

  private static let all: [Key<ScratchSettings>] = [
    Key("entries") { given, settings, _ throws(ConfigurationError) in
      let word = try given.word(of: ScratchSettings.Entries.allCases.map(\.rawValue))
      settings.entries = ScratchSettings.Entries(rawValue: word) ?? settings.entries
    } print: {
      .word($0.entries.rawValue)
    },
    Key("owned_by") { given, settings, _ throws(ConfigurationError) in
      settings.ownedBy = try ways(given)
    } print: {
      printedWays($0.ownedBy)
    },
    Key(.lockType) { given, settings, _ throws(ConfigurationError) in
      settings.lockType = try LockType(given)
    } print: {
      .word($0.lockType.rawValue)
    },
    Key("trust_pids") { given, settings, _ throws(ConfigurationError) in
      settings.trustPids = try given.bool()
    } print: {
      .flag($0.trustPids)
    },
    Key("quiet") { given, settings, _ throws(ConfigurationError) in
      settings.quiet = try given.durationOrOff(1...longestSpan)
    } print: {
      .word($0.quiet.map(formatDuration), remark: "off")
    },
    Key("quarantine") { given, settings, _ throws(ConfigurationError) in
      settings.quarantine = try given.duration(0...longestSpan)
    } print: {
      .word(
        $0.quarantine.map(formatDuration),
        remark: "0s with a proof, else " + formatDuration(ScratchSettings.defaultQuarantine))
    },
    Key("also") { given, settings, _ throws(ConfigurationError) in
      settings.also = try companions(given)
    } print: {
      printedCompanions($0.also)
    },
    Key("cleaners_lock") { given, settings, _ throws(ConfigurationError) in
      settings.cleanersLock = try file(given)
    } print: {
      .word($0.cleanersLock?.text, remark: "none")
    },
  ]
}

private func ways(_ setting: Setting) throws(ConfigurationError) -> [ScratchSettings.Way] {
  let wanted =
    "write a list of {lock: '../{name}.lock'}, {pid: {name: 'x-{pid}'}}, {open: true}, {boot: true}"
  let elements = try setting.elements()
  guard !elements.isEmpty else { throw setting.error("is an empty list", wanted) }
  var ways: [ScratchSettings.Way] = []
  for element in elements {
    let members = try element.members(of: ["lock", "pid", "open", "boot"], wanted: wanted)
    guard members.count == 1 else { throw element.error("has several ways in one entry", wanted) }
    if let flag = members["open"] ?? members["boot"] {
      guard try flag.bool() else { throw flag.error("is false", "write true, or leave it out") }
      ways.append(members["open"] == nil ? .boot : .open)
    } else if let pid = members["pid"] {
      ways.append(try pidWay(pid))
    } else if let lock = members["lock"] {
      let text = try lock.text("write a path relative to the entry")
      guard let path = ScratchPath(text) else {
        throw lock.error(
          "is \(quoted(text))", "write a path in the entry, '../' and one beside it, or '.'")
      }
      ways.append(.lock(path))
    }
  }
  for way in ways where ways.count(where: { $0.word == way.word }) > 1 {
    throw setting.error("has \(way.word) twice", "remove one")
  }
  return ways
}

private func pidWay(_ setting: Setting) throws(ConfigurationError) -> ScratchSettings.Way {
  let wanted =
    "write {name: 'x-{pid}'}, {link: SingletonLock, pattern: '{host}-{pid}'} or {file: x.pid}"
  let members = try setting.members(
    of: ["name", "link", "pattern", "file", "field", "start"], wanted: wanted)
  switch Set(members.keys) {
  case ["name"]: return .pidInName(try pidPattern(members["name"], in: setting, wanted))
  case ["link", "pattern"]:
    return .pidInLink(
      try pidPlace(members["link"], in: setting, wanted),
      try pidPattern(members["pattern"], in: setting, wanted))
  case ["file"], ["file", "field"], ["file", "field", "start"]:
    let member = "name a member of the file's JSON object"
    return .pidInFile(
      PidFile(
        path: try pidPlace(members["file"], in: setting, wanted),
        field: try members["field"]?.text(member), startField: try members["start"]?.text(member)))
  case ["file", "start"]:
    throw setting.error("has a start, and no field", "write field: too, such as {field: pid}")
  default: throw setting.error("is not whole", wanted)
  }
}

private func pidPattern(
  _ written: Setting?, in setting: Setting, _ wanted: String
) throws(ConfigurationError) -> PidPattern {
  guard let written else { throw setting.error("is not whole", wanted) }
  let text = try written.text(wanted)
  guard let pattern = PidPattern(text) else {
    throw written.error(
      "is \(quoted(text))", "write {pid} in it once, and {host} or * once at most")
  }
  return pattern
}

private func pidPlace(
  _ written: Setting?, in setting: Setting, _ wanted: String
) throws(ConfigurationError) -> ScratchPath {
  guard let written else { throw setting.error("is not whole", wanted) }
  return try file(written)
}

/// A file that belongs to an entry, and is not the entry itself.
private func file(_ setting: Setting) throws(ConfigurationError) -> ScratchPath {
  let wanted = "write a path in the entry, or '../' and one beside it"
  let text = try setting.text(wanted)
  guard let place = ScratchPath(text), place.place != .itself else {
    throw setting.error("is \(quoted(text))", wanted)
  }
  return place
}

private func companions(_ setting: Setting) throws(ConfigurationError) -> [ScratchPath] {
  var paths: [ScratchPath] = []
  for element in try setting.elements() {
    let wanted = "write a name with {name} or {stem} in it, such as '{name}.lock'"
    let text = try element.text(wanted)
    // In the directory that holds both, whether that is written or not.
    guard let path = ScratchPath(text.hasPrefix("../") ? text : "../" + text), path.isSibling else {
      throw element.error("is \(quoted(text))", wanted)
    }
    guard path.text != "../{name}" else {
      throw element.error("is \(quoted(text)), which is the entry itself", wanted)
    }
    paths.append(path)
  }
  return paths
}

private func printedWays(_ ways: [ScratchSettings.Way]) -> PrintedValue {
  let parts = ways.map { way -> (String, JSONValue) in
    switch way {
    case .lock(let path):
      ("{lock: \(yamlText(path.text))}", .object([("lock", .string(path.text))]))
    case .pidInName(let pattern):
      (
        "{pid: {name: \(yamlText(pattern.text))}}",
        .object([("pid", .object([("name", .string(pattern.text))]))])
      )
    case .pidInLink(let path, let pattern):
      (
        "{pid: {link: \(yamlText(path.text)), pattern: \(yamlText(pattern.text))}}",
        .object([
          (
            "pid",
            .object([("link", .string(path.text)), ("pattern", .string(pattern.text))])
          )
        ])
      )
    case .pidInFile(let file): printed(file)
    case .open: ("{open: true}", .object([("open", .bool(true))]))
    case .boot: ("{boot: true}", .object([("boot", .bool(true))]))
    }
  }
  return PrintedValue(
    yaml: "[" + parts.map(\.0).joined(separator: ", ") + "]", json: .array(parts.map(\.1)))
}

private func printed(_ file: PidFile) -> (String, JSONValue) {
  let members = [("file", file.path.text), ("field", file.field), ("start", file.startField)]
    .compactMap { name, text in text.map { (name, $0) } }
  let yaml = members.map { "\($0): \(yamlText($1))" }.joined(separator: ", ")
  return (
    "{pid: {\(yaml)}}", .object([("pid", .object(members.map { ($0, JSONValue.string($1)) }))])
  )
}

private func printedCompanions(_ paths: [ScratchPath]) -> PrintedValue {
  PrintedValue(
    yaml: paths.isEmpty ? nil : "[" + paths.map { yamlText($0.text) }.joined(separator: ", ") + "]",
    remark: "none", json: .array(paths.map { .string($0.text) }))
}

extension ScratchSettings.Way {
  fileprivate var word: String {
    switch self {
    case .lock: "lock"
    case .pidInName, .pidInLink, .pidInFile: "pid"
    case .open: "open"
    case .boot: "boot"
    }
  }

  fileprivate var path: ScratchPath? {
    switch self {
    case .lock(let path), .pidInLink(let path, _): path
    case .pidInFile(let file): file.path
    case .pidInName, .open, .boot: nil
    }
  }
}
