package import ReapRules
import Glibc
import CLinuxShims

/// An open file descriptor. Closed by `close()` and by nothing else: a `deinit` may run right
/// after the last use and would drop a lock that is still relied on.
package struct Descriptor: Hashable, Sendable {
  package let number: Int32

  package init(number: Int32) { self.number = number }

  package func close() { _ = Glibc.close(number) }

  /// Where the kernel shows it; opening that opens the very same inode.
  package var procPath: String { "/proc/self/fd/\(number)" }
}

/// How a path is followed below a directory descriptor.
package enum Follow: Sendable {
  /// Neither links nor mount points are crossed, nor is the directory left.
  case within
  /// Links anywhere in the path are refused; mount points are crossed.
  case noLinks
}

/// What statx(2) tells of a file.
package struct FileStatus: Sendable {
  package enum FileType: Sendable {
    case directory, regular, symbolicLink, fifo, socket, device

    /// For people, with its article.
    package var words: String {
      switch self {
      case .directory: "a directory"
      case .regular: "a regular file"
      case .symbolicLink: "a symbolic link"
      case .fifo: "a FIFO"
      case .socket: "a socket"
      case .device: "a device"
      }
    }
  }
  package let type: FileType
  package let permissions: UInt32
  package let owner: UInt32
  package let identity: FileIdentity
  package let links: UInt32
  /// Allocated bytes: st_blocks is counted in units of 512 (stat(2)).
  package let allocated: Int64
  package let size: Int64
  /// Wall clock, nanoseconds; nil where the file system does not store it.
  package let birth: Int64?
  /// Wall clock, nanoseconds (ctime).
  package let change: Int64
  /// Wall clock, nanoseconds (mtime): of a directory, when an entry last came or went.
  package let modification: Int64
  /// Nil where the kernel cannot tell (before 5.8).
  package let isMountPoint: Bool?
}

/// Device, inode and birth time: inode numbers alone are reused.
package struct FileIdentity: Hashable, Sendable {
  package let device: UInt64
  package let inode: UInt64
  package let birth: Int64?

  package init(device: UInt64, inode: UInt64, birth: Int64?) {
    self.device = device
    self.inode = inode
    self.birth = birth
  }
}

private func flags(_ value: Int32) -> UInt64 { UInt64(UInt32(bitPattern: value)) }

/// Opens a path relative to a directory with openat2(2).
///
/// - Throws: `SystemError`; ELOOP for a link, EXDEV for a mount point or a way out.
package func openFile(
  _ path: [UInt8], at directory: Descriptor, _ openFlags: Int32, follow: Follow
) throws(SystemError) -> Descriptor {
  var resolve = UInt64(shim_RESOLVE_NO_SYMLINKS | shim_RESOLVE_NO_MAGICLINKS)
  if follow == .within {
    resolve |= UInt64(shim_RESOLVE_BENEATH | shim_RESOLVE_NO_XDEV)
  }
  // openat2(2) takes nothing but CLOEXEC, DIRECTORY and NOFOLLOW beside O_PATH.
  let terminal = openFlags & Int32(shim_O_PATH) == 0 ? O_NOCTTY : 0
  // NO_SYMLINKS fails with ELOOP also for O_PATH|O_NOFOLLOW on a link, which is what is wanted.
  let number = unsafe withCPath(path) { pointer in
    retrying {
      unsafe shim_openat2(
        directory.number, pointer, flags(openFlags | O_CLOEXEC | terminal), 0, resolve)
    }
  }
  guard number >= 0 else { throw SystemError("open", displayPath(path)) }
  return Descriptor(number: number)
}

/// The same open file under another number: closing one of both raises no event.
package func duplicated(_ file: Descriptor) -> Descriptor? {
  let number = shim_fcntl(file.number, F_DUPFD_CLOEXEC, 0)
  return number < 0 ? nil : Descriptor(number: number)
}

/// Opens a directory for nothing but its status: neither this nor closing it raises an event.
package func openDirectoryPath(
  _ path: [UInt8], at directory: Descriptor
) throws(SystemError) -> Descriptor {
  try openFile(
    path, at: directory, Int32(shim_O_PATH) | O_DIRECTORY | O_NOFOLLOW, follow: .within)
}

/// Opens an absolute path, no component of which may be a link.
package func openRoot(_ path: FilePath) throws(SystemError) -> Descriptor {
  try openFile(
    path.bytes, at: Descriptor(number: AT_FDCWD), O_RDONLY | O_DIRECTORY, follow: .noLinks)
}

/// Opens the parent of an open directory; whoever calls compares its identity.
package func openParent(of directory: Descriptor) throws(SystemError) -> Descriptor {
  let number = retrying {
    unsafe shim_openat2(
      directory.number, "..", flags(O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0,
      UInt64(shim_RESOLVE_NO_SYMLINKS | shim_RESOLVE_NO_XDEV))
  }
  guard number >= 0 else { throw SystemError("open", "..") }
  return Descriptor(number: number)
}

/// Status of an entry of an open directory; links are not followed.
package func status(
  of name: EntryName, at directory: Descriptor
) throws(SystemError) -> FileStatus {
  try statx(directory, name.bytes, AT_SYMLINK_NOFOLLOW)
}

/// The same for a longer path below the directory; only its last component is not followed, so
/// whoever relies on it opens the path with `Follow.within` and compares.
package func status(
  ofPath path: [UInt8], at directory: Descriptor
) throws(SystemError) -> FileStatus {
  try statx(directory, path, AT_SYMLINK_NOFOLLOW)
}

package func status(of descriptor: Descriptor) throws(SystemError) -> FileStatus {
  try statx(descriptor, [], Int32(shim_AT_EMPTY_PATH))
}

/// Status of an absolute path; links are not followed at its end.
package func status(ofPath path: FilePath) throws(SystemError) -> FileStatus {
  try statx(Descriptor(number: AT_FDCWD), path.bytes, AT_SYMLINK_NOFOLLOW)
}

/// Writes out what a file system has in hand, and frees what was removed: btrfs and xfs do that later.
package func syncFileSystem(of directory: Descriptor) { _ = shim_syncfs(directory.number) }

/// Whether a file system counts what was removed as free only with its next commit, which may be 30
/// seconds away: btrfs, bcachefs (linux/magic.h) and ZFS.
package func freesLate(_ directory: Descriptor) -> Bool {
  [0x9123_683E, 0xCA45_1A4E, 0x2FC1_2FC1].contains(shim_file_system_type(directory.number))
}

/// Room on the file system of an open directory.
package func freeRoom(at directory: Descriptor) throws(SystemError) -> FreeRoom {
  var raw = statvfs()
  guard unsafe fstatvfs(directory.number, &raw) == 0 else {
    throw SystemError("statvfs", "(an open directory)")
  }
  let block = Int64(clamping: raw.f_frsize)
  return FreeRoom(
    freeBytes: Int64(clamping: raw.f_bavail) * block,
    totalBytes: Int64(clamping: raw.f_blocks) * block, freeInodes: Int64(clamping: raw.f_favail),
    totalInodes: Int64(clamping: raw.f_files))
}

/// Names the file system of an open directory, as statvfs(3) does; 0 where it has no name.
package func fileSystemID(at directory: Descriptor) -> UInt64 {
  var raw = statvfs()
  guard unsafe fstatvfs(directory.number, &raw) == 0 else { return 0 }
  return UInt64(raw.f_fsid)
}

func statx(
  _ directory: Descriptor, _ path: [UInt8], _ atFlags: Int32
) throws(SystemError) -> FileStatus {
  var raw = shim_statx()
  let result = unsafe withCPath(path) { pointer in
    retrying {
      unsafe shim_statx(directory.number, pointer, atFlags | Int32(shim_AT_NO_AUTOMOUNT), &raw)
    }
  }
  guard result == 0 else { throw SystemError("stat", displayPath(path)) }
  let type: FileStatus.FileType =
    switch raw.mode & S_IFMT {
    case S_IFDIR: .directory
    case S_IFREG: .regular
    case S_IFLNK: .symbolicLink
    case S_IFIFO: .fifo
    case S_IFSOCK: .socket
    default: .device
    }
  let birth = raw.has_birth != 0 ? raw.birth_ns : nil
  return FileStatus(
    type: type, permissions: raw.mode & 0o7777, owner: raw.uid,
    identity: FileIdentity(device: raw.dev, inode: raw.ino, birth: birth), links: raw.nlink,
    allocated: Int64(raw.blocks512) * 512, size: Int64(raw.size), birth: birth,
    change: raw.change_ns, modification: raw.modification_ns,
    isMountPoint: raw.attributes_known != 0 ? raw.is_mount_root != 0 : nil)
}

/// Renames within one directory; never over an existing entry.
package func rename(
  _ old: EntryName, to new: EntryName, at directory: Descriptor
) throws(SystemError) {
  let result = unsafe withCPath(old.bytes) { old in
    unsafe withCPath(new.bytes) { new in
      unsafe shim_rename_noreplace(directory.number, old, new)
    }
  }
  guard result == 0 else { throw SystemError("rename", old.display) }
}

/// The same for a directory, also where the file system knows no rename without replacing and
/// answers EINVAL (FUSE servers do, where the name is free): then once the name is seen absent.
///
/// Between that look and the rename somebody may take the name. Nothing that holds anything is
/// replaced even so: the kernel lets a directory take the place of nothing but an empty directory,
/// and the slash behind the name has it refuse to move anything else. A claimed name is made up
/// with the time of its claim, so that nobody has a reason to make it; an own name is given back
/// moments after, or long after, its owner was seen dead.
package func renameDirectory(
  _ old: EntryName, to new: EntryName, at directory: Descriptor
) throws(SystemError) {
  do {
    return try rename(old, to: new, at: directory)
  } catch {
    guard error.code == EINVAL else { throw error }
  }
  do throws(SystemError) {
    _ = try status(of: new, at: directory)
    throw SystemError("rename", old.display, EEXIST)
  } catch {
    guard error.code == ENOENT else { throw error }
  }
  let slash = [UInt8(ascii: "/")]
  let result = unsafe withCPath(old.bytes + slash) { old in
    unsafe withCPath(new.bytes + slash) { new in
      unsafe renameat(directory.number, old, directory.number, new)
    }
  }
  guard result == 0 else { throw SystemError("rename", old.display) }
}

package func unlink(
  _ name: EntryName, at directory: Descriptor, isDirectory: Bool
) throws(SystemError) {
  let result = unsafe withCPath(name.bytes) {
    unsafe unlinkat(directory.number, $0, isDirectory ? AT_REMOVEDIR : 0)
  }
  guard result == 0 else { throw SystemError(isDirectory ? "rmdir" : "unlink", name.display) }
}

/// Names go to the kernel as C strings; an `EntryName` holds no NUL.
func withCPath<Result>(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
  unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) { buffer in
    unsafe bytes.withUnsafeBytes { source in
      if let first = source.baseAddress { unsafe memcpy(buffer.baseAddress!, first, source.count) }
    }
    unsafe buffer[bytes.count] = 0
    return unsafe body(UnsafePointer(buffer.baseAddress!))
  }
}

private func displayPath(_ path: [UInt8]) -> String {
  path.isEmpty ? "(an open file)" : displayText(path)
}
