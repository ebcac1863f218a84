/// One value of a YAML document and the line it begins on.
struct YAMLNode: Sendable {
  enum Content: Sendable {
    case scalar(String, ScalarStyle)
    case sequence([YAMLNode])
    case mapping([Member])
  }

  enum ScalarStyle: Sendable {
    /// Without quotes: may be a boolean or a number.
    case plain
    /// Quoted, or a block: always text.
    case quoted
    /// From the environment or the command line, where quotes cannot tell: it may be of any type.
    case untyped
  }

  struct Member: Sendable {
    var key: String
    /// The line on which the key stands.
    var line: Int
    var value: YAMLNode
  }

  var content: Content
  var line: Int

  /// The content for a message: its kind, or the scalar as it was written.
  var summary: String {
    switch content {
    case .scalar(let text, _): quoted(text)
    case .sequence: "a list"
    case .mapping: "a mapping"
    }
  }
}
