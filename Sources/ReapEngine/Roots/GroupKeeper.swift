// Keeps the expendable candidates of one root within the rule's bounds: by count, age, bytes and free
// room. Who goes is `Retention`'s to say; each of those is judged again, with the demand, and claimed as
// any other.

import Logging
import OwnedDirectories
import ReapRules

final class GroupKeeper {
  private typealias Member = Retention.Member<CandidatePath>

  /// A larger group is not chosen from more often than once in this time: each choice takes them all.
  private static let pause = nanosecondsPerSecond
  private static let smallGroup = 1000
  private static let moment = nanosecondsPerSecond / 20
  /// How often room is looked at while it is near the mark of pressure.
  private static let glance = 5 * nanosecondsPerSecond

  private unowned let root: WatchedRoot
  private let retention: Retention
  private var members: [CandidatePath: Member] = [:]
  /// Those of them that stay for their grace only, which is no matter to tell of.
  private var young: Set<CandidatePath> = []
  /// What would be gone, were it no dry run.
  private var imagined: [CandidatePath: Member] = [:]
  private var pass: RetentionPass<CandidatePath>?
  /// What the pass demands the end of.
  private var demands: [CandidatePath: Retention.Demand] = [:]
  /// Those of it that are claimed, and being removed.
  private var removing: Set<CandidatePath> = []
  /// Those that would stay, looked at once more before others go for their number.
  private var verifying: Set<CandidatePath> = []
  private var isVerified = false
  /// Monotonic; when there is something to choose. Nil until all members are known.
  private var due: Nanoseconds?
  private var isStarted = false
  /// The first scan is not over.
  private var isFirst = true
  private var lastChoice: Nanoseconds = .min / 2
  private var begun: Pressure.Begun = []
  private var yield = RoomYield<CandidatePath>()
  /// Too little became free in the last pass: that waits until something changes.
  private var hasGivenUp = false
  /// Since when those that stay are more than the bound alone, wall clock.
  private var crowdedSince: Nanoseconds?
  private var isShortTold = false

  init(_ root: WatchedRoot, _ retention: Retention) {
    self.root = root
    self.retention = retention
  }

  func demand(on path: CandidatePath) -> Retention.Demand? { demands[path] }

  // MARK: - What looks tell

  /// The first scan is over: all members are known.
  func start(_ now: Nanoseconds) {
    isFirst = false
    isStarted = true
    ask(at: now)
  }

  func looked(at path: CandidatePath, _ examined: Examined, _ now: Nanoseconds) {
    guard ClaimName(path.name) == nil else { return }
    let before = members[path]
    switch (examined.outcome, examined.verdict) {
    case (.gone, _), (.claimed, _), (.putBack, _): members[path] = nil
    // A dry run: it would be gone.
    case (_, .expendable?) where imagined[path] != nil: break
    case (_, .expendable(let expendable)?):
      members[path] = Member(
        path, .expendable(rank: expendable.rank), since: expendable.since,
        bytes: expendable.bytes, inodes: expendable.inodes,
        yieldsToAge: expendable.yieldsToAge)
    case (.wouldClaim, _):
      imagined[path] = before
      members[path] = nil
    default:
      members[path] = Member(
        path, .stays, since: before?.standing == .stays ? before!.since : readClocks().wall,
        bytes: examined.evidence?.weight?.bytes)
    }
    if members[path] != nil, examined.verdict?.reason.traits.count == .young {
      young.insert(path)
    } else {
      young.remove(path)
    }
    answer(path, examined, before?.bytes, now)
    if verifying.remove(path) != nil, verifying.isEmpty { ask(at: now) }
    if before?.standing != members[path]?.standing || before?.since != members[path]?.since
      || before?.yieldsToAge != members[path]?.yieldsToAge
    {
      hasGivenUp = false
      ask(at: now)
    }
  }

  /// A look that was under way when the demand came does not answer it: another follows.
  private func answer(
    _ path: CandidatePath, _ examined: Examined, _ bytes: Int64?, _ now: Nanoseconds
  ) {
    guard pass?.awaits(path) == true, !removing.contains(path) else { return }
    switch examined.outcome {
    case .claimed:
      demands[path] = nil
      removing.insert(path)
      return
    // By somebody else.
    case .gone: pass?.removed(path, bytes: 0)
    case .wouldClaim: pass?.removed(path, bytes: bytes ?? 0)
    default:
      guard examined.outcome == .failed || examined.evidence?.demand != nil else { return }
      pass?.kept(path)
    }
    demands[path] = nil
    step(now)
  }

  /// What was claimed is gone, or could not be removed.
  func removed(_ path: CandidatePath, _ result: RemovalResult, _ now: Nanoseconds) {
    guard removing.remove(path) != nil else { return }
    probe.noteRemoval()
    if result.failure == nil, result.foreignDirectory == nil {
      pass?.removed(path, bytes: result.bytes)
    } else {
      pass?.kept(path)
    }
    step(now)
  }

  /// The root was listed once more: time has passed, and the room may be another.
  func scanned(_ now: Nanoseconds) {
    isStarted = isStarted || !isFirst
    ask(at: now)
  }

  /// What the group lies on was written to: there may be less room.
  func roomChanged(_ now: Nanoseconds) {
    guard due == nil || due! > now + Self.pause else { return }
    ask(at: max(now, lastChoice + Self.pause))
  }

  // MARK: - Choosing

  private func ask(at instant: Nanoseconds) {
    guard isStarted else { return }
    let earliest =
      members.count > Self.smallGroup ? max(instant, lastChoice + Self.pause) : instant
    due = min(due ?? .max, earliest)
    root.facilities.roster.concern(root)
  }

  private var isAtWork: Bool { pass != nil || !verifying.isEmpty }

  /// What is asked for is answered, unless its name goes and comes at the wrong moment. Removals take
  /// their time.
  private static let patience = 60 * nanosecondsPerSecond
  private var lastStep: Nanoseconds = 0

  var nextDeadline: Nanoseconds? {
    guard isAtWork else { return due }
    return removing.isEmpty ? lastStep + root.rule.grace + Self.patience : nil
  }

  func deadlinePassed(_ now: Nanoseconds) {
    if isAtWork, let limit = nextDeadline, limit <= now {
      pass = nil
      demands = [:]
      verifying = []
      ask(at: now)
    }
    guard !isAtWork, let due, due <= now else { return }
    // A scan has asked for looks that are not answered yet.
    guard root.looks.elsewhere == 0 else {
      self.due = now + Self.moment
      return
    }
    self.due = nil
    choose(now)
  }

  private func choose(_ now: Nanoseconds) {
    guard root.root != nil else { return }
    let isAtStart = lastChoice < 0
    lastChoice = now
    for path in members.keys where !root.schedule.holds(path) {
      members[path] = nil
      young.remove(path)
    }
    let wall = readClocks().wall
    tellCrowd(wall)
    let room = hasGivenUp ? nil : self.room
    if let room { tellShortage(room) }
    let choice = retention.choose(
      from: Array(members.values), room: room, now: wall, begun: begun)
    begun = choice.begun
    guard !choice.going.isEmpty else {
      // No event tells of what else is written to the file system.
      if let room, retention.room.pressure?.isNear(room) == true { ask(at: now + Self.glance) }
      return wait(choice.nextDue, wall, now)
    }
    guard !verify(choice, now) else { return }
    isVerified = false
    pass = RetentionPass(
      choice, bounds: retention.room, after: yield, isDry: root.facilities.options.dryRun)
    trigger = isAtStart ? .startup : .created
    step(now)
  }

  /// One that somebody has begun to use, which makes no event, does not use up the count: then an older
  /// one goes for nothing. So those that would stay are looked at first; those that go are in any case.
  ///
  /// - Returns: whether the choice is to be made again after that.
  private func verify(_ choice: Retention.Choice<CandidatePath>, _ now: Nanoseconds) -> Bool {
    guard !isVerified, choice.going.contains(where: { $0.cause.restsOnOthers }) else {
      return false
    }
    isVerified = true
    lastStep = now
    let going = Set(choice.going.map(\.member.id))
    // All that go for free room have to be there, or none goes.
    let ofRoom = Set(choice.going.lazy.filter { $0.cause == .room }.map(\.member.id))
    verifying = Set(
      members.values.lazy.filter { $0.standing != .stays && !going.contains($0.id) }.map(\.id)
    ).union(ofRoom)
    for path in verifying { root.post(.appeared(path, created: false, .rescan), at: now) }
    return !verifying.isEmpty
  }

  /// What brought the choice about.
  private var trigger = Trigger.startup

  private lazy var probe = RoomProbe { [logger = root.facilities.logger, path = root.access.path] in
    logger.warning("\(path): its file system does not tell what is free: nothing goes for room")
  }

  private var room: FreeRoom? {
    guard let open = root.root, let room = probe.room(at: open.descriptor) else { return nil }
    guard !imagined.isEmpty else { return room }
    return imagined.values.reduce(into: RoomGain()) { $0.add($1) }.added(to: room)
  }

  private func wait(_ nextDue: Nanoseconds?, _ wall: Nanoseconds, _ now: Nanoseconds) {
    guard let nextDue else { return }
    ask(at: saturatingSum(now, max(0, saturatingDifference(nextDue, wall))))
  }

  /// Asks for what is next, until somebody has to answer.
  private func step(_ now: Nanoseconds) {
    guard pass != nil else { return }
    lastStep = now
    for (path, demand) in pass!.next(room: room) {
      demands[path] = demand
      root.post(.appeared(path, created: false, demand.cause.trigger ?? trigger), at: now)
    }
    guard let over = pass, over.isOver else { return }
    pass = nil
    demands = [:]
    begun = over.begun
    yield = over.yield
    hasGivenUp = over.result.hasGivenUp
    root.facilities.reporter.pruned(over.result, GroupCounts(members.values), root.rule)
    // What is left of it, and what this one has changed.
    ask(at: now)
  }

  /// The root is lost: whatever stands in the one that comes is looked at anew.
  func rootLost() {
    members = [:]
    young = []
    pass = nil
    demands = [:]
    removing = []
    verifying = []
    isVerified = false
    isStarted = false
    due = nil
  }

  // MARK: - Telling

  private var staying: Int { members.values.count { $0.standing == .stays } - young.count }

  /// What may not go is more than the rule keeps.
  private func tellCrowd(_ wall: Nanoseconds) {
    guard let maxCount = retention.maxCount, staying > maxCount else {
      crowdedSince = nil
      return
    }
    guard crowdedSince == nil else { return }
    let since =
      members.values.lazy.filter { [young] in $0.standing == .stays && !young.contains($0.id) }
      .map(\.since).min() ?? wall
    crowdedSince = since
    root.facilities.logger.warning(
      """
      \(root.access.path) (rule \(root.rule.name)): \(staying) that may not go (in use, protected, \
      incomplete or in doubt) are more than max_count, \(maxCount), alone, since \
      \(formatTime(since))
      """)
  }

  /// Less is free than the rule demands.
  private func tellShortage(_ room: FreeRoom) {
    let lacking = root.part.room.shortage(in: room)
    guard !lacking.isNone else {
      isShortTold = false
      return
    }
    guard !isShortTold else { return }
    isShortTold = true
    var parts: [String] = []
    if lacking.bytes > 0 { parts.append("\(roughSize(lacking.bytes)) of min_free") }
    if lacking.inodes > 0 { parts.append("\(lacking.inodes) of min_free_inodes") }
    root.facilities.logger.warning(
      """
      \(root.access.path) (rule \(root.rule.name)): \(parts.joined(separator: " and ")) are lacking \
      on its file system
      """)
  }
}
