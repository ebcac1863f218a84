// A generation in two halves: one claimed, and one that its writer made anew under the name, since
// writers make every directory on the way to a file before each write. Here they become one again.

import Glibc
import OwnedDirectories
import ReapRules

/// Moves every entry of a claimed half back to where its name is; never over anything.
///
/// The halves are compared as a whole before the first rename. Directories that both have are joined
/// inside. Whoever removes the claimed half, or restores it, holds the lock on its directory, which
/// is taken here too.
func joinHalves(
  _ claimed: EntryName, into original: EntryName, at parent: Descriptor
) -> Joining {
  do throws(SystemError) {
    let (source, sourceFacts) = try openHalf(claimed, at: parent)
    defer { source.close() }
    let (target, targetFacts) = try openHalf(original, at: parent)
    defer { target.close() }
    guard sourceFacts.permissions != removalMark, sourceFacts.owner == targetFacts.owner,
      tryLock(source, .flock) == .taken
    else { throw SystemError("join", claimed.display, EBUSY) }
    guard try status(of: source).permissions != removalMark else {
      throw SystemError("join", claimed.display, EBUSY)
    }
    if let collision = try firstCollision(of: source, with: target) { return .collision(collision) }
    // A writer is at work in the other half: what it has made since is not replaced either.
    if let collision = try moveAll(from: source, to: target) { return .collision(collision) }
    guard try status(of: claimed, at: parent).identity == sourceFacts.identity else {
      throw SystemError("rmdir", claimed.display, ESTALE)
    }
    try unlink(claimed, at: parent, isDirectory: true)
    return .joined
  } catch {
    return error.code == EEXIST ? .collision(claimed.bytes) : .failed(error)
  }
}

private func openHalf(
  _ name: EntryName, at parent: Descriptor
) throws(SystemError) -> (Descriptor, FileStatus) {
  let half = try openFile(
    name.bytes, at: parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
  do throws(SystemError) {
    return (half, try status(of: half))
  } catch {
    half.close()
    throw error
  }
}

/// The path of an entry that both have and that is not a directory in both; nil where there is none.
private func firstCollision(
  of source: Descriptor, with target: Descriptor
) throws(SystemError) -> [UInt8]? {
  try eachShared(source, target) {
    (entry, path, from, into, isShared) throws(SystemError) -> [UInt8]? in
    guard !isShared else { return nil }
    return try exists(entry, at: into) ? path : nil
  }
}

/// Moves what only the source has, and removes the directories that are empty by then.
private func moveAll(
  from source: Descriptor, to target: Descriptor
) throws(SystemError) -> [UInt8]? {
  let collision = try eachShared(source, target) {
    (entry, path, from, into, isShared) throws(SystemError) -> [UInt8]? in
    guard !isShared else { return nil }
    do throws(SystemError) {
      try moveWithoutReplacing(entry, from: from, to: into)
      return nil
    } catch {
      guard error.code == EEXIST else { throw error }
      return path
    }
  }
  guard collision == nil else { return collision }
  try removeEmptyDirectories(below: source)
  return nil
}

/// Visits every entry of the source, level by level, in directories that both have.
///
/// - Parameter body: told whether both have the entry as a directory; what it returns ends the walk.
private func eachShared(
  _ source: Descriptor, _ target: Descriptor,
  _ body: (EntryName, [UInt8], Descriptor, Descriptor, Bool) throws(SystemError) -> [UInt8]?
) throws(SystemError) -> [UInt8]? {
  var pending: [[UInt8]] = [[]]
  while let directory = pending.popLast() {
    let place = directory.isEmpty ? [UInt8(ascii: ".")] : directory
    let from = try openFile(
      place, at: source, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
    defer { from.close() }
    let into = try openFile(
      place, at: target, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
    defer { into.close() }
    for entry in try entries(of: from) {
      let path = directory.isEmpty ? entry.bytes : directory + [UInt8(ascii: "/")] + entry.bytes
      var isShared = try isDirectory(entry, at: from)
      if isShared { isShared = try isDirectory(entry, at: into) }
      if let result = try body(entry, path, from, into, isShared) { return result }
      if isShared { pending.append(path) }
    }
  }
  return nil
}

/// Read whole, since entries are moved away meanwhile.
private func entries(of directory: Descriptor) throws(SystemError) -> [EntryName] {
  var listing = DirectoryListing(directory)
  defer { listing.finish() }
  var names: [EntryName] = []
  while true {
    let batch = try listing.nextBatch()
    guard !batch.isEmpty else { return names }
    names += batch.map(\.name)
  }
}

private func removeEmptyDirectories(below source: Descriptor) throws(SystemError) {
  var descent = TreeDescent(from: source)
  defer { descent.abandon() }
  while true {
    if let next = descent.nextSubdirectory() {
      try descent.enter(next)
      continue
    }
    let batch = try descent.nextBatch()
    guard batch.isEmpty else {
      descent.add(batch)  // nothing but directories is left
      continue
    }
    guard descent.depth > 0 else { return }
    let left = try descent.leave()
    try unlink(left.name, at: descent.current, isDirectory: true)
  }
}

private func isDirectory(_ name: EntryName, at directory: Descriptor) throws(SystemError) -> Bool {
  do throws(SystemError) {
    return try status(of: name, at: directory).type == .directory
  } catch  where error.code == ENOENT {
    return false
  }
}

private func exists(_ name: EntryName, at directory: Descriptor) throws(SystemError) -> Bool {
  do throws(SystemError) {
    _ = try status(of: name, at: directory)
    return true
  } catch  where error.code == ENOENT {
    return false
  }
}
