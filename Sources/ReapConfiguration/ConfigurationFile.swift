import Glibc
package import ReapRules

// Finding and reading the file.

extension Configuration {
  /// Reads the named file, or else the first of `searchPaths` that exists.
  ///
  /// - Parameter rootProblem: as for `parse`.
  /// - Returns: nil where no file was named and none was found.
  package static func load(
    path: FilePath?, environment: Environment, user: UserContext,
    rootProblem: RootCheck = { _ in nil }
  ) throws(ConfigurationError) -> Configuration? {
    let candidates = path.map { [$0] } ?? searchPaths(environment: environment, user: user)
    for candidate in candidates {
      guard let text = try read(candidate, optional: path == nil) else { continue }
      var configuration = try parse(
        text: text, file: "\(candidate)", environment: environment, user: user,
        rootProblem: rootProblem)
      configuration.source = candidate
      return configuration
    }
    return nil
  }

  /// `$XDG_CONFIG_HOME/reapd/reapd.yaml` (`~/.config`), then `/etc/reapd/reapd.yaml`.
  package static func searchPaths(
    environment: Environment, user: UserContext
  ) -> [FilePath] {
    var paths: [FilePath] = []
    if let directory = environment.path("XDG_CONFIG_HOME"), !directory.bytes.isEmpty {
      paths.append(directory.appending("reapd/reapd.yaml"))
    } else if let home = PathExpansion(environment: environment, user: user).home {
      paths.append(home.appending(".config/reapd/reapd.yaml"))
    }
    return paths + ["/etc/reapd/reapd.yaml"]
  }

  /// Reads a file; nil where an optional file does not exist. A file that exists and cannot be read
  /// is an error, so that no other file quietly takes its place.
  private static func read(
    _ path: FilePath, optional: Bool
  ) throws(ConfigurationError) -> [UInt8]? {
    let descriptor = unsafe (path.bytes + [0]).withUnsafeBytes {
      unsafe open($0.assumingMemoryBound(to: CChar.self).baseAddress!, O_RDONLY | O_CLOEXEC)
    }
    guard descriptor >= 0 else {
      let code = errno
      if optional, code == ENOENT || code == ENOTDIR { return nil }
      throw unreadable(path, code)
    }
    defer { close(descriptor) }
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    // One byte over the limit is enough to be refused for it.
    while text.count <= YAMLDocument.sizeLimit {
      let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
      if count == 0 { break }
      if count < 0 {
        if errno == EINTR { continue }
        throw unreadable(path, errno)
      }
      text += buffer[..<count]
    }
    return text
  }

  private static func unreadable(_ path: FilePath, _ code: CInt) -> ConfigurationError {
    ConfigurationError(
      file: "\(path)", what: unsafe "it cannot be read: \(String(cString: strerror(code)))",
      wanted: "check the path and its permissions")
  }
}
