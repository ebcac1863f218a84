import Glibc
package import ReapRules

// Absolute paths: resolving them, and the files of reapd's own that are named by one.

extension FilePath {
  package init(cString text: UnsafePointer<CChar>) {
    unsafe self.init(UnsafeRawBufferPointer(start: text, count: strlen(text)))
  }
}

/// The path with every link resolved; nil where it does not lead anywhere, or by a link that another
/// user has put there.
package func resolvePath(_ path: FilePath) -> FilePath? {
  guard case .found(let resolved) = resolve(path) else { return nil }
  return resolved
}

/// What a path leads to at its end. By readlink(2) and nothing else: a status of a directory may be
/// asked of a FUSE server that does not answer.
package func look(at path: FilePath) -> PathWay.Found {
  var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
  let length = unsafe withCPath(path.bytes) { path in
    unsafe target.withUnsafeMutableBytes { unsafe readlink(path, $0.baseAddress!, $0.count) }
  }
  if length > 0 { return .link(Array(target[..<length])) }
  // EINVAL: it is there and no link; what is no directory fails at the next step.
  return errno == EINVAL ? .directory : .nothing
}

/// Every home directory that the password file and the environment name, as it is written there.
package func homeDirectories() -> [FilePath] {
  var homes: [FilePath] = []
  setpwent()
  while let entry = unsafe getpwent() {
    if let home = unsafe entry.pointee.pw_dir { unsafe homes.append(FilePath(cString: home)) }
  }
  endpwent()
  if let home = unsafe getenv("HOME") { unsafe homes.append(FilePath(cString: home)) }
  return homes
}

/// Opens another program's file for reading by its path, following links, without waiting: whoever
/// relies on it sees that it is a regular file, and no FIFO.
package func openWithoutWaiting(_ path: FilePath) throws(SystemError) -> Descriptor {
  let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
  let number = unsafe withCPath(path.bytes) { path in
    retrying { unsafe Glibc.open(path, flags) }
  }
  guard number >= 0 else { throw SystemError("open", "\(path)") }
  return Descriptor(number: number)
}

/// Opens a file for reading by its path, following links: for files of the system's.
package func openForReading(_ path: FilePath) throws(SystemError) -> Descriptor {
  let number = unsafe withCPath(path.bytes) { path in
    retrying { unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC) }
  }
  guard number >= 0 else { throw SystemError("open", "\(path)") }
  return Descriptor(number: number)
}

/// Opens a file that is there for writing by its path, following links: for files of the system's.
package func openForWriting(_ path: FilePath) throws(SystemError) -> Descriptor {
  let number = unsafe withCPath(path.bytes) { pointer in
    retrying { unsafe Glibc.open(pointer, O_WRONLY | O_CLOEXEC | O_NOCTTY) }
  }
  guard number >= 0 else { throw SystemError("open", "\(path)") }
  return Descriptor(number: number)
}

/// Opens a file for appending, made with its directories where missing. Never through a link that
/// somebody planted, and never waiting on a FIFO.
package func openForAppending(_ path: FilePath) throws(SystemError) -> Descriptor {
  try makeDirectories(above: path)
  let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
  let number = unsafe withCPath(path.bytes) { path in
    retrying { unsafe Glibc.open(path, flags, 0o640) }
  }
  guard number >= 0 else { throw SystemError("open", "\(path)") }
  return Descriptor(number: number)
}

/// Makes the directories on the way to a file, where they are missing.
package func makeDirectories(above path: FilePath) throws(SystemError) {
  var parent: FilePath = "/"
  for component in path.bytes.split(separator: 0x2F).dropLast() {
    parent = parent.appending(component)
    let result = unsafe withCPath(parent.bytes) { unsafe mkdir($0, 0o755) }
    if result != 0, errno != EEXIST, errno != EISDIR { throw SystemError("mkdir", "\(parent)") }
  }
}

/// One write(2): how many bytes went, or -1 with errno.
package func writeOnce(_ bytes: some Collection<UInt8>, to file: Descriptor) -> Int {
  let bytes = ContiguousArray(bytes)
  return unsafe bytes.withUnsafeBytes { buffer in
    retrying { unsafe write(file.number, buffer.baseAddress!, buffer.count) }
  }
}

/// Writes all of the bytes to a stream that may be anything. One that is full is waited for, also
/// where another program that shares it made it non-blocking.
///
/// - Returns: false with errno where it takes no more.
package func writeToStream(_ bytes: [UInt8], _ file: Descriptor) -> Bool {
  var rest = bytes[...]
  while !rest.isEmpty {
    let size = writeOnce(rest, to: file)
    if size < 0, errno == EAGAIN {
      waitUntilWritable(file)
      continue
    }
    guard size > 0 else { return false }
    rest = rest.dropFirst(size)
  }
  return true
}

package func waitUntilWritable(_ file: Descriptor) {
  var polled = pollfd(fd: file.number, events: Int16(POLLOUT), revents: 0)
  _ = retrying { unsafe poll(&polled, 1, -1) }
}

/// Whether a file of /proc that supports it says that it changed (POLLPRI), without waiting.
package func hasChanged(_ file: Descriptor) -> Bool {
  var polled = pollfd(fd: file.number, events: Int16(POLLPRI), revents: 0)
  return unsafe poll(&polled, 1, 0) != 0
}
