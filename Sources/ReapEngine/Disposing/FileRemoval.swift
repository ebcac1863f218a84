// How a claimed file is removed: what goes with it first, then the file itself.

import Glibc
import OwnedDirectories
import ReapRules

extension Claimed {
  var isFile: Bool { evidence.entry.type == .regularFile }

  func removeFile() -> RemovalResult {
    var result = RemovalResult()
    let root = spot.directory.descriptor
    do throws(SystemError) {
      let there = try status(of: name, at: root)
      guard there.identity == identity else {
        throw SystemError("unlink", name.display, ESTALE)
      }
      removeCompanions { result.count($0) }
      try unlink(name, at: root, isDirectory: false)
      result.count(there)
    } catch {
      // Somebody else was faster, where it is gone.
      if error.code != ENOENT { result.failure = error }
      if Obstacle.explains(error) { result.obstacle = Obstacle(name, in: root) }
    }
    directory.close()
    held?.descriptor.close()
    spot.directory.release()
    return result
  }
}

extension RemovalResult {
  /// A file that was removed. One with other names has its blocks still.
  mutating func count(_ facts: FileStatus) {
    files += 1
    if facts.links <= 1 { bytes += facts.allocated }
  }
}
