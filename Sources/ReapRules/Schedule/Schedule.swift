/// What happens when, for one root: a pure state machine, `(event, now) -> [Action]`. `now` is
/// monotonic time in nanoseconds: wall clocks matter to the judge only.
///
/// It holds no descriptor and reads no clock. The edge carries actions out, and reports back with
/// events. Work per event does not depend on the number of candidates, scans apart.
package struct Schedule: Sendable {
  package enum Event: Sendable, Equatable {
    /// A name that the rule's match accepts (or a claimed form of one) is in the root.
    /// `created`: by an event that shows that it was made or came there just now, so that its grace
    /// begins, whatever its birth time.
    case appeared(CandidatePath, created: Bool, Trigger)
    /// A listing came to that name. At the start anything may have stood there for long, and wall
    /// stamps tell; later on, one that no event told of came while nobody saw it.
    case listed(CandidatePath, Trigger)
    case vanished(CandidatePath)
    case scanBegan
    case scanEnded
    /// Somebody closed the file that the edge holds open for this candidate.
    case closed(CandidateID)
    /// Answer to `watch`; false where no watch could be had.
    case armed(CandidateID, Bool)
    /// Answer to `examine`.
    case examined(CandidateID, Outcome)
    /// Events were lost.
    case desynced
    case backstopDue
    /// A claimed directory could not be removed: it is looked at again when something changes.
    case removalFailed(CandidatePath)
    /// The mount table changed: verdicts that rested on it may change too.
    case mountsChanged
    /// Something that all verdicts may rest on changed, such as the owner's end.
    case lookAtAll(Trigger)
    case rootLost
    /// A deadline may have passed.
    case tick
  }

  package enum Outcome: Sendable, Equatable {
    case kept(Reason, recheckAfter: Nanoseconds?, Hold)
    /// The name is gone, or was claimed or put back: nothing more to do under it.
    case settled
  }

  /// The descriptor that the edge keeps open for a kept candidate, to see it being closed.
  package enum Hold: Sendable, Equatable {
    case none, unwatched, watched
  }

  package enum Action: Sendable, Equatable {
    case scan(Trigger)
    case examine(CandidateID, Examine)
    case watch(CandidateID)
    /// Close what is held for it and remove its watch.
    case forget(CandidateID)
  }

  package struct Examine: Sendable, Equatable {
    package var path: CandidatePath
    package var firstSeen: Nanoseconds
    package var sawCreation: Nanoseconds?
    package var trigger: Trigger
    /// Monotonic arrival of the event that brought it about, if one did.
    package var wokenAt: Nanoseconds?
    /// Nothing but the owner's lock can have changed since the last look: while that is held, the
    /// verdict is the same.
    package var onlyLock = false
  }

  /// Waits before another try when a close event was followed by "would block": the kernel queues
  /// the event before it drops the lock, 1–3 µs typically and 5.7 ms at worst (measured on 6.18).
  package static let ladder: [Nanoseconds] = [
    50_000, 200_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000, 100_000_000,
  ]

  /// When what was found held at the start is looked at once more: its owner may have let go of it
  /// before it was watched. One look so late serves for the one after the watch and for the last of
  /// the ladder, and the rest of the start goes first.
  package static let pauseAfterStart = nanosecondsPerSecond

  private let grace: Nanoseconds
  private var slots: [Candidate?] = []
  private var free: [UInt32] = []
  private var byPath: [CandidatePath: UInt32] = [:]
  private var deadlines = DeadlineHeap()
  private var generation: UInt32 = 0
  private var epoch: UInt32 = 0

  package init(grace: Nanoseconds) { self.grace = grace }

  package var count: Int { byPath.count }

  /// The earliest monotonic instant at which a `tick` has something to do.
  package var nextDeadline: Nanoseconds? { deadlines.first?.instant }

  /// How many candidates are kept, by reason; those still being examined are left out.
  package var reasons: [Reason: Int] {
    var counts: [Reason: Int] = [:]
    for case let candidate? in slots {
      if let reason = candidate.reason { counts[reason, default: 0] += 1 }
    }
    return counts
  }

  package func holds(_ path: CandidatePath) -> Bool { byPath[path] != nil }

  /// Whether an examination of it is under way.
  package func isExamining(_ path: CandidatePath) -> Bool {
    switch byPath[path].flatMap({ slots[Int($0)]?.state }) {
    case .examining, .examiningAgain: true
    case .waiting, .arming, .armingAgain, nil: false
    }
  }

  /// Why it was last kept; nil where it was not looked at yet.
  package func reason(of path: CandidatePath) -> Reason? {
    byPath[path].flatMap { slots[Int($0)]?.reason }
  }

  package func path(of id: CandidateID) -> CandidatePath? { candidate(id)?.path }

  package func id(of path: CandidatePath) -> CandidateID? { byPath[path].map { id($0) } }

  /// Every candidate's name for the edge.
  package var ids: [CandidateID] {
    slots.indices.compactMap { slots[$0] == nil ? nil : id(UInt32($0)) }
  }

  package mutating func handle(_ event: Event, now: Nanoseconds) -> [Action] {
    defer { dropLapsedDeadlines() }
    switch event {
    case .appeared(let path, let created, let trigger):
      return appeared(path, created: created, trigger, now: now)
    case .listed(let path, let trigger):
      let cameUnseen = trigger != .startup && byPath[path] == nil
      return appeared(path, created: cameUnseen, trigger, now: now)
    case .vanished(let path):
      guard let slot = byPath[path] else { return [] }
      return forget(slot)
    case .scanBegan:
      epoch &+= 1
      return []
    case .scanEnded: return forgetUnseen()
    case .closed(let id): return closed(id, now: now)
    case .armed(let id, let success): return armed(id, success: success, now: now)
    case .examined(let id, let outcome): return examined(id, outcome, now: now)
    case .desynced: return [.scan(.rescan)]
    case .backstopDue: return [.scan(.backstop)]
    case .removalFailed(let path):
      let slot = byPath[path] ?? insert(path, created: false, .rescan, now: now)
      slots[Int(slot)]!.reason = .removalFailed
      setDeadline(slot, backOff(slot, now: now))
      return []
    case .mountsChanged: return mountsChanged()
    case .lookAtAll(let trigger): return lookAtAll(trigger)
    case .rootLost: return slots.indices.flatMap { slots[$0] == nil ? [] : forget(UInt32($0)) }
    case .tick: return tick(now: now)
    }
  }

  // MARK: - The table

  private func candidate(_ id: CandidateID) -> Candidate? {
    guard Int(id.slot) < slots.count, let candidate = slots[Int(id.slot)],
      candidate.generation == id.generation
    else { return nil }
    return candidate
  }

  private func id(_ slot: UInt32) -> CandidateID {
    CandidateID(slot: slot, generation: slots[Int(slot)]!.generation)
  }

  private mutating func insert(
    _ path: CandidatePath, created: Bool, _ trigger: Trigger, now: Nanoseconds
  )
    -> UInt32
  {
    generation = (generation &+ 1) & CandidateID.generationMask
    let candidate = Candidate(
      path: path, firstSeen: now, sawCreation: created ? now : Candidate.never,
      generation: generation, epoch: epoch, rung: UInt8(Self.ladder.count), trigger: trigger)
    let slot: UInt32
    if let reused = free.popLast() {
      slot = reused
      slots[Int(slot)] = candidate
    } else {
      slot = UInt32(slots.count)
      slots.append(candidate)
    }
    byPath[path] = slot
    return slot
  }

  private mutating func forget(_ slot: UInt32) -> [Action] {
    let gone = id(slot)
    byPath[slots[Int(slot)]!.path] = nil
    slots[Int(slot)] = nil
    free.append(slot)
    return [.forget(gone)]
  }

  private mutating func setDeadline(_ slot: UInt32, _ instant: Nanoseconds) {
    slots[Int(slot)]!.deadline = instant
    guard instant != Candidate.never else { return }
    if deadlines.count > 2 * byPath.count + 64 {
      var live = deadlines
      live.compact { candidate($0.id)?.deadline == $0.instant }
      deadlines = live
    }
    deadlines.insert(.init(instant: instant, id: id(slot)))
  }

  /// Keeps the heap's first entry one that holds, so that nobody is woken up for nothing.
  private mutating func dropLapsedDeadlines() {
    while let first = deadlines.first, candidate(first.id)?.deadline != first.instant {
      _ = deadlines.popFirst()
    }
  }

  // MARK: - Events

  private mutating func appeared(
    _ path: CandidatePath, created: Bool, _ trigger: Trigger, now: Nanoseconds
  ) -> [Action] {
    if let slot = byPath[path] {
      guard created else {
        slots[Int(slot)]!.epoch = epoch
        lookOnceMore(slot)
        slots[Int(slot)]!.isChanged = true
        if trigger == .cursorChange { slots[Int(slot)]!.wokenAt = now }
        return look(slot, trigger == .backstop ? ownTrigger(slot) ?? trigger : trigger)
      }
      // Its end was missed, or this name was swapped in: what was known of it is another's.
      return forget(slot) + appeared(path, created: true, trigger, now: now)
    }
    let slot = insert(path, created: created, trigger, now: now)
    guard created else { return look(slot, trigger) }
    // Its creator may not have locked it yet. Until the grace is over nothing goes near it.
    slots[Int(slot)]!.reason = .young
    setDeadline(slot, now + grace)
    return []
  }

  private mutating func closed(_ id: CandidateID, now: Nanoseconds) -> [Action] {
    guard candidate(id) != nil else { return [] }
    slots[Int(id.slot)]!.rung = 0
    slots[Int(id.slot)]!.wokenAt = now
    return look(id.slot, .closeEvent)
  }

  private mutating func armed(_ id: CandidateID, success: Bool, now: Nanoseconds) -> [Action] {
    guard let candidate = candidate(id) else { return [] }
    let again = candidate.state == .armingAgain
    slots[Int(id.slot)]!.state = .waiting
    if success, !again, candidate.trigger == .startup {
      setDeadline(id.slot, min(candidate.deadline, now + Self.pauseAfterStart))
      return []
    }
    // Without a watch a second look would ask for it again, and so on ten times a second.
    if success { lookOnceMore(id.slot) }
    return success || again ? look(id.slot, candidate.trigger) : []
  }

  /// A release may have begun without an event for it, since the watch is new or the event was
  /// lost: whatever is found now, look again after the longest gap between close and unlock.
  private mutating func lookOnceMore(_ slot: UInt32) {
    if slots[Int(slot)]!.rung == Self.ladder.count { slots[Int(slot)]!.rung -= 1 }
  }

  private mutating func examined(_ id: CandidateID, _ outcome: Outcome, now: Nanoseconds)
    -> [Action]
  {
    guard let before = candidate(id) else { return [] }
    slots[Int(id.slot)]!.state = .waiting
    guard case .kept(let reason, let recheckAfter, let hold) = outcome else {
      // Under the same name something may stand again by now.
      return before.state == .examiningAgain ? look(id.slot, before.trigger) : forget(id.slot)
    }
    slots[Int(id.slot)]!.reason = reason
    var deadline = recheckAfter.map { now + $0 } ?? Candidate.never
    // Somebody swaps things there: looked at again, but no more often than once in a grace, nor than
    // once a second.
    let ends = reason.traits.ends
    if ends.contains(.pause) { deadline = now + max(grace, nanosecondsPerSecond) }
    if ends.contains(.backOff) { deadline = min(deadline, backOff(id.slot, now: now)) }
    if ends.contains(.ladder), Int(before.rung) < Self.ladder.count {
      deadline = min(deadline, now + Self.ladder[Int(before.rung)])
      slots[Int(id.slot)]!.rung += 1
    } else {
      slots[Int(id.slot)]!.wokenAt = Candidate.never
    }
    setDeadline(id.slot, deadline)
    if hold == .unwatched {
      slots[Int(id.slot)]!.state = before.state == .examiningAgain ? .armingAgain : .arming
      return [.watch(id)]
    }
    return before.state == .examiningAgain ? look(id.slot, before.trigger) : []
  }

  /// When to look again at what no event may tell of: ever later. Nearly the same instant for all that
  /// wait about as long, so that one wake-up serves them: a multiple of half the wait, that taken as a
  /// power of two seconds.
  private func backOff(_ slot: UInt32, now: Nanoseconds) -> Nanoseconds {
    let wait = Evidence.Clocks(firstSeen: slots[Int(slot)]!.firstSeen)
      .backOff(now: Now(wall: 0, monotonic: now))
    let seconds = max(1, wait / nanosecondsPerSecond)
    let unit = nanosecondsPerSecond << (63 - seconds.leadingZeroBitCount) / 2
    return (now + wait + unit - 1) / unit * unit
  }

  private mutating func mountsChanged() -> [Action] {
    var actions: [Action] = []
    for index in slots.indices where slots[index]?.reason?.isEnded(by: .mounts) == true {
      slots[index]!.isChanged = true
      actions += look(UInt32(index), .rescan)
    }
    return actions
  }

  private mutating func lookAtAll(_ trigger: Trigger) -> [Action] {
    slots.indices.flatMap { index -> [Action] in
      guard slots[index] != nil else { return [] }
      slots[index]!.isChanged = true
      return look(UInt32(index), trigger)
    }
  }

  private mutating func tick(now: Nanoseconds) -> [Action] {
    var actions: [Action] = []
    while let first = deadlines.first, first.instant <= now {
      _ = deadlines.popFirst()
      guard let candidate = candidate(first.id), candidate.deadline == first.instant else {
        continue
      }
      slots[Int(first.id.slot)]!.deadline = Candidate.never
      if candidate.reason?.traits.isLockAlone != true {
        slots[Int(first.id.slot)]!.isChanged = true
      }
      actions += look(first.id.slot, dueTrigger(candidate))
    }
    return actions
  }

  private mutating func forgetUnseen() -> [Action] {
    slots.indices.flatMap { index -> [Action] in
      guard let candidate = slots[index], candidate.epoch != epoch else { return [] }
      return forget(UInt32(index))
    }
  }

  /// What a look is put down to that a deadline would have brought about anyway, or that is under
  /// way: a backstop that comes a little earlier has found nothing. Nil where only an event could.
  private func ownTrigger(_ slot: UInt32) -> Trigger? {
    let candidate = slots[Int(slot)]!
    guard candidate.state == .waiting else { return candidate.trigger }
    guard candidate.deadline != Candidate.never else { return nil }
    return dueTrigger(candidate)
  }

  /// What brings a look at a deadline about. What only the backstop came upon is its find, also when
  /// its grace had to be waited for.
  private func dueTrigger(_ candidate: Candidate) -> Trigger {
    let isBackstops = candidate.trigger == .backstop && candidate.sawCreation != Candidate.never
    return candidate.waitsForAge && !isBackstops ? .graceOver : candidate.trigger
  }

  /// Asks for an examination, or notes that one is due after the one under way.
  private mutating func look(_ slot: UInt32, _ trigger: Trigger) -> [Action] {
    let candidate = slots[Int(slot)]!
    switch candidate.state {
    case .waiting: break
    case .examining, .examiningAgain:
      slots[Int(slot)]!.state = .examiningAgain
      slots[Int(slot)]!.trigger = trigger
      return []
    case .arming, .armingAgain:
      slots[Int(slot)]!.state = .armingAgain
      return []
    }
    slots[Int(slot)]!.state = .examining
    slots[Int(slot)]!.trigger = trigger
    slots[Int(slot)]!.isChanged = false
    return [
      .examine(
        id(slot),
        Examine(
          path: candidate.path, firstSeen: candidate.firstSeen,
          sawCreation: candidate.sawCreation == Candidate.never ? nil : candidate.sawCreation,
          trigger: trigger,
          wokenAt: candidate.wokenAt == Candidate.never ? nil : candidate.wokenAt,
          onlyLock: !candidate.isChanged))
    ]
  }
}
