// What a tree occupies, for people, and what its end would free.

import OwnedDirectories
import ReapRules

/// Allocated bytes of a file or of a whole tree, hard links counted once; nil where it cannot be walked.
func allocatedBytes(of path: CandidatePath, below root: OpenRoot) -> Int64? {
  var bytes: Int64 = 0
  var links = HardLinks()
  let isWalked = forEachEntry(of: path, below: root) { facts, isTop in
    guard facts.type != .directory || !isTop else { return }
    if isTop || facts.type == .directory || links.isCounted(facts) { bytes += facts.allocated }
  }
  return isWalked ? bytes : nil
}

/// Allocated bytes and inodes of a tree; nil where it cannot be walked. A file with other names counts
/// when all of them lie in the tree.
func weigh(_ path: CandidatePath, below root: OpenRoot) -> Evidence.Weight? {
  /// Files with several names that are remembered, some MiB; further ones do not count.
  let limit = 65_536
  var weight = Evidence.Weight(bytes: 0, inodes: 0)
  var namesLeft: [UInt64: UInt32] = [:]
  let isWalked = forEachEntry(of: path, below: root) { facts, _ in
    if facts.type != .directory, facts.links > 1 {
      let inode = facts.identity.inode
      guard namesLeft.count < limit || namesLeft[inode] != nil else { return }
      let left = (namesLeft[inode] ?? facts.links) - 1
      namesLeft[inode] = left
      guard left == 0 else { return }
    }
    weight.bytes = saturatingSum(weight.bytes, facts.allocated)
    weight.inodes += 1
  }
  return isWalked ? weight : nil
}

/// - Parameter body: called once with each entry, the one at the path first.
/// - Returns: whether all of it could be walked.
private func forEachEntry(
  of path: CandidatePath, below root: OpenRoot, _ body: (FileStatus, _ isTop: Bool) -> Void
) -> Bool {
  guard let parent = try? openDirectory(path.directory, below: root) else { return false }
  defer { parent.close() }
  guard let top = try? status(of: path.name, at: parent) else { return false }
  body(top, true)
  guard top.type == .directory else { return top.type == .regular }
  var descent = TreeDescent(from: parent)
  defer { descent.abandon() }
  do throws(SystemError) {
    try descent.enter(path.name)
    while descent.depth > 0 {
      if let next = descent.nextSubdirectory() {
        try descent.enter(next)
        continue
      }
      let batch = try descent.nextBatch()
      guard !batch.isEmpty else {
        try descent.leave()
        continue
      }
      let repeated = descent.repeated
      var subdirectories: [DirectoryEntry] = []
      for (number, entry) in batch.enumerated() {
        guard let facts = try? status(of: entry.name, at: descent.current) else { continue }
        if facts.type == .directory { subdirectories.append(entry) }
        if number >= repeated { body(facts, false) }
      }
      descent.add(subdirectories)
    }
  } catch {
    return false
  }
  return true
}
