// What a log held that was cut, or is gone: it lies in a copy, or in an archive, with what came after it.

import OwnedDirectories
import ReapRules

extension TailedLog {
  enum Removal {
    /// Its inode is there still: it was copied, and cut.
    case cut
    /// No plain file is it.
    case renamed
  }

  /// The rest of what was read up to a place, in a copy or an archive, and the parts that came after that,
  /// the oldest first; nil where nothing beside the log holds what was read.
  ///
  /// - Parameters:
  ///   - born: of the log when it was read, ns: what is older cannot hold it.
  ///   - kind: what became of it.
  ///   - current: what stands at the path, where that is another file by now.
  ///   - mayStop: at a stop it gives up.
  func rest(
    of record: ReadRecord, born: Int64?, _ walk: PathWalk, _ kind: Removal,
    current: FileIdentity? = nil, mayStop: Bool
  ) -> [LogPart]? {
    let beside = LogNeighbourhood(self, walk)
    guard let names = beside.names, record.position.offset > 0 else { return nil }
    let floor = born ?? .min
    let all = beside.siblings(names)
    if kind == .cut {
      let copies = successors(
        of: names.base, after: floor, current: nil, among: all, isLinked: names.isLinked,
        pattern: names.pattern)
      // A copy of what was read and no more is known as that, and tells what came after it all the same.
      for sibling in copies
      where isCandidate(sibling)
        || neighbours.contains(sibling.identity) && sibling.size == record.position.offset
      {
        guard case .opened(let file, let status) = openSibling(sibling) else { continue }
        guard status.size >= record.position.offset, record.holds(file) else {
          file.close()
          continue
        }
        var parts: [LogPart] = []
        if status.size > record.position.offset {
          parts = [LogPart(follow(file, status, record.position), sibling)]
        } else {
          file.close()
          remember(record)
          neighbours.insert(sibling.identity)
        }
        return parts + beside.between(sibling.identity.birth ?? floor, nil, packedSince: nil)
      }
    }
    for sibling in names.packed(among: all)
    where sibling.modification >= floor && isCandidate(sibling) {
      guard let id = unpacked(sibling, upTo: record, floor, mayStop) else {
        if mayStop, watches.isStopping { return [] }
        continue
      }
      let part = LogPart(id, sibling, isPacked: true)
      return [part] + beside.between(floor, current, packedSince: sibling.modification)
    }
    return nil
  }

  private func isCandidate(_ sibling: LogSibling) -> Bool {
    sibling.identity != newest && !neighbours.contains(sibling.identity)
      && !sources.values.contains { [$0.identity, $0.archive].contains(sibling.identity) }
  }

  /// Unpacks an archive up to the place that was read; nil where it does not hold that.
  private func unpacked(
    _ sibling: LogSibling, upTo record: ReadRecord, _ floor: Int64, _ mayStop: Bool
  ) -> Int? {
    guard case .opened(let archive, let status) = openSibling(sibling) else { return nil }
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
    guard let lost = source.cutRecord else { return [.read(id)] }
    source.cutRecord = nil
    source.before = lost
    let walk = PathWalk(path)
    let parts = rest(of: lost, born: source.identity.birth, walk, .cut, mayStop: false)
    remember(lost)
    let read = "\(displayText(path)): truncated after byte \(lost.position.offset) was read"
    if let parts, !parts.isEmpty {
      notice("\(read); going on with \(list(parts)), then from its beginning")
      wait(source, for: parts)
      return machine.handle(.preceded(id, by: parts.map(\.id)), now: now)
    }
    notice("\(read); reading it from its beginning")
    return [.read(id)]
  }

  /// Has a file that was cut wait for what it held before.
  func wait(_ source: TailSource, for parts: [LogPart]) {
    guard let last = parts.last else { return }
    source.waiting = TailSource.Waiting(
      after: parts.compactMap(\.birth).max() ?? source.identity.birth ?? since,
      packedSince: last.modification)
  }

  /// The turn of a file that has waited: what was cut off it since goes before. Nothing was read of that, so
  /// nothing else would tell.
  func caughtUp(_ id: Int, _ source: TailSource, _ now: Int64) -> [TailMachine.Action]? {
    guard let waiting = source.waiting else { return nil }
    for _ in 0..<Self.turnTries {
      let head = try? FileHead(of: source.file, length: FileHead.size)
      let parts = LogNeighbourhood(self, PathWalk(path))
        .between(waiting.after, nil, packedSince: waiting.packedSince)
      guard parts.isEmpty else {
        notice(
          "\(displayText(path)): truncated again meanwhile; going on with \(list(parts)) first")
        wait(source, for: parts)
        return machine.handle(.preceded(id, by: parts.map(\.id)), now: now)
      }
      // A copy of what it holds is none of those; cut in this very moment, it is.
      if let head, (try? FileHead(of: source.file, length: head.length)) == head { break }
    }
    source.waiting = nil
    return nil
  }

  private static let turnTries = 8

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
