// An overlay copies a file up that was opened in a lower layer: the open one grows no more.

import OwnedDirectories
import ReapRules

/// Sees that such a file was copied up, and goes on in the copy.
struct CopyUp {
  let log: TailedLog

  init(_ log: TailedLog) { self.log = log }

  /// Whether it was: the number of the inode stays, its time of birth does not, and what was read is
  /// there.
  func isCopy(_ file: Descriptor, _ status: FileStatus, of source: TailSource) -> Bool {
    guard source.identity.inode == status.identity.inode,
      source.identity.birth != status.identity.birth, status.size >= source.position.offset,
      let old = try? FileHead(of: source.file, length: FileHead.size), old.length > 0
    else { return false }
    return (try? FileHead(of: file, length: old.length)) == old
  }

  /// Goes on in the copy that stands at the path, if there is one.
  func follow(_ id: Int, _ source: TailSource) -> Bool {
    guard log.machine.newest == id, let end = PathWalk(log.path).end,
      let there = try? OwnedDirectories.status(ofPath: FilePath(end.directory + end.name)),
      there.identity.inode == source.identity.inode,
      there.identity.birth != source.identity.birth,
      let file = try? openToFollow(end.directory + end.name)
    else { return false }
    guard let status = try? OwnedDirectories.status(of: file), isCopy(file, status, of: source)
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
    log.watches.close(source.file, of: id)
    let copy = log.source(file, status.identity, at: source.position)
    copy.beginning = source.beginning
    log.sources[id] = copy
    log.newest = status.identity
    log.watches.follow(file, as: id)
  }
}
