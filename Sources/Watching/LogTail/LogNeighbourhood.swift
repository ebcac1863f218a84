// The files beside a followed log: parts of it that were rotated away, copies, and other logs.

import OwnedDirectories
import ReapRules

extension TailedLog {
  /// Files that stood at the path between two others and were rotated away before they were seen.
  func between(_ after: Int64, _ current: FileIdentity?, _ walk: PathWalk) -> [Int] {
    guard let end = walk.end else { return [] }
    let found = successors(
      of: end.name, after: after, current: current, among: logSiblings(in: end.directory),
      isLinked: isLinked(end.name), pattern: settings.rotated)
    return found.compactMap { sibling in
      guard sibling.identity != newest, remembered(sibling.identity) == nil,
        !neighbours.contains(sibling.identity),
        !sources.values.contains(where: { $0.identity == sibling.identity }),
        let (file, status) = openSibling(sibling, in: end.directory)
      else { return nil }
      guard let position = positionBehindCopy(file, status) else {
        file.close()
        return nil
      }
      return follow(file, status, position)
    }
  }

  /// Where to begin in a file: behind what is a copy of what was given out; nil where that is all.
  private func positionBehindCopy(_ file: Descriptor, _ status: FileStatus) -> ReadingPosition? {
    if sources.values.contains(where: { isCopy(file, size: status.size, of: $0.file) }) {
      return nil
    }
    guard let record = records.last(where: { $0.isBeginning(of: file, size: status.size) }) else {
      return .start
    }
    return status.size > record.position.offset ? record.position : nil
  }

  private func isLinked(_ name: [UInt8]) -> Bool {
    path.split(separator: 0x2F).last.map { !$0.elementsEqual(name) } ?? false
  }

  /// What is beside it now, and no part of it, will be none either when it is rotated. Where the path
  /// leads to another file by the time that they are listed, some may be parts that were not seen yet.
  func noteNeighbours(_ walk: PathWalk) {
    guard let end = walk.end else { return }
    let ours = Set(sources.values.map(\.identity))
    let beside = logSiblings(in: end.directory).filter {
      isRotatedName($0.name, of: end.name) && !ours.contains($0.identity)
    }
    let path = FilePath(end.directory + end.name)
    guard let there = try? status(ofPath: path), there.identity == newest else { return }
    neighbours = Set(beside.prefix(Self.neighbourLimit).map(\.identity))
  }

  private static let neighbourLimit = 1024

  /// The copy that was made of a file before it was cut, with what had not been given out of it.
  func copy(
    of saved: TailCheckpoint.File, _ walk: PathWalk
  ) -> (file: Descriptor, status: FileStatus)? {
    guard let end = walk.end else { return nil }
    let record = ReadRecord(head: saved.head, position: saved.position)
    for sibling in logSiblings(in: end.directory)
    where sibling.identity != saved.identity && isRotatedName(sibling.name, of: end.name) {
      guard let (file, status) = openSibling(sibling, in: end.directory) else { continue }
      if status.size >= saved.position.offset, record.holds(file) { return (file, status) }
      file.close()
    }
    return nil
  }
}
