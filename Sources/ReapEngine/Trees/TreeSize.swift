// What an entry occupies, for people.

import OwnedDirectories
import ReapRules

/// Allocated bytes of a file or of a whole tree, hard links counted once; nil where it cannot be walked.
func allocatedBytes(of path: CandidatePath, below root: OpenRoot) -> Int64? {
  var bytes: Int64 = 0
  var links = HardLinks()
  guard let parent = try? openDirectory(path.directory, below: root) else { return nil }
  defer { parent.close() }
  if let facts = try? status(of: path.name, at: parent), facts.type == .regular {
    return facts.allocated
  }
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
      var subdirectories: [DirectoryEntry] = []
      for entry in batch {
        guard let facts = try? status(of: entry.name, at: descent.current) else { continue }
        if facts.type == .directory { subdirectories.append(entry) }
        if facts.type == .directory || links.isCounted(facts) { bytes += facts.allocated }
      }
      descent.add(subdirectories)
    }
  } catch {
    return nil
  }
  return bytes
}
