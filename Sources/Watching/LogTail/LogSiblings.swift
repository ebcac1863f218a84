// The files in the directory of a log, as they are while rotation moves them.

import Glibc
import OwnedDirectories
import ReapRules

/// How often a directory is listed again because it changed under the listing.
private let listingTries = 8

/// The longest tick of the clock that files are stamped with, ns (HZ=100).
let tickLength: Int64 = 10_000_000

/// The regular files of a directory, or those with one inode number, or such names.
///
/// - Parameter directory: with a slash at its end.
func logSiblings(
  in directory: [UInt8], inode: UInt64? = nil, where isWanted: ([UInt8]) -> Bool = { _ in true }
) -> [LogSibling] {
  var found: [LogSibling] = []
  for round in 1...listingTries {
    let earlier = found
    found = []
    guard let opened = try? openToFollow(directory) else { return [] }
    defer { opened.close() }
    let before = try? status(of: opened).change
    let began = readClocks().wall
    try? forEachEntry(of: opened) { entry in
      guard inode == nil || entry.inode == inode, isWanted(entry.name.bytes),
        let status = try? status(of: entry.name, at: opened), status.type == .regular
      else { return }
      found.append(
        LogSibling(
          name: entry.name.bytes, identity: status.identity, change: status.change,
          modification: status.modification, size: status.size, directory: directory))
    }
    // A name that is moved during the listing may be seen twice or not at all. Up to Linux 6.12 a
    // change within one tick of the clock leaves no trace: what changed just now is listed twice.
    let isSame = before != nil && before == (try? status(of: opened).change)
    if isSame, round > 1 || before ?? .max < began - tickLength { break }
    // Where it never stands still: what was seen once is there, or its opening tells that it is gone.
    let seen = Set(found.map(\.identity))
    found += earlier.filter { !seen.contains($0.identity) }
  }
  return found
}

/// The directories in a directory, each with a slash at its end; no links.
func subdirectories(of directory: [UInt8], atMost limit: Int) -> [[UInt8]] {
  guard let opened = try? openToFollow(directory) else { return [] }
  defer { opened.close() }
  var found: [[UInt8]] = []
  try? forEachEntry(of: opened) { entry in
    guard found.count < limit, let status = try? status(of: entry.name, at: opened),
      status.type == .directory
    else { return }
    found.append(directory + entry.name.bytes + [0x2F])
  }
  return found
}

enum SiblingOpening {
  case opened(Descriptor, FileStatus)
  /// It has no name there any more.
  case gone
  case barred(SystemError)
}

/// Opens a sibling under the name that it has by now.
func openSibling(_ sibling: LogSibling) -> SiblingOpening {
  var names = [sibling.name]
  var barrier: SystemError?
  for _ in 0..<listingTries {
    for name in names {
      do {
        let file = try openToFollow(sibling.directory + name)
        if let status = try? status(of: file), status.identity == sibling.identity {
          return .opened(file, status)
        }
        file.close()
      } catch {
        if error.code != ENOENT { barrier = error }
      }
    }
    // Renamed since it was listed, and the old name may be nobody's until the next rename.
    names = logSiblings(in: sibling.directory, inode: sibling.identity.inode)
      .filter { $0.identity == sibling.identity }.map(\.name)
    if names.isEmpty { return .gone }
    if let barrier { return .barred(barrier) }
  }
  return .gone
}
