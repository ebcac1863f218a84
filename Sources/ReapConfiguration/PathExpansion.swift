import ReapRules

/// Expands `~`, `~user`, `$VAR`, `${VAR}` and `${VAR:-default}` in paths; `$$` is a dollar sign.
///
/// An unset variable is an error, and so is an empty one: `$DATA/spill` must not become `/spill`.
struct PathExpansion {
  /// Why a path cannot be expanded.
  struct Failure: Error {
    var what: String
    var wanted: String
  }

  let environment: [String: String]
  let user: UserContext

  func expand(_ text: String) throws(Failure) -> String {
    try expand(Array(text.unicodeScalars)[...], atStart: true)
  }

  /// The home directory of whoever runs reapd; `$HOME` first, as shells do.
  var home: String? {
    if let home = environment["HOME"], !home.isEmpty { return home }
    return user.home.isEmpty ? nil : user.home
  }

  private typealias Text = ArraySlice<Unicode.Scalar>

  private func expand(_ text: Text, atStart: Bool) throws(Failure) -> String {
    var rest = text
    var result = ""
    if atStart, rest.first == "~" { result += try takeHome(&rest) }
    while let scalar = rest.popFirst() {
      guard scalar == "$" else {
        result.unicodeScalars.append(scalar)
        continue
      }
      switch rest.first {
      case "$":
        rest.removeFirst()
        result += "$"
      case "{":
        rest.removeFirst()
        result += try takeBraces(&rest, atStart: atStart && result.isEmpty)
      default:
        let name = String(takeName(&rest))
        guard !name.isEmpty else {
          throw Failure(
            what: "a '$' without the name of a variable", wanted: "write '$$' for a dollar sign")
        }
        result += try value(of: name)
      }
    }
    return result
  }

  private func takeHome(_ rest: inout Text) throws(Failure) -> String {
    rest.removeFirst()
    let name = string(rest.prefix { $0 != "/" })
    rest = rest.drop { $0 != "/" }
    if name.isEmpty {
      guard let home else {
        throw Failure(what: "'~' has no meaning without a home directory", wanted: "set HOME")
      }
      return home
    }
    guard let home = user.lookupHome(name), !home.isEmpty else {
      throw Failure(
        what: "there is no user \(quoted(name)) with a home directory",
        wanted: "write the path out")
    }
    return home
  }

  /// What follows `${`, up to and with the `}` that belongs to it.
  private func takeBraces(_ rest: inout Text, atStart: Bool) throws(Failure) -> String {
    let name = takeName(&rest)
    var depth = 1
    let inside = rest.prefix { scalar in
      if scalar == "{" { depth += 1 } else if scalar == "}" { depth -= 1 }
      return depth > 0
    }
    guard depth == 0, !name.isEmpty else {
      throw Failure(
        what: "'${' is not followed by a name and '}'",
        wanted: "write ${NAME} or ${NAME:-default}")
    }
    rest = rest[inside.endIndex...].dropFirst()
    if inside.isEmpty { return try value(of: name) }
    guard inside.starts(with: ":-".unicodeScalars) else {
      throw Failure(
        what: "\(quoted("${\(name)" + string(inside) + "}")) is not understood",
        wanted: "write ${NAME} or ${NAME:-default}")
    }
    if let value = environment[name], !value.isEmpty { return value }
    return try expand(inside.dropFirst(2), atStart: atStart)
  }

  private func takeName(_ rest: inout Text) -> String {
    func isLetter(_ scalar: Unicode.Scalar) -> Bool {
      scalar == "_" || ("A"..."Z").contains(scalar) || ("a"..."z").contains(scalar)
    }
    guard let first = rest.first, isLetter(first) else { return "" }
    let name = rest.prefix { isLetter($0) || ("0"..."9").contains($0) }
    rest = rest[name.endIndex...]
    return string(name)
  }

  private func value(of name: String) throws(Failure) -> String {
    guard let value = environment[name], !value.isEmpty else {
      throw Failure(
        what: "the variable \(name) is \(environment[name] == nil ? "not set" : "empty")",
        wanted: "set it, or write ${\(name):-default}")
    }
    return value
  }

  private func string(_ scalars: Text) -> String {
    var text = ""
    text.unicodeScalars.append(contentsOf: scalars)
    return text
  }
}

/// An absolute path with `.`, doubled and trailing slashes dropped, none of which changes what it
/// means; nil where a `..` stands in it, which only the file system can resolve.
func tidyPath(_ path: String) -> String? {
  let components = path.split(separator: "/").filter { $0 != "." }
  return components.contains("..") ? nil : "/" + components.joined(separator: "/")
}
