// Rotated logs that were compressed before they were read: unpacked into a file without a name, and read
// from there like any other.

import CZlib
import OwnedDirectories

/// The most that one file is unpacked to, bytes: a log of a day, and no gzip bomb.
private let unpackedLimit = 8 << 30

/// Unpacks a whole gzip file; nil where it is damaged, too large, or there is no room.
///
/// - Parameters:
///   - file: read from its beginning; it stays open.
///   - head: what it must begin with, so that no other archive is unpacked whole.
func inflated(
  _ file: Descriptor, beginningWith head: FileHead? = nil
) -> (file: Descriptor, status: FileStatus)? {
  guard let copy = try? duplicate(file), let target = try? openTemporary() else { return nil }
  // It takes the descriptor over, and closes it.
  guard let stream = unsafe gzdopen(copy.number, "rb") else {
    copy.close()
    target.close()
    return nil
  }
  var chunk = [UInt8](repeating: 0, count: 1 << 17)
  var isWhole = false
  var total = 0
  while true {
    let size = unsafe gzread(stream, &chunk, UInt32(chunk.count))
    guard size > 0 else {
      isWhole = size == 0
      break
    }
    if total == 0, let head, FileHead(chunk[..<min(Int(size), head.length)]) != head { break }
    total += Int(size)
    guard total <= unpackedLimit else { break }
    guard (try? writeAll(chunk.span.extracting(first: Int(size)), to: target, "(unpacked)")) != nil
    else { break }
  }
  // A stream that ends too early reads as an end, and says so here.
  var code: Int32 = 0
  _ = unsafe gzerror(stream, &code)
  isWhole = isWhole && code >= Z_OK
  isWhole = unsafe gzclose(stream) == Z_OK && isWhole
  // For reading only: whether it has writers is asked later.
  defer { target.close() }
  guard isWhole, let file = try? openToFollow(Array(target.procPath.utf8)) else { return nil }
  guard let status = try? status(of: file) else {
    file.close()
    return nil
  }
  return (file, status)
}

extension TailedLog {
  /// What was read up to a place and compressed since, with those that were compressed after it, the
  /// oldest first: by the time of their last line, which gzip keeps.
  func compressed(_ saved: TailCheckpoint.File, _ walk: PathWalk) -> [Int] {
    guard let end = walk.end else { return [] }
    let record = ReadRecord(head: saved.head, position: saved.position)
    let suffix = Array(".gz".utf8)
    let siblings = logSiblings(in: end.directory)
    let names = Set(siblings.map(\.name))
    var opened: [Int] = []
    for sibling in siblings.filter({ isPacked($0.name, suffix, of: end.name, names) }).sorted(by: {
      $0.modification < $1.modification
    }) {
      guard let (packed, _) = openSibling(sibling, in: end.directory) else { continue }
      defer { packed.close() }
      let head = opened.isEmpty ? saved.head : nil
      guard let (file, status) = inflated(packed, beginningWith: head) else { continue }
      if opened.isEmpty {
        guard status.size >= saved.position.offset, record.holds(file) else {
          file.close()
          continue
        }
        opened.append(follow(file, status, saved.position, as: saved.identity))
      } else {
        // No inode is this one's: the next start finds it by its head again.
        let identity = FileIdentity(device: 0, inode: 0, birth: sibling.modification)
        opened.append(follow(file, status, .start, as: identity))
      }
    }
    if !opened.isEmpty { newest = saved.identity }
    return opened
  }

  /// Of one that is being compressed at this moment the plain file is there still.
  private func isPacked(
    _ name: [UInt8], _ suffix: [UInt8], of base: [UInt8], _ names: Set<[UInt8]>
  ) -> Bool {
    guard name.suffix(suffix.count).elementsEqual(suffix) else { return false }
    let plain = Array(name.dropLast(suffix.count))
    return isRotatedName(plain, of: base) && !names.contains(plain)
  }
}
