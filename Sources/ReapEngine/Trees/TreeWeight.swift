// What the end of a tree would free.

import OwnedDirectories
import ReapRules

/// Allocated bytes and inodes of a tree; nil where it cannot be walked. A file with other names counts
/// when all of them lie in the tree.
func weigh(_ path: CandidatePath, below root: OpenRoot) -> Evidence.Weight? {
  /// Files with several names that are remembered, some MiB; further ones do not count.
  let limit = 65_536
  var weight = Evidence.Weight(bytes: 0, inodes: 0)
  var namesLeft: [UInt64: UInt32] = [:]
  func add(_ facts: FileStatus) {
    weight.bytes = saturatingSum(weight.bytes, facts.allocated)
    weight.inodes += 1
  }
  guard let parent = try? openDirectory(path.directory, below: root) else { return nil }
  defer { parent.close() }
  var descent = TreeDescent(from: parent)
  defer { descent.abandon() }
  do throws(SystemError) {
    add(try status(of: path.name, at: parent))
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
      var subdirectories: [DirectoryEntry] = []
      for entry in batch {
        guard let facts = try? status(of: entry.name, at: descent.current) else { continue }
        if facts.type == .directory { subdirectories.append(entry) }
        guard facts.type != .directory, facts.links > 1 else {
          add(facts)
          continue
        }
        let inode = facts.identity.inode
        guard namesLeft.count < limit || namesLeft[inode] != nil else { continue }
        let left = (namesLeft[inode] ?? UInt32(clamping: facts.links)) - 1
        namesLeft[inode] = left
        if left == 0 { add(facts) }
      }
      descent.add(subdirectories)
    }
  } catch {
    return nil
  }
  return weight
}
