import ReapRules

// Values of more than one word: sizes with a unit, lists of layouts, and mappings.

extension Setting {
  private func part(_ node: YAMLNode, _ name: String? = nil) -> Setting {
    Setting(
      key: name.map { "\($0) of \(key)" } ?? key, value: node.content,
      place: Place(file: place.file, line: place.line == nil ? nil : node.line))
  }

  /// The value. In the environment, where everything is text, a text that begins with `[` or `{` is
  /// read as YAML.
  private func structure() throws(ConfigurationError) -> YAMLNode.Content {
    guard case .scalar(let text, .untyped) = value, "[{".contains(text.first ?? " ") else {
      return value
    }
    if stray != nil { _ = try scalar("write it in UTF-8") }
    return try YAMLDocument.parse(Array(text.utf8), file: place.file)?.content ?? value
  }

  /// The members of a mapping; a member whose name is not known is an error.
  private func members(
    of known: [String], wanted: String
  ) throws(ConfigurationError) -> [String: Setting] {
    let content = try structure()
    guard case .mapping(let members) = content else {
      let summary = YAMLNode(content: content, line: 0).summary
      throw error("is \(summary)", wanted)
    }
    guard !members.isEmpty else { throw error("is empty", wanted) }
    var settings: [String: Setting] = [:]
    for member in members {
      guard known.contains(member.key) else {
        let line = place.line == nil ? nil : member.line
        throw Place(file: place.file, line: line).error(
          "\(key) has no key \(quoted(member.key))", knownWords(known, near: member.key))
      }
      settings[member.key] = part(member.value, member.key)
    }
    return settings
  }

  /// The elements of a list; a value that is no list counts as a list of one.
  func elements() throws(ConfigurationError) -> [Setting] {
    switch try structure() {
    case .sequence(let nodes): nodes.map { part($0) }
    case let content: [part(YAMLNode(content: content, line: place.line ?? 0))]
    }
  }

  func layouts() throws(ConfigurationError) -> [CursorLayout] {
    let wanted =
      "write hypaware, or a list of hypaware, {field: current, pattern: 'gen-{}'}, "
      + "{text: 'v{}'} and {link: '{}'}"
    let elements = try elements()
    guard !elements.isEmpty else { throw error("is an empty list", wanted) }
    var layouts: [CursorLayout] = []
    for element in elements {
      let layout = try element.layout(wanted)
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

  private func layout(_ wanted: String) throws(ConfigurationError) -> CursorLayout {
    if case .scalar = value {
      _ = try word(of: ["hypaware"])
      return .hypaware
    }
    let members = try members(of: ["field", "pattern", "text", "link"], wanted: wanted)
    for (key, layout) in [("text", CursorLayout.text), ("link", CursorLayout.link)] {
      guard let pattern = members[key] else { continue }
      guard members.count == 1 else { throw error("has \(key) beside other keys", wanted) }
      return layout(try pattern.cursorPattern())
    }
    guard let field = members["field"], let pattern = members["pattern"] else {
      throw error("has a layout without \(members["field"] == nil ? "field" : "pattern")", wanted)
    }
    let path = try field.text("name a member of the cursor")
    guard !path.split(separator: ".", omittingEmptySubsequences: false).contains("") else {
      throw field.error("is \(quoted(path))", "write names with a dot between each two")
    }
    return .member(field: path, pattern: try pattern.cursorPattern())
  }

  private func cursorPattern() throws(ConfigurationError) -> CursorPattern {
    let text = try text("write a directory's name with {} in it")
    guard let pattern = CursorPattern(text) else {
      throw error(
        "is \(quoted(text))", "write a directory's name with {} in it once, such as 'gen-{}'")
    }
    return pattern
  }

  /// A path alone, or a path with the names of the members that hold the pid and its start.
  func ownerPidfile(_ context: Context) throws(ConfigurationError) -> OwnerPidfile {
    let wanted = "write a path, or {path: /run/x.pid, pid: pid, start: startedAt}"
    switch try structure() {
    case .scalar: return OwnerPidfile(path: try path(context))
    case .sequence: throw error("is a list", wanted)
    case .mapping: break
    }
    let members = try members(of: ["path", "pid", "start"], wanted: wanted)
    guard let path = members["path"] else { throw error("has no path", wanted) }
    var file = OwnerPidfile(path: try path.path(context))
    let member = "name a member of the file"
    if let pid = members["pid"] { file.pidField = try pid.text(member) }
    file.startField = try members["start"]?.text(member)
    return file
  }

  func compaction() throws(ConfigurationError) -> CompactionSettings {
    let members = try members(
      of: ["batch_bytes", "batch_rows", "target_bytes", "compression"],
      wanted: "write keys and values, as in {batch_bytes: 32MiB}")
    var settings = CompactionSettings()
    // A whole batch is held in memory; one smaller than a page (4,096 bytes) gains nothing.
    if let bytes = members["batch_bytes"] {
      settings.batchBytes = try bytes.size(4096...(16 << 30))
    }
    if let rows = members["batch_rows"] {
      settings.batchRows = try rows.number(1...1_000_000_000)
    }
    if let bytes = members["target_bytes"] {
      settings.targetBytes = try bytes.size(4096...(1 << 40))
    }
    if let compression = members["compression"] {
      let word = try compression.word(of: CompactionSettings.Compression.allCases.map(\.rawValue))
      settings.compression = .init(rawValue: word) ?? settings.compression
    }
    return settings
  }

  func globPath() throws(ConfigurationError) -> GlobPath {
    let wanted = "write a relative path of patterns such as 'metadata/v+([0-9]).json'"
    let text = try text(wanted)
    do { return try GlobPath(text) } catch {
      throw self.error("is \(quoted(text)): \(error.reason)", wanted)
    }
  }

  func size(_ range: ClosedRange<Int64>) throws(ConfigurationError) -> Int64 {
    let wanted = "write a size such as 64MiB or 2GB"
    let (text, _) = try scalar(wanted)
    guard let size = parseSize(text) else { throw error("is \(quoted(text))", wanted) }
    guard range.contains(size) else {
      let bounds = "\(formatSize(range.lowerBound)) to \(formatSize(range.upperBound))"
      throw error("is \(quoted(text)), which is out of range", "write a size from \(bounds)")
    }
    return size
  }

  func number(_ range: ClosedRange<Int64>) throws(ConfigurationError) -> Int64 {
    let wanted = "write a whole number from \(range.lowerBound) to \(range.upperBound)"
    let (text, style) = try scalar(wanted)
    guard style != .quoted, let number = wholeNumber(text), range.contains(number) else {
      throw error("is \(quoted(text))", wanted)
    }
    return number
  }

  func freeBytes() throws(ConfigurationError) -> FreeSpace {
    let wanted = "write a size such as 20GB, or a share such as 5%"
    let (text, _) = try scalar(wanted)
    if let size = parseSize(text) { return .amount(size) }
    if let share = FreeSpace.parseShare(text) { return share }
    throw error("is \(quoted(text))", wanted)
  }

  func freeInodes() throws(ConfigurationError) -> FreeSpace {
    let wanted = "write a number of inodes, or a share such as 5%"
    let (text, style) = try scalar(wanted)
    if style != .quoted, let number = wholeNumber(text) { return .amount(number) }
    if let share = FreeSpace.parseShare(text) { return share }
    throw error("is \(quoted(text))", wanted)
  }

  private func wholeNumber(_ text: String) -> Int64? {
    text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int64(text) : nil
  }
}
