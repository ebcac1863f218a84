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
    lines.append("usage_at_start: \(usageAtStart)")
    lines.append("warn_used: \(warnUsed.map(FreeSpace.formatShare) ?? "off")")
    lines.append("rules:")
    for rule in rules {
      for (index, line) in printed(rule).map(\.yaml).enumerated() {
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
      ("usage_at_start", .bool(usageAtStart)),
      ("warn_used", .string(warnUsed.map(FreeSpace.formatShare) ?? "off")),
      ("overrides", .array(overrides.map(JSONValue.string))),
      ("rules", .array(rules.map { .object(printed($0).map(\.json)) })),
    ])
  }

  private func printed(_ rule: Rule) -> [PrintedKey] {
    ReapConfiguration.printed(CommonKeys.all, of: rule)
      + KindName(rule.kind).keys.printed(rule.kind)
  }
}
