// What trimming a log asks of the system: taking its head out, exchanging names, copying a tail, and
// keeping everybody away for a moment.

import CLinuxShims
import Glibc
package import ReapRules

/// File systems of which a file's head can be taken out (fallocate(2), FALLOC_FL_COLLAPSE_RANGE), by
/// their numbers in linux/magic.h. One that cannot do it with a file after all says so.
private let collapsing: Set<Int64> = [0xEF53, 0x5846_5342, 0xF2F5_2010]

package func mayCollapse(_ file: Descriptor) -> Bool {
  collapsing.contains(shim_file_system_type(file.number))
}

/// What a head has to be a multiple of.
package func blockSize(of file: Descriptor) -> Int64 { shim_block_size(file.number) }

/// Takes the first bytes out of a file: whole blocks, and less than the file has.
package func takeOutHead(_ length: Int64, of file: Descriptor) throws(SystemError) {
  guard retrying({ shim_collapse_range(file.number, 0, length) }) == 0 else {
    throw SystemError("collapse", "(an open file)")
  }
}

/// Gives the blocks of a range back; it reads as NULs then. Where that cannot be, nothing is lost.
package func giveBackBlocks(of file: Descriptor, upTo end: Int64) {
  _ = retrying { shim_punch_hole(file.number, 0, end) }
}

/// Overwrites bytes that are there.
package func overwrite(
  _ bytes: [UInt8], at offset: Int64, in file: Descriptor
) throws(SystemError) {
  var done = 0
  while done < bytes.count {
    let size = unsafe bytes.withUnsafeBytes { buffer in
      retrying {
        unsafe pwrite(
          file.number, buffer.baseAddress! + done, bytes.count - done, Int(offset) + done)
      }
    }
    guard size > 0 else { throw SystemError("write", "(an open file)") }
    done += size
  }
}

/// Cuts a file off behind a length.
package func cutOff(_ file: Descriptor, at length: Int64) throws(SystemError) {
  guard retrying({ ftruncate(file.number, Int(length)) }) == 0 else {
    throw SystemError("truncate", "(an open file)")
  }
}

/// Opens a log in a directory; links and mounts are refused, and a FIFO is not waited for.
///
/// - Parameter appending: for writing at its end; otherwise for reading and overwriting.
package func openLog(
  _ name: EntryName, at directory: Descriptor, appending: Bool = false
) throws(SystemError) -> Descriptor {
  let flags = (appending ? O_WRONLY | O_APPEND : O_RDWR) | O_NOFOLLOW | O_NONBLOCK
  return try openFile(name.bytes, at: directory, flags, follow: .within)
}

/// Exchanges two entries of one directory in an instant.
package func exchange(
  _ one: EntryName, _ other: EntryName, at directory: Descriptor
) throws(SystemError) {
  let result = unsafe withCPath(one.bytes) { one in
    unsafe withCPath(other.bytes) { other in
      unsafe shim_rename_exchange(directory.number, one, other)
    }
  }
  guard result == 0 else { throw SystemError("exchange", one.display) }
}

// MARK: - Keeping others away

/// Takes a write lease: from then on nobody has the file open but by this one descriptor, and whoever
/// opens it waits until the lease is given back. One that opens it without waiting (O_NONBLOCK) is
/// refused meanwhile, so it is to be held for moments.
package func takeWriteLease(_ file: Descriptor) -> Bool {
  retrying { shim_fcntl(file.number, Int32(shim_F_SETLEASE), Int32(F_WRLCK)) } == 0
}

package func giveBackLease(_ file: Descriptor) {
  _ = shim_fcntl(file.number, Int32(shim_F_SETLEASE), Int32(F_UNLCK))
}

// MARK: - Marks

/// The text of a mark on a file; nil where it has none.
package func mark(_ name: String, on file: Descriptor) -> String? {
  var value = [UInt8](repeating: 0, count: 2048)
  let size = unsafe fgetxattr(file.number, name, &value, value.count)
  return size >= 0 ? String(decoding: value[..<size], as: UTF8.self) : nil
}

package func setMark(
  _ name: String, _ text: String, on file: Descriptor
) throws(SystemError) {
  guard unsafe fsetxattr(file.number, name, text, text.utf8.count, 0) == 0 else {
    throw SystemError("setxattr", name)
  }
}

package func removeMark(_ name: String, from file: Descriptor) {
  _ = unsafe fremovexattr(file.number, name)
}

extension MarkedFile {
  package init(_ identity: FileIdentity) {
    self.init(inode: identity.inode, birth: identity.birth)
  }
}

extension TrimMark {
  /// Nil where no trim has made the file.
  package init?(on file: Descriptor) {
    guard let text = mark(Self.name, on: file), let read = TrimMark(text) else { return nil }
    self = read
  }
}

extension PlacingMark {
  package init?(on file: Descriptor) {
    guard let text = mark(Self.name, on: file), let read = PlacingMark(text) else { return nil }
    self = read
  }
}

extension DrainRecord {
  /// Nil where nothing of the file is to be drained. What stands in a copy behind what was copied was
  /// written to it while it had the log's name for an instant.
  package init?(on file: Descriptor) {
    if let text = mark(Self.name, on: file) {
      guard let read = DrainRecord(text) else { return nil }
      self = read
    } else {
      guard let placing = PlacingMark(on: file), let facts = try? status(of: file),
        facts.size > placing.size
      else { return nil }
      self.init(upTo: placing.size)
    }
  }
}

// MARK: - A file like another one

/// Makes one file another's equal: owner, group, extended attributes, access control list and, last,
/// the mode. What marks a file for a trim is its own.
package func copyAttributes(from old: Descriptor, to new: Descriptor) throws(SystemError) {
  var facts = stat()
  guard unsafe fstat(old.number, &facts) == 0 else { throw SystemError("stat", "(an open file)") }
  var own = stat()
  guard unsafe fstat(new.number, &own) == 0 else { throw SystemError("stat", "(an open file)") }
  var mode = facts.st_mode & 0o7777
  if facts.st_uid != own.st_uid || facts.st_gid != own.st_gid,
    fchown(new.number, facts.st_uid, facts.st_gid) != 0
  {
    // Another owner would lock the owner out; another group is let in to nothing.
    guard facts.st_uid == own.st_uid else { throw SystemError("chown", "(an open file)") }
    mode &= ~0o7070
  }
  for name in attributeNames(of: old)
  where ![TrimMark.name, DrainRecord.name, PlacingMark.name].contains(where: {
    name.elementsEqual($0.utf8)
  }) {
    // What may not be set is the kernel's own, or another user's to set.
    copyAttribute(name, from: old, to: new)
  }
  guard fchmod(new.number, mode) == 0 else {
    throw SystemError("chmod", "(an open file)")
  }
}

private func attributeNames(of file: Descriptor) -> [[UInt8]] {
  var list = [UInt8](repeating: 0, count: 65_536)  // XATTR_LIST_MAX
  let size = unsafe list.withUnsafeMutableBytes {
    unsafe flistxattr(file.number, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
  }
  return size > 0 ? list[..<size].split(separator: 0).map(Array.init) : []
}

private func copyAttribute(_ name: [UInt8], from old: Descriptor, to new: Descriptor) {
  var value = [UInt8](repeating: 0, count: 65_536)  // XATTR_SIZE_MAX
  _ = unsafe withCPath(name) { name in
    let size = unsafe fgetxattr(old.number, name, &value, value.count)
    return size >= 0 ? unsafe fsetxattr(new.number, name, value, size, 0) : -1
  }
}
