import ReapRules

// Values of more than one word: lists and mappings; and sizes with a unit.

extension Setting {
  private func part(_ node: YAMLNode, _ name: String? = nil) -> Setting {
    Setting(
      key: name.map { "\($0) of \(key)" } ?? key, value: node.content,
      place: Place(file: place.file, line: place.line == nil ? nil : node.line))
  }

  /// The value. In the environment, where everything is text, a text that begins with `[` or `{` is
  /// read as YAML.
  func structure() throws(ConfigurationError) -> YAMLNode.Content {
    guard case .scalar(let text, .untyped) = value, "[{".contains(text.first ?? " ") else {
      return value
    }
    if stray != nil { _ = try scalar("write it in UTF-8") }
    return try YAMLDocument.parse(Array(text.utf8), file: place.file)?.content ?? value
  }

  /// The members of a mapping; a member whose name is not known is an error.
  func members(
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

  func entryNames() throws(ConfigurationError) -> [EntryName] {
    var names: [EntryName] = []
    for element in try elements() { names.append(try element.entryName()) }
    guard !names.isEmpty else { throw error("is an empty list", "write names, or leave it out") }
    return names
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

  /// A share in hundredths of a percent, or nil for `off`.
  func usedShareOrOff() throws(ConfigurationError) -> Int64? {
    let wanted = "write a share from 1% to 100%, such as 80%, or off"
    let (text, _) = try scalar(wanted)
    if text == "off" { return nil }
    guard case .share(let share)? = FreeSpace.parseShare(text), share >= 100 else {
      throw error("is \(quoted(text))", wanted)
    }
    return share
  }

  private func wholeNumber(_ text: String) -> Int64? {
    text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int64(text) : nil
  }
}
