// What events at a root of runs mean besides: a node's new archive, one that is being made, the file that
// names a run's process; and the line of archives that wait to be slimmed.

import OwnedDirectories
import ReapRules
import Watching

final class VisitsFollower: KindFollower {
  private unowned let root: WatchedRoot
  private let edge: VisitsEdge

  init(_ root: WatchedRoot, _ edge: VisitsEdge) {
    self.root = root
    self.edge = edge
    let reporter = root.facilities.reporter
    edge.line.begin {
      [edge, rule = root.shared, reporter, mailbox = root.facilities.mailbox, index = root.index]
      order in
      defer { order.close() }
      let path = order.path
      let open = order.root
      let examined = edge.carryOut(order, rule, open)
      let occasion = Occasion(trigger: order.trigger, wokenAt: order.wokenAt)
      reporter.note(
        examined, Place(rule, root: open, path: path, occasion: occasion), claimID: nil)
      if examined.trim?.evidence.ofKind.visits?.isBegunMeanwhile == true {
        reporter.warn(
          "an archive was begun while this one was replaced, and may have failed",
          of: order.base.pathBytes, "begun-meanwhile", [], rule.rule, order.trigger)
      }
      mailbox.post(.news(root: index, path, .rescan))
    }
  }

  deinit {
    edge.line.end()
    takeBack()
  }

  private func takeBack() {
    for order in edge.line.clear() {
      edge.memory.forget(order.path)
      order.close()
    }
  }

  // MARK: - Growth

  /// Of nodes that were warned of: the size of the newest archive then.
  private var warned: [[UInt8]: Int64] = [:]

  func looked(at path: CandidatePath, isClaimed: Bool, _ now: Nanoseconds) {
    guard path.name == VisitsPlace.stageArchive, let open = root.root else { return }
    let node = VisitsEdge.base(of: path.directory)
    guard let growth = NodeGrowth(open).growth(of: node), let newest = growth.sizes.last,
      warned[node] != newest
    else { return }
    warned[node] = newest
    root.facilities.reporter.warn(
      growth.words, of: open.path(ofDirectory: node), "archives-grow", growth.members, root.rule,
      .growth)
  }

  // MARK: - Names

  func nameCame(_ path: CandidatePath) { lookAtNode(path.directory, readMonotonic()) }

  func nameGone(_ name: EntryName, in number: UInt32, _ arrival: Nanoseconds) {
    guard let place = root.places[number] else { return }
    edge.memory.forget(CandidatePath(directory: place.path, name))
    lookAtNode(place.path, arrival)
    lookAtRun(of: place.path, arrival) { $0 == .slimming }
  }

  /// It changes no more: those that it holds may.
  func kept(_ path: CandidatePath, for reason: Reason, _ evidence: Evidence, _ now: Nanoseconds) {
    guard reason == .asSmallAsItGets || reason == .cannotSlim else { return }
    lookAtRun(of: path.directory, now) { $0 == .slimming }
  }

  func wrote(_ path: CandidatePath, _ change: WatchMessage.Change, _ arrival: Nanoseconds) {
    // The end of one that was being made, and was not renamed.
    guard change == .written else { return }
    root.lookAgain(at: path, .created, arrival)
    lookAtNode(path.directory, arrival)
  }

  /// What waits for an archive that was being made, or for newer ones.
  private func lookAtNode(_ directory: [UInt8], _ now: Nanoseconds) {
    switch VisitsPlace(directory) {
    case .node?, .run?: break
    case .runs?, .visit?, nil: return
    }
    guard let number = root.places.number(of: directory), let node = root.places[number] else {
      return
    }
    for place in [number] + node.children.sorted() {
      for path in candidates(in: place) {
        switch root.schedule.reason(of: path) {
        case .archiveBeingMade, .withinBounds, .slimmingWaits: look(at: path, now)
        case .asSmallAsItGets where edge.settings.keepArchives != nil: look(at: path, now)
        default: break
        }
      }
    }
  }

  private func look(at path: CandidatePath, _ now: Nanoseconds) {
    root.lookAgain(at: path, .created, now)
  }

  private func candidates(in number: UInt32) -> [CandidatePath] {
    guard let place = root.places[number] else { return [] }
    return place.candidates.map { CandidatePath(directory: place.path, $0) }
  }

  /// The file that names a run's process.
  func signalled(
    _ name: EntryName, _ change: WatchMessage.Change, in number: UInt32, _ arrival: Nanoseconds
  ) {
    guard change != .attributes, let place = root.places[number], let open = root.root else {
      return
    }
    edge.owners?.refresh(FilePath(open.path(ofDirectory: place.path)).appending(name.bytes))
    lookAtRun(of: place.path, arrival) { $0 == .ownerAlive || $0 == .recentlyChanged }
  }

  /// Looks at the archives of a run that are kept for some reasons.
  private func lookAtRun(
    of directory: [UInt8], _ now: Nanoseconds, where isMeant: (Reason) -> Bool
  ) {
    let run = Array(directory.prefix { $0 != UInt8(ascii: "/") })
    guard let number = root.places.number(of: run) else { return }
    var pending = [number]
    while let next = pending.popLast() {
      guard let place = root.places[next] else { continue }
      pending += place.children
      for path in candidates(in: next) {
        if let reason = root.schedule.reason(of: path), isMeant(reason) { look(at: path, now) }
      }
    }
  }

  func forgot(place: [UInt8]) {
    warned[place] = nil
    edge.memory.forget(place: place)
    if case .run? = VisitsPlace(place), let open = root.root {
      edge.owners?.forget(below: FilePath(open.path(ofDirectory: place)))
    }
  }

  func endWatches() { takeBack() }

  // What else there is to be heard says nothing of archives.

  func removed(_ path: CandidatePath, _ now: Nanoseconds) {}
  func watch() {}
  func rootFound() {}
  func armed(_ number: UInt32, _ result: Result<WatchHandle, WatchFailure>) {}
  func watchLost(_ number: UInt32) {}
  func entryChanged(
    _ number: UInt32, _ name: [UInt8], _ change: WatchMessage.Change, _ arrival: Nanoseconds
  ) {}
  var arming: Int { 0 }
  func armedTooLate(_ number: UInt32) {}
  func nextDeadline(now: Nanoseconds) -> Nanoseconds? { nil }
  func deadlinePassed(_ now: Nanoseconds) {}
}
