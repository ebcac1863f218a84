import Glibc
import ReapRules

/// One value as it was written, with its key and its place. It can be read as a type, and each method
/// throws what is wrong with the value where it cannot.
struct Setting: Sendable {
  /// The name that messages use: of a key, or of an option.
  var key: String
  var value: YAMLNode.Content
  /// The bytes as they were given, if they are not UTF-8; `value` has them with U+FFFD for the bad
  /// ones then. Only a path may be such a value.
  private(set) var stray: [UInt8]?
  var place: Place

  init(key: String, value: YAMLNode.Content, place: Place) {
    self.key = key
    self.value = value
    self.place = place
  }

  /// A value from the environment or the command line.
  init(key: String, untyped text: String, file: String) {
    self.init(key: key, value: .scalar(text, .untyped), place: Place(file: file, line: nil))
  }

  init(key: String, untyped given: FilePath, file: String) {
    self.init(key: key, untyped: String(decoding: given.bytes, as: UTF8.self), file: file)
    if String(validating: given.bytes, as: UTF8.self) == nil { stray = given.bytes }
  }

  func error(_ what: String, _ wanted: String) -> ConfigurationError {
    place.error("\(key) \(what)", wanted)
  }

  /// The value as it was written, for a message.
  private var written: String { YAMLNode(content: value, line: 0).summary }

  func scalar(
    _ wanted: String
  ) throws(ConfigurationError) -> (text: String, style: YAMLNode.ScalarStyle) {
    if let stray { throw error("is \(quoted(FilePath(stray))), which is not UTF-8", wanted) }
    return try anyScalar(wanted)
  }

  /// The same as `scalar`, but without an error where the bytes are not UTF-8.
  private func anyScalar(
    _ wanted: String
  ) throws(ConfigurationError) -> (text: String, style: YAMLNode.ScalarStyle) {
    guard case .scalar(let text, let style) = value else { throw error("is \(written)", wanted) }
    let isNull = style == .plain && ["null", "Null", "NULL"].contains(text)
    guard !text.isEmpty, !isNull else { throw error("has no value", wanted) }
    guard !text.utf8.contains(0) else { throw error("contains a NUL character", wanted) }
    return (text, style)
  }

  func text(_ wanted: String) throws(ConfigurationError) -> String {
    let (text, style) = try scalar(wanted)
    if style == .plain, isBoolean(text) || isNumber(text) {
      throw error(
        "is \(quoted(text)), a \(isBoolean(text) ? "boolean" : "number")",
        "\(wanted); put it in quotes if it is meant as text")
    }
    return text
  }

  func word(of known: [String]) throws(ConfigurationError) -> String {
    let (text, _) = try scalar("write one of: " + known.joined(separator: ", "))
    guard known.contains(text) else {
      throw error("is \(quoted(text)), which is unknown", knownWords(known, near: text))
    }
    return text
  }

  func bool() throws(ConfigurationError) -> Bool {
    let wanted = "write true or false"
    let (text, style) = try scalar(wanted)
    switch text {
    case "true" where style != .quoted: return true
    case "false" where style != .quoted: return false
    case "true", "false": throw error("is \(quoted(text)) in quotes, a text", wanted)
    default: throw error("is \(quoted(text))", wanted)
    }
  }

  /// A duration within `range`.
  func duration(
    _ range: ClosedRange<Nanoseconds>,
    wanted: String = "write a duration such as 250ms, 30s or 1h30m"
  ) throws(ConfigurationError) -> Nanoseconds {
    let (text, _) = try scalar(wanted)
    guard let span = parseDuration(text) else { throw error("is \(quoted(text))", wanted) }
    guard range.contains(span) else {
      let bounds = "\(formatDuration(range.lowerBound)) to \(formatDuration(range.upperBound))"
      throw error("is \(quoted(text)), which is out of range", "write a duration from \(bounds)")
    }
    return span
  }

  /// The same, or nil for `off`.
  func durationOrOff(
    _ range: ClosedRange<Nanoseconds>,
    wanted: String = "write a duration such as 250ms, 30s or 1h30m, or off"
  ) throws(ConfigurationError) -> Nanoseconds? {
    if case .scalar("off", _) = value { return nil }
    return try duration(range, wanted: wanted)
  }

  /// An absolute path, with `~` and variables expanded.
  func path(_ context: Context) throws(ConfigurationError) -> FilePath {
    let wanted = "write an absolute path"
    let (text, style) = try anyScalar(wanted)
    let given = stray.map { FilePath($0) } ?? FilePath(text)
    if style == .plain, isBoolean(text) || isNumber(text) {
      throw error("is \(quoted(text)), which is no path", wanted)
    }
    let expanded: FilePath
    do {
      expanded = try PathExpansion(environment: context.environment, user: context.user)
        .expand(given)
    } catch {
      throw self.error("is \(quoted(given)): \(error.what)", error.wanted)
    }
    guard expanded.isAbsolute else {
      let became = expanded == given ? "" : ", which becomes \(quoted(expanded))"
      throw error("is \(quoted(given))\(became): it is not absolute", "begin it with '/' or '~/'")
    }
    return try tidy(expanded)
  }

  /// A path that the shell has expanded already; it may be relative.
  func shellPath(_ context: Context) throws(ConfigurationError) -> FilePath {
    let (text, _) = try anyScalar("name a directory")
    return try tidy(try absolute(stray.map { FilePath($0) } ?? FilePath(text), context))
  }

  /// An absolute path as it is; a relative one appended to the working directory.
  func absolute(_ path: FilePath, _ context: Context) throws(ConfigurationError) -> FilePath {
    if path.isAbsolute { return path }
    guard context.user.workingDirectory.isAbsolute else {
      throw error(
        "is \(quoted(path)), but there is no working directory to begin at",
        "write an absolute path")
    }
    return context.user.workingDirectory.appending(path.bytes)
  }

  func tidy(_ path: FilePath) throws(ConfigurationError) -> FilePath {
    guard let tidied = tidyPath(path) else {
      throw error(
        "is \(quoted(path)), with a '..' in it",
        "write the path it leads to: where '..' leads depends on symbolic links")
    }
    // PATH_MAX of linux/limits.h, its NUL included.
    guard tidied.bytes.count < 4096 else { throw error("is too long", "write a shorter path") }
    return tidied
  }

  /// One user or a list of users, by name or number. A number must not be in quotes.
  func owners(_ user: UserContext) throws(ConfigurationError) -> Rule.Owners {
    let wanted = "write a user name, a numeric uid, a list of them, or any"
    let elements: [Setting]
    switch value {
    case .mapping: throw error("is \(written)", wanted)
    case .sequence(let nodes):
      elements = nodes.map {
        Setting(key: key, value: $0.content, place: Place(file: place.file, line: $0.line))
      }
    case .scalar(let text, .untyped):
      elements = text.split(separator: ",", omittingEmptySubsequences: false).map {
        Setting(key: key, untyped: String($0.trimmingSpaces), file: place.file)
      }
    case .scalar: elements = [self]
    }
    guard !elements.isEmpty else { throw error("is an empty list", wanted) }
    var users: Set<UInt32> = []
    for element in elements {
      let (text, style) = try element.scalar(wanted)
      if text == "any" {
        guard elements.count == 1 else {
          throw element.error("lists any beside others", "write any alone, or leave it out")
        }
        guard user.euid == 0 else { throw element.foreign(text, user) }
        return .anyone
      }
      let uid = try element.uid(text, style, user)
      guard user.euid == 0 || uid == user.euid else { throw element.foreign(text, user) }
      users.insert(uid)
    }
    return .users(users)
  }

  private func uid(
    _ text: String, _ style: YAMLNode.ScalarStyle, _ user: UserContext
  ) throws(ConfigurationError) -> UInt32 {
    if style != .quoted, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
      // 2^32 - 1 is "no user" to the kernel.
      guard let uid = UInt32(text), uid != .max else {
        throw error("is \(quoted(text)), which is no uid", "write one from 0 to 4294967294")
      }
      return uid
    }
    guard let uid = user.lookupUser(text) else {
      throw error(
        "is \(quoted(text)): there is no such user", "name one, or its uid without quotes")
    }
    return uid
  }

  private func foreign(_ text: String, _ user: UserContext) -> ConfigurationError {
    error(
      "is \(quoted(text)), but only root may dispose of what others own",
      "leave it out, or run reapd as root (it runs as uid \(user.euid))")
  }

  func entryName() throws(ConfigurationError) -> EntryName {
    let wanted = "write the name of a file, without '/', such as .lock"
    let text = try text(wanted)
    // NAME_MAX of linux/limits.h.
    guard let name = EntryName(text), name.bytes.count <= 255 else {
      throw error("is \(quoted(text)), which cannot be a file's name", wanted)
    }
    return name
  }

  /// - Parameter takesStem: whether `{stem}` may stand in it.
  func glob(takesStem: Bool = false) throws(ConfigurationError) -> Glob {
    let wanted = "write a pattern such as 'spill_*'"
    let text = try text(wanted)
    do { return try Glob(text, takesStem: takesStem) } catch {
      throw self.error("is \(quoted(text)): \(error.reason)", wanted)
    }
  }

  /// One pattern, or a list of them.
  func globs() throws(ConfigurationError) -> [Glob] {
    var globs: [Glob] = []
    for element in try elements() { globs.append(try element.glob()) }
    guard !globs.isEmpty else {
      throw error("is an empty list", "write names and patterns, or leave it out")
    }
    return globs
  }

  /// A POSIX extended regular expression. It is compiled once here, to find errors in it.
  func regularExpression() throws(ConfigurationError) -> String {
    let wanted = "write a POSIX extended regular expression such as '^[0-9a-f]{64}$'"
    let text = try text(wanted)
    // regcomp recurses: without a limit, enough brackets overflow the stack.
    guard text.utf8.count <= 1024 else { throw error("is longer than 1024 bytes", wanted) }
    var compiled = unsafe regex_t()
    let code = unsafe regcomp(&compiled, text, REG_EXTENDED | REG_NOSUB)
    guard code == 0 else {
      var message = [CChar](repeating: 0, count: 256)
      unsafe regerror(code, &compiled, &message, message.count)
      let reason = String(
        decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw error("is \(quoted(text)): \(reason)", wanted)
    }
    unsafe regfree(&compiled)
    return text
  }
}

/// What decoding depends on besides the text.
struct Context: Sendable {
  var environment: Environment
  var user: UserContext
}

private func isBoolean(_ text: String) -> Bool { ["true", "false"].contains(text.lowercased()) }

private func isNumber(_ text: String) -> Bool {
  guard let first = text.utf8.first(where: { !"+-.".utf8.contains($0) }) else { return false }
  // Double also reads the words nan and infinity, which are text here.
  return (0x30...0x39).contains(first) && Double(text) != nil
}

extension Substring {
  fileprivate var trimmingSpaces: Substring {
    var trimmed = drop { $0 == " " }
    while trimmed.last == " " { trimmed.removeLast() }
    return trimmed
  }
}
