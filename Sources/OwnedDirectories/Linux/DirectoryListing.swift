import Glibc
import CLinuxShims
package import ReapRules

/// What a directory entry is, as far as listing it tells.
package enum EntryKind: Sendable {
  case directory, regular, other
  /// The file system does not say (DT_UNKNOWN).
  case unknown
}

/// Reads an open directory from its beginning, a buffer at a time: bounded memory at any width,
/// and entries may be removed between batches.
@safe package struct DirectoryListing {
  /// One getdents64(2) call's worth: about 1,000 entries of usual length.
  package static let bufferSize = 32768

  private let directory: Descriptor
  private var buffer: UnsafeMutableRawBufferPointer

  /// The buffer lives until `finish()`.
  package init(_ directory: Descriptor) {
    self.directory = directory
    unsafe self.buffer = .allocate(byteCount: Self.bufferSize, alignment: 8)
    rewind()
  }

  package func finish() { unsafe buffer.deallocate() }

  package func rewind() { _ = lseek(directory.number, 0, SEEK_SET) }

  /// The next entries; empty at the end.
  package mutating func nextBatch() throws(SystemError) -> [(
    name: EntryName, kind: EntryKind, inode: UInt64
  )] {
    var entries: [(name: EntryName, kind: EntryKind, inode: UInt64)] = []
    // A batch of nothing but "." and ".." is not the end.
    while entries.isEmpty {
      let size = retrying {
        unsafe shim_getdents64(directory.number, buffer.baseAddress!, buffer.count)
      }
      guard size >= 0 else { throw SystemError("read directory", "(an open directory)") }
      guard size > 0 else { return [] }
      // struct linux_dirent64 (getdents64(2)): ino 8, off 8, reclen 2, type 1, name.
      var offset = 0
      while offset < size {
        let record = unsafe UnsafeRawBufferPointer(rebasing: buffer[offset...])
        let length = unsafe Int(record.loadUnaligned(fromByteOffset: 16, as: UInt16.self))
        let name = unsafe record[19..<length].prefix { $0 != 0 }
        if let name = unsafe EntryName(name) {
          let kind: EntryKind =
            switch unsafe Int(record[18]) {
            case DT_DIR: .directory
            case DT_REG: .regular
            case DT_UNKNOWN: .unknown
            default: .other
            }
          unsafe entries.append((name, kind, record.loadUnaligned(as: UInt64.self)))
        }
        offset += length
      }
    }
    return entries
  }
}
