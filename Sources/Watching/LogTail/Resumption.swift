// Going on from a checkpoint: the files are found again where they are by now, and what came after them.

import OwnedDirectories
import ReapRules

/// Used on the tail's thread only.
struct Resumption {
  typealias Found = (file: Descriptor, status: FileStatus)

  private let log: TailedLog
  private let walk: PathWalk
  private let beside: LogNeighbourhood

  init(_ log: TailedLog, _ walk: PathWalk) {
    self.log = log
    self.walk = walk
    beside = LogNeighbourhood(log, walk)
  }

  /// Opens what a checkpoint names, and everything that came after it, in reading order.
  ///
  /// - Parameter current: what stands at the path.
  func resume(_ saved: TailCheckpoint.Log, _ current: Found?) -> [Int] {
    log.neighbours = Set(saved.neighbours)
    log.places = saved.places
    log.records = saved.done.map(ReadRecord.init)
    log.awaited = saved.files.map(\.identity)
    defer { log.awaited = [] }
    var opened: [Int] = []
    var isCurrentTaken = false
    var after = saved.since
    /// From when on archives count, ns.
    var packedSince = saved.since
    var lost: TailCheckpoint.File?
    /// From when on there may be more of which nothing was read, ns.
    var gap = saved.files.last.flatMap { $0.position.offset == 0 ? saved.since : nil }
    /// Whether something was found of which nothing was known.
    var isAllThere = false
    for file in saved.files {
      after = file.identity.birth ?? after
      packedSince = after
      log.newest = file.identity
      if let found = find(file, isCurrentTaken ? nil : current) {
        let isCurrent = found.file.number == current?.file.number
        isCurrentTaken = isCurrentTaken || isCurrent
        // What was compressed later has later lines.
        packedSince = found.status.modification + 1
        let all = goOn(in: found, from: file, isCurrent: isCurrent, gap: gap)
        isAllThere = isAllThere || all.count > 1
        opened += all
      } else if !isCurrentTaken, let current, let id = goOn(behind: file, in: current) {
        isCurrentTaken = true
        opened.append(id)
      } else if let copy = log.copy(of: file.record, born: after, walk, .renamed, mayStop: true) {
        if let rest = copy.rest {
          opened.append(rest.id)
          if rest.isPacked { packedSince = rest.modification }
        }
      } else {
        lost = file
        // It may be there under another name, if nothing was read of it.
        if file.position.offset == 0 { gap = min(saved.since, after, gap ?? .max) }
      }
      if log.watches.isStopping {
        log.unresumed = saved
        if !isCurrentTaken { current?.file.close() }
        return []
      }
    }
    var following: [LogPart] = []
    if !isCurrentTaken, !isSuccessor(current, of: opened.last) {
      let next = follow(
        current, after: min(after, gap ?? .max), packedSince: min(packedSince, gap ?? .max))
      following = next.parts
      opened += following.map(\.id) + next.last
    }
    // Of a file of which nothing was read, all may be in what follows.
    if let lost, lost.position.offset > 0 || following.isEmpty && !isAllThere {
      tellLoss(lost, following)
    }
    return opened
  }

  /// Follows what stands at the path, which the checkpoint does not name, and what comes before it.
  private func follow(
    _ current: Found?, after: Int64, packedSince: Int64
  ) -> (parts: [LogPart], last: [Int]) {
    guard let current else {
      return (beside.parts(after: after, before: nil, packedSince: packedSince), [])
    }
    let next = log.followNext(
      current.file, current.status, .start, after: after, packedSince: packedSince)
    return (next.parts, [next.id])
  }

  /// How long it is looked at once for the place up to which a file was read, ns.
  private static let searchTime: Int64 = 1_000_000_000

  /// Follows a file from where it was read up to, with what was cut off it meanwhile before it.
  private func goOn(
    in found: Found, from file: TailCheckpoint.File, isCurrent: Bool, gap: Int64?
  ) -> [Int] {
    let id = log.follow(found.file, found.status, file.position)
    guard let source = log.sources[id] else { return [id] }
    log.newest = source.identity
    let head = source.head
    if file.position.offset > 0 {
      // Of what is there by now, if it was cut, nothing was read.
      if file.head.length > 0 { source.head = file.head }
    } else {
      var beginning = log.beginning(of: source)
      beginning.after = min(beginning.after, gap ?? .max)
      beginning.packedSince = min(beginning.packedSince, gap ?? .max)
      source.beginning = beginning
    }
    let parts = log.catchUp(source, within: Self.searchTime, mayStop: true)
    if source.position == file.position { source.head = head }
    if !isCurrent { source.beginning = nil }
    if !isCurrent, file.position.offset == 0, wasOverwritten(file, found.file) {
      // The log was copied over it: some of that may have been read already.
      guard let position = beside.positionBehindCopy(found.file, found.status, of: source) else {
        log.drop(id, source)
        return parts.map(\.id)
      }
      source.position = position
    }
    return parts.map(\.id) + [id]
  }

  /// Whether what stands at the path is what a trim has made of the last file that was found.
  private func isSuccessor(_ current: Found?, of id: Int?) -> Bool {
    guard let current, let mark = TrimMark(on: current.file), let id, let source = log.sources[id]
    else { return false }
    return TrimSuccession(log).take(current, mark, after: source)
  }

  /// Goes on in the file that a trim has made of one that is gone.
  private func goOn(behind file: TailCheckpoint.File, in current: Found) -> Int? {
    guard let resumed = TrimSuccession(log).resume(file, in: current) else { return nil }
    let id = log.follow(current.file, current.status, resumed.position)
    log.sources[id]?.late = resumed.late
    log.newest = current.status.identity
    if resumed.lost > 0 {
      log.notice(
        """
        \(displayText(log.path)): trimmed while nobody read it; \(resumed.lost) bytes behind byte \
        \(file.position.offset) are cut off and not given out
        """)
    }
    return id
  }

  private func wasOverwritten(_ saved: TailCheckpoint.File, _ file: Descriptor) -> Bool {
    saved.head.length == 0
      || (try? FileHead(of: file, length: saved.head.length)) != saved.head
  }

  /// At the path, beside it, or where it was moved to.
  private func find(_ file: TailCheckpoint.File, _ current: Found?) -> Found? {
    if let current, isSame(file, current.file, current.status) { return current }
    guard file.identity.inode != 0 else { return nil }
    func find(among siblings: [LogSibling]) -> Found? {
      for sibling in siblings where sibling.identity != current?.status.identity {
        guard case .opened(let other, let status) = openSibling(sibling) else { continue }
        if isSame(file, other, status) {
          beside.learn(sibling.directory)
          return (other, status)
        }
        other.close()
      }
      return nil
    }
    let inode = file.identity.inode
    for place in beside.directories + beside.otherPlaces {
      if let found = find(among: logSiblings(in: place, inode: inode)) { return found }
    }
    // Compressed there? Then those beside it with the log's names are looked at as well.
    guard let names = beside.names else { return nil }
    for place in beside.otherPlaces
    where logSiblings(in: place, where: names.matchesEither).contains(where: {
      $0.change >= file.identity.birth ?? .max
    }) { beside.learn(place) }
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
  private func tellLoss(_ lost: TailCheckpoint.File, _ following: [LogPart]) {
    let looked = beside.directories.map(displayText)
    let next = following.isEmpty ? displayText(log.path) : log.list(following)
    log.notice(
      """
      \(displayText(log.path)): the file read up to byte \(lost.position.offset) (inode \
      \(lost.identity.inode)) is not beside it any more; what was written to it after that is not \
      given out; looked in \(looked.joined(separator: ", ")); going on with \(next)
      """)
  }
}

extension TailCheckpoint.File {
  fileprivate var record: ReadRecord { ReadRecord(head: head, position: position) }
}
