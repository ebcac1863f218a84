/// The environment of a process: each value is text, and where it is a path, bytes.
package struct Environment: Sendable {
  private var values: [String: FilePath]

  package init(_ values: [String: FilePath] = [:]) { self.values = values }

  /// The value as text; what is no UTF-8 in it is mended, so that it is good for words only.
  package subscript(name: String) -> String? {
    values[name].map { String(decoding: $0.bytes, as: UTF8.self) }
  }

  package mutating func set(_ name: String, to value: FilePath) { values[name] = value }

  package func path(_ name: String) -> FilePath? { values[name] }

  /// All of it, by name.
  package var sorted: [(name: String, value: FilePath)] {
    values.map { (name: $0.key, value: $0.value) }.sorted { $0.name < $1.name }
  }
}

extension Environment: ExpressibleByDictionaryLiteral {
  package init(dictionaryLiteral elements: (String, String)...) {
    self.init(Dictionary(elements.map { ($0, FilePath($1)) }) { $1 })
  }
}
