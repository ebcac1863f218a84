import CLinuxShims
package import ReapRules
import Glibc

// What following a file asks of the system: opening it, asking for writers, keeping a checkpoint.

/// Opens what stands at a path for reading, links followed; never waits on a FIFO.
package func openToFollow(_ path: [UInt8]) throws(SystemError) -> Descriptor {
  let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
  let number = unsafe withCPath(path) { path in
    let number = retrying { unsafe Glibc.open(path, flags) }
    return number < 0 && errno == EAGAIN ? unsafe openLeased(path, flags) : number
  }
  guard number >= 0 else { throw SystemError("open", displayText(path)) }
  return Descriptor(number: number)
}

/// Opens a file that somebody has a lease on for a moment, as a trim in place has: whoever waits may
/// open it after that. No other file may come between that would be waited for without an end.
private func openLeased(_ path: UnsafePointer<CChar>, _ flags: Int32) -> Int32 {
  let place = retrying { unsafe Glibc.open(path, Int32(shim_O_PATH) | O_CLOEXEC) }
  guard place >= 0 else { return place }
  defer { close(place) }
  var facts = stat()
  guard unsafe fstat(place, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
    errno = EAGAIN
    return -1
  }
  return retrying { unsafe Glibc.open("/proc/self/fd/\(place)", flags & ~O_NONBLOCK) }
}

/// Another descriptor of the same open file, at its beginning.
package func duplicate(_ file: Descriptor) throws(SystemError) -> Descriptor {
  let number = fcntl(file.number, F_DUPFD_CLOEXEC, 3)
  guard number >= 0 else { throw SystemError("dup", "(an open file)") }
  _ = lseek(number, 0, SEEK_SET)
  return Descriptor(number: number)
}

/// A file without a name, that goes with its descriptor (open(2), O_TMPFILE).
package func openTemporary() throws(SystemError) -> Descriptor {
  for directory in ["/var/tmp", "/tmp"] {
    let flags = Int32(shim_O_TMPFILE) | O_RDWR | O_CLOEXEC
    let number = retrying { unsafe Glibc.open(directory, flags, 0o600) }
    if number >= 0 { return Descriptor(number: number) }
  }
  throw SystemError("open", "a temporary file in /var/tmp or /tmp")
}

/// Whether this process may read what stands at a path (faccessat(2)); inotify asks for that too.
package func mayRead(_ path: [UInt8]) -> Bool {
  unsafe withCPath(path) { unsafe faccessat(AT_FDCWD, $0, R_OK, AT_EACCESS) } == 0
}

/// Whether a file lies on an overlay (OVERLAYFS_SUPER_MAGIC of linux/magic.h), which may copy it up
/// when it is first written to: what is open then goes on reading the lower one.
package func isOnOverlay(_ file: Descriptor) -> Bool {
  shim_file_system_type(file.number) == 0x794C_7630
}

/// The next byte at or after an offset that is not in a hole; nil where there is none up to the end.
/// Where a file system keeps no holes, every byte is data (lseek(2), SEEK_DATA).
package func nextData(_ file: Descriptor, from offset: Int64) -> Int64? {
  let found = lseek(file.number, Int(offset), Int32(shim_SEEK_DATA))
  if found >= 0 { return Int64(found) }
  return errno == ENXIO ? nil : offset
}

/// Where the data that begins at an offset ends: at a hole, or at the end of the file.
package func endOfData(_ file: Descriptor, from offset: Int64) -> Int64 {
  let found = lseek(file.number, Int(offset), Int32(shim_SEEK_HOLE))
  return found > offset ? Int64(found) : .max
}

/// Where the hole begins that reaches up to an offset; the offset itself where data is before it. Takes
/// some 40 calls for each hole, however long that is.
package func startOfHole(_ file: Descriptor, endingAt end: Int64) -> Int64 {
  func isEmpty(from offset: Int64) -> Bool {
    nextData(file, from: offset).map { $0 >= end } ?? true
  }
  guard end > 0, isEmpty(from: end - 1) else { return end }
  var (data, hole) = (Int64(-1), end - 1)
  while hole - data > 1 {
    let middle = data + (hole - data) / 2
    if isEmpty(from: middle) { hole = middle } else { data = middle }
  }
  return hole
}

/// Goes on writing at an offset, with a hole up to it.
package func skip(_ file: Descriptor, to offset: Int64) throws(SystemError) {
  guard lseek(file.number, Int(offset), SEEK_SET) >= 0 else {
    throw SystemError("lseek", "(an open file)")
  }
}

/// What a symbolic link says; nil where there is none.
package func readLink(_ path: [UInt8]) -> [UInt8]? {
  var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
  let length = unsafe withCPath(path) { path in
    unsafe target.withUnsafeMutableBytes { unsafe readlink(path, $0.baseAddress!, $0.count) }
  }
  return length > 0 ? Array(target[..<length]) : nil
}

/// Where a link leads that is an entry of an open directory; nil for what is no link.
package func readLinkTarget(_ name: EntryName, at directory: Descriptor) -> [UInt8]? {
  var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
  let length = unsafe withCPath(name.bytes) { name in
    unsafe target.withUnsafeMutableBytes {
      unsafe readlinkat(directory.number, name, $0.baseAddress!, $0.count)
    }
  }
  return length > 0 ? Array(target[..<length]) : nil
}

/// Whether anybody has a file open for writing.
package enum WriterProbe: Sendable, Equatable {
  case none, some
  /// The kernel does not tell: another user's file without CAP_LEASE, or a remote file system.
  case unknown
}

/// Asks by taking a read lease and giving it back at once: the kernel grants it only when nobody
/// has the file open for writing (fcntl(2), F_SETLEASE). The descriptor must be read-only.
///
/// Whoever opens the file in between raises a signal, by default SIGIO, which kills; SIGURG, whose
/// default is to be ignored, is asked for instead, since users of the library may not expect it.
package func probeWriters(_ file: Descriptor) -> WriterProbe {
  let lease = Int32(shim_F_SETLEASE)
  _ = shim_fcntl(file.number, Int32(shim_F_SETSIG), SIGURG)
  if retrying({ shim_fcntl(file.number, lease, Int32(F_RDLCK)) }) == 0 {
    _ = shim_fcntl(file.number, lease, Int32(F_UNLCK))
    return .none
  }
  return errno == EAGAIN || errno == EBUSY ? .some : .unknown
}

/// Puts a file in the place of another one so that a reader, or a crash, finds either whole:
/// temporary file beside it, fsync, rename, fsync of the directory.
///
/// - Parameter isLasting: false for what nobody misses that a crash of the machine loses: without fsync.
package func replaceFile(
  _ path: [UInt8], with content: [UInt8], isLasting: Bool = true
) throws(SystemError) {
  let temporary = path + Array(".\(getpid()).tmp".utf8)
  func failing(_ call: String) -> SystemError {
    let error = SystemError(call, displayText(path))
    _ = unsafe withCPath(temporary) { unsafe Glibc.unlink($0) }
    return error
  }
  // What a killed process of this number left, or somebody planted: a FIFO would be waited on.
  _ = unsafe withCPath(temporary) { unsafe Glibc.unlink($0) }
  let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
  let number = unsafe withCPath(temporary) { path in
    retrying { unsafe Glibc.open(path, flags, 0o600) }
  }
  guard number >= 0 else { throw failing("open") }
  let file = Descriptor(number: number)
  defer { file.close() }
  var rest = content[...]
  while !rest.isEmpty {
    let size = writeOnce(rest, to: file)
    guard size > 0 else { throw failing("write") }
    rest = rest.dropFirst(size)
  }
  if isLasting, fsync(number) != 0 { throw failing("fsync") }
  let result = unsafe withCPath(temporary) { old in
    unsafe withCPath(path) { new in unsafe Glibc.rename(old, new) }
  }
  guard result == 0 else { throw failing("rename") }
  guard isLasting else { return }
  let parent = path.lastIndex(of: UInt8(ascii: "/")).map { Array(path[...$0]) } ?? [0x2E]
  let directory = try openToFollow(parent)
  defer { directory.close() }
  guard fsync(directory.number) == 0 else { throw SystemError("fsync", displayText(parent)) }
}
