import ReapRules

/// The keys of kind `scratch`.
struct ScratchKeys: KindKeys {
  private static let longestSpan: Nanoseconds = 365 * 86400 * nanosecondsPerSecond

  var required: [RuleKey] { [.match, RuleKey("owned_by")] }
  /// Never used: `match` has to be written.
  var defaultMatch: Glob { SpillSettings.defaultGlob }

  var defaults: ScratchSettings { ScratchSettings() }

  func kind(_ settings: ScratchSettings) -> Rule.Kind { .scratch(settings) }

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
      settings.quiet = try given.duration(1...longestSpan)
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
  ]
}

private func ways(_ setting: Setting) throws(ConfigurationError) -> [ScratchSettings.Way] {
  let wanted = "write a list of {lock: '../{name}.lock'}, {pid: {name: 'x-{pid}'}} and {open: true}"
  let elements = try setting.elements()
  guard !elements.isEmpty else { throw setting.error("is an empty list", wanted) }
  var ways: [ScratchSettings.Way] = []
  for element in elements {
    let members = try element.members(of: ["lock", "pid", "open"], wanted: wanted)
    guard members.count == 1 else { throw element.error("has several ways in one entry", wanted) }
    if let open = members["open"] {
      guard try open.bool() else { throw open.error("is false", "write true, or leave it out") }
      ways.append(.open)
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
    "write {name: 'x-{pid}'} or {link: SingletonLock, pattern: '{host}-{pid}'}"
  let members = try setting.members(of: ["name", "link", "pattern"], wanted: wanted)
  guard let written = members["name"] ?? members["pattern"],
    (members["name"] == nil) == (members["link"] != nil), members.count < 3
  else { throw setting.error("is not whole", wanted) }
  let text = try written.text(wanted)
  guard let pattern = PidPattern(text) else {
    throw written.error(
      "is \(quoted(text))", "write {pid} in it once, and {host} or * once at most")
  }
  guard let link = members["link"] else { return .pidInName(pattern) }
  let path = try link.text(wanted)
  guard let place = ScratchPath(path), place.place != .itself else {
    throw link.error("is \(quoted(path))", "write a path in the entry, or '../' and one beside it")
  }
  return .pidInLink(place, pattern)
}

private func companions(_ setting: Setting) throws(ConfigurationError) -> [ScratchPath] {
  var paths: [ScratchPath] = []
  for element in try setting.elements() {
    let wanted = "write a name with {name} in it, such as '{name}.lock'"
    let text = try element.text(wanted)
    // In the directory that holds both, whether that is written or not.
    guard let path = ScratchPath(text.hasPrefix("../") ? text : "../" + text), path.isSibling else {
      throw element.error("is \(quoted(text))", wanted)
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
    case .open: ("{open: true}", .object([("open", .bool(true))]))
    }
  }
  return PrintedValue(
    yaml: "[" + parts.map(\.0).joined(separator: ", ") + "]", json: .array(parts.map(\.1)))
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
    case .pidInName, .pidInLink: "pid"
    case .open: "open"
    }
  }
}
