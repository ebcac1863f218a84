// What events at a root of scratch mean besides: files beside the candidates that come and go, such as
// locks; and processes that were seen to use one, and end.

import OwnedDirectories
import ReapRules
import Watching

final class ScratchFollower: KindFollower {
  /// How often all candidates may be looked at for a file that concerns all of them: anybody might make
  /// and remove it all the time.
  private static let pause = nanosecondsPerSecond

  private unowned let root: WatchedRoot
  private let settings: ScratchSettings
  private let users: ProcessUsers
  private let owners: NamedOwners?
  private var directories: SignalDirectories!
  /// Candidates of which a file was made or removed a moment ago, in the order in which they are due.
  /// Whoever made one may not have locked it yet, whoever removed one may be about to make it anew: as
  /// with what is young, nothing goes near it until a grace is over.
  private var unsettled = RingOfInstants<CandidatePath>()
  /// Until when each of them is.
  private var settling: [CandidatePath: Nanoseconds] = [:]
  /// When all are looked at next, and when at the latest something asked for that.
  private var allDue: Nanoseconds?
  private var allAsked: Nanoseconds = .min
  private var lastAll: Nanoseconds = 0

  init(_ root: WatchedRoot, _ settings: ScratchSettings, _ owners: NamedOwners?) {
    self.root = root
    self.owners = owners
    self.settings = settings
    users = ProcessUsers { [mailbox = root.facilities.mailbox, index = root.index] in
      mailbox.post(.ownerExited(root: index, $0))
    }
    directories = SignalDirectories(root, settings.signalDirectories) { [unowned self] in
      askForAll(notBefore: readMonotonic() + self.root.rule.grace)
    }
  }

  // MARK: - Files beside the candidates

  func signalled(
    _ name: EntryName, _ change: WatchMessage.Change, in place: UInt32, _ arrival: Nanoseconds
  ) {
    directories.changed(name, change)
    tell(name, in: [], change, arrival)
  }

  func entryChanged(
    _ number: UInt32, _ name: [UInt8], _ change: WatchMessage.Change, _ arrival: Nanoseconds
  ) {
    guard let name = EntryName(name), let path = directories.changed(number, name, change) else {
      return
    }
    tell(name, in: path, change, arrival)
  }

  private func tell(
    _ name: EntryName, in directory: [EntryName], _ change: WatchMessage.Change,
    _ arrival: Nanoseconds
  ) {
    switch settings.concern(of: name, in: directory) {
    case .entry(let name)?: tell(CandidatePath(name), change, arrival)
    case .all?:
      guard change != .attributes else { return }
      askForAll(notBefore: change.settlesAtOnce ? arrival : arrival + root.rule.grace)
    case nil: break
    }
  }

  private func tell(
    _ path: CandidatePath, _ change: WatchMessage.Change, _ arrival: Nanoseconds
  ) {
    switch change {
    case _ where !change.settlesAtOnce:
      guard root.schedule.holds(path) else { return }
      let due = arrival + root.rule.grace
      if settling.updateValue(due, forKey: path) == nil { unsettled.append(path, at: due) }
    case .attributes:
      // Whose it is, say: where that was in the way.
      guard root.schedule.reason(of: path)?.isEnded(by: .backOff) == true else { return }
      root.lookAgain(at: path, .rescan, arrival)
    default:
      root.lookAgain(at: path, .rescan, arrival)
    }
  }

  private func askForAll(notBefore instant: Nanoseconds) {
    allAsked = max(allAsked, instant)
    allDue = allDue ?? max(instant, lastAll + Self.pause)
    root.facilities.roster.concern(root)
    lookAtAllDue(readMonotonic())
  }

  /// Looks at all but those whose lock was seen to be held: that is watched itself.
  private func lookAtAllDue(_ now: Nanoseconds) {
    guard let due = allDue, due <= now else { return }
    lastAll = now
    allDue = allAsked > now ? max(allAsked, now + Self.pause) : nil
    for id in root.schedule.ids {
      guard let path = root.schedule.path(of: id),
        root.schedule.reason(of: path)?.traits.isLockAlone != true
      else { continue }
      root.lookAgain(at: path, .rescan, now)
    }
  }

  // MARK: - Candidates

  func kept(_ path: CandidatePath, for reason: Reason, _ evidence: Evidence, _ now: Nanoseconds) {
    var user: Int32?
    if case .used(_, let pid, _)? = evidence.life { user = pid }
    users.note(user, of: path) { root.schedule.holds($0) }
  }

  func looked(at path: CandidatePath, isClaimed: Bool, _ now: Nanoseconds) {
    guard isClaimed else { return }
    users.forget(path)
    owners?.forget(path)
  }

  /// The process that its name names may end before the grace does: nothing in it is looked at for that.
  func nameCame(_ path: CandidatePath) {
    guard settings.namesProcessByName, let owners, let directory = root.root,
      let facts = try? status(of: path.name, at: directory.descriptor),
      root.rule.owners.allows(facts.owner)
    else { return }
    _ = owners.find(
      of: path.name, path.name,
      at: Spot(shared: root.shared, directory: directory, place: [], claims: root.claims))
  }

  func nameGone(_ name: EntryName, in place: UInt32, _ arrival: Nanoseconds) {
    users.forget(CandidatePath(name))
    owners?.forget(CandidatePath(name))
  }

  func removed(_ path: CandidatePath, _ now: Nanoseconds) {}
  func forgot(place: [UInt8]) {}

  // MARK: - Watches

  func watch() { directories.watchMissing() }
  func rootFound() { directories.watchAnew() }
  func endWatches() { directories.endWatches() }
  func armed(_ number: UInt32, _ result: Result<WatchHandle, WatchFailure>) {
    directories.armed(number, result)
  }
  func watchLost(_ number: UInt32) { directories.lost(number) }
  var arming: Int { directories.arming }
  func armedTooLate(_ number: UInt32) { directories.armedTooLate(number) }

  // MARK: - Deadlines

  func nextDeadline(now: Nanoseconds) -> Nanoseconds? {
    guard let first = unsettled.first, let due = allDue else { return unsettled.first ?? allDue }
    return min(first, due)
  }

  func deadlinePassed(_ now: Nanoseconds) {
    while let path = unsettled.popFirst(dueAt: now) {
      if let due = settling[path], due > now {
        unsettled.append(path, at: due)  // and once more since
      } else {
        settling[path] = nil
        root.lookAgain(at: path, .rescan, now)
      }
    }
    lookAtAllDue(now)
  }
}

extension WatchMessage.Change {
  /// What was renamed is what it was before; what was made or removed may not be all that is done.
  fileprivate var settlesAtOnce: Bool { self != .created && self != .removed }
}
