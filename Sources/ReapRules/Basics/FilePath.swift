/// A path as the kernel knows it: bytes, in whatever encoding a person, the environment or another
/// program gave them. Text is made of it to be shown, and never taken back for a path.
package struct FilePath: Hashable, Sendable {
  package let bytes: [UInt8]

  package init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

  package init(_ text: String) { bytes = Array(text.utf8) }

  /// Nil where it is no UTF-8: for what takes text only, and refuses it then.
  package var text: String? { String(validating: bytes, as: UTF8.self) }

  package var isAbsolute: Bool { bytes.first == UInt8(ascii: "/") }

  /// What follows the last slash.
  package var lastComponent: [UInt8] {
    bytes.lastIndex(of: UInt8(ascii: "/")).map { Array(bytes[($0 + 1)...]) } ?? bytes
  }

  /// The directory that holds it; nil for `/`, and for a name alone.
  package var parent: FilePath? {
    guard bytes.count > 1, let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return nil }
    return slash == 0 ? "/" : FilePath(bytes[..<slash])
  }

  /// The path of what lies in this directory; itself where that is empty.
  package func appending(_ below: some Collection<UInt8>) -> FilePath {
    if below.isEmpty { return self }
    return FilePath(bytes.last == UInt8(ascii: "/") ? bytes + below : bytes + [0x2F] + below)
  }

  package func appending(_ below: String) -> FilePath { appending(below.utf8) }

  /// Whether it is that directory or lies in it, as far as the two paths tell.
  package func isWithin(_ directory: FilePath) -> Bool {
    self == directory || isBelow(bytes, directory.bytes)
  }
}

extension FilePath: CustomStringConvertible {
  package var description: String { displayText(bytes) }
}

extension FilePath: ExpressibleByStringInterpolation {
  package init(stringLiteral text: String) { self.init(text) }
}
