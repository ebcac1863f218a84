import CYAML

/// A syntax error that libyaml found, in words for the person who wrote the file.
struct YAMLProblem {
  let line: Int
  let what: String
  let wanted: String

  init(_ parser: yaml_parser_t, text: [UInt8]) {
    let problem = unsafe parser.problem.map { unsafe String(cString: $0) } ?? "this is not YAML"
    if unsafe parser.error == YAML_READER_ERROR {
      // The reader knows no line, only how many bytes it had passed.
      let passed = unsafe text.prefix(Int(clamping: parser.problem_offset))
      line = 1 + passed.count { $0 == UInt8(ascii: "\n") }
      what = "a control character (\(problem))"
      wanted = "remove it, or escape it in double quotes as in \"\\x07\""
      return
    }
    let mark = unsafe parser.problem_mark
    line = Int(mark.line) + 1
    let source = Self.line(Int(mark.line), of: text)
    if Self.isTab(source, at: Int(mark.column)) {
      what = "a tab in the indentation"
      wanted = "indent with spaces"
      return
    }
    let context = unsafe parser.context.map { unsafe " " + String(cString: $0) } ?? ""
    (what, wanted) =
      Self.plainWords[problem] ?? ("\(problem)\(context)", "correct the YAML around this line")
  }

  private static func line(_ index: Int, of text: [UInt8]) -> ArraySlice<UInt8> {
    let lines = text.split(
      separator: UInt8(ascii: "\n"), maxSplits: index + 1, omittingEmptySubsequences: false)
    return index < lines.count ? lines[index] : []
  }

  /// Whether libyaml stopped at a tab in the indentation, or behind one.
  private static func isTab(_ line: ArraySlice<UInt8>, at column: Int) -> Bool {
    let tab = UInt8(ascii: "\t")
    let indentation = line.prefix { $0 == UInt8(ascii: " ") || $0 == tab }
    let position = line.startIndex + column
    return indentation.contains(tab) || (position < line.endIndex && line[position] == tab)
  }

  private static let indentation = (
    "the indentation does not fit the lines above",
    "put the keys of a mapping in one column, and so the '- ' of a list"
  )

  /// Plain words for libyaml's texts (scanner.c and parser.c of 0.2.5). A text that is not here is
  /// passed on as it is.
  private static let plainWords: [String: (String, String)] = [
    "mapping values are not allowed in this context": (
      "a ':' that begins a value where none may begin",
      "check the indentation of this line and the one above, or quote text that holds ': '"
    ),
    "could not find expected ':'": ("a key without ':'", "write 'key: value'"),
    "did not find expected key": indentation,
    "did not find expected '-' indicator": indentation,
    "block sequence entries are not allowed in this context": (
      "a '- ' where no list may begin", "begin the list on a line of its own"
    ),
    "did not find expected ',' or ']'": (
      "a list that was begun with '[' is not closed", "separate with ',' and close with ']'"
    ),
    "did not find expected ',' or '}'": (
      "a mapping that was begun with '{' is not closed", "separate with ',' and close with '}'"
    ),
    "did not find expected node content": (
      "a value is missing, or a '[' or '{' is not closed", "complete it"
    ),
    "found unexpected end of stream": ("a quote is not closed", "close it"),
    "found character that cannot start any token": (
      "a value begins with a character that has a meaning in YAML", "put the value in quotes"
    ),
    "found unknown escape character": (
      "an unknown escape in double quotes", "write '\\\\' for a backslash, or use single quotes"
    ),
    "did not find expected <document start>": (
      "something follows after the end of the document", "check the indentation of this line"
    ),
    "did not find expected alphabetic or numeric character": (
      "a value begins with '*' or '&', which have a meaning in YAML", "put the value in quotes"
    ),
  ]
}
