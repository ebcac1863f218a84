// The daemon: one thread that waits on a mailbox, feeds the schedules and carries out what they
// ask for. Reading events, walking trees and removing happen on other threads.

import Glibc
import Logging
import OwnedDirectories
package import ReapRules
import Watching

package final class Reaper {
  package struct Options: Sendable {
    package var rules: [Rule]
    /// Every root that is known, watched here or not: none may lie in what is removed.
    package var roots: [FilePath]
    /// How often everything is looked at again; nil means never.
    package var backstop: Nanoseconds?
    package var dryRun: Bool

    package init(rules: [Rule], roots: [FilePath], backstop: Nanoseconds?, dryRun: Bool) {
      self.rules = rules
      self.roots = roots
      self.backstop = backstop
      self.dryRun = dryRun
    }
  }

  enum Message: Sendable {
    case watched([WatchMessage], at: Nanoseconds)
    /// From a worker, which kept the open root for it.
    case examined(WatchedRootID, CandidateID, Schedule.Examine, Examination.Result, OpenRoot)
    case removed(root: Int, Claimed, RemovalResult, Occasion)
    case ownerExited(root: Int)
    case reload(Options)
    /// After a time in which nothing could be removed.
    case auditWritable
    case stop
  }

  /// Tells results for a rule that was dropped meanwhile from those for the present ones.
  struct WatchedRootID: Sendable {
    let index: Int
    let object: ObjectIdentifier
  }

  /// Events that may wait before the rest is given up for a full scan: four kernel queues' worth.
  private static let mailboxLimit = 65_536
  /// Messages that the inotify thread may work off itself: the kernel's queue waits meanwhile.
  private static let fewMessages = 8
  /// Descriptors kept free for walking, removing and the rest of the process.
  static let reservedDescriptors = 512

  let reporter: Reporter
  var logger: Logger { reporter.logger }
  let mailbox: Mailbox<Message>
  private let hub: WatchHub
  /// Shared with the hub's other users, if there are any.
  let inotify: INotifyThread
  let pool: WorkerPool
  let inherited = InheritedLocks()
  let mounts = MountView()
  /// Where no candidate may lie around: shared by every rule.
  var surroundings: SurroundingsView
  var options: Options
  var roots: [Int: WatchedRoot] = [:]
  var nextIndex = 0
  /// Rules that have ended, by their index, until every watch that they asked for was answered.
  var ended: [Int: WatchedRoot] = [:]
  var heldCount = 0
  var removalsInFlight = 0
  /// Those that workers have, and those that wait for one: the newest goes first.
  var examinationsInFlight = 0
  var examinations: [Waiting] = []
  var obstacles = Obstacles()
  /// Claims that may wait for a worker with two descriptors each.
  static let maximumRemovals = 64
  let heldLimit: Int
  var shortage = WatchShortage()
  var nextBackstop: Nanoseconds?
  var isStopping = false

  /// Starts the inotify thread, if nobody has; call it before many descriptors are open.
  init(options: Options, reporter: Reporter, descriptorLimit: Int) throws {
    self.options = options
    surroundings = SurroundingsView(mounts: mounts, roots: options.roots.map(resolveRoot))
    self.reporter = reporter
    heldLimit = max(0, descriptorLimit - Self.reservedDescriptors)
    let mailbox = Mailbox<Message>(limit: Self.mailboxLimit)
    self.mailbox = mailbox
    hub = try WatchHub.shared()
    inotify = hub.thread
    hub.setTenant { messages, arrival in
      #if DEBUG
        if Fault.injected == .deaf {
          for message in messages {
            guard case .armed = message else { continue }
            mailbox.post(.watched([message], at: arrival))
          }
          return
        }
      #endif
      // What answers a command is never dropped; what tells of the world may be, and is counted.
      let isNews = !messages.contains { if case .armed = $0 { true } else { false } }
      mailbox.post(
        .watched(messages, at: arrival), weight: messages.count, droppable: isNews,
        inPlace: isNews && messages.count <= Self.fewMessages)
    }
    pool = WorkerPool()
    reporter.audit?.whenWritable { mailbox.post(.auditWritable) }
  }

  /// Opens every root; one that is absent is waited for.
  ///
  /// - Throws: `RootFailure` for a root that may not be used: then nothing has begun.
  func open() throws(RootFailure) {
    for rule in options.rules where rule.enabled { try add(rule) }
  }

  /// - Parameter isWaiting: whether a root that somebody else has at this moment is waited for.
  func add(_ rule: Rule, isWaiting: Bool = false) throws(RootFailure) {
    #if DEBUG
      var rule = rule
      if Fault.injected == .grace { rule.grace = 0 }
    #endif
    let watched = WatchedRoot(index: takeIndex(), rule: rule)
    if let table = mounts.current(),
      let refusal = refusal(
        root: watched.path, homes: [], mounts: table, allowShallow: rule.allowShallow,
        allowRemote: rule.allowRemote)
    {
      throw .refused(path: watched.path, refusal)
    }
    watched.owner = OwnerWatch(rule) { [mailbox, index = watched.index] _ in
      mailbox.post(.ownerExited(root: index))
    }
    do {
      try attach(watched)
    } catch {
      switch error {
      case .absent: break
      case .held where isWaiting: waitForLock(watched, error)
      default: throw error
      }
    }
    roots[watched.index] = watched
  }

  /// The next number that no root has; they come round after 4,095.
  private func takeIndex() -> Int {
    while roots[nextIndex] != nil || ended[nextIndex] != nil {
      nextIndex = (nextIndex + 1) % WatchToken.maximumRoots
    }
    defer { nextIndex = (nextIndex + 1) % WatchToken.maximumRoots }
    return nextIndex
  }

  /// Works until told to stop; returns once the removals in hand are finished.
  func run() {
    setBackstop(readMonotonic())
    for root in sortedRoots { begin(root) }
    mailbox.lend(to: { message in
      self.inotify.hold()
      self.handle(message)
      self.relieveShortage()
      self.inotify.flush()
      return self.roots.values.contains(where: self.canScan) ? 0 : self.nextDeadline
    })
    while !isStopping {
      let scanning = roots.values.filter(canScan)
      let (messages, hasLost) = mailbox.take(until: scanning.isEmpty ? nextDeadline : 0)
      inotify.hold()
      for message in messages { handle(message) }
      // After the others, which are older: a scan must have the last word on what is there.
      if hasLost { desynced("the reaper's queue is full") }
      handleDeadlines()
      for watched in scanning { continueScan(watched) }
      relieveShortage()
      inotify.flush()
    }
    mailbox.lend(to: nil)
    hub.setTenant(nil)
    for watched in sortedRoots { dropExaminations(of: watched) }
    pool.drain()
    finishLast()
    for watched in sortedRoots { reprieveAll(watched, "exit") }
    reporter.tellUntold(isLast: true)
    reporter.audit?.retry()
    reporter.count { [kept = roots.values.reduce(0) { $0 + $1.schedule.count }] in $0.kept = kept }
  }

  /// What the workers have done since nobody asked them for more: what they claimed is removed, too.
  private func finishLast() {
    let last = WorkerPool()
    for message in mailbox.take(until: 0).messages {
      switch message {
      case .removed(let index, let claimed, let result, let occasion):
        removed(index, claimed, result, occasion)
      case .examined(let owner, _, let examine, let result, let root):
        defer { root.release() }
        finishLast(roots[owner.index], examine, result, on: last)
      case .watched, .ownerExited, .reload, .auditWritable, .stop: break
      }
    }
    last.drain()
    for case .removed(let index, let claimed, let result, let occasion) in mailbox.take(until: 0)
      .messages
    {
      removed(index, claimed, result, occasion)
    }
  }

  private func finishLast(
    _ watched: WatchedRoot?, _ examine: Schedule.Examine, _ result: Examination.Result,
    on last: WorkerPool
  ) {
    let occasion = Occasion(trigger: examine.trigger, wokenAt: examine.wokenAt)
    switch result {
    case .claimed(let claimed):
      remove(claimed, root: watched?.index ?? -1, occasion, on: last)
    case .tidied(_, _, let files):
      guard let watched else { return }
      for file in files { reporter.removed(file, rule: watched.rule, occasion) }
    default: discard(result)
    }
  }

  var sortedRoots: [WatchedRoot] { roots.values.sorted { $0.index < $1.index } }

  /// Starts what `open` has opened: the first scan, or the wait for the root.
  func begin(_ watched: WatchedRoot) {
    watchOwner(watched)
    watchDirectory(watched)
    guard watched.root != nil else {
      logger.notice("waiting for \(watched.path) (rule \(watched.rule.name)) to be created")
      return
    }
  }

  // MARK: - Messages

  private func handle(_ message: Message) {
    switch message {
    case .watched(let messages, let arrival):
      for message in messages.withoutOvertakenMoves() { handle(message, arrival) }
    case .examined(let owner, let id, let examine, let result, let root):
      examinationsInFlight -= 1
      defer {
        root.release()
        submitExaminations()
      }
      guard let watched = roots[owner.index], ObjectIdentifier(watched) == owner.object else {
        return discard(result)
      }
      watched.elsewhere -= 1
      settle(watched, id, examine, result)
      // What was claimed for room asks for more when it is gone.
      if examine.trigger == .pressure, !result.isClaim { makeRoom(watched, readMonotonic()) }
      announce(watched)
    case .removed(let index, let claimed, let result, let occasion):
      removed(index, claimed, result, occasion)
    case .ownerExited(let index): if let watched = roots[index] { ownerExited(watched) }
    case .reload(let options): apply(options)
    case .auditWritable:
      for watched in sortedRoots { feed(watched, .lookAtAll(.rescan), readMonotonic()) }
    case .stop: isStopping = true
    }
  }

  private func handle(_ message: WatchMessage, _ arrival: Nanoseconds) {
    switch message {
    case .overflow:
      tellOverflow()
      desynced("the kernel's event queue overflowed")
    case .rebuilt:
      shortage.unwatched = WaitingLine()
      for watched in sortedRoots {
        watched.holdings.forgetWatches()
        watched.tree.forgetWatches()
        watched.ownerWatch = nil
        watchOwner(watched)
        watched.directoryWatch = nil
        watched.ancestorWatches = []
        watchDirectory(watched)
      }
      watchObstaclesAgain()
    case .deaf(let failure):
      logger.warning(
        "\(InstanceFailure(failure)); no event is seen until there is one: tried each second")
    case .mountsChanged:
      for watched in sortedRoots {
        refuseWhereMounted(watched)
        checkWay(watched, anew: watched.root == nil)
        feed(watched, .mountsChanged, arrival)
      }
    case .entry(let token, let name, let isDirectory, let change):
      entry(token, name, isDirectory: isDirectory, change, arrival)
    case .closed(let token), .changed(let token): touched(token, arrival)
    case .lost(let token): lost(token)
    case .armed(let token, let result): armed(token, result, arrival)
    }
  }

  func desynced(_ what: String) {
    reporter.count { $0.eventsLost += 1 }
    logger.info("\(what): everything is looked at again")
    for watched in sortedRoots where watched.root != nil {
      feed(watched, .desynced, readMonotonic())
    }
  }

  /// Keeps what did not change, so that nothing is missed in between.
  ///
  /// Taken whole or not at all: what a start would refuse leaves everything as it was.
  private func apply(_ new: Options) {
    let old = options
    options = new
    lookForRoots()
    let wanted = new.rules.filter(\.enabled)
    let before = sortedRoots
    // By name, since comparing thousands with thousands takes seconds.
    let present = Dictionary(before.map { ($0.rule.name, $0.rule) }, uniquingKeysWith: { $1 })
    let staying = Set(wanted.filter { present[$0.name] == $0 }.map(\.name))
    let leaving = before.filter { !staying.contains($0.rule.name) }
    for watched in leaving { watched.root?.lock?.makeWay() }
    do {
      for rule in wanted where !staying.contains(rule.name) {
        try add(rule, isWaiting: true)
      }
    } catch {
      logger.error("the configuration is left as it was: \(error)")
      options = old
      lookForRoots()
      for watched in sortedRoots where !before.contains(where: { $0 === watched }) { end(watched) }
      for watched in leaving { watched.root?.lock?.makeWay(staying: watched.rule) }
      return
    }
    setBackstop(readMonotonic())
    let known = Set(before.map { ObjectIdentifier($0) })
    let added = Dictionary(
      grouping: roots.values.filter { !known.contains(ObjectIdentifier($0)) }, by: \.path)
    for watched in leaving {
      // What came a moment ago is young for whoever goes on with it as well.
      let followers = added[watched.path] ?? []
      if watched.root != nil { for follower in followers { follower.isBelated = true } }
      dropExaminations(of: watched)
      reprieveAll(watched, "rule-ended")
      end(watched, isFollowed: !followers.isEmpty)
    }
    for watched in sortedRoots {
      if let root = watched.root { watched.examination = examination(watched, root) }
      if watched.directoryWatch == nil, !watched.hasStarted {
        begin(watched)
      } else {
        checkWay(watched, anew: watched.root == nil)
      }
    }
    logger.notice("configuration reread: \(counted(roots.count, "root"))")
  }

  private func end(_ watched: WatchedRoot, isFollowed: Bool = false) {
    detach(watched, forGood: !isFollowed)
    endOwnerWatch(watched)
    endDirectoryWatches(watched)
    roots[watched.index] = nil
    if watched.arming + watched.tree.arming > 0 { ended[watched.index] = watched }
  }
}
