// How a claimed file is removed: what goes with it first, then the file itself.

import Glibc
import OwnedDirectories
import ReapRules

struct FileRemoval {
  let claimed: Claimed

  func run() -> RemovalResult {
    var result = RemovalResult()
    let root = claimed.spot.directory.descriptor
    do throws(SystemError) {
      let there = try status(of: claimed.name, at: root)
      guard there.identity == claimed.identity else {
        throw SystemError("unlink", claimed.name.display, ESTALE)
      }
      // Without what goes with it nothing may prove it dead any more: whoever finds it is told. With
      // another name it is somebody else's file as well, whose mode stays.
      if !claimed.companions.isEmpty, there.links == 1 {
        try? setPermissions(removalMark, of: claimed.directory)
      }
      Companions(claimed: claimed).remove { result.count($0) }
      try unlink(claimed.name, at: root, isDirectory: false)
      result.count(there)
      result.remarks = claimed.sequel?() ?? []
    } catch {
      // Somebody else was faster, where it is gone.
      if error.code != ENOENT { result.failure = error }
      if Obstacle.explains(error) { result.obstacle = Obstacle(claimed.name, in: root) }
    }
    claimed.directory.close()
    claimed.held?.descriptor.close()
    claimed.spot.directory.release()
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
