// One followed path at work: its files, its watches, and the machine that says what is next.

import OwnedDirectories
import ReapRules

/// Used on the tail's thread only.
final class TailedLog {
  /// Files done with that are remembered in case one of them stands at the path again.
  private static let rememberedLimit = 16
  /// How often a directory is listed again because it changed under the listing.
  private static let listingTries = 8

  let index: Int
  /// Absolute.
  let path: [UInt8]
  private let settings: TailSettings
  private let watches: TailWatches
  private let notice: (String) -> Void
  /// Wall clock, ns. Births are rounded down to a tick of the clock, 10 ms at the longest (HZ=100).
  private var since = readClocks().wall - 10_000_000

  private(set) var machine = TailMachine()
  private var sources: [Int: TailSource] = [:]
  private var serial = 0
  private var remembered: [(identity: FileIdentity, position: ReadingPosition)] = []
  /// The last file that was opened, done with or not.
  private var newest: FileIdentity?
  private var placed:
    [PathWalk.Place: (token: UInt32, handle: WatchHandle?, directory: Descriptor?)] =
      [:]
  private var placeOf: [UInt32: PathWalk.Place] = [:]
  private var sourceOf: [UInt32: Int] = [:]
  private var complaint: String?

  init(
    index: Int, path: [UInt8], settings: TailSettings, watches: TailWatches,
    notice: @escaping (String) -> Void
  ) {
    self.index = index
    self.path = path
    self.settings = settings
    self.watches = watches
    self.notice = notice
  }

  // MARK: - Where the path leads

  /// Opens what is there at the start, and what a checkpoint says was there before.
  func begin(_ saved: TailCheckpoint.Log?, _ now: Int64) -> [TailMachine.Action] {
    let walk = PathWalk(path)
    place(walk)
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
    var actions = opened.isEmpty ? [] : machine.handle(.appeared(opened), now: now)
    if current == nil { actions += machine.handle(.vanished, now: now) }
    return actions
  }

  /// Looks again at where the path leads.
  func look(_ now: Int64) -> [TailMachine.Action] {
    let walk = PathWalk(path)
    place(walk)
    guard let current = open(walk) else { return machine.handle(.vanished, now: now) }
    let identity = current.status.identity
    if let known = sources.first(where: { $0.value.identity == identity }) {
      current.file.close()
      return machine.handle(.returned(known.key), now: now)
    }
    var opened: [Int] = []
    if let after = newest == nil ? since : newest?.birth {
      opened = between(after, identity, walk)
    }
    opened.append(follow(current.file, current.status, remembered(identity) ?? .start))
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

  // MARK: - Files beside it

  /// Files that stood at the path between two others and were rotated away before they were seen.
  private func between(_ after: Int64, _ current: FileIdentity?, _ walk: PathWalk) -> [Int] {
    guard let end = walk.end else { return [] }
    let found = successors(
      of: end.name, after: after, current: current, among: siblings(end.directory, inode: nil))
    return found.compactMap { sibling in
      guard sibling.identity != newest, remembered(sibling.identity) == nil,
        !sources.values.contains(where: { $0.identity == sibling.identity }),
        let (file, status) = reopen(sibling, in: end.directory)
      else { return nil }
      return follow(file, status, .start)
    }
  }

  /// The regular files of a directory, or those with one inode number.
  private func siblings(_ directory: [UInt8], inode: UInt64?) -> [LogSibling] {
    var found: [LogSibling] = []
    for _ in 0..<Self.listingTries {
      found = []
      guard let opened = try? openToFollow(directory) else { return [] }
      defer { opened.close() }
      let before = try? status(of: opened).change
      var listing = DirectoryListing(opened)
      defer { listing.finish() }
      while let batch = try? listing.nextBatch(), !batch.isEmpty {
        for entry in batch where inode == nil || entry.inode == inode {
          guard let status = try? status(of: entry.name, at: opened), status.type == .regular
          else { continue }
          found.append(
            LogSibling(
              name: entry.name.bytes, identity: status.identity, change: status.change))
        }
      }
      // A name that is moved during the listing may be seen twice or not at all.
      if let before, before == (try? status(of: opened).change) { break }
    }
    return found
  }

  private func reopen(
    _ sibling: LogSibling, in directory: [UInt8]
  ) -> (Descriptor, FileStatus)? {
    var names = [sibling.name]
    while let name = names.popLast() {
      guard let file = try? openToFollow(directory + name) else { continue }
      if let status = try? status(of: file), status.identity == sibling.identity {
        return (file, status)
      }
      file.close()
      // Renamed since it was listed: it has another name now, or none.
      names = siblings(directory, inode: sibling.identity.inode)
        .filter { $0.identity == sibling.identity }.map(\.name)
    }
    return nil
  }

  // MARK: - Going on from a checkpoint

  private func resume(
    _ saved: TailCheckpoint.Log, _ walk: PathWalk,
    _ current: (file: Descriptor, status: FileStatus)?
  ) -> [Int] {
    var opened: [Int] = []
    var isCurrentTaken = false
    for file in saved.files {
      var match: (Descriptor, FileStatus)?
      if let current, !isCurrentTaken, isSame(file, current.file, current.status) {
        match = current
        isCurrentTaken = true
      } else if let end = walk.end {
        for sibling in siblings(end.directory, inode: file.identity.inode) where match == nil {
          guard sibling.identity != current?.status.identity,
            let (other, status) = reopen(sibling, in: end.directory)
          else { continue }
          if isSame(file, other, status) { match = (other, status) } else { other.close() }
        }
      }
      if let match {
        opened.append(follow(match.0, match.1, file.position))
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
      })
  }

  // MARK: - Files

  private func follow(
    _ file: Descriptor, _ status: FileStatus, _ position: ReadingPosition
  ) -> Int {
    serial += 1
    let path = displayText(path)
    let notice = notice
    let source = TailSource(
      file, status.identity, at: position, log: index, limit: settings.lineLimit,
      restarted: { notice("\(path): truncated; reading it from its beginning") })
    sources[serial] = source
    newest = status.identity
    watch(source, serial)
    return serial
  }

  private func watch(_ source: TailSource, _ id: Int) {
    let token = watches.watch(source.file.procPath, .followed)
    source.token = token
    sourceOf[token] = id
  }

  private func remembered(_ identity: FileIdentity) -> ReadingPosition? {
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
    guard let token = source.token else { return source.file.close() }
    // While the watch is being put, its path names the descriptor: closed when the answer comes.
    sourceOf[token] = nil
    if source.watch != nil {
      watches.unwatch(token, source.watch)
      source.file.close()
    } else {
      closing[token] = source.file
    }
  }

  private var closing: [UInt32: Descriptor] = [:]

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
    for place in placed.keys { remove(place) }
    for file in closing.values { file.close() }
    closing = [:]
  }

  // MARK: - Watches

  private func place(_ walk: PathWalk) {
    let wanted = Set(walk.places)
    for old in placed.keys where !wanted.contains(old) { remove(old) }
    for new in wanted where placed[new] == nil {
      // By descriptor: names of directories are bytes, and may change between look and watch.
      guard let directory = try? openToFollow(new.directory) else { continue }
      let token = watches.watch(
        directory.procPath + "/", new.names.isEmpty ? .ancestor : .directory, names: new.names)
      placed[new] = (token, nil, directory)
      placeOf[token] = new
    }
  }

  private func remove(_ place: PathWalk.Place) {
    guard let entry = placed.removeValue(forKey: place) else { return }
    placeOf[entry.token] = nil
    watches.unwatch(entry.token, entry.handle)
    if let directory = entry.directory { closing[entry.token] = directory }
  }

  /// The answer to a watch that was asked for; true when the path is to be looked at again.
  func armed(_ token: UInt32, _ result: Result<WatchHandle, WatchFailure>) -> TailAnswer {
    let handle = try? result.get()
    if let place = placeOf[token], placed[place] != nil {
      placed[place]?.directory?.close()
      placed[place]?.directory = nil
      placed[place]?.handle = handle
      if case .failure(let failure) = result { complain(watchText(failure)) }
      return .look
    }
    if let id = sourceOf[token], let source = sources[id] {
      source.watch = handle
      if case .failure(let failure) = result {
        source.token = nil
        sourceOf[token] = nil
        complain(watchText(failure))
      }
      return .changed(id)
    }
    guard let file = closing.removeValue(forKey: token) else { return .nothing }
    watches.unwatch(token, handle)
    file.close()
    return .nothing
  }

  private func watchText(_ failure: WatchFailure) -> String {
    let hint =
      failure.code == 28  // ENOSPC
      ? " (the limit fs.inotify.max_user_watches is reached: raise it with sysctl)" : ""
    return "\(displayText(path)): no watch: \(errorText(failure.code))\(hint)"
  }

  /// What a watch's event means.
  func touched(_ token: UInt32) -> TailAnswer {
    if placeOf[token] != nil { return .look }
    if let id = sourceOf[token], sources[id] != nil { return .changed(id) }
    return .nothing
  }

  func lost(_ token: UInt32) -> TailAnswer {
    guard let place = placeOf[token] else { return touched(token) }
    remove(place)
    return .look
  }

  /// Every watch is gone: puts them all again.
  func rewatch() {
    for (_, entry) in placed { entry.directory?.close() }
    placed = [:]
    placeOf = [:]
    for file in closing.values { file.close() }
    closing = [:]
    sourceOf = [:]
    for (id, source) in sources {
      source.watch = nil
      watch(source, id)
    }
  }

  func handle(_ event: TailMachine.Event, _ now: Int64) -> [TailMachine.Action] {
    machine.handle(event, now: now)
  }
}

/// What news of a watch asks for.
enum TailAnswer {
  case nothing
  case look
  case changed(Int)
}

extension SystemError {
  /// ENOENT or ENOTDIR.
  fileprivate var isAbsence: Bool { code == 2 || code == 20 }
}
