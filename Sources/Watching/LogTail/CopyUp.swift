// An overlay copies a file up that was opened in a lower layer: the open one grows no more.

import OwnedDirectories
import ReapRules

extension TailedLog {
  /// Whether an overlay has copied a file up that was opened in a lower layer: the number of the inode
  /// stays, its time of birth does not, and what was read is there.
  func isCopiedUp(_ source: TailSource, _ file: Descriptor, _ status: FileStatus) -> Bool {
    guard source.identity.inode == status.identity.inode,
      source.identity.birth != status.identity.birth, status.size >= source.position.offset,
      let old = try? FileHead(of: source.file, length: FileHead.size), old.length > 0
    else { return false }
    return (try? FileHead(of: file, length: old.length)) == old
  }

  /// Goes on in the copy that an overlay has made, since the open file grows no more.
  func followCopyUp(_ id: Int, _ source: TailSource) -> Bool {
    guard machine.newest == id, let end = PathWalk(path).end,
      let there = try? OwnedDirectories.status(ofPath: FilePath(end.directory + end.name)),
      there.identity.inode == source.identity.inode,
      there.identity.birth != source.identity.birth,
      let file = try? openToFollow(end.directory + end.name)
    else { return false }
    guard let status = try? OwnedDirectories.status(of: file), isCopiedUp(source, file, status)
    else {
      file.close()
      return false
    }
    replace(id, source, by: file, status)
    return true
  }

  func replace(
    _ id: Int, _ source: TailSource, by file: Descriptor, _ status: FileStatus
  ) {
    watches.close(source.file, of: id)
    let copy = self.source(file, status.identity, at: source.position)
    copy.beginning = source.beginning
    sources[id] = copy
    newest = status.identity
    watches.follow(file, as: id)
  }
}
