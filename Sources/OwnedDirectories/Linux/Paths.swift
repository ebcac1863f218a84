import Glibc

// Absolute paths: resolving them, and the files of reapd's own that are named by one.

/// The path with every link resolved; nil where it does not lead anywhere.
package func resolvePath(_ path: String) -> String? {
  guard let resolved = unsafe realpath(path, nil) else { return nil }
  defer { unsafe free(resolved) }
  return unsafe String(cString: resolved)
}

/// Every home directory that the password file and the environment name, as it is written there.
package func homeDirectories() -> [String] {
  var homes: [String] = []
  setpwent()
  while let entry = unsafe getpwent() {
    if let home = unsafe entry.pointee.pw_dir { unsafe homes.append(String(cString: home)) }
  }
  endpwent()
  if let home = unsafe getenv("HOME") { unsafe homes.append(String(cString: home)) }
  return homes
}

/// Opens a file for reading by its path, following links: for files of the system's.
package func openForReading(_ path: String) throws(SystemError) -> Descriptor {
  let number = retrying { unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC) }
  guard number >= 0 else { throw SystemError("open", path) }
  return Descriptor(number: number)
}

/// Opens a file for appending, made with its directories where missing. Never through a link that
/// somebody planted, and never waiting on a FIFO.
package func openForAppending(_ path: String) throws(SystemError) -> Descriptor {
  var parent = ""
  for component in path.split(separator: "/").dropLast() {
    parent += "/" + component
    if unsafe mkdir(parent, 0o755) != 0, errno != EEXIST, errno != EISDIR {
      throw SystemError("mkdir", parent)
    }
  }
  let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
  let number = retrying { unsafe Glibc.open(path, flags, 0o640) }
  guard number >= 0 else { throw SystemError("open", path) }
  return Descriptor(number: number)
}

/// One write(2): how many bytes went, or -1 with errno.
package func writeOnce(_ bytes: some Collection<UInt8>, to file: Descriptor) -> Int {
  let bytes = ContiguousArray(bytes)
  return unsafe bytes.withUnsafeBytes { buffer in
    retrying { unsafe write(file.number, buffer.baseAddress!, buffer.count) }
  }
}

/// Whether a file of /proc that supports it says that it changed (POLLPRI), without waiting.
package func hasChanged(_ file: Descriptor) -> Bool {
  var polled = pollfd(fd: file.number, events: Int16(POLLPRI), revents: 0)
  return unsafe poll(&polled, 1, 0) != 0
}
