// The rules at work: which there are, how a reread configuration changes that, and whose an event is.

import Logging
import OwnedDirectories
import ReapRules
import Watching

final class Roster {
  let facilities: Facilities
  private var roots: [Int: WatchedRoot] = [:]
  private var nextIndex = 0
  /// Rules that have ended, by their index, until every watch that they asked for was answered.
  private var ended: [Int: WatchedRoot] = [:]
  private var nextBackstop: Nanoseconds?
  /// Roots that something concerned since their deadlines were asked for: no others have new ones.
  private var concerned: [WatchedRoot] = []
  private var deadlines = RootDeadlines()
  /// Roots that have something to list.
  private var withListings: Set<Int> = []

  init(_ facilities: Facilities) {
    self.facilities = facilities
    facilities.obstacles.roster = self
    facilities.shortage.roster = self
    facilities.roster = self
  }

  subscript(index: Int) -> WatchedRoot? { roots[index] }

  /// The root that an answer is for, if its rule is at work still.
  func reached(_ reference: WatchedRoot.Reference) -> WatchedRoot? {
    guard let root = reached(reference.index), root.reference == reference else { return nil }
    return root
  }

  /// The root that something concerns.
  func reached(_ index: Int) -> WatchedRoot? {
    guard let root = roots[index] else { return nil }
    concern(root)
    return root
  }

  func concern(_ root: WatchedRoot) {
    guard !root.isConcerned else { return }
    root.isConcerned = true
    concerned.append(root)
  }

  var sorted: [WatchedRoot] { roots.values.sorted { $0.index < $1.index } }

  func isPresent(_ root: WatchedRoot) -> Bool { roots[root.index] === root }

  /// How many candidates are known.
  var candidates: Int { roots.values.reduce(0) { $0 + $1.schedule.count } }

  /// The shortest of all roots', ns.
  var pollInterval: Nanoseconds { roots.values.map(\.pollInterval).min() ?? nanosecondsPerSecond }

  // MARK: - Coming and going

  /// Opens every root; one that is absent is waited for.
  ///
  /// - Throws: `RootFailure` for a root that may not be used: then nothing has begun.
  func open() throws(RootFailure) {
    for rule in facilities.options.rules where rule.enabled { try add(rule) }
  }

  /// Starts what `open` has opened.
  func begin() {
    setBackstop(readMonotonic())
    for root in sorted { begin(root) }
  }

  /// - Parameter isWaiting: whether a root that somebody else has at this moment is waited for.
  private func add(_ rule: Rule, isWaiting: Bool = false) throws(RootFailure) {
    #if DEBUG
      var rule = rule
      if Fault.injected == .grace { rule.grace = 0 }
    #endif
    let root = WatchedRoot(index: takeIndex(), rule: rule, facilities)
    if let refusal = root.access.refusal() {
      throw .refused(path: root.access.path, refusal)
    }
    do {
      try root.access.attach()
    } catch {
      switch error {
      case .absent: break
      case .notADirectory where facilities.options.sharesPlaces:
        root.access.complain("\(error)")
      case .held where isWaiting: root.access.waitForLock(error)
      default: throw error
      }
    }
    roots[root.index] = root
  }

  /// The next number that no root has; they come round after 4,095.
  private func takeIndex() -> Int {
    while roots[nextIndex] != nil || ended[nextIndex] != nil {
      nextIndex = (nextIndex + 1) % WatchToken.maximumRoots
    }
    defer { nextIndex = (nextIndex + 1) % WatchToken.maximumRoots }
    return nextIndex
  }

  /// Watches a root, which brings the first scan, or the way to where it will be.
  private func begin(_ root: WatchedRoot) {
    concern(root)
    root.follower?.watch()
    root.access.watchDirectory()
    guard root.root == nil else { return }
    facilities.logger.notice(
      "waiting for \(root.access.path) (rule \(root.rule.name)) to be created")
  }

  private func end(_ root: WatchedRoot, isFollowed: Bool = false) {
    root.access.detach(forGood: !isFollowed)
    root.follower?.endWatches()
    root.access.endWatches()
    drain()
    roots[root.index] = nil
    concern(root)
    if root.arming > 0 { ended[root.index] = root }
  }

  // MARK: - Another configuration

  /// Keeps what did not change, so that nothing is missed in between.
  ///
  /// Taken whole or not at all: what a start would refuse leaves everything as it was.
  func apply(_ new: ReaperOptions) {
    let old = facilities.options
    facilities.options = new
    let wanted = new.rules.filter(\.enabled)
    let before = sorted
    // By name, since comparing thousands with thousands takes seconds.
    let present = Dictionary(before.map { ($0.rule.name, $0.rule) }, uniquingKeysWith: { $1 })
    let staying = Set(wanted.filter { present[$0.name] == $0 }.map(\.name))
    let leaving = before.filter { !staying.contains($0.rule.name) }
    for root in leaving { root.root?.lock?.makeWay() }
    do {
      for rule in wanted where !staying.contains(rule.name) { try add(rule, isWaiting: true) }
    } catch {
      facilities.logger.error("the configuration is left as it was: \(error)")
      facilities.options = old
      for root in sorted where !before.contains(where: { $0 === root }) { end(root) }
      for root in leaving { root.root?.lock?.makeWay(staying: root.rule) }
      return
    }
    setBackstop(readMonotonic())
    let known = Set(before.map { ObjectIdentifier($0) })
    let added = roots.values.filter { !known.contains(ObjectIdentifier($0)) }
    endAll(leaving, followedBy: Dictionary(grouping: added, by: \.access.path))
    for root in sorted {
      concern(root)
      root.access.examineAnew()
      if known.contains(ObjectIdentifier(root)) { root.access.checkAgain() } else { begin(root) }
    }
    facilities.logger.notice("configuration reread: \(counted(roots.count, "root"))")
  }

  private func endAll(_ leaving: [WatchedRoot], followedBy added: [FilePath: [WatchedRoot]]) {
    for root in leaving {
      // What came a moment ago is young for whoever goes on with it as well.
      let followers = added[root.access.path] ?? []
      if root.root != nil { for follower in followers { follower.isBelated = true } }
      facilities.workload.drop(of: root.reference)
      root.reprieveAll("rule-ended")
      end(root, isFollowed: !followers.isEmpty)
    }
  }

  // MARK: - Whose an event is

  func handle(_ message: WatchMessage, _ arrival: Nanoseconds) {
    switch message {
    case .overflow:
      facilities.shortage.tellOverflow()
      desynced("the kernel's event queue overflowed")
    case .mountsChanged:
      for root in sorted {
        concern(root)
        root.access.refuseWhereMounted()
        root.access.checkAgain()
        root.post(.mountsChanged, at: arrival)
      }
    case .entry(let token, let name, let isDirectory, let change):
      entry(token, name, isDirectory: isDirectory, change, arrival)
    case .closed(let token), .changed(let token): touched(token, arrival)
    case .lost(let token): lost(token)
    case .armed(let token, let result): armed(token, result, arrival)
    }
  }

  /// Events were lost: everything is looked at again.
  func desynced(_ what: String) {
    facilities.reporter.count { $0.eventsLost += 1 }
    facilities.logger.info("\(what): everything is looked at again")
    postAll(.desynced)
  }

  /// To every root that is there.
  func postAll(_ event: Schedule.Event) {
    let now = readMonotonic()
    for root in sorted where root.root != nil { root.post(event, at: now) }
  }

  private func entry(
    _ token: UInt64, _ name: [UInt8], isDirectory: Bool, _ change: WatchMessage.Change,
    _ arrival: Nanoseconds
  ) {
    let of = WatchToken(bits: token)
    guard let root = reached(of.root) else { return }
    switch of {
    case .place(_, let number):
      root.entry(in: number, name, isDirectory: isDirectory, change, arrival)
    case .directory, .way:
      guard !root.access.takes(token, name, change) else { return }
      root.entry(in: PlaceTree.root, name, isDirectory: isDirectory, change, arrival)
    case .owner(_, let number): root.follower?.entryChanged(number, name, change, arrival)
    case .candidate, .obstacle: break  // these tell of no names
    }
  }

  private func touched(_ token: UInt64, _ arrival: Nanoseconds) {
    switch WatchToken(bits: token) {
    case .candidate(let index, let id): roots[index]?.post(.closed(id), at: arrival)
    case .obstacle(_, let number): facilities.obstacles.touched(number, arrival)
    case .owner(let index, let number): reached(index)?.follower?.touched(number, arrival)
    case .directory, .way, .place: break
    }
  }

  private func lost(_ token: UInt64) {
    let of = WatchToken(bits: token)
    guard let root = reached(of.root) else { return }
    switch of {
    case .candidate(_, let id): root.holdings.watchLost(id)
    case .place(_, let number): root.places.lost(number)
    case .owner(_, let number): root.follower?.watchLost(number)
    case .directory, .way: root.access.lost(token)
    case .obstacle: break
    }
  }

  private func armed(
    _ token: UInt64, _ result: Result<WatchHandle, WatchFailure>, _ arrival: Nanoseconds
  ) {
    let of = WatchToken(bits: token)
    if case .obstacle(_, let number) = of {
      return facilities.obstacles.armed(number, token, result, arrival)
    }
    guard let root = reached(of.root) else { return armedTooLate(of, token, result) }
    switch of {
    case .candidate(_, let id):
      root.holdings.armed(id, result, arrival)
      drain()
      root.holdings.closeSparse(id)
    case .place(_, let number): root.places.armed(number, result)
    case .owner(_, let number): root.follower?.armed(number, result)
    case .directory, .way: root.access.armed(token, result)
    case .obstacle: break
    }
    drain()
    root.announce()
  }

  /// A watch was asked for by a rule that has ended since.
  private func armedTooLate(
    _ of: WatchToken, _ token: UInt64, _ result: Result<WatchHandle, WatchFailure>
  ) {
    if case .success(let handle) = result { facilities.inotify.unwatch(handle, token: token) }
    guard let root = ended[of.root] else { return }
    switch of {
    case .candidate(_, let id): root.holdings.armedTooLate(id)
    case .place(_, let number): root.places.armedTooLate(number)
    case .owner(_, let number): root.follower?.armedTooLate(number)
    case .directory, .way, .obstacle: break
    }
    if root.arming == 0 { ended[of.root] = nil }
  }

  // MARK: - The queue

  /// Works off what was posted, and what that leads to.
  func drain() {
    guard !facilities.agenda.isEmpty else { return }
    facilities.agenda.drain { index, event, instant in
      roots[index]?.schedule.handle(event, now: instant) ?? []
    } perform: { index, action in
      roots[index]?.perform(action)
    }
  }

  /// Roots whose listings could go on now.
  var listing: [WatchedRoot] {
    refresh()
    return withListings.sorted().compactMap { roots[$0] }.filter(\.scan.canGoOn)
  }

  var isListing: Bool {
    refresh()
    return withListings.contains { roots[$0]?.scan.canGoOn == true }
  }

  /// Whether there is something left to list.
  var isScanning: Bool {
    refresh()
    return !withListings.isEmpty
  }

  func goOn(_ root: WatchedRoot) {
    concern(root)
    root.scan.goOn()
    drain()
    root.announce()
  }

  func relieveShortage() {
    guard facilities.shortage.beginRound() else { return }
    drain()
    for _ in 0..<Shortage.looksInOneGo {
      guard facilities.shortage.letNextTry() else { return }
      drain()
    }
  }

  // MARK: - Deadlines

  private func setBackstop(_ now: Nanoseconds) {
    nextBackstop = facilities.options.backstop.map { now + $0 }
  }

  /// Asks those that something concerned when they have something to do next.
  private func refresh() {
    guard !concerned.isEmpty else { return }
    let now = readMonotonic()
    for root in concerned {
      root.isConcerned = false
      let isPresent = isPresent(root)
      // Its number may be another root's by now.
      guard isPresent || roots[root.index] == nil else { continue }
      deadlines.note(root.index, isPresent ? root.nextDeadline(now: now) : nil)
      if isPresent, root.scan.hasWork {
        withListings.insert(root.index)
      } else {
        withListings.remove(root.index)
      }
    }
    concerned.removeAll(keepingCapacity: concerned.count < 1024)
  }

  var nextDeadline: Nanoseconds? {
    refresh()
    var earliest = nextBackstop ?? .max
    func consider(_ instant: Nanoseconds?) { if let instant { earliest = min(earliest, instant) } }
    consider(facilities.shortage.nextDeadline)
    consider(facilities.reporter.untoldDue)
    consider(facilities.inherited.nextLapse)
    consider(facilities.obstacles.nextDeadline)
    consider(deadlines.earliest)
    return earliest == .max ? nil : earliest
  }

  func deadlinesPassed() {
    let now = readMonotonic()
    facilities.obstacles.attemptDue(now)
    if let lapse = facilities.inherited.nextLapse, lapse <= now, facilities.inherited.lapse() {
      // An owner has ended whose directory got another name: nobody else may look at that.
      postAll(.desynced)
    }
    refresh()
    for index in deadlines.due(now) { reached(index)?.deadlinePassed(now) }
    if let instant = nextBackstop, instant <= now { backstop(now) }
    facilities.reporter.tellUntold()
    drain()
  }

  private func backstop(_ now: Nanoseconds) {
    setBackstop(now)
    facilities.inherited.lapse()
    for root in sorted {
      concern(root)
      root.access.checkAgain()
      root.follower?.watch()
      facilities.lookAtUse(of: root)
    }
    postAll(.backstopDue)
  }
}
