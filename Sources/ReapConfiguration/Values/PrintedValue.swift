import ReapRules

/// A value that holds, once for YAML and once for JSON.
struct PrintedValue {
  /// Nil where the default cannot be written as a value: then the remark tells it.
  let yaml: String?
  let remark: String
  let json: JSONValue
  /// Put behind the key's name in JSON: there a path that is no UTF-8 has another name.
  let jsonSuffix: String

  init(yaml: String?, remark: String = "", json: JSONValue, jsonSuffix: String = "") {
    self.yaml = yaml
    self.remark = remark
    self.json = json
    self.jsonSuffix = jsonSuffix
  }

  static func text(_ value: String?, remark: String = "") -> PrintedValue {
    PrintedValue(
      yaml: value.map(yamlText), remark: remark, json: value.map(JSONValue.string) ?? .null)
  }

  static func text(_ name: EntryName?, remark: String = "") -> PrintedValue {
    // Names that come from a configuration are UTF-8.
    text(name.map { String(decoding: $0.bytes, as: UTF8.self) }, remark: remark)
  }

  /// A value that YAML reads rightly without quotes.
  static func word(_ value: String?, remark: String = "") -> PrintedValue {
    PrintedValue(yaml: value, remark: remark, json: value.map(JSONValue.string) ?? .null)
  }

  static func flag(_ value: Bool) -> PrintedValue {
    PrintedValue(yaml: "\(value)", json: .bool(value))
  }

  static func path(_ path: FilePath) -> PrintedValue {
    let (suffix, json) = JSONValue.pathMember(path.bytes, named: "")
    return PrintedValue(yaml: yamlPath(path), json: json, jsonSuffix: suffix)
  }
}

func printedNames(_ names: [EntryName]) -> PrintedValue {
  guard !names.isEmpty else { return .word(nil, remark: "none") }
  let texts = names.map { String(decoding: $0.bytes, as: UTF8.self) }
  return PrintedValue(
    yaml: "[" + texts.map(yamlText).joined(separator: ", ") + "]",
    json: .array(texts.map(JSONValue.string)))
}

extension FreeSpace {
  func text(_ amountText: (Int64) -> String) -> String {
    switch self {
    case .amount(let amount): amountText(amount)
    case .share(let share): Self.formatShare(share)
    }
  }
}

/// A key with the value that holds.
struct PrintedKey {
  let name: String
  let value: PrintedValue

  var yaml: String { value.yaml.map { "\(name): \($0)" } ?? "# \(name): \(value.remark)" }
  var json: (String, JSONValue) { (name + value.jsonSuffix, value.json) }
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
