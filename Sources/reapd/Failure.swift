import ArgumentParser
import Glibc
import OwnedDirectories
import ReapConfiguration
import ReapEngine

/// The exit codes that scripts rely on (after sysexits.h).
enum ExitStatus: Int32 {
  case someFailed = 1
  case usage = 64
  case badData = 65
  case rootHeld = 75
  case noPermission = 77
  case configuration = 78
}

/// Says what is wrong and ends with a code.
func fail(_ status: ExitStatus, _ message: String) -> ExitCode {
  writeError("reapd: \(message)\n")
  return ExitCode(status.rawValue)
}

func fail(_ error: ConfigurationError) -> ExitCode {
  fail(error.file == "command line" ? .usage : .configuration, "\(error)")
}

/// - Parameter fromFile: whether the root was named in a configuration file.
func fail(_ failure: RootFailure, fromFile: Bool) -> ExitCode {
  switch failure {
  case .held: fail(.rootHeld, "\(failure)")
  case .refused, .notADirectory, .ownerChanged:
    fail(fromFile ? .configuration : .usage, "\(failure)")
  case .absent: fail(.badData, "\(failure)")
  case .system(let error) where error.code == EACCES || error.code == EPERM:
    fail(.noPermission, "\(failure)")
  case .mountsUnknown, .system: fail(.someFailed, "\(failure)")
  }
}

/// Writes a text to standard error in one piece.
func writeError(_ text: String) { write(Array(text.utf8), to: STDERR_FILENO) }

/// Prints a line to standard output, whole.
func printLine(_ text: String) { printText(text + "\n") }

func printText(_ text: String) { write(Array(text.utf8), to: STDOUT_FILENO) }

private func write(_ bytes: [UInt8], to number: Int32) {
  var rest = bytes[...]
  while !rest.isEmpty {
    let size = writeOnce(rest, to: Descriptor(number: number))
    if size < 0, errno == EAGAIN { continue }
    guard size > 0 else { return }
    rest = rest.dropFirst(size)
  }
}
