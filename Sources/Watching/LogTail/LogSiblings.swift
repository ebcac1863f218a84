// The files in the directory of a log, as they are while rotation moves them.

import OwnedDirectories
import ReapRules

/// How often a directory is listed again because it changed under the listing.
private let listingTries = 8

/// The regular files of a directory, or those with one inode number.
func logSiblings(in directory: [UInt8], inode: UInt64? = nil) -> [LogSibling] {
  var found: [LogSibling] = []
  for _ in 0..<listingTries {
    found = []
    guard let opened = try? openToFollow(directory) else { return [] }
    defer { opened.close() }
    let before = try? status(of: opened).change
    try? forEachEntry(of: opened) { entry in
      guard inode == nil || entry.inode == inode,
        let status = try? status(of: entry.name, at: opened), status.type == .regular
      else { return }
      found.append(
        LogSibling(
          name: entry.name.bytes, identity: status.identity, change: status.change,
          modification: status.modification))
    }
    // A name that is moved during the listing may be seen twice or not at all.
    if let before, before == (try? status(of: opened).change) { break }
  }
  return found
}

/// Opens a sibling under the name that it has by now; nil where it has none any more.
func openSibling(
  _ sibling: LogSibling, in directory: [UInt8]
) -> (file: Descriptor, status: FileStatus)? {
  var names = [sibling.name]
  for _ in 0..<listingTries {
    for name in names {
      guard let file = try? openToFollow(directory + name) else { continue }
      if let status = try? status(of: file), status.identity == sibling.identity {
        return (file, status)
      }
      file.close()
    }
    // Renamed since it was listed, and the old name may be nobody's until the next rename.
    names = logSiblings(in: directory, inode: sibling.identity.inode)
      .filter { $0.identity == sibling.identity }.map(\.name)
    if names.isEmpty { return nil }
  }
  return nil
}
