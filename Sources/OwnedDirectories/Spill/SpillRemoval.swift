// Removing what is in a directory that this process owns, at any depth with two descriptors.

import Glibc
import ReapRules

/// Removes a directory of our own with all that is in it.
package func removeTree(_ path: String) throws(SystemError) {
  guard let slash = path.lastIndex(of: "/"),
    let name = EntryName(String(path[path.index(after: slash)...]))
  else { throw SystemError("rmdir", path, EINVAL) }
  let parent = try openPlace(String(path[...slash]))
  defer { parent.close() }
  let directory = try openFile(
    name.bytes, at: parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
  defer { directory.close() }
  try removeContents(of: directory, sparing: nil)
  try unlink(name, at: parent, isDirectory: true)
}

/// Empties a directory but for one file.
///
/// A directory in it that is not empty is opened, its files removed, and its own directories moved
/// up: depth costs neither stack nor descriptors. Entries may be skipped by a listing from which
/// others are removed, hence the repetition.
func removeContents(of directory: Descriptor, sparing lock: EntryName?) throws(SystemError) {
  var number = 0
  var found = true
  while found {
    found = false
    try forEachEntry(of: directory) { (entry) throws(SystemError) in
      guard entry.name != lock else { return }
      found = true
      guard try !remove(entry, in: directory) else { return }
      let inner = try openFile(
        entry.name.bytes, at: directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
      defer { inner.close() }
      try forEachEntry(of: inner) { (entry) throws(SystemError) in
        guard try !remove(entry, in: inner) else { return }
        try moveUp(entry.name, from: inner, to: directory, &number)
      }
    }
  }
}

/// False for a directory that is not empty.
private func remove(_ entry: DirectoryEntry, in directory: Descriptor) throws(SystemError) -> Bool {
  do throws(SystemError) {
    // Not every file system's listings tell.
    let isDirectory =
      try entry.kind == .unknown
      ? status(of: entry.name, at: directory).type == .directory : entry.kind == .directory
    try unlink(entry.name, at: directory, isDirectory: isDirectory)
  } catch {
    switch error.code {
    case ENOENT: return true
    case ENOTEMPTY, EEXIST: return false
    default: throw error
    }
  }
  return true
}

private func moveUp(
  _ name: EntryName, from inner: Descriptor, to directory: Descriptor, _ number: inout Int
) throws(SystemError) {
  while true {
    number += 1
    do {
      return try move(name, from: inner, to: EntryName(".removing.\(number)")!, in: directory)
    } catch {
      // The owner has something of that name.
      guard error.code == ENOTEMPTY || error.code == EEXIST || error.code == ENOTDIR else {
        throw error
      }
    }
  }
}
