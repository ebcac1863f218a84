import CYAML

/// Builds nodes from libyaml's events, with a stack of its own: nesting costs heap, not calls.
struct YAMLTree {
  private(set) var root: YAMLNode?

  private struct Open {
    var line: Int
    var members: [YAMLNode.Member] = []
    var keys: Set<String> = []
    var elements: [YAMLNode] = []
    var isMapping: Bool
    /// The key whose value comes next.
    var pending: (key: String, line: Int)?
  }

  private let file: String
  private var stack: [Open] = []
  private var documents = 0

  init(file: String) { self.file = file }

  private func error(_ line: Int, _ what: String, _ wanted: String) -> ConfigurationError {
    ConfigurationError(file: file, line: line, what: what, wanted: wanted)
  }

  mutating func add(_ event: yaml_event_t) throws(ConfigurationError) {
    let line = unsafe Int(event.start_mark.line) + 1
    switch unsafe event.type {
    case YAML_DOCUMENT_START_EVENT:
      documents += 1
      guard documents == 1 else {
        throw error(line, "a second document begins here", "keep one document, without '---'")
      }
    case YAML_ALIAS_EVENT:
      throw error(line, "aliases (*name) are not supported", "write the value out")
    case YAML_SCALAR_EVENT:
      let scalar = unsafe event.data.scalar
      let plain = unsafe scalar.style == YAML_PLAIN_SCALAR_STYLE
      try unsafe refuseProperties(anchor: scalar.anchor, tag: scalar.tag, line)
      let text = unsafe String(
        decoding: UnsafeBufferPointer(start: scalar.value, count: Int(scalar.length)),
        as: UTF8.self)
      try place(YAMLNode(content: .scalar(text, plain ? .plain : .quoted), line: line))
    case YAML_SEQUENCE_START_EVENT:
      let sequence = unsafe event.data.sequence_start
      try unsafe refuseProperties(anchor: sequence.anchor, tag: sequence.tag, line)
      try open(line, isMapping: false)
    case YAML_MAPPING_START_EVENT:
      let mapping = unsafe event.data.mapping_start
      try unsafe refuseProperties(anchor: mapping.anchor, tag: mapping.tag, line)
      try open(line, isMapping: true)
    case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
      guard let closed = stack.popLast() else { return }
      try place(
        YAMLNode(
          content: closed.isMapping ? .mapping(closed.members) : .sequence(closed.elements),
          line: closed.line))
    default: break
    }
  }

  private func refuseProperties(
    anchor: UnsafeMutablePointer<yaml_char_t>?, tag: UnsafeMutablePointer<yaml_char_t>?,
    _ line: Int
  ) throws(ConfigurationError) {
    if unsafe anchor != nil {
      throw error(line, "anchors (&name) are not supported", "write the value out")
    }
    if unsafe tag != nil {
      throw error(line, "tags (!name) are not supported", "write the plain value")
    }
  }

  private mutating func open(_ line: Int, isMapping: Bool) throws(ConfigurationError) {
    guard stack.count < YAMLDocument.depthLimit else {
      throw error(line, "this is nested too deeply", "see the documentation for the keys there are")
    }
    if let top = stack.last, top.isMapping, top.pending == nil {
      throw error(
        line, "a \(isMapping ? "mapping" : "list") stands where a key is expected",
        "begin with a plain key, as in 'kind: spill'; quote text that begins with '[' or '{'")
    }
    stack.append(Open(line: line, isMapping: isMapping))
  }

  private mutating func place(_ node: YAMLNode) throws(ConfigurationError) {
    guard var top = stack.popLast() else {
      root = node
      return
    }
    defer { stack.append(top) }
    guard top.isMapping else {
      top.elements.append(node)
      return
    }
    if let pending = top.pending {
      top.members.append(.init(key: pending.key, line: pending.line, value: node))
      top.pending = nil
      return
    }
    guard case .scalar(let key, _) = node.content else { return }  // refused when it was opened
    guard top.keys.insert(key).inserted else {
      let first = top.members.first { $0.key == key }?.line ?? node.line
      throw error(
        node.line, "the key \(quoted(key)) is there twice, first in line \(first)", "remove one")
    }
    top.pending = (key, node.line)
  }
}
