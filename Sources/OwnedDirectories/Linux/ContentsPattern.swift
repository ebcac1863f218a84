import Glibc
package import ReapRules

/// A compiled POSIX extended regular expression over file names, as bytes. glibc's matcher may be
/// used from several threads on one compiled pattern.
@safe package final class ContentsPattern: @unchecked Sendable {
  private var compiled = unsafe regex_t()

  /// Nil where the expression does not compile; the configuration has checked that it does.
  package init?(_ expression: String) {
    guard unsafe regcomp(&compiled, expression, REG_EXTENDED | REG_NOSUB) == 0 else { return nil }
  }

  deinit { unsafe regfree(&compiled) }

  package func matches(_ name: EntryName) -> Bool {
    let text = name.bytes.map { CChar(bitPattern: $0) } + [0]
    return unsafe regexec(&compiled, text, 0, nil, 0) == 0
  }
}
