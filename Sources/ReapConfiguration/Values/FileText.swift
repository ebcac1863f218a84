import Glibc
import ReapRules

/// Reads a file; nil where an optional file does not exist. A file that exists and cannot be read
/// is an error, so that no other file quietly takes its place. `-` is standard input.
func readFile(
  _ path: FilePath, isOptional: Bool
) throws(ConfigurationError) -> [UInt8]? {
  let descriptor =
    path == "-"
    ? dup(STDIN_FILENO)
    : unsafe (path.bytes + [0]).withUnsafeBytes {
      unsafe open($0.assumingMemoryBound(to: CChar.self).baseAddress!, O_RDONLY | O_CLOEXEC)
    }
  guard descriptor >= 0 else {
    let code = errno
    if isOptional, code == ENOENT || code == ENOTDIR { return nil }
    throw unreadable(path, code)
  }
  defer { close(descriptor) }
  var text: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  // One byte over the limit is enough to be refused for it.
  while text.count <= YAMLDocument.sizeLimit {
    let count = unsafe read(descriptor, &buffer, buffer.count)
    if count == 0 { break }
    if count < 0 {
      if errno == EINTR { continue }
      throw unreadable(path, errno)
    }
    text += buffer[..<count]
  }
  return text
}

private func unreadable(_ path: FilePath, _ code: CInt) -> ConfigurationError {
  ConfigurationError(
    file: "\(path)", what: unsafe "it cannot be read: \(String(cString: strerror(code)))",
    wanted: "check the path and its permissions")
}
