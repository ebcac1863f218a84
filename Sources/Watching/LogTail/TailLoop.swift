// The thread that reads: waits for news of the watches, asks the machines, reads, keeps the checkpoint.

import Glibc
package import OwnedDirectories
package import ReapRules

package struct TailSettings: Sendable {
  /// The longest line that is given out whole, bytes without its newline.
  package static let defaultLineLimit = 1 << 20

  package var from: TailStart
  /// Where the position is kept; nil: nowhere.
  package var checkpoint: [UInt8]?
  package var lineLimit: Int
  /// Names that rotation gives besides those that are known.
  package var rotated: Glob?

  package init(
    from: TailStart, checkpoint: [UInt8]? = nil, lineLimit: Int = Self.defaultLineLimit,
    rotated: Glob? = nil
  ) {
    self.from = from
    self.rotated = rotated
    self.checkpoint = checkpoint
    self.lineLimit = min(lineLimit, 1 << 40)  // room for sums
  }
}

/// Why following could not begin.
package enum TailFailure: Error, Sendable, CustomStringConvertible {
  case noEvents(String)
  case badCheckpoint(String)
  case checkpoint(SystemError)

  package var description: String {
    switch self {
    case .noEvents(let reason): reason
    case .badCheckpoint(let path):
      "\(path) is not a checkpoint that this version wrote: remove it to begin anew"
    case .checkpoint(let error): "checkpoint: \(error)"
    }
  }
}

/// Ends a tail, or wakes it, from another thread.
package struct TailStopper: Sendable {
  fileprivate let watches: TailWatches

  package func callAsFunction() { watches.stop() }

  /// Has it look between two reads.
  package func wake() { watches.wake() }
}

package final class TailLoop {
  /// The longest time between giving a line out and keeping that in the checkpoint, ns: what a
  /// SIGKILL can make the next start repeat. Each one costs two fsync(2).
  private static let checkpointInterval: Int64 = 1_000_000_000
  /// The longest such time once a file is done with, ns: a start that is far behind gives out many
  /// files in a second.
  private static let shortInterval: Int64 = 100_000_000

  private let settings: TailSettings
  private let watches: TailWatches
  private let notice: (String) -> Void
  private let logs: [TailedLog]
  private let saved: TailCheckpoint?
  private let buffer = ReadBuffer(capacity: 2 * TailSource.pieceSize)
  private var work: [(log: Int, action: TailMachine.Action)] = []
  private var isDirty = false
  private var lastCheckpoint: Int64 = 0
  private var interval = checkpointInterval
  private var checkpointComplaint: String?

  /// - Parameters:
  ///   - paths: absolute.
  ///   - notice: told in words what a person should know: files missing, truncated, unreadable.
  /// - Throws: `TailFailure` where inotify or the checkpoint cannot be used.
  package init(
    _ paths: [[UInt8]], _ settings: TailSettings, notice: @escaping (String) -> Void
  ) throws(TailFailure) {
    let hub: WatchHub
    do { hub = try WatchHub.shared() } catch { throw .noEvents("\(error)") }
    saved = try settings.checkpoint.map { path throws(TailFailure) in try Self.load(path) } ?? nil
    self.settings = settings
    self.notice = notice
    let watches = TailWatches(hub)
    self.watches = watches
    logs = paths.enumerated().map { index, path in
      TailedLog(index: index, path: path, settings: settings, watches: watches, notice: notice)
    }
  }

  private static func load(_ path: [UInt8]) throws(TailFailure) -> TailCheckpoint? {
    do {
      let file = try openToFollow(path)
      defer { file.close() }
      // A device would never end, and what is larger than any of ours is none of them.
      let limit = TailCheckpoint.sizeLimit
      guard try status(of: file).type == .regular,
        case let text = try readToEnd(file, displayText(path), limit: limit), text.count <= limit,
        let checkpoint = TailCheckpoint(text)
      else { throw TailFailure.badCheckpoint(displayText(path)) }
      return checkpoint
    } catch let failure as TailFailure {
      throw failure
    } catch let error as SystemError {
      if error.code == ENOENT { return nil }  // the first start
      throw .checkpoint(error)
    } catch {
      throw .badCheckpoint("\(error)")
    }
  }

  package var stopper: TailStopper { TailStopper(watches: watches) }

  /// Reads until stopped; false when the output takes no more.
  ///
  /// - Parameter between: called before each read and each wait; when to call it again at the latest,
  ///   monotonic.
  package func run(between: () -> Int64? = { nil }, _ output: TailOutput) -> Bool {
    let output: TailOutput = { piece in
      self.isDirty = true
      return output(piece)
    }
    for log in logs {
      add(log, log.begin(saved?.logs.first { $0.path == log.path }, Self.now()))
    }
    // Also without a line: the next start knows where this one began.
    isDirty = true
    var isTaken = true
    while isTaken {
      let due = [deadline, between()].compactMap(\.self).min()
      let news = watches.news(until: due, wait: work.isEmpty)
      if news.isStopping { break }
      take(news)
      let round = work
      work = []
      for (index, action) in round where isTaken {
        guard let next = logs[index].perform(action, buffer, output, Self.now) else {
          isTaken = false
          break
        }
        if case .finish = action {
          isDirty = true
          interval = Self.shortInterval
        }
        add(logs[index], next)
        if watches.isStopping { break }
      }
      if isDirty, Self.now() >= lastCheckpoint + interval { keep() }
    }
    for log in logs where isTaken { isTaken = log.end(buffer, output) }
    keep()
    for log in logs { log.closeAll() }
    watches.close()
    return isTaken
  }

  private var deadline: Int64? {
    var due = logs.compactMap(\.machine.deadline)
    if isDirty, settings.checkpoint != nil { due.append(lastCheckpoint + interval) }
    return due.min()
  }

  private func take(_ news: TailWatches.News) {
    let now = Self.now()
    for log in logs {
      var looks = news.isDesynced
      var changed: Set<Int> = []
      func note(_ answer: TailAnswer) {
        switch answer {
        case .nothing: break
        case .look: looks = true
        case .changed(let id): changed.insert(id)
        }
      }
      for (token, result) in news.armed { note(log.armed(token, result)) }
      for token in news.touched { note(log.touched(token)) }
      for token in news.lost { note(log.lost(token)) }
      if looks { add(log, log.look(now)) }
      if news.isDesynced { changed.formUnion(log.machine.order) }
      for id in changed { add(log, log.handle(.changed(id), now)) }
      if let deadline = log.machine.deadline, deadline <= now { add(log, log.handle(.tick, now)) }
    }
  }

  private func add(_ log: TailedLog, _ actions: [TailMachine.Action]) {
    for action in actions
    where !work.contains(where: { $0.log == log.index && $0.action == action }) {
      work.append((log.index, action))
    }
  }

  private func keep() {
    isDirty = false
    interval = Self.checkpointInterval
    lastCheckpoint = Self.now()
    guard let path = settings.checkpoint else { return }
    do {
      // What was kept of logs that are not followed this time stays as it is.
      let others = saved?.logs.filter { old in !logs.contains { $0.path == old.path } } ?? []
      try replaceFile(
        path, with: TailCheckpoint(logs: logs.map { TailCheckpoint.Log($0) } + others).text)
      checkpointComplaint = nil
    } catch {
      let text = "checkpoint not written: \(error)"
      if checkpointComplaint != text { notice(text) }
      checkpointComplaint = text
    }
  }

  private static func now() -> Int64 { readClocks().monotonic }
}
