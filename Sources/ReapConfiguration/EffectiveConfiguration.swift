package import ReapRules

// The configuration as it holds, presets and defaults filled in: what `check-config` prints.

extension Configuration {
  /// A file that gives the same rules when it is read again by the same user.
  package var effectiveYAML: String {
    var lines: [String] = []
    if let source { lines.append("# from \(source)") }
    for variable in overrides { lines.append("# overridden by \(variable)") }
    lines.append("enabled: \(enabled)")
    lines.append("log_level: \(logLevel)")
    lines.append("backstop: \(backstop.map(formatDuration) ?? "off")")
    lines.append(
      hasAudit
        ? auditLog.map { "audit_log: " + yamlPath($0) } ?? "# audit_log: the default place"
        : "audit_log: none")
    lines.append("rules:")
    for rule in rules {
      for (index, line) in rule.yamlLines.enumerated() {
        lines.append((index == 0 ? "  - " : "    ") + line)
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  package var json: JSONValue {
    .object([
      source.map { JSONValue.pathMember($0.bytes, named: "source") } ?? ("source", .null),
      ("enabled", .bool(enabled)),
      ("log_level", .string(logLevel)),
      ("backstop", .string(backstop.map(formatDuration) ?? "off")),
      auditLog.map { JSONValue.pathMember($0.bytes, named: "audit_log") }
        ?? ("audit_log", hasAudit ? .null : .string("none")),
      ("overrides", .array(overrides.map(JSONValue.string))),
      ("rules", .array(rules.map(\.configurationJSON))),
    ])
  }
}

extension Rule {
  fileprivate var yamlLines: [String] {
    var lines = [
      "name: " + yamlText(name), "kind: \(kind.name)", "root: " + yamlPath(root),
      "enabled: \(enabled)", "match: " + yamlText(match.pattern),
      never.isEmpty
        ? "# never: none"
        : "never: [" + never.map { yamlText($0.pattern) }.joined(separator: ", ") + "]",
      "grace: " + formatDuration(grace), "owner: " + ownersText,
      "allow_shallow: \(allowShallow)", "allow_remote: \(allowRemote)",
    ]
    switch kind {
    case .spill(let settings):
      lines.append("lock: " + yamlText(String(decoding: settings.lock.bytes, as: UTF8.self)))
      lines.append("lock_type: \(settings.lockType.rawValue)")
      lines.append("missing_lock: \(settings.missingLock.rawValue)")
      lines.append(settings.contents.map { "contents: " + yamlText($0) } ?? "# contents: anything")
    case .generations(let settings): lines += settings.yamlLines
    }
    return lines
  }

  private var ownersText: String {
    switch owners {
    case .anyone: "any"
    case .users(let users): "[" + users.sorted().map(String.init).joined(separator: ", ") + "]"
    }
  }

  fileprivate var configurationJSON: JSONValue {
    var members: [(String, JSONValue)] = [
      ("name", .string(name)), ("kind", .string(kind.name)),
      JSONValue.pathMember(root.bytes, named: "root"),
      ("enabled", .bool(enabled)), ("match", .string(match.pattern)),
      ("never", .array(never.map { .string($0.pattern) })),
      ("grace", .string(formatDuration(grace))), ("owner", ownersJSON),
      ("allow_shallow", .bool(allowShallow)), ("allow_remote", .bool(allowRemote)),
    ]
    switch kind {
    case .spill(let settings):
      members += [
        ("lock", .string(String(decoding: settings.lock.bytes, as: UTF8.self))),
        ("lock_type", .string(settings.lockType.rawValue)),
        ("missing_lock", .string(settings.missingLock.rawValue)),
        ("contents", settings.contents.map(JSONValue.string) ?? .null),
      ]
    case .generations(let settings): members += settings.jsonMembers
    }
    return .object(members)
  }

  private var ownersJSON: JSONValue {
    switch owners {
    case .anyone: .string("any")
    case .users(let users): .array(users.sorted().map { .integer(Int64($0)) })
    }
  }
}

/// A path, written so that reading it again expands nothing. YAML can hold UTF-8 only: any other path
/// stands in a remark, so that no wrong path can be read from it.
func yamlPath(_ path: FilePath) -> String {
  guard let text = String(validating: path.bytes, as: UTF8.self) else {
    return "null # \(path), which YAML cannot hold"
  }
  return yamlText(
    text.split(separator: "$", omittingEmptySubsequences: false).joined(separator: "$$"))
}

/// Text in double quotes. Characters that YAML refuses or folds are escaped.
func yamlText(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar.value {
    case 0x22, 0x5C: result += "\\" + String(scalar)
    case 0xA0, 0xFFFE, 0xFFFF, 0x10000...,
      _ where scalar.isUnprintable:
      let hex = String(scalar.value, radix: 16)
      result += "\\U" + String(repeating: "0", count: 8 - hex.count) + hex
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}
