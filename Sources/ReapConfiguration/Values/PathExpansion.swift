import ReapRules

/// Expands `~`, `~user`, `$VAR`, `${VAR}`, `${VAR:-default}` and `${VAR-default}` in paths; `$$` is a
/// dollar sign.
///
/// An unset variable is an error, and so is an empty one: `$DATA/spill` must not become `/spill`.
struct PathExpansion {
  /// Why a path cannot be expanded.
  struct Failure: Error {
    var what: String
    var wanted: String
  }

  let environment: Environment
  let user: UserContext

  func expand(_ path: FilePath) throws(Failure) -> FilePath {
    FilePath(try expand(path.bytes[...], atStart: true))
  }

  /// The home directory of whoever runs reapd; `$HOME` first, as shells do.
  var home: FilePath? {
    if let home = environment.path("HOME"), !home.bytes.isEmpty { return home }
    return user.home.bytes.isEmpty ? nil : user.home
  }

  private typealias Text = ArraySlice<UInt8>

  private func expand(_ text: Text, atStart: Bool) throws(Failure) -> [UInt8] {
    var rest = text
    var result: [UInt8] = []
    if atStart, rest.first == UInt8(ascii: "~") { result += try takeHome(&rest) }
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "$") else {
        result.append(byte)
        continue
      }
      switch rest.first {
      case UInt8(ascii: "$"):
        rest.removeFirst()
        result.append(byte)
      case UInt8(ascii: "{"):
        rest.removeFirst()
        result += try takeBraces(&rest, atStart: atStart && result.isEmpty)
      default:
        let name = takeName(&rest)
        guard !name.isEmpty else {
          throw Failure(
            what: "a '$' without the name of a variable", wanted: "write '$$' for a dollar sign")
        }
        result += try value(of: name)
      }
    }
    return result
  }

  private func takeHome(_ rest: inout Text) throws(Failure) -> [UInt8] {
    rest.removeFirst()
    let name = string(rest.prefix { $0 != UInt8(ascii: "/") })
    rest = rest.drop { $0 != UInt8(ascii: "/") }
    if name.isEmpty {
      guard let home else {
        throw Failure(what: "'~' has no meaning without a home directory", wanted: "set HOME")
      }
      return home.bytes
    }
    guard let home = user.lookupHome(name), !home.bytes.isEmpty else {
      throw Failure(
        what: "there is no user \(quoted(name)) with a home directory",
        wanted: "write the path out")
    }
    return home.bytes
  }

  /// Takes what follows `${`, the matching `}` included, and gives its value.
  private func takeBraces(_ rest: inout Text, atStart: Bool) throws(Failure) -> [UInt8] {
    let name = takeName(&rest)
    var depth = 1
    let inside = rest.prefix { byte in
      if byte == UInt8(ascii: "{") { depth += 1 } else if byte == UInt8(ascii: "}") { depth -= 1 }
      return depth > 0
    }
    guard depth == 0, !name.isEmpty else {
      throw Failure(
        what: "'${' is not followed by a name and '}'",
        wanted: "write ${NAME} or ${NAME:-default}")
    }
    rest = rest[inside.endIndex...].dropFirst()
    if inside.isEmpty { return try value(of: name) }
    if inside.first == UInt8(ascii: "-") {
      guard let value = environment.path(name) else {
        return try expand(inside.dropFirst(), atStart: atStart)
      }
      guard !value.bytes.isEmpty else {
        throw Failure(what: "\(name) is set, but empty", wanted: "unset it")
      }
      return value.bytes
    }
    guard inside.starts(with: ":-".utf8) else {
      throw Failure(
        what: "\(quoted("${\(name)" + string(inside) + "}")) is not understood",
        wanted: "write ${NAME} or ${NAME:-default}")
    }
    if let value = environment.path(name), !value.bytes.isEmpty { return value.bytes }
    return try expand(inside.dropFirst(2), atStart: atStart)
  }

  private func takeName(_ rest: inout Text) -> String {
    func isLetter(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
      default: byte == UInt8(ascii: "_")
      }
    }
    guard let first = rest.first, isLetter(first) else { return "" }
    let name = rest.prefix { isLetter($0) || (0x30...0x39).contains($0) }
    rest = rest[name.endIndex...]
    return string(name)
  }

  private func value(of name: String) throws(Failure) -> [UInt8] {
    guard let value = environment.path(name), !value.bytes.isEmpty else {
      throw Failure(
        what: "the variable \(name) is \(environment[name] == nil ? "not set" : "empty")",
        wanted: "set it, or write ${\(name):-default}")
    }
    return value.bytes
  }

  /// Bytes as text, for names of variables and for messages.
  private func string(_ bytes: Text) -> String { String(decoding: bytes, as: UTF8.self) }
}

/// An absolute path without `.`, doubled slashes and trailing slashes: they do not change what it
/// means. Nil for a path with `..`, which only the file system can resolve.
func tidyPath(_ path: FilePath) -> FilePath? {
  let components = path.bytes.split(separator: UInt8(ascii: "/")).filter {
    !$0.elementsEqual(".".utf8)
  }
  guard !components.contains(where: { $0.elementsEqual("..".utf8) }) else { return nil }
  return FilePath([UInt8(ascii: "/")] + components.joined(separator: [UInt8(ascii: "/")]))
}
