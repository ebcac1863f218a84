import Glibc
import CLinuxShims
package import ReapRules

/// What a directory entry is, as far as listing it tells.
package enum EntryKind: Sendable {
  case directory, regular, other
  /// The file system does not say (DT_UNKNOWN).
  case unknown
}

/// One entry as getdents64(2) gives it.
package struct DirectoryEntry: Sendable {
  package let name: EntryName
  package let kind: EntryKind
  package let inode: UInt64
  /// Where a listing goes on behind this entry (d_off): good for any descriptor of the directory.
  package let next: Int64
}

/// Reads an open directory, a buffer at a time: bounded memory at any width, and entries may be
/// removed between batches.
@safe package struct DirectoryListing {
  /// One getdents64(2) call's worth: about 1,000 entries of usual length.
  package static let bufferSize = 32768

  private let directory: Descriptor
  private var buffer: UnsafeMutableRawBufferPointer
  /// Where a listing goes on behind what was read last; nil where nothing was.
  package private(set) var position: Int64?

  /// The buffer lives until `finish()`.
  ///
  /// - Parameter position: the beginning, or `next` of an entry that was listed before; nil for where
  ///   the descriptor stands, which is the beginning where it was only opened.
  package init(_ directory: Descriptor, from position: Int64? = 0) {
    self.directory = directory
    unsafe self.buffer = .allocate(byteCount: Self.bufferSize, alignment: 8)
    if let position { _ = lseek(directory.number, Int(position), SEEK_SET) }
  }

  package func finish() { unsafe buffer.deallocate() }

  /// The next entries; empty at the end.
  ///
  /// - Parameter onlyDirectories: leaves out what the file system says is none, before anything is
  ///   allocated for it.
  package mutating func nextBatch(
    onlyDirectories: Bool = false
  ) throws(SystemError) -> [DirectoryEntry] {
    var entries: [DirectoryEntry] = []
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
        offset += length
        position = unsafe record.loadUnaligned(fromByteOffset: 8, as: Int64.self)
        let type = unsafe Int(record[18])
        if onlyDirectories, type != DT_DIR, type != DT_UNKNOWN { continue }
        let size = unsafe strnlen(record.baseAddress! + 19, length - 19)
        let bytes = unsafe Array(UnsafeRawBufferPointer(rebasing: record[19..<(19 + size)]))
        if let name = EntryName(bytes) {
          let kind: EntryKind =
            switch type {
            case DT_DIR: .directory
            case DT_REG: .regular
            case DT_UNKNOWN: .unknown
            default: .other
            }
          unsafe entries.append(
            DirectoryEntry(
              name: name, kind: kind, inode: record.loadUnaligned(as: UInt64.self),
              next: record.loadUnaligned(fromByteOffset: 8, as: Int64.self)))
        }
      }
    }
    return entries
  }
}

/// Visits every entry of an open directory. Those that others add or remove meanwhile may be
/// visited or not.
package func forEachEntry(
  of directory: Descriptor, _ body: (DirectoryEntry) throws(SystemError) -> Void
) throws(SystemError) {
  var listing = DirectoryListing(directory)
  defer { listing.finish() }
  while true {
    let batch = try listing.nextBatch()
    if batch.isEmpty { return }
    for entry in batch { try body(entry) }
  }
}

/// The names in a directory; no component of its path may be a link.
package func entryNames(in path: String) throws(SystemError) -> [String] {
  let directory = try openRoot(FilePath(path))
  defer { directory.close() }
  var names: [String] = []
  try forEachEntry(of: directory) { names.append($0.name.display) }
  return names
}
