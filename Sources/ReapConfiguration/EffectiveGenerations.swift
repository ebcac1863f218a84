import ReapRules

// Settings of kind `generations` as `check-config` prints them, each key once for YAML and JSON.

extension GenerationSettings {
  /// One key with the value that applies. Where `yaml` is nil, the default cannot be written as a
  /// value, and the remark tells it.
  private struct Line {
    var key: String
    var yaml: String?
    var json: JSONValue
    var remark = ""
  }

  var yamlLines: [String] {
    lines.map { line in line.yaml.map { "\(line.key): \($0)" } ?? "# \(line.key): \(line.remark)" }
  }

  var jsonMembers: [(String, JSONValue)] { lines.map { ($0.key, $0.json) } }

  private var lines: [Line] {
    [
      text("cursor", cursor.text), layoutsLine, text("complete", complete.pattern),
      text("marker", marker.text), text("lock", lock?.text, remark: "none"),
      word("lock_type", lockType.rawValue), pidfileLine, flag("trust_pids", trustPids),
      word("quiet", formatDuration(quiet)),
      word(
        "quarantine", quarantine.map(formatDuration),
        remark: "0s with a free lock, else " + formatDuration(Self.defaultQuarantine)),
      flag("quarantine_yields", quarantineYields),
      word("min_free", minFree?.text(formatSize), remark: "none"),
      word("min_free_inodes", minFreeInodes?.text { "\($0)" }, remark: "none"),
      compactionLine, word("retired_after", formatDuration(retiredAfter)),
      word("stale_temporaries", staleTemporaries.map(formatDuration) ?? "off"),
    ]
  }

  private func text(_ key: String, _ value: String?, remark: String = "") -> Line {
    Line(
      key: key, yaml: value.map(yamlText), json: value.map(JSONValue.string) ?? .null,
      remark: remark)
  }

  /// A value that YAML reads rightly without quotes.
  private func word(_ key: String, _ value: String?, remark: String = "") -> Line {
    Line(key: key, yaml: value, json: value.map(JSONValue.string) ?? .null, remark: remark)
  }

  private func flag(_ key: String, _ value: Bool) -> Line {
    Line(key: key, yaml: "\(value)", json: .bool(value))
  }

  private func single(_ key: String, _ pattern: CursorPattern) -> (String, JSONValue) {
    ("{\(key): \(yamlText(pattern.text))}", .object([(key, .string(pattern.text))]))
  }

  private var layoutsLine: Line {
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
    return Line(
      key: "layouts", yaml: "[" + parts.map(\.0).joined(separator: ", ") + "]",
      json: .array(parts.map(\.1)))
  }

  private var pidfileLine: Line {
    guard let file = ownerPidfile else {
      return word("owner_pidfile", nil, remark: "none")
    }
    let start = file.startField.map { ", start: " + yamlText($0) } ?? ""
    return Line(
      key: "owner_pidfile",
      yaml: "{pid: \(yamlText(file.pidField))\(start), path: \(yamlPath(file.path))\n      }",
      json: .object([
        JSONValue.pathMember(file.path.bytes), ("pid", .string(file.pidField)),
        ("start", file.startField.map(JSONValue.string) ?? .null),
      ]))
  }

  private var compactionLine: Line {
    let bytes = formatSize(compaction.batchBytes)
    let target = formatSize(compaction.targetBytes)
    let compression = compaction.compression.rawValue
    return Line(
      key: "compaction",
      yaml: "{batch_bytes: \(bytes), batch_rows: \(compaction.batchRows), "
        + "target_bytes: \(target), compression: \(compression)}",
      json: .object([
        ("batch_bytes", .string(bytes)), ("batch_rows", .integer(compaction.batchRows)),
        ("target_bytes", .string(target)), ("compression", .string(compression)),
      ]))
  }
}

extension EntryName {
  /// The name as text; names that come from a configuration are UTF-8.
  fileprivate var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension FreeSpace {
  fileprivate func text(_ amountText: (Int64) -> String) -> String {
    switch self {
    case .amount(let amount): amountText(amount)
    case .share(let share): Self.formatShare(share)
    }
  }
}
