// What the roots hold when they begin to be watched: told once for each rule, by a thread that stands back
// behind all others and ends when nothing is left to tell.

import Logging
import OwnedDirectories
import ReapRules
import Synchronization

final class StartUsage: Sendable {
  /// How many directories and files a line names.
  private static let named = 10
  /// Open directories of the walk: some of the descriptors that are kept free.
  private static let openLimit = 64

  private struct Waiting {
    let root: OpenRoot
    let rule: String
  }

  private struct State {
    var waiting: [Waiting] = []
    var thread: Thread?
    var walk: UsageWalk?
    var isAtWork = false
    var isStopped = false
  }

  private let state = Mutex(State())
  private let logger: Logger

  init(logger: Logger) { self.logger = logger }

  /// Has a line told of a root that is open.
  func tell(_ root: OpenRoot, rule: String) {
    root.retain()
    let (previous, isIdle) = state.withLock { state -> (Thread?, Bool) in
      state.waiting.append(Waiting(root: root, rule: rule))
      let isIdle = !state.isAtWork && !state.isStopped
      guard isIdle else { return (nil, false) }
      state.isAtWork = true
      return (state.thread.take(), true)
    }
    guard isIdle else { return }
    // It has ended, or is about to.
    previous?.join()
    let thread = Thread.start(named: "usage") { [self] in
      standBack()
      work()
    }
    state.withLock { state in
      state.thread = thread
      if thread == nil { state.isAtWork = false }
    }
  }

  /// Ends what is under way. It is not waited for: a file system may not answer.
  func stop() {
    let waiting = state.withLock { state in
      state.isStopped = true
      state.walk?.cancel()
      defer { state.waiting = [] }
      return state.waiting
    }
    for one in waiting { one.root.release() }
  }

  private func work() {
    while let (root, rules) = next() {
      defer { for root in rules { root.root.release() } }
      var settings = UsageWalk.Settings()
      settings.threads = 0
      settings.openLimit = Self.openLimit
      settings.rowLimit = Self.named
      settings.pieceSize = DirectoryListing.bufferSize
      let walk = UsageWalk(settings)
      let isStopped = state.withLock { state in
        state.walk = walk
        return state.isStopped
      }
      guard !isStopped else { return }
      do throws(SystemError) {
        let usage = try walk.run(root.descriptor)
        guard !usage.isCut else { return }
        for one in rules { tell(usage, of: one) }
      } catch {
        logger.warning("\(root.path) cannot be added up: \(error)")
      }
    }
  }

  /// Every rule over the next root: one walk serves them all. Nil where there is none left.
  private func next() -> (OpenRoot, [Waiting])? {
    state.withLock { state in
      state.walk = nil
      guard let first = state.waiting.first?.root, !state.isStopped else {
        state.isAtWork = false
        return nil
      }
      let rules = state.waiting.filter { $0.root.identity == first.identity }
      state.waiting.removeAll { $0.root.identity == first.identity }
      return (first, rules)
    }
  }

  private func tell(_ usage: Usage, of one: Waiting) {
    let total = usage.total
    var details: Logger.Metadata = [
      "bytes": "\(total.bytes)", "files": "\(total.files)", "directories": "\(total.directories)",
    ]
    let rows = usage.rows
    details["largest_directories"] = text(
      rows.sorted().filter { rows.isTop($0) }.prefix(Self.named).map {
        (rows.path($0), rows.sum($0).bytes)
      })
    details["largest_files"] = text(usage.largest.map { ($0.path, $0.bytes) })
    if let room = try? freeRoom(at: one.root.descriptor), let share = room.usedBytesShare {
      details["disk_used"] = "\(FreeSpace.formatShare(share))"
    }
    if usage.unreadable.count > 0 { details["unreadable"] = "\(usage.unreadable.count)" }
    logger.notice(
      "usage of \(one.root.path) (rule \(one.rule)): \(roughSize(total.bytes))", metadata: details)
  }

  private func text(_ sizes: [(path: [UInt8], bytes: Int64)]) -> Logger.MetadataValue {
    "\(JSONValue.array(sizes.map { .object([JSONValue.pathMember($0.path), ("bytes", .integer($0.bytes))]) }).text)"
  }
}
