// One followed path at work: its files, its watches, and the machine that says what is next.

import Glibc
import OwnedDirectories
import ReapRules

/// Used on the tail's thread only.
final class TailedLog {
  /// Files done with that are remembered in case one of them stands at the path again.
  private static let rememberedLimit = 16

  let index: Int
  /// Absolute.
  let path: [UInt8]
  let settings: TailSettings
  private let watches: LogWatches
  private let notice: (String) -> Void
  /// Wall clock, ns. Births are rounded down to a tick of the clock, 10 ms at the longest (HZ=100).
  private var since = readClocks().wall - 10_000_000

  private(set) var machine = TailMachine()
  var sources: [Int: TailSource] = [:]
  private var serial = 0
  var remembered: [(identity: FileIdentity, position: ReadingPosition)] = []
  /// What was read of files before they were cut.
  var records: [ReadRecord] = []
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

  // MARK: - Where the path leads

  /// Opens what is there at the start, and what a checkpoint says was there before.
  func begin(_ saved: TailCheckpoint.Log?, _ now: Int64) -> [TailMachine.Action] {
    let walk = PathWalk(path)
    watches.place(walk)
    let current = open(walk)
    var opened: [Int] = []
    if let saved {
      since = saved.since
      opened = resume(saved, walk, current)
    } else if let current {
      var position = ReadingPosition.start
      do { position = try startingPosition(current.file, settings.from) } catch {
        complain("\(error)")
      }
      opened = [follow(current.file, current.status, position)]
    }
    noteNeighbours(walk)
    var actions = opened.isEmpty ? [] : machine.handle(.appeared(opened), now: now)
    if current == nil { actions += machine.handle(.vanished, now: now) }
    return actions
  }

  /// Looks again at where the path leads.
  func look(_ now: Int64) -> [TailMachine.Action] {
    let walk = PathWalk(path)
    watches.place(walk)
    guard let current = open(walk) else { return machine.handle(.vanished, now: now) }
    let identity = current.status.identity
    if let known = sources.first(where: { $0.value.identity == identity }) {
      current.file.close()
      return machine.handle(.returned(known.key), now: now)
    }
    if let id = machine.newest, let source = sources[id],
      isCopiedUp(source, current.file, current.status)
    {
      replace(id, source, by: current.file, current.status)
      return machine.handle(.returned(id), now: now) + machine.handle(.changed(id), now: now)
    }
    var opened: [Int] = []
    if let after = newest == nil ? since : newest?.birth {
      opened = between(after, identity, walk)
    }
    opened.append(follow(current.file, current.status, remembered(identity) ?? .start))
    noteNeighbours(walk)
    return machine.handle(.appeared(opened), now: now)
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
  private func complain(_ text: String) {
    guard complaint != text else { return }
    complaint = text
    notice(text)
  }

  // MARK: - Going on from a checkpoint

  private func resume(
    _ saved: TailCheckpoint.Log, _ walk: PathWalk,
    _ current: (file: Descriptor, status: FileStatus)?
  ) -> [Int] {
    var opened: [Int] = []
    var isCurrentTaken = false
    neighbours = Set(saved.neighbours)
    for file in saved.files {
      var match: (Descriptor, FileStatus)?
      if let current, !isCurrentTaken, isSame(file, current.file, current.status) {
        match = current
        isCurrentTaken = true
      } else if let end = walk.end {
        for sibling in logSiblings(in: end.directory, inode: file.identity.inode)
        where match == nil {
          guard sibling.identity != current?.status.identity,
            let (other, status) = openSibling(sibling, in: end.directory)
          else { continue }
          if isSame(file, other, status) { match = (other, status) } else { other.close() }
        }
      }
      if let match {
        let wasCut =
          match.1.size < file.position.offset
          || !ReadRecord(head: file.head, position: file.position).holds(match.0)
        if wasCut, file.position.offset > 0, let copy = copy(of: file, walk) {
          // What it held is in the copy; those that were made later are whole.
          opened.append(follow(copy.file, copy.status, file.position))
          if let birth = copy.status.birth { opened += between(birth, nil, walk) }
          opened.append(follow(match.0, match.1, .start))
        } else if wasCut, file.position.offset > 0, case let packed = compressed(file, walk),
          !packed.isEmpty
        {
          opened += packed
          opened.append(follow(match.0, match.1, .start))
        } else {
          opened.append(follow(match.0, match.1, file.position))
        }
      } else if case let packed = compressed(file, walk), !packed.isEmpty {
        opened += packed
      } else {
        newest = file.identity
        notice(
          """
          \(displayText(path)): the file read up to byte \(file.position.offset) is not beside it \
          any more; what was written to it after that is not given out
          """)
      }
    }
    guard !isCurrentTaken else { return opened }
    if let birth = newest == nil ? since : newest?.birth {
      opened += between(birth, current?.status.identity, walk)
    }
    if let current { opened.append(follow(current.file, current.status, .start)) }
    return opened
  }

  private func isSame(
    _ saved: TailCheckpoint.File, _ file: Descriptor, _ status: FileStatus
  ) -> Bool {
    saved.isSame(status.identity) {
      (try? FileHead(of: file, length: $0)) ?? FileHead(length: 0, hash: 0)
    }
  }

  var checkpoint: TailCheckpoint.Log {
    TailCheckpoint.Log(
      path: path, since: since,
      files: machine.order.compactMap { id in
        guard let source = sources[id],
          let head = try? FileHead(of: source.file, length: FileHead.size)
        else { return nil }
        return .init(identity: source.identity, head: head, position: source.position)
      }, neighbours: neighbours.sorted { $0.inode < $1.inode }.suffix(Self.savedNeighbours))
  }

  private static let savedNeighbours = 64

  // MARK: - Files

  /// - Parameter identity: what it is known by; nil: its own.
  func follow(
    _ file: Descriptor, _ status: FileStatus, _ position: ReadingPosition,
    as identity: FileIdentity? = nil
  ) -> Int {
    serial += 1
    sources[serial] = source(file, identity ?? status.identity, at: position)
    newest = status.identity
    watches.follow(file, as: serial)
    return serial
  }

  private func source(
    _ file: Descriptor, _ identity: FileIdentity, at position: ReadingPosition
  ) -> TailSource {
    TailSource(
      file, identity, at: position, log: index, limit: settings.lineLimit,
      restarted: { [unowned self] lost in
        records.append(lost)
        if records.count > Self.rememberedLimit { records.removeFirst() }
        notice("\(displayText(path)): truncated; reading it from its beginning")
      })
  }

  /// Whether an overlay has copied a file up that was opened in a lower layer: the number of the inode
  /// stays, its time of birth does not, and what was read is there.
  private func isCopiedUp(_ source: TailSource, _ file: Descriptor, _ status: FileStatus) -> Bool {
    guard source.identity.inode == status.identity.inode,
      source.identity.birth != status.identity.birth, status.size >= source.position.offset,
      let old = try? FileHead(of: source.file, length: FileHead.size), old.length > 0
    else { return false }
    return (try? FileHead(of: file, length: old.length)) == old
  }

  /// Goes on in the copy that an overlay has made, since the open file grows no more.
  private func followCopyUp(_ id: Int, _ source: TailSource) -> Bool {
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

  private func replace(
    _ id: Int, _ source: TailSource, by file: Descriptor, _ status: FileStatus
  ) {
    watches.close(source.file, of: id)
    sources[id] = self.source(file, status.identity, at: source.position)
    newest = status.identity
    watches.follow(file, as: id)
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
      guard let source = sources[id] else { return [] }
      do {
        switch try source.read(buffer, output) {
        case .atEnd(grew: false, _) where source.isOnOverlay && followCopyUp(id, source):
          return [action]
        case .atEnd(let grew, let isDeleted):
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
      guard (try? source.readTorn(buffer, output)) ?? true else { return nil }
      forget(id, source)
      return []
    }
  }

  private func forget(_ id: Int, _ source: TailSource) {
    remembered.append((source.identity, source.position))
    if remembered.count > Self.rememberedLimit { remembered.removeFirst() }
    sources[id] = nil
    watches.close(source.file, of: id)
  }

  /// The last look before the end: old files to their end, a torn last line as it is.
  func end(_ buffer: ReadBuffer, _ output: TailOutput) -> Bool {
    for id in machine.order {
      guard let source = sources[id] else { continue }
      do {
        switch try source.read(buffer, output) {
        // Far behind: what is left is for the next start.
        case .paused: return true
        case .refused: return false
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
    for (id, source) in sources { forget(id, source) }
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

  /// Every watch is gone: puts them all again; the look that follows those of the places.
  func rewatch() {
    watches.forgetAll()
    for (id, source) in sources { watches.follow(source.file, as: id) }
  }

  func handle(_ event: TailMachine.Event, _ now: Int64) -> [TailMachine.Action] {
    machine.handle(event, now: now)
  }
}

extension SystemError {
  fileprivate var isAbsence: Bool { code == ENOENT || code == ENOTDIR }
}
