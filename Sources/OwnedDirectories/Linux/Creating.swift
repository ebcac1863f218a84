// Making, replacing and syncing files and directories, relative to directory descriptors.

import CLinuxShims
import Glibc
package import ReapRules

/// Makes a new file below a directory; fails with EEXIST where the name is taken.
package func createFile(
  _ path: [UInt8], at directory: Descriptor, owner: CreationOwner? = nil
) throws(SystemError) -> Descriptor {
  let creation = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY
  let resolve = shim_RESOLVE_BENEATH | shim_RESOLVE_NO_XDEV | shim_RESOLVE_NO_SYMLINKS
  let number = unsafe withCPath(path) { pointer in
    retrying {
      unsafe shim_openat2(
        directory.number, pointer, UInt64(creation), 0o666, UInt64(resolve))
    }
  }
  guard number >= 0 else { throw SystemError("create", displayText(path)) }
  let file = Descriptor(number: number)
  do throws(SystemError) { try owner?.adopt(file) } catch {
    file.close()
    throw error
  }
  return file
}

/// Makes a new directory and opens it.
package func createDirectory(
  _ name: EntryName, at directory: Descriptor, owner: CreationOwner? = nil
) throws(SystemError) -> Descriptor {
  let result = unsafe withCPath(name.bytes) { unsafe mkdirat(directory.number, $0, 0o777) }
  guard result == 0 else { throw SystemError("mkdir", name.display) }
  let made = try openFile(
    name.bytes, at: directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
  do throws(SystemError) { try owner?.adopt(made) } catch {
    made.close()
    throw error
  }
  return made
}

/// To whom that which root makes in another user's directory belongs: to that user, who must be
/// able to write and remove it.
package struct CreationOwner: Sendable {
  private let user: uid_t
  private let group: gid_t

  /// The owner of a directory; nil where this process is not root, or the owner is root as well.
  package init?(of directory: Descriptor) throws(SystemError) {
    guard geteuid() == 0 else { return nil }
    var facts = stat()
    guard unsafe fstat(directory.number, &facts) == 0 else {
      throw SystemError("stat", "(an open directory)")
    }
    (user, group) = (facts.st_uid, facts.st_gid)
    if user == 0, group == 0 { return nil }
  }

  fileprivate func adopt(_ file: Descriptor) throws(SystemError) {
    guard fchown(file.number, user, group) == 0 else {
      throw SystemError("chown", "(a new file)")
    }
  }
}

package func setPermissions(_ permissions: UInt32, of file: Descriptor) throws(SystemError) {
  guard fchmod(file.number, permissions) == 0 else { throw SystemError("chmod", "(an open file)") }
}

/// Renames within one directory; what has the new name is replaced in the same instant.
package func replace(
  _ new: EntryName, with old: EntryName, at directory: Descriptor
) throws(SystemError) {
  let result = unsafe withCPath(old.bytes) { old in
    unsafe withCPath(new.bytes) { new in
      unsafe renameat(directory.number, old, directory.number, new)
    }
  }
  guard result == 0 else { throw SystemError("rename", old.display) }
}

/// Waits until a file, or the entries of a directory, are on the disk (fsync(2)).
package func synchronize(_ file: Descriptor, _ path: String) throws(SystemError) {
  guard retrying({ fsync(file.number) }) == 0 else { throw SystemError("fsync", path) }
}

/// Tells the kernel to begin writing a range to the disk, so that a later `synchronize` finds
/// little left to do. Where it cannot, nothing is lost.
package func startWriteback(_ file: Descriptor, from offset: Int64, count: Int64) {
  _ = shim_start_writeback(file.number, offset, count)
}

/// Writes all of the bytes, in as many calls as it takes.
package func writeAll(
  _ bytes: Span<UInt8>, to file: Descriptor, _ path: String
) throws(SystemError) {
  var written = 0
  let total = bytes.count
  while written < total {
    let size = unsafe bytes.withUnsafeBytes { buffer in
      retrying { unsafe write(file.number, buffer.baseAddress! + written, total - written) }
    }
    guard size >= 0 else { throw SystemError("write", path) }
    written += size
  }
}

let processID = getpid()
