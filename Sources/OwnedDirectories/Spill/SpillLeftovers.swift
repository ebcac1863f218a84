// Hidden names that creators left when they were killed before their directory had its name.

import Glibc
import ReapRules
import Synchronization

/// The roots that this process has looked through. Whoever replaces a killed writer begins with a
/// creation, so once is enough, and a creation does not cost a listing of the root.
private let seen = Mutex<Set<FileIdentity>>([])

/// What cannot be read or removed is left: the creation at hand does not depend on it.
func removeLeftoversOnce(in root: Descriptor, prefix: EntryName) {
  guard let identity = try? status(of: root).identity,
    seen.withLock({ $0.insert(identity).inserted })
  else { return }
  _ = try? removeLeftovers(in: root, prefix: prefix)
}

func removeLeftovers(in root: Descriptor, prefix: EntryName) throws(SystemError) -> Int {
  let readable = try openFile(
    Array(".".utf8), at: root, O_RDONLY | O_DIRECTORY, follow: .within)
  defer { readable.close() }
  var count = 0
  try forEachEntry(of: readable) { (entry) throws(SystemError) in
    if isHidden(entry.name, prefix), removeLeftover(entry.name, in: root) { count += 1 }
  }
  return count
}

/// `.<prefix><digits>_<digits>`
private func isHidden(_ name: EntryName, _ prefix: EntryName) -> Bool {
  guard name.bytes.starts(with: hiddenName(prefix).bytes) else { return false }
  let parts = name.bytes.dropFirst(1 + prefix.bytes.count).split(
    separator: UInt8(ascii: "_"), omittingEmptySubsequences: false)
  return parts.count == 2
    && parts.allSatisfy { part in
      !part.isEmpty && part.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}

/// Its creator holds the lock on the directory from the step after mkdir on. One that has not got
/// that far finds its directory gone, or locked, and begins again under another name.
private func removeLeftover(_ name: EntryName, in root: Descriptor) -> Bool {
  guard
    let directory = try? openFile(
      name.bytes, at: root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
  else { return false }
  defer { directory.close() }
  guard tryLock(directory, .flock) == .taken,
    let there = try? status(of: name, at: root), let ours = try? status(of: directory),
    there.identity == ours.identity
  else { return false }
  do {
    try unlink(lockName, at: directory, isDirectory: false)
  } catch {
    guard error.code == ENOENT else { return false }
  }
  // With anything else in it, it is not what a creator leaves, and stays.
  return (try? unlink(name, at: root, isDirectory: true)) != nil
}
