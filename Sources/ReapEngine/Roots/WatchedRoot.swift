// One rule at work: what an event at its root means, and what its schedule asks for.

import Glibc
import Logging
import OwnedDirectories
import ReapRules
import Watching

/// Its parts own what they hold: the root and its watches (`access`), the places below it (`places`),
/// what is open and watched for candidates (`holdings`). Ending it ends them all.
final class WatchedRoot {
  /// Tells answers for a rule that has ended from those for the present ones.
  struct Reference: Sendable, Equatable {
    let index: Int
    let object: ObjectIdentifier
  }

  /// How far the first scan is.
  enum Beginning {
    case scanning(orphans: Int)
    /// Listed; some looks and watches are not answered yet.
    case listed(orphans: Int)
    case over
  }

  let index: Int
  let rule: Rule
  let shared: SharedRule
  let facilities: Facilities
  let kind: any RootKind
  let claims = OwnClaims()
  var schedule: Schedule
  private(set) var access: RootAccess!
  private(set) var places: RootPlaces!
  private(set) var scan: RootScan!
  private(set) var holdings: RootHoldings!
  private(set) var looks: RootLooks!
  private(set) var follower: (any KindFollower)?
  /// Nil where each candidate is for itself.
  private(set) var keeper: GroupKeeper?
  private(set) var beginning = Beginning.scanning(orphans: 0)
  /// The rule came while reapd ran, or follows a rule that was changed: what stands in it may have come a
  /// moment ago, and no event told.
  var isBelated = false
  /// Something concerned it since its deadlines were asked for.
  var isConcerned = false

  init(index: Int, rule: Rule, _ facilities: Facilities) {
    self.index = index
    self.rule = rule
    self.facilities = facilities
    shared = SharedRule(rule)
    kind = facilities.kindEdge(rule) { [mailbox = facilities.mailbox] in
      mailbox.post(.ownerExited(root: index, $0))
    }
    schedule = Schedule(grace: rule.grace)
    access = RootAccess(self)
    places = RootPlaces(self)
    scan = RootScan(self)
    holdings = RootHoldings(self)
    looks = RootLooks(self)
    follower = kind.follower(of: self)
    keeper = rule.kind.part.retention.map { GroupKeeper(self, $0) }
  }

  var reference: Reference { Reference(index: index, object: ObjectIdentifier(self)) }

  var part: any KindPart { shared.part }

  /// Open; nil while it is waited for.
  var root: OpenRoot? { access.root }

  /// How often it is listed where no event tells of it, ns.
  var pollInterval: Nanoseconds {
    max(nanosecondsPerSecond, min(rule.grace / 2, 30 * nanosecondsPerSecond))
  }

  /// Whether a path is a candidate's, under its own name or a claimed one.
  func isCandidate(_ path: CandidatePath) -> Bool {
    rule.role(of: path.name, isDirectory: nil, in: path.directory) == .candidate
      && !claims.contains(path)
  }

  // MARK: - The schedule

  /// Tells the schedule, in its turn.
  func post(_ event: Schedule.Event, at instant: Nanoseconds) {
    facilities.roster.concern(self)
    facilities.agenda.post(event, to: index, at: instant)
  }

  /// Carries out what the schedule has asked for.
  func perform(_ action: Schedule.Action) {
    switch action {
    case .scan(let trigger): scan.begin(trigger)
    case .examine(let id, let examine): looks.examine(id, examine)
    case .watch(let id): holdings.watch(id)
    case .forget(let id):
      holdings.release(id)
      looks.forget(id)
    }
  }

  // MARK: - Entries

  /// Something happened to an entry of one of the root's directories.
  func entry(
    in number: UInt32, _ bytes: [UInt8], isDirectory: Bool, _ change: WatchMessage.Change,
    _ arrival: Nanoseconds
  ) {
    guard let name = EntryName(bytes), let place = places[number] else { return }
    let path = CandidatePath(directory: place.path, name)
    switch rule.role(of: name, isDirectory: isDirectory, in: place.path) {
    case .nothing: return
    case .signal(let isNewsWhenMade):
      switch change {
      // A file that is only made says nothing yet: it is written, or renamed into place.
      case .created where !isNewsWhenMade: break
      case .attributes, .created, .modified, .movedIn, .movedOut, .removed, .written:
        follower?.signalled(name, change, in: number, arrival)
      }
    case .place: places.changed(path.bytes, below: number, change)
    case .candidate: candidateChanged(number, path, change, arrival)
    }
  }

  private func candidateChanged(
    _ number: UInt32, _ path: CandidatePath, _ change: WatchMessage.Change, _ arrival: Nanoseconds
  ) {
    guard !claims.contains(path) else {
      if change == .movedIn { claims.takeRename(to: path) }
      return
    }
    switch change {
    case .written, .modified: follower?.wrote(path, change, arrival)
    case .attributes:
      // A pin, a mode or an owner: it tells of nothing else that reapd looks at.
      if schedule.reason(of: path)?.isEnded(by: .attributes) == true {
        appeared(number, path, created: false, .rescan, arrival)
      }
    case .created:
      appeared(number, path, created: true, .created, arrival)
      follower?.nameCame(path)
    case .movedIn:
      appeared(number, path, created: isArrival(path), .created, arrival)
      follower?.nameCame(path)
    case .movedOut:
      movedOut(number, path, arrival)
      follower?.nameGone(path.name, in: number, arrival)
    case .removed:
      if let root { facilities.reporter.forget(root.path(of: path)) }
      facilities.obstacles.end(of: self) { $0 == path }
      claims.forgetUnfinished(path)
      vanished(number, path, arrival)
      follower?.nameGone(path.name, in: number, arrival)
    }
  }

  private func appeared(
    _ number: UInt32, _ path: CandidatePath, created: Bool, _ trigger: Trigger,
    _ arrival: Nanoseconds
  ) {
    places.noteCandidate(path.name, in: number)
    if created { holdings.handOn(path) }
    post(.appeared(path, created: created, trigger), at: arrival)
  }

  private func vanished(_ number: UInt32, _ path: CandidatePath, _ arrival: Nanoseconds) {
    reprieve(path, "gone", nil, Occasion(trigger: .rescan))
    places.forgetCandidate(path.name, in: number)
    post(.vanished(path), at: arrival)
  }

  /// Two names that were exchanged are both still there, though this event comes last for one of
  /// them; and another directory may have the name by now, whose own event is still to come.
  private func movedOut(_ number: UInt32, _ path: CandidatePath, _ arrival: Nanoseconds) {
    do {
      guard let root else { return }
      let there = try status(ofPath: path.bytes, at: root.descriptor).identity
      let isBack = claims.hasRenamed(there, to: path)
      appeared(number, path, created: !isBack, .created, arrival)
    } catch  where error.code == ENOENT && !schedule.isExamining(path) {
      facilities.obstacles.end(of: self) { $0 == path }
      // The directory has its owner still, wherever it is now.
      holdings.handOn(path)
      vanished(number, path, arrival)
    } catch {
      // A look is under way, and may be the one that claims it.
      appeared(number, path, created: false, .created, arrival)
    }
  }

  /// Whether what was moved in came from elsewhere; not what this process gave that name.
  private func isArrival(_ path: CandidatePath) -> Bool {
    guard let known = claims.takeRename(to: path), let root,
      (try? status(ofPath: path.bytes, at: root.descriptor))?.identity == known.identity
    else { return true }
    return known.cameAt.map { readMonotonic() - $0 < rule.grace } ?? false
  }

  /// - Parameter path: the candidate that it concerns; nil for all of them.
  func ownerExited(_ path: CandidatePath?) {
    guard let path else { return post(.lookAtAll(.ownerExit), at: readMonotonic()) }
    lookAgain(at: path, .ownerExit, readMonotonic())
  }

  /// Looks at a candidate if it is known.
  func lookAgain(at path: CandidatePath, _ trigger: Trigger, _ now: Nanoseconds) {
    guard schedule.holds(path) else { return }
    post(.appeared(path, created: false, trigger), at: now)
  }

  // MARK: - Quarantine

  /// Ends the quarantine of one that stays; nothing where it is in none.
  ///
  /// - Parameter reason: the sign of life, or what else ended it.
  func reprieve(
    _ path: CandidatePath, _ reason: String, _ evidence: Evidence?, _ occasion: Occasion
  ) {
    guard let condemnation = claims.reprieve(path), let root else { return }
    let original = path.renamed(ClaimName(path.name)?.original ?? path.name)
    let place = Place(shared, root: root, path: original, occasion: occasion)
    facilities.reporter.reprieved(condemnation, reason, evidence, place)
  }

  /// A quarantine lasts no longer than the reapd and the rule that began it: the next one judges
  /// anew.
  func reprieveAll(_ reason: String) {
    for path in claims.condemned.map(\.id) {
      reprieve(path, reason, nil, Occasion(trigger: .manual))
    }
  }

  // MARK: - The beginning

  func noteOrphan() {
    switch beginning {
    case .scanning(let orphans): beginning = .scanning(orphans: orphans + 1)
    case .listed(let orphans): beginning = .listed(orphans: orphans + 1)
    case .over: break
    }
  }

  func noteListed() {
    if case .scanning(let orphans) = beginning { beginning = .listed(orphans: orphans) }
  }

  /// One line per root when its first scan is done.
  func announce() {
    guard case .listed(let orphans) = beginning, looks.elsewhere == 0, holdings.arming == 0,
      places.arming == 0
    else { return }
    beginning = .over
    defer { keeper?.start(readMonotonic()) }
    let reasons = schedule.reasons
    func count(_ wanted: ReasonTraits.Count) -> Int {
      reasons.reduce(0) { $1.key.traits.count == wanted ? $0 + $1.value : $0 }
    }
    let live = count(.live)
    let young = count(.young)
    let kept = reasons.values.reduce(0, +) - live - young
    facilities.logger.notice(
      """
      watching \(access.path) (rule \(rule.name)): \(live) live, \(young) young, \
      \(orphans) orphaned\(kept > 0 ? ", \(kept) kept for other reasons" : "")
      """)
    facilities.hasBegun(self)
  }

  // MARK: - Deadlines

  /// Commands to watch that are not answered yet.
  var arming: Int { holdings.arming + places.arming + (follower?.arming ?? 0) }

  func nextDeadline(now: Nanoseconds) -> Nanoseconds? {
    let earliest = min(
      schedule.nextDeadline ?? .max, access.nextDeadline ?? .max,
      follower?.nextDeadline(now: now) ?? .max, keeper?.nextDeadline ?? .max)
    return earliest == .max ? nil : earliest
  }

  func deadlinePassed(_ now: Nanoseconds) {
    if let deadline = schedule.nextDeadline, deadline <= now { post(.tick, at: now) }
    access.deadlinePassed(now)
    follower?.deadlinePassed(now)
    keeper?.deadlinePassed(now)
  }
}
