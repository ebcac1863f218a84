import CYAML

/// Reads the one document of a file into nodes, strictly.
///
/// Everything of YAML but scalars, lists and mappings is refused (anchors, tags, several documents):
/// in a file that decides about deletion, what is written should be what is meant.
struct YAMLDocument {
  /// Largest size of a file, in bytes. A configuration has some kilobytes; more is a wrong file, or an
  /// attack on memory.
  static let sizeLimit = 1 << 20
  /// How deep nodes may be nested. A configuration of reapd needs four levels.
  static let depthLimit = 32

  private let file: String

  /// The document's root; nil for a file without any.
  static func parse(_ text: [UInt8], file: String) throws(ConfigurationError) -> YAMLNode? {
    guard text.count <= sizeLimit else {
      throw ConfigurationError(
        file: file, what: "the file is larger than 1 MiB", wanted: "name a configuration of reapd")
    }
    if let offset = firstInvalidUTF8(text) {
      let line = 1 + text[..<offset].count { $0 == UInt8(ascii: "\n") }
      throw ConfigurationError(
        file: file, line: line, what: "this line is not valid UTF-8", wanted: "save it as UTF-8")
    }
    return try YAMLDocument(file: file).read(text)
  }

  private func error(_ line: Int, _ what: String, _ wanted: String) -> ConfigurationError {
    ConfigurationError(file: file, line: line, what: what, wanted: wanted)
  }

  private func read(_ text: [UInt8]) throws(ConfigurationError) -> YAMLNode? {
    var parser = unsafe yaml_parser_t()
    guard unsafe yaml_parser_initialize(&parser) == 1 else { throw outOfMemory }
    defer { unsafe yaml_parser_delete(&parser) }
    unsafe yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)

    // libyaml keeps the pointer until the last event.
    let input = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(text.count, 1))
    defer { unsafe input.deallocate() }
    _ = unsafe input.initialize(from: text)
    unsafe yaml_parser_set_input_string(&parser, input.baseAddress, text.count)

    var tree = YAMLTree(file: file)
    while true {
      var event = unsafe yaml_event_t()
      guard unsafe yaml_parser_parse(&parser, &event) == 1 else {
        if unsafe parser.error == YAML_MEMORY_ERROR { throw outOfMemory }
        let problem = unsafe YAMLProblem(parser, text: text)
        throw error(problem.line, problem.what, problem.wanted)
      }
      defer { unsafe yaml_event_delete(&event) }
      if unsafe event.type == YAML_STREAM_END_EVENT { return tree.root }
      try unsafe tree.add(event)
    }
  }

  private var outOfMemory: ConfigurationError {
    ConfigurationError(file: file, what: "out of memory while reading it", wanted: "try again")
  }
}

/// The offset of the first byte that does not continue valid UTF-8.
private func firstInvalidUTF8(_ text: [UInt8]) -> Int? {
  guard String(validating: text, as: UTF8.self) == nil else { return nil }
  // Prefixes are valid up to the wrong character: each line is short, so look line by line.
  var start = 0
  for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
    if String(validating: line, as: UTF8.self) == nil { return start }
    start += line.count + 1
  }
  return 0
}
