import ArgumentParser
import Glibc
import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

/// The exit codes that scripts rely on (after sysexits.h).
enum ExitStatus: Int32 {
  case someFailed = 1
  case usage = 64
  case badData = 65
  case systemLacks = 71
  case rootHeld = 75
  case noPermission = 77
  case configuration = 78
}

/// Says what is wrong and ends with a code.
func fail(_ status: ExitStatus, _ message: String) -> ExitCode {
  complain(message)
  return ExitCode(status.rawValue)
}

func fail(_ error: ConfigurationError) -> ExitCode {
  fail(error.file == "command line" ? .usage : .configuration, "\(error)")
}

/// Says why a root cannot be watched, and ends with the code for that.
///
/// - Parameters:
///   - failure: what is wrong with the root.
///   - fromFile: whether the root was named in a configuration file.
func fail(_ failure: RootFailure, fromFile: Bool) -> ExitCode {
  switch failure {
  case .held: fail(.rootHeld, "\(failure)")
  case .refused, .notADirectory, .ownerChanged:
    fail(fromFile ? .configuration : .usage, "\(failure)")
  case .absent: fail(.badData, "\(failure)")
  case .system(let error) where error.code == EACCES || error.code == EPERM:
    fail(.noPermission, "\(failure)")
  case .mountsUnknown: fail(.systemLacks, "\(failure)")
  case .system: fail(.someFailed, "\(failure)")
  }
}

/// Says what is wrong, in one line.
func complain(_ message: String) { writeError("reapd: " + displayText(message)) }

/// Writes lines to standard error without ever waiting for who reads them.
func writeError(_ text: String) { errors.append(Array((displayLines(text) + "\n").utf8)) }

/// Standard error may be a full pipe or a stopped terminal. It is shared with other programs, so it
/// is not made non-blocking: a thread waits instead, and lines with it.
let errors = LineWriter(
  named: "stderr", limit: 1 << 20,
  notice: {
    let were = $0 == 1 ? "was" : "were"
    return Array(
      "reapd: \(counted($0, "line")) \(were) dropped: standard error took no more\n".utf8)
  },
  write: { writeToStream($0, Descriptor(number: STDERR_FILENO)) ? .written : .lost })

/// How long the end of the program waits for somebody to read what it has to say.
let patience = 2 * nanosecondsPerSecond

/// Prints a line to standard output, whole.
func printLine(_ text: String) { printText(text + "\n") }

/// Nothing that a name or another program's words hold does anything to a terminal.
func printText(_ text: String) {
  _ = writeToStream(Array(displayLines(text).utf8), Descriptor(number: STDOUT_FILENO))
}
