import ReapRules

// How the values of kind `files` that have more than one word are printed.

func printedPressure(_ pressure: Pressure?) -> PrintedValue {
  guard let pressure else { return .word(nil, remark: "none") }
  let members = [
    ("start", FreeSpace.formatShare(pressure.start)),
    ("stop", FreeSpace.formatShare(pressure.stop)),
    ("min_age", formatDuration(pressure.minAge)),
  ]
  return PrintedValue(
    yaml: "{" + members.map { "\($0): \($1)" }.joined(separator: ", ") + "}",
    json: .object(members.map { ($0, .string($1)) }))
}

/// What the rule proves, and what follows where it proves nothing.
func printedCopy(_ settings: FilesSettings) -> PrintedValue {
  switch settings.copy {
  case .unproved:
    return .word(
      nil,
      remark: "no copy is proved: "
        + (settings.allowLastCopy && settings.pressure != nil
          ? "nothing goes before pressure" : "nothing goes"))
  case .notRequired: return .word("off")
  case .receipts(let receipts):
    var members = [("file", yamlPath(receipts.file), receipts.file.description)]
    if let pattern = receipts.pattern { members.append(("pattern", yamlText(pattern), pattern)) }
    return PrintedValue(
      yaml: "{receipts: {" + members.map { "\($0.0): \($0.1)" }.joined(separator: ", ") + "}}",
      json: .object([("receipts", .object(members.map { ($0.0, .string($0.2)) }))]))
  case .command(let command):
    let timeout = formatDuration(command.timeout)
    return PrintedValue(
      yaml: "{command: [" + command.arguments.map(yamlText).joined(separator: ", ")
        + "], timeout: \(timeout)}",
      json: .object([
        ("command", .array(command.arguments.map(JSONValue.string))), ("timeout", .string(timeout)),
      ]))
  }
}

func printedReferences(_ references: [FilesSettings.Reference]) -> PrintedValue {
  guard !references.isEmpty else { return .word(nil, remark: "none") }
  return PrintedValue(
    yaml: "["
      + references.map {
        "{file: \(yamlPath($0.file)), fields: [\($0.fields.map(yamlText).joined(separator: ", "))]}"
      }.joined(separator: ", ") + "]",
    json: .array(
      references.map {
        .object([
          ("file", .string($0.file.description)),
          ("fields", .array($0.fields.map(JSONValue.string))),
        ])
      }))
}
