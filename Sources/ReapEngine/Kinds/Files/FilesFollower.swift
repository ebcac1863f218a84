// What events at a root of files mean besides: writes, which take up room, and proofs of copies.

import Logging
import OwnedDirectories
import ReapRules
import Watching

final class FilesFollower: KindFollower {
  private unowned let root: WatchedRoot
  private let edge: FilesEdge
  private var reader: ReceiptReader?
  /// When files whose copy is proved are due, monotonic.
  private var due: [CandidatePath: Nanoseconds] = [:]
  private var nextDue: Nanoseconds?

  init(_ root: WatchedRoot, _ edge: FilesEdge) {
    self.root = root
    self.edge = edge
  }

  // MARK: - Writes

  func wrote(_ path: CandidatePath, _ change: WatchMessage.Change, _ arrival: Nanoseconds) {
    // That its age counts anew is seen when its turn comes.
    root.keeper?.roomChanged(arrival)
    reader?.nudge()
  }

  func nameCame(_ path: CandidatePath) {
    root.keeper?.roomChanged(readMonotonic())
    reader?.nudge()
  }

  func nameGone(_ name: EntryName, in place: UInt32, _ arrival: Nanoseconds) {
    guard let place = root.places[place] else { return }
    forget(CandidatePath(directory: place.path, name))
  }

  // MARK: - Candidates

  func kept(_ path: CandidatePath, for reason: Reason, _ evidence: Evidence, _ now: Nanoseconds) {
    guard let rest = remaining(evidence, now), rest > 0 else { return }
    due[path] = saturatingSum(now, rest)
    nextDue = min(nextDue ?? .max, due[path]!)
  }

  /// How long before `after_copy` wants it.
  private func remaining(_ evidence: Evidence, _ now: Nanoseconds) -> Nanoseconds? {
    let wall = readClocks().wall
    if edge.asking != nil {
      return evidence.inside.flatMap {
        edge.settings.remainingBeforeAsking(
          evidence, $0, rule: root.rule, now: Now(wall: wall, monotonic: now))
      }
    }
    guard let afterCopy = edge.settings.afterCopy,
      case .proved(let time)? = evidence.ofKind.files?.copy
    else { return nil }
    return saturatingDifference(afterCopy, saturatingDifference(wall, time))
  }

  func looked(at path: CandidatePath, isClaimed: Bool, _ now: Nanoseconds) {}
  func removed(_ path: CandidatePath, _ now: Nanoseconds) { forget(path) }

  private func forget(_ path: CandidatePath) {
    due[path] = nil
    edge.book?.forget(path)
    edge.asking?.forget(path)
  }

  func forgot(place: [UInt8]) {}
  func signalled(
    _ name: EntryName, _ change: WatchMessage.Change, in place: UInt32, _ arrival: Nanoseconds
  ) {}

  // MARK: - Watches

  func watch() {
    let told: @Sendable (CandidatePath) -> Void = {
      [mailbox = root.facilities.mailbox, index = root.index] in
      mailbox.post(.news(root: index, $0, .copyProved))
    }
    edge.asking?.begin(told: told)
    // Also at each backstop: what kept it from following may be over.
    guard reader?.isOver != false, let book = edge.book,
      case .receipts(let source) = edge.settings.copy
    else { return }
    let name = root.rule.name
    reader = ReceiptReader(
      source, edge.settings, root: root.access.path, book, told: told
    ) { [logger = root.facilities.logger] in
      logger.warning("rule \(name): \($0)")
    }
    reader?.start()
  }

  func rootFound() {}

  func stop() {
    edge.asking?.stop()
    reader?.stop()
  }

  func endWatches() {
    stop()
    reader = nil
  }

  func armed(_ number: UInt32, _ result: Result<WatchHandle, WatchFailure>) {}
  func watchLost(_ number: UInt32) {}
  func entryChanged(
    _ number: UInt32, _ name: [UInt8], _ change: WatchMessage.Change, _ arrival: Nanoseconds
  ) {}
  var arming: Int { 0 }
  func armedTooLate(_ number: UInt32) {}

  // MARK: - Deadlines

  func nextDeadline(now: Nanoseconds) -> Nanoseconds? { nextDue }

  func deadlinePassed(_ now: Nanoseconds) {
    guard let next = nextDue, next <= now else { return }
    for (path, instant) in due where instant <= now {
      due[path] = nil
      root.lookAgain(at: path, .age, now)
    }
    nextDue = due.values.min()
  }
}
