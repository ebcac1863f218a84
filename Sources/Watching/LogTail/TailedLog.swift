// One followed path at work: its files, its watches, and the machine that says what is next.

import Glibc
import OwnedDirectories
import ReapRules

/// Used on the tail's thread only.
final class TailedLog {
  /// Files done with that are remembered in case one of them stands at the path again.
  private static let rememberedLimit = 16
  /// How long of a turn it is looked for the place up to which a file was read, ns.
  private static let searchTime: Int64 = 5_000_000

  let index: Int
  /// Absolute.
  let path: [UInt8]
  let settings: TailSettings
  let watches: LogWatches
  let notice: (String) -> Void
  /// Wall clock, ns.
  var since = tickBeforeNow()

  var machine = TailMachine()
  var sources: [Int: TailSource] = [:]
  private var serial = 0
  var remembered: [(identity: FileIdentity, position: ReadingPosition)] = []
  /// What was read of files before they were cut or done with, and what was there before.
  var records: [ReadRecord] = []
  /// Directories besides the log's own that parts of it were moved to, with a slash at their end.
  var places: [[UInt8]] = []
  /// What the checkpoint said, where the stop came before everything in it was found again.
  var unresumed: TailCheckpoint.Log?
  /// Files of a checkpoint that are found one after the other.
  var awaited: [FileIdentity] = []
  /// Files beside it with names like those that rotation gives, which never were at the path.
  var neighbours: Set<FileIdentity> = []
  /// The last file that was opened, done with or not.
  var newest: FileIdentity?
  private var complaint: String?

  init(
    index: Int, path: [UInt8], settings: TailSettings, watches: TailWatches,
    notice: @escaping (String) -> Void
  ) {
    self.index = index
    self.path = path
    self.settings = settings
    self.watches = LogWatches(watches)
    self.notice = notice
  }

  /// Wall clock, ns. Births are rounded down to a tick of the clock.
  private static func tickBeforeNow() -> Int64 { readClocks().wall - tickLength }

  // MARK: - Where the path leads

  /// Opens what is there at the start, and what a checkpoint says was there before.
  func begin(_ saved: TailCheckpoint.Log?, _ now: Int64) -> [TailMachine.Action] {
    let began = Self.tickBeforeNow()
    let walk = PathWalk(path)
    watches.place(walk)
    let current = open(walk)
    var opened: [Int] = []
    if let saved {
      since = saved.since
      opened = Resumption(self, walk).resume(saved, current)
    } else if let current {
      var position = ReadingPosition.start
      do { position = try startingPosition(current.file, settings.from) } catch {
        complain("\(error)")
      }
      since = began
      let id = follow(current.file, current.status, position)
      if position.offset == 0, let source = sources[id] {
        source.beginning = beginning(of: source)
      }
      opened = [id]
    }
    guard unresumed == nil else { return [] }
    if let current { newest = current.status.identity }
    LogNeighbourhood(self, walk).note(before: began)
    var actions = opened.isEmpty ? [] : machine.handle(.appeared(opened), now: now)
    if current == nil { actions += machine.handle(.vanished, now: now) }
    return actions
  }

  /// Looks again at where the path leads.
  func look(_ now: Int64) -> [TailMachine.Action] {
    let began = Self.tickBeforeNow()
    let walk = PathWalk(path)
    watches.place(walk)
    guard let current = open(walk) else { return machine.handle(.vanished, now: now) }
    var actions: [TailMachine.Action] = []
    let identity = current.status.identity
    if let known = sources.first(where: { $0.value.identity == identity }) {
      current.file.close()
      return machine.handle(.returned(known.key), now: now)
    }
    if let id = TrimSuccession(self).take(current) {
      return machine.handle(.returned(id), now: now) + machine.handle(.changed(id), now: now)
    }
    if let id = machine.newest, let source = sources[id],
      CopyUp(self).isCopy(current.file, current.status, of: source)
    {
      CopyUp(self).replace(id, source, by: current.file, current.status)
      return machine.handle(.returned(id), now: now) + machine.handle(.changed(id), now: now)
    }
    if let id = machine.newest, let source = sources[id] {
      // From now on, nothing is cut off it any more.
      let parts = catchUp(source, within: Self.searchTime, mayStop: false)
      source.beginning = nil
      if !parts.isEmpty { actions = machine.handle(.preceded(id, by: parts.map(\.id)), now: now) }
    }
    let position = remembered(identity) ?? .start
    var opened: [Int] = []
    if let after = newest == nil ? since : newest?.birth {
      var packedSince = after
      if let id = machine.newest, let source = sources[id] {
        LogNeighbourhood(self, walk).learnPlace(of: source)
        // What was compressed later has later lines; the one before may have had some after this one's
        // birth.
        if let status = try? OwnedDirectories.status(of: source.file) {
          packedSince = status.modification + 1
        }
      }
      let next = followNext(
        current.file, current.status, position, after: after, packedSince: packedSince)
      opened = next.parts.map(\.id) + [next.id]
    } else {
      opened = [follow(current.file, current.status, position)]
    }
    newest = identity
    LogNeighbourhood(self, walk).note(before: began)
    return actions + machine.handle(.appeared(opened), now: now)
  }

  private func open(_ walk: PathWalk) -> (file: Descriptor, status: FileStatus)? {
    do {
      let file = try openToFollow(walk.end.map { $0.directory + $0.name } ?? path)
      let status = try OwnedDirectories.status(of: file)
      guard status.type == .regular else {
        file.close()
        complain("\(displayText(path)): not a regular file")
        return nil
      }
      complaint = nil
      return (file, status)
    } catch {
      if !error.isAbsence {
        complain("\(error)")
      } else if newest == nil {
        complain("\(displayText(path)): not there; waiting for it")
      }
      return nil
    }
  }

  /// Said once for each state, not for each event.
  func complain(_ text: String) {
    guard complaint != text else { return }
    complaint = text
    notice(text)
  }

  // MARK: - Files

  func follow(_ file: Descriptor, _ status: FileStatus, _ position: ReadingPosition) -> Int {
    add(source(file, status.identity, at: position))
  }

  /// Follows a part of it that was rotated away.
  func followPart(_ file: Descriptor, _ status: FileStatus, _ position: ReadingPosition) -> Int {
    neighbours.remove(status.identity)
    remembered.removeAll { $0.identity == status.identity }
    return follow(file, status, position)
  }

  /// Follows an archive's contents; it is unpacked when its turn has come.
  ///
  /// - Parameters:
  ///   - head: of what it holds.
  ///   - after: what was born from then on comes after it, ns: there is no inode that the next start
  ///     would find it by.
  func follow(
    _ archive: Descriptor, _ sibling: LogSibling, _ position: ReadingPosition, _ head: FileHead,
    _ after: Int64
  ) -> Int {
    let identity = FileIdentity(device: 0, inode: 0, birth: after)
    let source = source(archive, identity, at: position)
    let name = displayText(sibling.directory + sibling.name)
    source.unpacking = Unpacking(name: name, size: sibling.size)
    source.archive = sibling.identity
    source.head = head
    serial += 1
    // Nobody writes to it: there is nothing to watch.
    sources[serial] = source
    return serial
  }

  private func add(_ source: TailSource) -> Int {
    serial += 1
    sources[serial] = source
    watches.follow(source.file, as: serial)
    return serial
  }

  func source(
    _ file: Descriptor, _ identity: FileIdentity, at position: ReadingPosition
  ) -> TailSource {
    TailSource(file, identity, at: position, log: index, limit: settings.lineLimit)
  }

  /// Known, and no part that is still to be read.
  func isNoted(_ identity: FileIdentity) -> Bool {
    neighbours.contains(identity) || remembered(identity) != nil
  }

  func remembered(_ identity: FileIdentity) -> ReadingPosition? {
    remembered.first { $0.identity == identity && identity.birth != nil }?.position
  }

  /// Carries out one action; what follows from it, or nil when nobody takes the output any more.
  func perform(
    _ action: TailMachine.Action, _ buffer: ReadBuffer, _ output: TailOutput, _ now: () -> Int64
  ) -> [TailMachine.Action]? {
    switch action {
    case .read(let id):
      guard var source = sources[id] else { return [] }
      let turn = turn(of: id, source, now())
      if case .after(let actions) = turn { return actions }
      do {
        source = try TrimSuccession(self).goOn(id, source)
        let began = Self.tickBeforeNow()
        let outcome = try unpack(source) ?? read(source, turn, buffer, output)
        if source.cutRecord != nil { return goOn(id, source, now()) }
        switch outcome {
        case .cutUnread: return [action]
        case .atEnd(grew: false, _) where source.isOnOverlay && CopyUp(self).follow(id, source):
          return [action]
        case .atEnd where source.hasCome(to: source.successors.first): return [action]
        case .atEnd(let grew, let isDeleted):
          if source.position.offset > 0, source.identity == newest { since = began }
          return machine.handle(.ended(id, grew: grew, isDeleted: isDeleted), now: now())
        case .paused: return [action]
        case .refused: return nil
        }
      } catch {
        notice("\(displayText(path)): \(error)")
        return machine.handle(.ended(id, grew: false, isDeleted: false), now: now())
      }
    case .probe(let id):
      guard let source = sources[id] else { return [] }
      let presence: TailMachine.Presence =
        switch probeWriters(source.file) {
        case .none: .none
        case .some: .some
        case .unknown: .unknown
        }
      return machine.handle(.writers(id, presence), now: now())
    case .finish(let id):
      guard let source = sources[id] else { return [] }
      guard source.unpacking != nil || (try? source.readTorn(buffer, output)) ?? true else {
        return nil
      }
      forget(id, source)
      return []
    }
  }

  /// An archive is unpacked whole before it is read, when its turn has come.
  private func unpack(_ source: TailSource) -> TailSource.Outcome? {
    guard let unpacking = source.unpacking else { return nil }
    guard startUnpacking(source) else { return .atEnd(grew: false, isDeleted: true) }
    let step = unpacking.step()
    if step != .more { settle(source, step) }
    return .paused
  }

  private func forget(_ id: Int, _ source: TailSource) {
    remembered.append((source.identity, source.position))
    if remembered.count > Self.rememberedLimit { remembered.removeFirst() }
    let length = Int(min(source.position.offset, Int64(FileHead.size)))
    if source.unpacking == nil, let head = try? FileHead(of: source.file, length: length) {
      remember(ReadRecord(head: head, position: source.position))
    }
    neighbours.insert(source.archive ?? source.identity)
    drop(id, source)
  }

  func drop(_ id: Int, _ source: TailSource) {
    source.unpacking?.close()
    for next in source.successors { next.file.close() }
    sources[id] = nil
    watches.close(source.file, of: id)
  }

  /// The last look before the end: old files to their end, a torn last line as it is.
  func end(_ buffer: ReadBuffer, _ output: TailOutput) -> Bool {
    var order = machine.order
    var turnsLeft = Self.turnTries
    while !order.isEmpty {
      let id = order.removeFirst()
      guard let source = sources[id] else { continue }
      // Far behind: what is left is for the next start.
      guard source.unpacking == nil else { return true }
      let known = Set(machine.order)
      let turn = turn(of: id, source, 0)
      if case .after = turn {
        order = machine.order.filter { !known.contains($0) } + [id] + order
        continue
      }
      do {
        let outcome = try read(source, turn, buffer, output)
        if source.cutRecord != nil {
          _ = goOn(id, source, 0)
          order = machine.order.filter { !known.contains($0) } + [id] + order
          continue
        }
        switch outcome {
        case .cutUnread where turnsLeft > 0:
          turnsLeft -= 1
          order.insert(id, at: 0)
          continue
        case .cutUnread: return true
        case .paused: return true
        case .refused: return false
        case .atEnd where source.hasCome(to: source.successors.first):
          _ = try TrimSuccession(self).goOn(id, source)
          order.insert(id, at: 0)
          continue
        case .atEnd: break
        }
        guard try source.readTorn(buffer, output) else { return false }
      } catch {
        notice("\(displayText(path)): \(error)")
      }
    }
    return true
  }

  func closeAll() {
    for (id, source) in sources { drop(id, source) }
    watches.closeAll()
  }

  // MARK: - News

  /// The answer to a watch that was asked for.
  func armed(_ token: UInt32, _ result: Result<WatchHandle, WatchFailure>) -> TailAnswer {
    let answer = watches.armed(token, result)
    if answer != .nothing, case .failure(let failure) = result {
      complain("\(displayText(path)): no watch: \(failure.text)")
    }
    return answer
  }

  func touched(_ token: UInt32) -> TailAnswer { watches.touched(token) }

  func lost(_ token: UInt32) -> TailAnswer { watches.lost(token) }

  func handle(_ event: TailMachine.Event, _ now: Int64) -> [TailMachine.Action] {
    machine.handle(event, now: now)
  }
}

extension SystemError {
  fileprivate var isAbsence: Bool { code == ENOENT || code == ENOTDIR }
}
