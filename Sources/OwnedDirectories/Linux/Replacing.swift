// Putting a new file in the place of an old one, with all that belongs to the old one but its content.

import CLinuxShims
import Glibc
package import ReapRules

/// Makes a file without a name in a directory: whoever is killed leaves nothing of it behind.
///
/// - Throws: `SystemError`; EOPNOTSUPP, or EISDIR before Linux 3.11, where the file system has no such.
package func createUnnamedFile(in directory: Descriptor) throws(SystemError) -> Descriptor {
  let flags = Int32(shim_O_TMPFILE) | O_RDWR | O_CLOEXEC
  let number = retrying { unsafe openat(directory.number, ".", flags, 0o600) }
  guard number >= 0 else { throw SystemError("create", "(a file without a name)") }
  return Descriptor(number: number)
}

/// Gives a file without a name one; never over an existing entry.
package func publish(
  _ file: Descriptor, as name: EntryName, at directory: Descriptor
) throws(SystemError) {
  // By way of procfs: AT_EMPTY_PATH asks for CAP_DAC_READ_SEARCH (linkat(2)).
  let result = unsafe withCPath(name.bytes) {
    unsafe linkat(AT_FDCWD, file.procPath, directory.number, $0, AT_SYMLINK_FOLLOW)
  }
  guard result == 0 else { throw SystemError("link", name.display) }
}

/// Gives a file the owner, mode, extended attributes (access lists among them) and times of another.
package func copyAttributes(
  of source: Descriptor, to target: Descriptor
) throws(SystemError) {
  var facts = stat()
  guard unsafe fstat(source.number, &facts) == 0 else { throw SystemError("stat", "(an archive)") }
  guard fchown(target.number, facts.st_uid, facts.st_gid) == 0 else {
    throw SystemError("chown", "(a new archive)")
  }
  // Behind chown(2), which takes set-user-ID bits and file capabilities away.
  guard fchmod(target.number, facts.st_mode & 0o7777) == 0 else {
    throw SystemError("chmod", "(a new archive)")
  }
  for name in try attributeNames(of: source) {
    let value = try attribute(name, of: source)
    let result = unsafe withCPath(name) { name in
      unsafe value.withUnsafeBytes { bytes in
        unsafe fsetxattr(target.number, name, bytes.baseAddress, bytes.count, 0)
      }
    }
    guard result == 0 else { throw SystemError("setxattr", displayText(name)) }
  }
  let times = [facts.st_atim, facts.st_mtim]
  guard
    unsafe times.withUnsafeBufferPointer({ unsafe futimens(target.number, $0.baseAddress) }) == 0
  else { throw SystemError("utimens", "(a new archive)") }
}

private func attributeNames(of file: Descriptor) throws(SystemError) -> [[UInt8]] {
  let size = flistxattr(file.number, nil, 0)
  guard size > 0 else {
    guard size == 0 || errno == ENOTSUP else { throw SystemError("listxattr", "(an archive)") }
    return []
  }
  var list = [CChar](repeating: 0, count: size)
  let filled = unsafe flistxattr(file.number, &list, size)
  guard filled >= 0 else { throw SystemError("listxattr", "(an archive)") }
  return list[..<filled].split(separator: 0).map { $0.map { UInt8(bitPattern: $0) } }
}

private func attribute(_ name: [UInt8], of file: Descriptor) throws(SystemError) -> [UInt8] {
  let size = unsafe withCPath(name) { unsafe fgetxattr(file.number, $0, nil, 0) }
  guard size >= 0 else { throw SystemError("getxattr", displayText(name)) }
  var value = [UInt8](repeating: 0, count: size)
  let filled = unsafe withCPath(name) { unsafe fgetxattr(file.number, $0, &value, size) }
  guard filled == size else { throw SystemError("getxattr", displayText(name)) }
  return value
}

/// Has the kernel forget what it holds of a synced file, so that it is read from the disk.
package func forgetCached(_ file: Descriptor) {
  _ = posix_fadvise(file.number, 0, 0, POSIX_FADV_DONTNEED)
}

/// Tells the kernel that a file is read from its beginning to its end.
package func readAhead(_ file: Descriptor) {
  _ = posix_fadvise(file.number, 0, 0, POSIX_FADV_SEQUENTIAL)
}

/// Takes a BSD lock on an open file, given back when it is closed; false where somebody has it.
package func lockExclusively(_ file: Descriptor) -> Bool {
  retrying { flock(file.number, LOCK_EX | LOCK_NB) } == 0
}

/// Where a symbolic link in an open directory leads to; nil for what is none.
package func linkTarget(of name: EntryName, at directory: Descriptor) -> [UInt8]? {
  var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
  let length = unsafe withCPath(name.bytes) { name in
    unsafe target.withUnsafeMutableBytes {
      unsafe readlinkat(directory.number, name, $0.baseAddress!, $0.count)
    }
  }
  return length > 0 ? Array(target[..<length]) : nil
}

/// The C library's locale with UTF-8 names; in `C`, where programs begin, it knows no byte above 127.
@safe private struct NameLocale: @unchecked Sendable {
  // LC_CTYPE_MASK is a macro of 1 << LC_CTYPE (locale.h).
  let locale = unsafe newlocale(1 << LC_CTYPE, "C.UTF-8", nil)
}
private let nameLocale = NameLocale()

/// Has libraries take file names for UTF-8 on this thread, and on no other.
package func useUTF8Names() {
  if let locale = unsafe nameLocale.locale { unsafe uselocale(locale) }
}
