import ReapRules

/// What is wrong with a configuration, where, and what would be right.
package struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Where the mistake is: the name of a file, of an environment variable, or `command line`.
  package var file: String
  /// The line in the file, counted from 1; nil for a variable and for the command line.
  package var line: Int?
  package var what: String
  /// What to do about it, as an instruction.
  package var wanted: String

  package init(file: String, line: Int? = nil, what: String, wanted: String) {
    self.file = file
    self.line = line
    self.what = what
    self.wanted = wanted
  }

  package var description: String {
    let place = displayText(Array(file.utf8)) + (line.map { ":\($0)" } ?? "")
    return "\(place): \(what); \(wanted)"
  }
}

/// Where a value was written: a line of the file, a variable, or the command line.
struct Place: Sendable {
  var file: String
  var line: Int?

  func error(_ what: String, _ wanted: String) -> ConfigurationError {
    ConfigurationError(file: file, line: line, what: what, wanted: wanted)
  }
}

/// A value for use in a message: in quotes, control characters escaped, cut after 80 characters.
func quoted(_ path: FilePath) -> String { quoted("\(path)") }

func quoted(_ text: String) -> String {
  let limit = 80
  let shown = text.count > limit ? String(text.prefix(limit)) + "…" : text
  return "'" + displayText(Array(shown.utf8)) + "'"
}
