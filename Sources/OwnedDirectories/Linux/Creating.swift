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
  return try acting(for: owner) { () throws(SystemError) in
    let number = unsafe withCPath(path) { pointer in
      retrying {
        unsafe shim_openat2(
          directory.number, pointer, UInt64(creation), 0o666, UInt64(resolve))
      }
    }
    guard number >= 0 else { throw SystemError("create", displayText(path)) }
    return Descriptor(number: number)
  }
}

/// Makes a new directory and opens it.
///
/// - Throws: `SystemError`; ESTALE where another user's directory has its name by then.
package func createDirectory(
  _ name: EntryName, at directory: Descriptor, owner: CreationOwner? = nil
) throws(SystemError) -> Descriptor {
  try acting(for: owner) { () throws(SystemError) in
    let result = unsafe withCPath(name.bytes) { unsafe mkdirat(directory.number, $0, 0o777) }
    guard result == 0 else { throw SystemError("mkdir", name.display) }
    let made = try openFile(
      name.bytes, at: directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
    // Unlike a file made with O_EXCL this was opened by its name. Root's groups are left to us, and
    // so is what everybody may read: only the owner will tell.
    guard let owner else { return made }
    do throws(SystemError) {
      guard try status(of: made).owner == owner.user else {
        throw SystemError("open", name.display, ESTALE)
      }
    } catch {
      made.close()
      throw error
    }
    return made
  }
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
