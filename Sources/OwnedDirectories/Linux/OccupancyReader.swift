// Listing a directory for what its entries occupy: the innermost loop of a walk that only adds up.

import CLinuxShims
import Glibc
import ReapRules

/// What an entry occupies, as statx(2) tells it.
package struct Occupied: Sendable {
  package let device: UInt64
  package let inode: UInt64
  package let links: UInt32
  /// Allocated bytes.
  package let allocated: Int64
  /// Apparent bytes.
  package let size: Int64
  package let isDirectory: Bool
  /// Another file system's file, or the same one's from elsewhere, lies over it.
  package let isMountPoint: Bool

  fileprivate init(_ raw: shim_occupied) {
    device = raw.dev
    inode = raw.ino
    links = raw.nlink
    allocated = Int64(clamping: raw.blocks512 &* 512)
    size = Int64(clamping: raw.size)
    isDirectory = raw.mode & S_IFMT == S_IFDIR
    isMountPoint = raw.is_mount_root != 0
  }

  package init(_ facts: FileStatus) {
    device = facts.identity.device
    inode = facts.identity.inode
    links = facts.links
    allocated = facts.allocated
    size = facts.size
    isDirectory = facts.type == .directory
    isMountPoint = facts.isMountPoint == true
  }
}

/// Reads directories a piece at a time into memory of its own. Names stay there, so that an entry costs
/// one system call and nothing else. One for each thread.
@safe package final class OccupancyReader {
  /// Where an entry of the piece lies in the buffer.
  private struct Place {
    let inode: UInt64
    let name: Int32
    let isDirectory: Bool
  }

  private let buffer: UnsafeMutableRawBufferPointer
  private var places: [Place] = []
  /// Whether the last piece was so short that probably nothing follows.
  package private(set) var isShort = false

  /// - Parameter size: of a piece, bytes; 32 of them make an entry of a short name.
  package init(size: Int) {
    unsafe buffer = .allocate(byteCount: size, alignment: 8)
  }

  deinit { unsafe buffer.deallocate() }

  /// Lists the next piece of a directory, from where its descriptor stands, in the order of inodes: on
  /// a cold disk those lie side by side, and names do not.
  ///
  /// - Returns: how many entries it has; nil at the end.
  package func nextPiece(of directory: Descriptor) throws(SystemError) -> Int? {
    let size = retrying {
      unsafe shim_getdents64(directory.number, buffer.baseAddress!, buffer.count)
    }
    guard size >= 0 else { throw SystemError("read directory", "(an open directory)") }
    guard size > 0 else { return nil }
    isShort = unsafe size < buffer.count / 2
    places.removeAll(keepingCapacity: true)
    // struct linux_dirent64 (getdents64(2)): ino 8, off 8, reclen 2, type 1, name.
    let base = unsafe UnsafeRawPointer(buffer.baseAddress!)
    var offset = 0
    while offset < size {
      let record = unsafe base + offset
      let name = unsafe record + 19
      if unsafe !isDots(name) {
        let type = unsafe Int(record.load(fromByteOffset: 18, as: UInt8.self))
        unsafe places.append(
          Place(
            inode: record.loadUnaligned(as: UInt64.self), name: Int32(offset + 19),
            isDirectory: type == DT_DIR))
      }
      offset += unsafe Int(record.loadUnaligned(fromByteOffset: 16, as: UInt16.self))
    }
    places.sort { $0.inode < $1.inode }
    return places.count
  }

  /// Has the listing of a directory begin anew.
  package func rewind(_ directory: Descriptor) { _ = lseek(directory.number, 0, SEEK_SET) }

  /// `.` and `..`.
  private func isDots(_ name: UnsafeRawPointer) -> Bool {
    let dot = UInt8(ascii: ".")
    guard unsafe name.load(as: UInt8.self) == dot else { return false }
    let second = unsafe name.load(fromByteOffset: 1, as: UInt8.self)
    guard second == dot else { return second == 0 }
    return unsafe name.load(fromByteOffset: 2, as: UInt8.self) == 0
  }

  /// Whether the listing says that an entry of the piece is a directory. Some file systems do not say.
  package func isDirectory(_ index: Int) -> Bool { places[index].isDirectory }

  package func name(_ index: Int) -> [UInt8] {
    let name = unsafe buffer.baseAddress! + Int(places[index].name)
    return unsafe Array(UnsafeRawBufferPointer(start: name, count: strlen(name)))
  }

  /// Appends a name to those of a block, each with a NUL at its end.
  package func append(_ index: Int, to names: inout [UInt8]) {
    let name = unsafe buffer.baseAddress! + Int(places[index].name)
    unsafe names.append(contentsOf: UnsafeRawBufferPointer(start: name, count: strlen(name) + 1))
  }

  /// What an entry of the piece occupies; links are not followed. Nil with errno.
  package func occupied(_ index: Int, in directory: Descriptor) -> Occupied? {
    var raw = shim_occupied()
    let name = unsafe (buffer.baseAddress! + Int(places[index].name))
      .assumingMemoryBound(to: CChar.self)
    let result = retrying {
      unsafe shim_occupied(directory.number, name, AT_SYMLINK_NOFOLLOW, &raw)
    }
    return result == 0 ? Occupied(raw) : nil
  }
}

/// What an open file or directory itself occupies.
package func occupied(by file: Descriptor) throws(SystemError) -> Occupied {
  var raw = shim_occupied()
  let result = retrying {
    unsafe shim_occupied(file.number, "", Int32(shim_AT_EMPTY_PATH), &raw)
  }
  guard result == 0 else { throw SystemError("stat", "(an open file)") }
  return Occupied(raw)
}

/// Has the calling thread, which serves nobody in a hurry, go after all others: for the processors and
/// for the disk.
package func standBack() { shim_stand_back() }
