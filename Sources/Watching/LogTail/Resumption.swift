// Going on from a checkpoint: the files are found again where they are by now, and what came after them.

import OwnedDirectories
import ReapRules

extension TailedLog {
  private typealias Found = (file: Descriptor, status: FileStatus)

  /// Opens what a checkpoint names, and everything that came after it, in reading order.
  func resume(
    _ saved: TailCheckpoint.Log, _ walk: PathWalk,
    _ current: (file: Descriptor, status: FileStatus)?
  ) -> [Int] {
    neighbours = Set(saved.neighbours)
    places = saved.places
    records = saved.done.map(ReadRecord.init)
    var opened: [Int] = []
    var isCurrentTaken = false
    var after = saved.since
    /// From when on archives count, ns.
    var packedSince = saved.since
    var lost: TailCheckpoint.File?
    for file in saved.files {
      let record = ReadRecord(head: file.head, position: file.position)
      after = file.identity.birth ?? after
      packedSince = after
      newest = file.identity
      if let found = find(file, walk, isCurrentTaken ? nil : current) {
        let isCurrent = found.file.number == current?.file.number
        isCurrentTaken = isCurrentTaken || isCurrent
        let parts =
          wasCut(record, found)
          ? rest(of: record, born: after, walk, .cut, mayStop: true) : nil
        opened += parts?.map(\.id) ?? []
        // What was compressed later has later lines.
        packedSince = found.status.modification + 1
        opened.append(follow(found.file, found.status, parts == nil ? file.position : .start))
        if let parts, !parts.isEmpty {
          notice("\(displayText(path)): truncated meanwhile; going on with \(list(parts))")
        }
      } else if let parts = rest(
        of: record, born: after, walk, .renamed, current: current?.status.identity, mayStop: true)
      {
        opened += parts.map(\.id)
        packedSince = parts.last { $0.isPacked }?.modification ?? after
      } else {
        lost = file
      }
      if watches.isStopping {
        unresumed = saved
        if !isCurrentTaken { current?.file.close() }
        return []
      }
    }
    var following: [Part] = []
    if !isCurrentTaken {
      following = between(after, current?.status.identity, walk, packedSince: packedSince)
      opened += following.map(\.id)
      if let current { opened.append(follow(current.file, current.status, .start)) }
    }
    // Of a file of which nothing was read, all may be in what follows.
    if let lost, lost.position.offset > 0 || following.isEmpty { tellLoss(lost, following, walk) }
    return opened
  }

  private func wasCut(_ record: ReadRecord, _ found: Found) -> Bool {
    record.position.offset > 0
      && (found.status.size < record.position.offset || !record.holds(found.file))
  }

  /// At the path, beside it, or where it was moved to.
  private func find(_ file: TailCheckpoint.File, _ walk: PathWalk, _ current: Found?) -> Found? {
    if let current, isSame(file, current.file, current.status) { return current }
    guard file.identity.inode != 0 else { return nil }
    func find(among siblings: [LogSibling]) -> Found? {
      for sibling in siblings where sibling.identity != current?.status.identity {
        guard case .opened(let other, let status) = openSibling(sibling) else { continue }
        if isSame(file, other, status) {
          learn(sibling.directory, walk)
          return (other, status)
        }
        other.close()
      }
      return nil
    }
    let inode = file.identity.inode
    for place in directories(walk) + otherPlaces(walk) {
      if let found = find(among: logSiblings(in: place, inode: inode)) { return found }
    }
    // Compressed there? Then those beside it with the log's names are looked at as well.
    guard let names = names(walk) else { return nil }
    for place in otherPlaces(walk)
    where logSiblings(in: place, where: names.matchesEither).contains(where: {
      $0.change >= file.identity.birth ?? .max
    }) { learn(place, walk) }
    return nil
  }

  private func isSame(
    _ saved: TailCheckpoint.File, _ file: Descriptor, _ status: FileStatus
  ) -> Bool {
    saved.isSame(status.identity) {
      (try? FileHead(of: file, length: $0)) ?? FileHead(length: 0, hash: 0)
    }
  }

  /// One line: what is missing, where it was looked for, and what comes next.
  private func tellLoss(_ lost: TailCheckpoint.File, _ following: [Part], _ walk: PathWalk) {
    let looked = directories(walk).map(displayText)
    let next = following.isEmpty ? displayText(path) : list(following)
    notice(
      """
      \(displayText(path)): the file read up to byte \(lost.position.offset) (inode \
      \(lost.identity.inode)) is not beside it any more; what was written to it after that is not \
      given out; looked in \(looked.joined(separator: ", ")); going on with \(next)
      """)
  }

  var checkpoint: TailCheckpoint.Log {
    if let unresumed { return unresumed }
    let order = machine.order.compactMap { sources[$0] }
    // Nothing tells archives apart of which nothing was read: the next start finds them, and what comes
    // after them, as it did before.
    let pending = order.firstIndex { $0.archive != nil && $0.position.offset == 0 }
    let files = order[..<(pending ?? order.count)].compactMap { source -> TailCheckpoint.File? in
      var head = source.head
      if source.unpacking == nil {
        guard let whole = try? FileHead(of: source.file, length: FileHead.size) else { return nil }
        head = whole
      }
      return .init(identity: source.identity, head: head, position: source.position)
    }
    return TailCheckpoint.Log(
      path: path, since: pending == 0 ? order[0].identity.birth ?? since : since, files: files,
      neighbours: neighbours.sorted { $0.inode < $1.inode }.suffix(Self.savedNeighbours),
      places: places, done: records.map(\.done))
  }

  private static let savedNeighbours = 64
}
