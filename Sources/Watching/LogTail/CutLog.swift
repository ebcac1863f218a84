// What a log held that was cut, or is gone: it lies in a copy, or in an archive, with what came after it.

import OwnedDirectories
import ReapRules

extension TailedLog {
  enum Removal {
    /// Its inode is there still: it was copied, and cut.
    case cut
    /// Its inode is nowhere.
    case renamed
  }

  /// A copy or an archive of what was read of a log.
  struct Copy {
    let sibling: LogSibling
    /// What it holds behind that; nil where that is nothing.
    let rest: LogPart?
    /// What was cut off the log later came to be there later, wall clock, ns.
    let end: Int64
  }

  /// What holds all that was read of a log, and the rest of it; nil where nothing beside it does.
  ///
  /// - Parameters:
  ///   - born: of the log when it was read, ns: what is older cannot hold it.
  ///   - kind: what became of it.
  ///   - mayStop: at a stop it gives up.
  func copy(
    of record: ReadRecord, born: Int64?, _ walk: PathWalk, _ kind: Removal, mayStop: Bool
  ) -> Copy? {
    let beside = LogNeighbourhood(self, walk)
    guard let names = beside.names, record.position.offset > 0 else { return nil }
    // One that goes away under the listing is compressed by now, or moved: the next one tells.
    for _ in 0..<Self.turnTries {
      var isWhole = true
      let all = beside.siblings(names)
      // Few bytes may stand in another log as well, where nothing else tells that it is a copy.
      if kind == .cut || record.isStrong,
        let plain = plainCopy(of: record, born ?? .min, all, names, &isWhole)
      {
        return plain
      }
      let packed = names.packed(among: all).filter { mayHold($0, record) }
      let isLater = { (sibling: LogSibling) in sibling.modification >= born ?? .min }
      // A copy that keeps its times has its last line from before its birth.
      let earlier = packed.filter { !isLater($0) && record.isStrong }.suffix(Self.earlierArchives)
      for sibling in packed.filter(isLater) + earlier.reversed() {
        guard let id = unpacked(sibling, upTo: record, born ?? .min, mayStop, &isWhole) else {
          if mayStop, watches.isStopping { return nil }
          continue
        }
        let part = LogPart(id, sibling, isPacked: true)
        return Copy(sibling: sibling, rest: part, end: part.end)
      }
      if isWhole { break }
    }
    return nil
  }

  private func plainCopy(
    of record: ReadRecord, _ floor: Int64, _ all: [LogSibling], _ names: PartNames,
    _ isWhole: inout Bool
  ) -> Copy? {
    // Known ones may have been written over.
    let arrived = all.map { sibling in
      var sibling = sibling
      if isNoted(sibling.identity) || unreadPart(sibling.identity) != nil {
        sibling.arrival = sibling.arrival.map { max($0, sibling.modification) }
      }
      return sibling
    }
    let copies = successors(
      of: names.base, after: floor, current: nil, among: arrived, isLinked: names.isLinked,
      pattern: names.pattern)
    for sibling in copies
    where mayHold(sibling, record) || unreadPart(sibling.identity) != nil {
      guard case .opened(let file, let status) = openSibling(sibling) else {
        isWhole = false
        continue
      }
      guard status.size >= record.position.offset, record.holds(file) else {
        file.close()
        continue
      }
      guard status.size > record.position.offset else {
        // A copy of what was read and no more tells what came after it all the same.
        file.close()
        unreadPart(sibling.identity)?.position = record.position
        remember(record)
        neighbours.insert(sibling.identity)
        return Copy(
          sibling: sibling, rest: nil, end: max(sibling.arrival ?? floor, sibling.modification))
      }
      if let part = unreadPart(sibling.identity) {
        file.close()
        part.position = record.position
        return Copy(sibling: sibling, rest: nil, end: sibling.modification)
      }
      let part = LogPart(followPart(file, status, record.position), sibling)
      return Copy(sibling: sibling, rest: part, end: part.end)
    }
    return nil
  }

  /// An empty part that waits for its turn, or for late lines, and that the log may be copied to.
  private func unreadPart(_ identity: FileIdentity) -> TailSource? {
    sources.values.first {
      $0.identity == identity && identity != newest && $0.archive == nil && $0.position.offset == 0
    }
  }

  /// Known ones were written over, perhaps; but few bytes may stand in another log as well.
  private func mayHold(_ sibling: LogSibling, _ record: ReadRecord) -> Bool {
    let isUnknown = !neighbours.contains(sibling.identity)
    return (isUnknown || record.isStrong || sibling.size == record.position.offset)
      && sibling.identity != newest
      && !sources.values.contains { [$0.identity, $0.archive].contains(sibling.identity) }
  }

  /// Unpacks an archive up to the place that was read; nil where it does not hold that.
  private func unpacked(
    _ sibling: LogSibling, upTo record: ReadRecord, _ floor: Int64, _ mayStop: Bool,
    _ isWhole: inout Bool
  ) -> Int? {
    guard case .opened(let archive, let status) = openSibling(sibling) else {
      isWhole = false
      return nil
    }
    guard let peeked = Unpacking.peek(archive, size: status.size),
      FileHead(peeked.head.prefix(record.head.length)) == record.head
    else {
      archive.close()
      return nil
    }
    let id = follow(archive, sibling, record.position, record.head, floor)
    guard let source = sources[id], let unpacking = source.unpacking else { return nil }
    guard startUnpacking(source) else {
      drop(id, source)
      return nil
    }
    var step = Unpacking.Step.more
    var isStopped: Bool { mayStop && watches.isStopping }
    while step == .more, unpacking.size < record.position.offset, !isStopped {
      step = unpacking.step()
    }
    guard !isStopped, record.holds(source.file) else {
      drop(id, source)
      return nil
    }
    if step != .more { settle(source, step) }
    return id
  }

  /// Begins with it unless it has begun; false where that cannot be, which is told.
  func startUnpacking(_ source: TailSource) -> Bool {
    guard let unpacking = source.unpacking, !unpacking.isStarted else { return true }
    guard let file = unpacking.start(source.file) else {
      notice(
        """
        \(unpacking.name) (\(unpacking.packedSize) bytes): no temporary file to unpack it into; it is \
        not given out
        """)
      return false
    }
    source.file.close()
    source.file = file
    return true
  }

  /// The end of unpacking, for better or worse.
  func settle(_ source: TailSource, _ step: Unpacking.Step) {
    guard let unpacking = source.unpacking else { return }
    unpacking.close()
    source.unpacking = nil
    if case .failed(let reason) = step {
      notice(
        """
        \(unpacking.name) (\(unpacking.packedSize) bytes) \(reason): what it holds behind byte \
        \(unpacking.size) is not given out
        """)
    }
  }

  /// The file was cut below the place up to which it was read, `source.cutRecord`.
  func goOn(_ id: Int, _ source: TailSource, _ now: Int64) -> [TailMachine.Action] {
    let parts = cutOff(source, mayStop: false)
    guard !parts.isEmpty else { return [.read(id)] }
    return machine.handle(.preceded(id, by: parts.map(\.id)), now: now)
  }

  /// What was cut off a file behind the place up to which it was read, and what was written to it and cut
  /// off since, the oldest first.
  private func cutOff(_ source: TailSource, mayStop: Bool) -> [LogPart] {
    guard let lost = source.cutRecord else { return [] }
    source.cutRecord = nil
    let walk = PathWalk(path)
    let copy = copy(of: lost, born: source.identity.birth, walk, .cut, mayStop: mayStop)
    remember(lost)
    guard !mayStop || !watches.isStopping else { return [] }
    let isCurrent = source.identity == newest
    if !isCurrent, let status = try? status(of: source.file) {
      // An old part that the log was copied over: some of that may have been read already.
      source.position =
        LogNeighbourhood(self, walk).positionBehindCopy(source.file, status, of: source)
        ?? (try? startingPosition(source.file, .lines(0))) ?? .start
    }
    var beginning = beginning(of: source)
    if let copy {
      beginning.after = max(beginning.after, copy.end)
      beginning.packedSince = max(beginning.packedSince, copy.end + 1)
    } else if isTurnedBack(source) {
      beginning.after = source.identity.birth ?? beginning.after
      beginning.packedSince = beginning.after
    }
    if source.position.offset == 0 { source.beginning = beginning }
    let parts = (copy?.rest).map { [$0] } ?? []
    let later = isCurrent ? cutOffUnread(source) : []
    tellCut(lost, copy, later)
    return parts + later
  }

  /// One line: what was found of what was cut off, and what comes next.
  private func tellCut(_ lost: ReadRecord, _ copy: Copy?, _ later: [LogPart]) {
    let read = "\(displayText(path)): truncated after byte \(lost.position.offset) was read"
    let next = later.isEmpty ? "" : "\(list(later)), then "
    guard let copy else {
      notice(
        """
        \(read), and no copy of that is beside it: what was written to it after that and cut off is \
        not given out; going on with \(next)its beginning
        """)
      return
    }
    let name =
      "\(displayText(copy.sibling.directory + copy.sibling.name)) (\(copy.sibling.size) bytes)"
    guard copy.rest != nil else {
      notice("\(read); its copy \(name) holds no more; going on with \(next)its beginning")
      return
    }
    notice("\(read); going on with the rest of it in \(name), then \(next)its beginning")
  }

  /// Whether the clock was put back since it was read.
  private func isTurnedBack(_ source: TailSource) -> Bool {
    (try? status(of: source.file)).map { $0.modification < since } ?? false
  }

  /// What is known of a file of which nothing was read.
  func beginning(of source: TailSource) -> TailSource.Beginning {
    let after = max(source.identity.birth ?? since, since)
    return TailSource.Beginning(after: after, packedSince: after)
  }

  /// What was cut off a file before anything was read of it, the oldest first.
  func cutOffUnread(_ source: TailSource) -> [LogPart] {
    guard let beginning = source.beginning else { return [] }
    let parts = LogNeighbourhood(self, PathWalk(path))
      .parts(after: beginning.after, before: source, packedSince: beginning.packedSince)
    goBehind(parts, source)
    return parts
  }

  /// What is cut off a file from now on comes to be there after these were.
  private func goBehind(_ parts: [LogPart], _ source: TailSource) {
    guard let beginning = source.beginning else { return }
    if let end = parts.map(\.end).max() {
      source.beginning?.after = max(beginning.after, end)
      source.beginning?.packedSince = max(beginning.packedSince, end + 1)
    }
  }

  /// What was cut off the file at the path so far, before another one stands there or the first turn
  /// comes, the oldest first.
  ///
  /// - Parameter time: how long it may be looked for the place up to which it was read, ns.
  func catchUp(_ source: TailSource, within time: Int64, mayStop: Bool) -> [LogPart] {
    if (try? source.isCut(within: time)) ?? false { return cutOff(source, mayStop: mayStop) }
    let parts = cutOffUnread(source)
    if !parts.isEmpty { tellUnread(parts) }
    return parts
  }

  private func tellUnread(_ parts: [LogPart]) {
    notice("\(displayText(path)): truncated before it was read; going on with \(list(parts)) first")
  }

  /// Follows a file that stands at the path since another one did, and what comes before it.
  ///
  /// - Parameters:
  ///   - after: birth of that one, ns.
  ///   - packedSince: what was compressed later has its last line from then on, ns.
  func followNext(
    _ file: Descriptor, _ status: FileStatus, _ position: ReadingPosition, after: Int64,
    packedSince: Int64
  ) -> (parts: [LogPart], id: Int) {
    let id = follow(file, status, position)
    guard let source = sources[id] else { return ([], id) }
    var packedSince = packedSince
    if position.offset == 0 {
      let beginning = beginning(of: source)
      source.beginning = beginning
      packedSince = min(packedSince, beginning.packedSince)
    }
    let parts = LogNeighbourhood(self, PathWalk(path))
      .parts(after: after, before: source, packedSince: packedSince)
    goBehind(parts.filter { $0.birth ?? 0 >= source.identity.birth ?? .max }, source)
    return (parts, id)
  }

  enum Turn {
    /// Something else comes first.
    case after([TailMachine.Action])
    /// Nothing is in it.
    case empty
    case ready
  }

  /// The turn of a file: of one of which nothing was read, what was cut off it goes before. Nothing else
  /// would tell of that.
  func turn(of id: Int, _ source: TailSource, _ now: Int64) -> Turn {
    guard source.beginning != nil, source.identity == newest else { return .ready }
    for _ in 0..<Self.turnTries {
      guard let head = try? FileHead(of: source.file, length: FileHead.size) else { return .ready }
      let parts = cutOffUnread(source)
      guard parts.isEmpty else {
        tellUnread(parts)
        return .after(machine.handle(.preceded(id, by: parts.map(\.id)), now: now))
      }
      // A copy of what it holds is none of those; cut in this very moment, it is.
      let length = head.length == 0 ? 1 : head.length
      guard (try? FileHead(of: source.file, length: length)) == head else { continue }
      source.beginning?.head = head
      return head.length == 0 ? .empty : .ready
    }
    return .after([.read(id)])
  }

  /// Reads what is there, if it is the file's turn.
  func read(
    _ source: TailSource, _ turn: Turn, _ buffer: ReadBuffer, _ output: TailOutput
  ) throws(SystemError) -> TailSource.Outcome {
    guard case .empty = turn else { return try source.read(buffer, output) }
    return .atEnd(grew: false, isDeleted: try status(of: source.file).links == 0)
  }

  static let turnTries = 8
  private static let earlierArchives = 8

  /// Names and sizes, for messages.
  func list(_ parts: [LogPart]) -> String {
    let named = parts.prefix(2).map { "\(displayText($0.name)) (\($0.size) bytes)" }
    let more = parts.count > 2 ? [" and \(parts.count - 2) more"] : []
    return named.joined(separator: ", ") + more.joined()
  }

  /// Whatever is copied or compressed later: this was given out, or is none of it.
  func remember(_ record: ReadRecord) {
    guard record.position.offset > 0, !records.contains(where: { $0.done == record.done }) else {
      return
    }
    records.append(record)
    if records.count > Self.recordLimit { records.removeFirst() }
  }

  private static let recordLimit = 64
}
