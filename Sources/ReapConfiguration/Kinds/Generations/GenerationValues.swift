import ReapRules

// Values of more than one word that only kind `generations` has: how they are read and printed.

func cursorLayouts(_ setting: Setting) throws(ConfigurationError) -> [CursorLayout] {
  let wanted =
    "write hypaware, or a list of hypaware, {field: current, pattern: 'gen-{}'}, "
    + "{text: 'v{}'} and {link: '{}'}"
  let elements = try setting.elements()
  guard !elements.isEmpty else { throw setting.error("is an empty list", wanted) }
  var layouts: [CursorLayout] = []
  for element in elements {
    let layout = try cursorLayout(element, wanted)
    guard !layouts.contains(layout) else {
      throw element.error("has the same layout twice", "remove one")
    }
    // The layout text reads every file, so no layout after it would ever be asked.
    if case .text? = layouts.last, !layout.readsLink {
      throw element.error("has a layout after text, which reads every file", "put text last")
    }
    layouts.append(layout)
  }
  return layouts
}

private func cursorLayout(
  _ setting: Setting, _ wanted: String
) throws(ConfigurationError) -> CursorLayout {
  if case .scalar = setting.value {
    _ = try setting.word(of: ["hypaware"])
    return .hypaware
  }
  let members = try setting.members(of: ["field", "pattern", "text", "link"], wanted: wanted)
  for (key, layout) in [("text", CursorLayout.text), ("link", CursorLayout.link)] {
    guard let pattern = members[key] else { continue }
    guard members.count == 1 else { throw setting.error("has \(key) beside other keys", wanted) }
    return layout(try cursorPattern(pattern))
  }
  guard let field = members["field"], let pattern = members["pattern"] else {
    throw setting.error(
      "has a layout without \(members["field"] == nil ? "field" : "pattern")", wanted)
  }
  let path = try field.text("name a member of the cursor")
  guard !path.split(separator: ".", omittingEmptySubsequences: false).contains("") else {
    throw field.error("is \(quoted(path))", "write names with a dot between each two")
  }
  return .member(field: path, pattern: try cursorPattern(pattern))
}

private func cursorPattern(_ setting: Setting) throws(ConfigurationError) -> CursorPattern {
  let text = try setting.text("write a directory's name with {} in it")
  guard let pattern = CursorPattern(text) else {
    throw setting.error(
      "is \(quoted(text))", "write a directory's name with {} in it once, such as 'gen-{}'")
  }
  return pattern
}

extension OwnerPidfile {
  /// A path alone, or a path with the names of the members that hold the pid and its start.
  init(_ setting: Setting, _ context: Context) throws(ConfigurationError) {
    let wanted = "write a path, or {path: /run/x.pid, pid: pid, start: startedAt}"
    switch try setting.structure() {
    case .scalar:
      self.init(path: try setting.path(context))
      return
    case .sequence: throw setting.error("is a list", wanted)
    case .mapping: break
    }
    let members = try setting.members(of: ["path", "pid", "start"], wanted: wanted)
    guard let path = members["path"] else { throw setting.error("has no path", wanted) }
    self.init(path: try path.path(context))
    let member = "name a member of the file"
    if let pid = members["pid"] { pidField = try pid.text(member) }
    startField = try members["start"]?.text(member)
  }
}

extension CompactionSettings {
  init(_ setting: Setting) throws(ConfigurationError) {
    let members = try setting.members(
      of: ["batch_bytes", "batch_rows", "target_bytes", "compression"],
      wanted: "write keys and values, as in {batch_bytes: 32MiB}")
    self.init()
    // A whole batch is held in memory; one smaller than a page (4,096 bytes) gains nothing.
    if let bytes = members["batch_bytes"] { batchBytes = try bytes.size(4096...(16 << 30)) }
    if let rows = members["batch_rows"] { batchRows = try rows.number(1...1_000_000_000) }
    if let bytes = members["target_bytes"] { targetBytes = try bytes.size(4096...(1 << 40)) }
    if let setting = members["compression"] {
      let word = try setting.word(of: CompactionSettings.Compression.allCases.map(\.rawValue))
      compression = .init(rawValue: word) ?? compression
    }
  }
}

func printedLayouts(_ layouts: [CursorLayout]) -> PrintedValue {
  func single(_ key: String, _ pattern: CursorPattern) -> (String, JSONValue) {
    ("{\(key): \(yamlText(pattern.text))}", .object([(key, .string(pattern.text))]))
  }
  let parts = layouts.map { layout -> (String, JSONValue) in
    switch layout {
    case .hypaware: ("hypaware", .string("hypaware"))
    case .text(let pattern): single("text", pattern)
    case .link(let pattern): single("link", pattern)
    case .member(let field, let pattern):
      (
        "{field: \(yamlText(field)), pattern: \(yamlText(pattern.text))}",
        .object([("field", .string(field)), ("pattern", .string(pattern.text))])
      )
    }
  }
  return PrintedValue(
    yaml: "[" + parts.map(\.0).joined(separator: ", ") + "]", json: .array(parts.map(\.1)))
}

func printedPidfile(_ file: OwnerPidfile?) -> PrintedValue {
  guard let file else { return .word(nil, remark: "none") }
  let start = file.startField.map { ", start: " + yamlText($0) } ?? ""
  return PrintedValue(
    yaml: "{pid: \(yamlText(file.pidField))\(start), path: \(yamlPath(file.path))\n      }",
    json: .object([
      JSONValue.pathMember(file.path.bytes), ("pid", .string(file.pidField)),
      ("start", file.startField.map(JSONValue.string) ?? .null),
    ]))
}

func printedCompaction(_ settings: CompactionSettings) -> PrintedValue {
  let bytes = formatSize(settings.batchBytes)
  let target = formatSize(settings.targetBytes)
  let compression = settings.compression.rawValue
  return PrintedValue(
    yaml: "{batch_bytes: \(bytes), batch_rows: \(settings.batchRows), "
      + "target_bytes: \(target), compression: \(compression)}",
    json: .object([
      ("batch_bytes", .string(bytes)), ("batch_rows", .integer(settings.batchRows)),
      ("target_bytes", .string(target)), ("compression", .string(compression)),
    ]))
}
