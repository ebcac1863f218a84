// The files beside a followed log: parts of it that were rotated away, copies, and other logs.

import OwnedDirectories
import ReapRules

/// A file that was opened because it is a part of a log.
struct LogPart {
  let id: Int
  let name: [UInt8]
  /// As it lies there, bytes.
  let size: Int64
  /// What was born later comes after it.
  let birth: Int64?
  /// Wall clock, ns: of its last line.
  let modification: Int64
  let isPacked: Bool

  init(_ id: Int, _ sibling: LogSibling, isPacked: Bool = false) {
    self.id = id
    name = sibling.directory + sibling.name
    size = sibling.size
    birth = sibling.arrival
    modification = sibling.modification
    self.isPacked = isPacked
  }

  /// Without the directory.
  var lastName: [UInt8] {
    name.lastIndex(of: UInt8(ascii: "/")).map { Array(name[name.index(after: $0)...]) } ?? name
  }

  /// Whatever was cut off the log after this copy was made came to be there later, wall clock, ns: a log
  /// is cut once its copy is whole. Compressed, the time of its last line has stayed.
  var end: Int64 { isPacked ? modification : max(birth ?? .min, modification) }
}

/// What lies beside a log, as its path leads there now. Used on the tail's thread only.
struct LogNeighbourhood {
  private let log: TailedLog
  private let walk: PathWalk

  init(_ log: TailedLog, _ walk: PathWalk) {
    self.log = log
    self.walk = walk
  }

  private static let neighbourLimit = 1024
  /// Of how many neighbours the contents are remembered: those that rotation touches next.
  private static let knownNeighbours = 64
  private static let placeLimit = 8
  private static let subdirectoryLimit = 64
  /// How often the directories are listed again because a part went away under the listing.
  private static let tries = 8

  var names: PartNames? {
    guard let end = walk.end else { return nil }
    let isLinked = log.path.split(separator: 0x2F).last.map { !$0.elementsEqual(end.name) } ?? false
    return PartNames(base: end.name, isLinked: isLinked, pattern: log.settings.rotated)
  }

  /// Where parts of it are: the directory of the log, and where some were moved to.
  var directories: [[UInt8]] {
    guard let end = walk.end else { return [] }
    return [end.directory] + log.places.filter { $0 != end.directory }
  }

  /// What lies there under names that parts of it have.
  func siblings(_ names: PartNames) -> [LogSibling] {
    directories.flatMap { logSiblings(in: $0, where: names.matchesEither) }
  }

  /// Where else parts may have been moved to, as logrotate's olddir does.
  var otherPlaces: [[UInt8]] {
    guard let end = walk.end else { return [] }
    return subdirectories(of: end.directory, atMost: Self.subdirectoryLimit)
      .filter { !log.places.contains($0) }
  }

  func learn(_ place: [UInt8]) {
    guard place != walk.end?.directory, !log.places.contains(place) else { return }
    log.places.append(place)
    if log.places.count > Self.placeLimit { log.places.removeFirst() }
  }

  /// Where a file that is open was moved to, which its descriptor tells.
  func learnPlace(of source: TailSource) {
    guard source.archive == nil, let target = readLink(Array(source.file.procPath.utf8)),
      target.first == 0x2F, let slash = target.lastIndex(of: 0x2F)
    else { return }
    let place = Array(target[...slash])
    guard place != walk.end?.directory,
      walk.end.map({ !isSameDirectory(place, $0.directory) }) ?? false
    else { return }
    learn(place)
  }

  private func isSameDirectory(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    func identity(_ path: [UInt8]) -> FileIdentity? {
      try? status(ofPath: path, at: .workingDirectory).identity
    }
    return identity(left) == identity(right)
  }

  /// Opens what comes before a file at the path: what stood there between it and another one and was rotated
  /// away before it was seen, and what was cut off it before it was read. The oldest first.
  ///
  /// - Parameters:
  ///   - after: birth of the last file that is known, ns.
  ///   - next: the file at the path; nil: none is.
  ///   - packedSince: what was compressed and has its last line from then on counts as well.
  func parts(after: Int64, before next: TailSource?, packedSince: Int64) -> [LogPart] {
    guard let names else { return [] }
    var parts: [LogPart] = []
    // What is open cannot go away: plain files first, since they may be compressed any moment. One that
    // is gone is compressed by now, or moved: the next listing tells.
    for round in 1...Self.tries {
      var all = siblings(names).map { rewritten($0, names, after) }
      if let next { all = all.filter(isBefore(next, names)) }
      var isWhole = true
      let plain = successors(
        of: names.base, after: after, current: nil, among: all, isLinked: names.isLinked,
        pattern: names.pattern)
      let opened = plain.filter(isUnknown).compactMap { sibling -> LogPart? in
        guard let (file, status) = open(sibling, isWhole: &isWhole) else { return nil }
        guard let position = positionBehindCopy(file, status) else {
          file.close()
          return nil
        }
        return LogPart(log.followPart(file, status, position), sibling)
      }
      let packed = names.packed(among: all)
        .filter { $0.modification >= packedSince && isUnknown($0) }
        .compactMap { openPacked($0, after, isWhole: &isWhole) }
      // Files that were opened in an earlier round are younger than those compressed meanwhile.
      parts = Self.merged(
        parts.filter(\.isPacked) + packed, parts.filter { !$0.isPacked } + opened, names)
      if isWhole || round == Self.tries { break }
    }
    for part in parts { log.sources[part.id]?.soughtSince = min(after, packedSince) }
    return parts
  }

  /// Whether a part comes before a file. It stood at the path before that, or is a copy of what was cut
  /// off it: then the file was changed later. One that was compressed may have the time of that; it comes
  /// before the file for as long as that stands at the path.
  private func isBefore(_ next: TailSource, _ names: PartNames) -> (LogSibling) -> Bool {
    let last = (try? status(of: next.file).modification) ?? .max
    let there = walk.end.flatMap {
      try? status(ofPath: $0.directory + $0.name, at: .workingDirectory).identity
    }
    return { sibling in
      if sibling.modification <= last { return true }
      return PartNames.unpacked(sibling.name) == nil
        ? sibling.arrival ?? .max <= next.identity.birth ?? .max : there == next.identity
    }
  }

  private func openPacked(
    _ sibling: LogSibling, _ after: Int64, isWhole: inout Bool
  ) -> LogPart? {
    guard let (archive, status) = open(sibling, isWhole: &isWhole) else { return nil }
    guard let peeked = Unpacking.peek(archive, size: status.size) else {
      archive.close()
      log.neighbours.insert(sibling.identity)
      log.notice("\(about(sibling)) is damaged, or no gzip file: it is not given out")
      return nil
    }
    guard !peeked.head.isEmpty, !isKnown(peeked.head, peeked.size) else {
      archive.close()
      return nil
    }
    let id = log.follow(archive, sibling, .start, FileHead(peeked.head), after)
    return LogPart(id, sibling, isPacked: true)
  }

  /// Each archive before the first plain file that is younger by its name or, where names do not tell,
  /// by its last line. Plain files have their own order: one that was renamed may have had lines after
  /// the next one was made.
  private static func merged(
    _ packed: [LogPart], _ plain: [LogPart], _ names: PartNames
  ) -> [LogPart] {
    var merged: [LogPart] = []
    var packed = packed[...]
    for part in plain {
      let earlier = packed.prefix {
        names.isOlderByName($0.lastName, than: part.lastName)
          ?? ($0.modification <= part.modification)
      }
      packed = packed.dropFirst(earlier.count)
      merged += earlier + [part]
    }
    return merged + packed
  }

  /// A file that is known, but holds something else by now: a log that is copied to the same name each time.
  private func rewritten(_ sibling: LogSibling, _ names: PartNames, _ after: Int64) -> LogSibling {
    guard sibling.modification >= after, names.isOwn(sibling.name), log.isNoted(sibling.identity),
      case .opened(let file, let status) = openSibling(sibling)
    else { return sibling }
    defer { file.close() }
    guard let head = try? FileHead(of: file, length: FileHead.size), head.length > 0,
      !log.records.contains(where: { $0.isHead(of: file, size: status.size) })
    else { return sibling }
    var sibling = sibling
    sibling.arrival = sibling.modification
    sibling.isRewritten = true
    return sibling
  }

  private func open(_ sibling: LogSibling, isWhole: inout Bool) -> (Descriptor, FileStatus)? {
    switch openSibling(sibling) {
    case .opened(let file, let status): return (file, status)
    case .gone: isWhole = false
    case .barred(let error):
      log.complain("\(about(sibling)): what it holds is not given out: \(error)")
    }
    return nil
  }

  /// Name and size, for messages.
  func about(_ sibling: LogSibling) -> String {
    "\(displayText(sibling.directory + sibling.name)) (\(sibling.size) bytes)"
  }

  /// Neither read nor about to be, and none of another log.
  private func isUnknown(_ sibling: LogSibling) -> Bool {
    let identity = sibling.identity
    return identity != log.newest && (sibling.isRewritten || !log.isNoted(identity))
      && !log.sources.values.contains { $0.identity == identity || $0.archive == identity }
      // The number of a device may be another one since.
      && !log.awaited.contains { $0.inode == identity.inode && $0.birth == identity.birth }
  }

  /// Whether that was read already, or is being read, by what it holds.
  private func isKnown(_ head: [UInt8], _ size: Int64) -> Bool {
    log.records.contains { $0.isAll(of: head, size: size) } || isOpen(head, size)
  }

  private func isOpen(_ head: [UInt8], _ size: Int64) -> Bool {
    log.sources.values.contains { source in
      guard source.archive == nil, let status = try? status(of: source.file) else { return false }
      return status.size == size
        && (try? FileHead(of: source.file, length: head.count)) == FileHead(head)
    }
  }

  /// Where to begin in a file: behind what is a copy of what was given out; nil where that is all.
  func positionBehindCopy(
    _ file: Descriptor, _ status: FileStatus, of own: TailSource? = nil
  ) -> ReadingPosition? {
    // One of what was read of a file that was cut since is found when that is seen.
    let isKnown = log.sources.values.contains {
      guard $0 !== own else { return false }
      return isCopy(file, size: status.size, of: $0.file)
        || $0.record.isStrong && $0.record.position.offset <= status.size && $0.record.holds(file)
    }
    if isKnown { return nil }
    guard let record = log.records.last(where: { $0.isBeginning(of: file, size: status.size) })
    else {
      return .start
    }
    return status.size > record.position.offset ? record.position : nil
  }

  /// Whether it was made of a file that is still to be read, or being read: after a stop it is all that
  /// there is of that.
  private func isOfOpen(_ sibling: LogSibling) -> Bool {
    guard PartNames.unpacked(sibling.name) != nil, !log.neighbours.contains(sibling.identity),
      case .opened(let archive, let status) = openSibling(sibling)
    else { return false }
    defer { archive.close() }
    return Unpacking.peek(archive, size: status.size).map { isOpen($0.head, $0.size) } ?? false
  }

  /// What is beside it now, and no part of it, will be none either when it is rotated or compressed.
  /// Where the path leads to another file by the time that they are listed, some may be parts that were
  /// not seen yet; and so may what was born since.
  func note(before began: Int64) {
    guard let end = walk.end, let names else { return }
    let ours = Set(log.sources.values.flatMap { [$0.identity, $0.archive ?? $0.identity] })
    let beside = siblings(names).filter {
      !ours.contains($0.identity)
        && ($0.identity.birth ?? 0 < began || log.neighbours.contains($0.identity))
        && !isOfOpen($0)
    }
    let path = FilePath(end.directory + end.name)
    guard let there = try? status(ofPath: path), there.identity == log.newest else { return }
    for sibling in beside.sorted(by: { $0.change < $1.change }).suffix(Self.knownNeighbours)
    where !log.neighbours.contains(sibling.identity) && names.matches(sibling.name)
      && sibling.modification < began
    {
      guard case .opened(let file, let status) = openSibling(sibling) else { continue }
      defer { file.close() }
      guard let head = try? FileHead(of: file, length: FileHead.size) else { continue }
      log.remember(ReadRecord(TailCheckpoint.Done(head: head, size: status.size)))
    }
    log.neighbours = Set(beside.suffix(Self.neighbourLimit).map(\.identity))
  }
}
