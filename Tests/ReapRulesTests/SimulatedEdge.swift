// The simulated edge: what the reaper does between the schedule and the world, in model time.

import Testing

@testable import ReapRules

/// What the edge keeps open for one candidate.
struct Holding {
  enum Watch { case none, arming, effective }
  var inode: Int
  var isLock: Bool
  var watch = Watch.none
}

extension Simulation {
  func post(_ event: Schedule.Event) { agenda.post(event, to: 0, at: now) }

  /// The loop's other half: the schedule answers, and its actions are carried out.
  mutating func drain() {
    agenda.drain { _, event, instant in
      trace("-> \(event)")
      return schedule.handle(event, now: instant)
    } perform: { _, action in
      trace("   \(action)")
      perform(action)
    }
  }

  private mutating func perform(_ action: Schedule.Action) {
    switch action {
    case .scan(let trigger): scan(trigger)
    case .examine(let id, let request):
      examinations += 1
      guard isImmediate else {
        looking[id] = request.path.name
        return at(now + delay(), .look(id, request, incarnation: incarnation))
      }
      if let outcome = look(id, request) { post(.examined(id, outcome)) }
    case .watch(let id):
      guard holdings[id] != nil else {
        return fail("asked to watch \(id), for which nothing is held")
      }
      holdings[id]!.watch = .arming
      at(now + delay(), .watchEffective(id, incarnation: incarnation))
    case .forget(let id):
      holdings[id] = nil
      if let name = looking[id] { forgotten.insert(name) }
    }
  }

  mutating func delay() -> Nanoseconds {
    random.pick([0, random.below(100_000), random.below(8 * millisecond)])
  }

  mutating func scan(_ trigger: Trigger) {
    guard scanTrigger == nil else { return nextScan = trigger }
    scanTrigger = trigger
    post(.scanBegan)
    at(now, .scanOn(from: 0, incarnation: incarnation))
  }

  /// A portion of a listing: events are handled between two of them.
  mutating func continueScan(from first: Int) {
    guard let trigger = scanTrigger else { return }
    let last = min(directories.count, first + 1 + Int(random.below(4)))
    for index in first..<max(first, last) where !directories[index].isRemoved {
      stimuli += 1
      let path = CandidatePath(directories[index].name)
      if trigger != .startup, !schedule.holds(path) { directories[index].isAnnounced = true }
      post(.listed(path, trigger))
    }
    guard last >= directories.count else {
      return at(now + delay(), .scanOn(from: last, incarnation: incarnation))
    }
    post(.scanEnded)
    scanTrigger = nil
    if let trigger = nextScan {
      nextScan = nil
      scan(trigger)
    }
  }

  mutating func deliver(_ event: KernelEvent) {
    stimuli += 1
    switch event {
    case .created(let name), .movedIn(let name):
      for index in directories.indices where directories[index].name == name {
        directories[index].isAnnounced = true
      }
      post(.appeared(CandidatePath(name), created: true, .created))
    case .gone(let name): post(.vanished(CandidatePath(name)))
    case .closed(let id): post(.closed(id))
    case .noise: break
    case .overflow: post(.desynced)
    }
  }

  /// Gathers what the judge asks for, and claims where it says so, in one instant. Nil where the
  /// candidate is forgotten: then it may be that nobody looks any more.
  mutating func look(_ id: CandidateID, _ request: Schedule.Examine) -> Schedule.Outcome? {
    guard schedule.path(of: id) != nil || random.chance(50) else { return nil }
    let held = holdings[id]
    let isOwned = held?.isLock == true && held?.watch == .effective && files[held!.inode].isLocked
    return request.onlyLock && isOwned
      ? .kept(.lockHeld, recheckAfter: nil, .watched) : examine(id, request)
  }

  private mutating func examine(
    _ id: CandidateID, _ request: Schedule.Examine
  ) -> Schedule.Outcome {
    guard
      let index = directories.firstIndex(where: { $0.name == request.path.name && !$0.isRemoved })
    else {
      holdings[id] = nil
      return .settled
    }
    let directory = directories[index]
    let birth = directory.hasStamps ? directory.created + wallOffset : nil
    // Another directory than the one whose lock is held has come under the name, unannounced yet.
    let isAnothers =
      holdings[id].map { $0.isLock && $0.inode != directory.inode } ?? false
      || forgotten.contains(directory.name)
    if isAnothers { holdings[id] = nil }
    var evidence = Evidence(
      entry: .init(name: request.path.name, type: .directory, owner: 1000, isMountPoint: false),
      clocks: .init(
        birth: birth, sawCreation: isAnothers ? now : request.sawCreation,
        firstSeen: request.firstSeen),
      ofKind: rule.kind.evidence)
    while true {
      switch judge(evidence, rule: rule, now: Now(wall: now + wallOffset, monotonic: now)) {
      case .gather(let stage):
        let isYoung = directory.hasStamps && now - directory.created < rule.grace
        let isFresh = directory.isAnnounced && now - directory.arrived < rule.grace
        if isYoung || isFresh {
          fail("\(stage) of \(directory.name) in grace")
        }
        gather(stage, directory, holdings[id], &evidence)
      case .verdict(.dispose(let reason)):
        claim(index, reason)
        holdings[id] = nil
        return .settled
      case .verdict(let verdict):
        var recheck: Nanoseconds?
        if case .keep(_, let after) = verdict { recheck = after }
        let hold = hold(id, verdict.reason, directory, evidence)
        trace("   judged \(verdict)")
        return .kept(verdict.reason, recheckAfter: recheck, hold)
      }
    }
  }

  private func gather(
    _ stage: Judgement.Stage, _ directory: WorldDirectory, _ held: Holding?,
    _ evidence: inout Evidence
  ) {
    let file = files[directory.inode]
    switch stage {
    case .surroundings: evidence.surroundings = .clear
    case .lock:
      let hasHeld = held?.inode == directory.inode && held?.isLock == true
      if !hasHeld, !directory.hasLockFile {
        evidence.lock = .missing
      } else if file.isLocked {
        evidence.lock = .held
      } else {
        evidence.lock = directory.hasLockFile ? .taken : .takenUnlinked
      }
    case .inside:
      evidence.inside = .init(openness: file.isOpen ? .open("file") : .nothingOpen)
      if evidence.lock == .missing {
        // An unlinked lock file is not found by walking the tree; a data file is.
        if lockWriters.contains(directory.inode) { evidence.inside?.openness = .nothingOpen }
        evidence.inside?.newestChange = directory.changed + wallOffset
      }
    case .life: evidence.life = .nobody
    default: Issue.record("a spill directory has no \(stage)")
    }
  }

  private mutating func hold(
    _ id: CandidateID, _ reason: Reason, _ directory: WorldDirectory, _ evidence: Evidence
  ) -> Schedule.Hold {
    guard schedule.path(of: id) != nil else { return .none }
    guard [.lockHeld, .lockOpen, .fileOpen].contains(reason) else {
      holdings[id] = nil
      return .none
    }
    if holdings[id]?.inode != directory.inode {
      holdings[id] = Holding(inode: directory.inode, isLock: evidence.lock != .missing)
    }
    return holdings[id]!.watch == .effective ? .watched : .unwatched
  }

  private mutating func claim(_ index: Int, _ reason: Reason) {
    let directory = directories[index]
    trace("   CLAIMED \(directory.name.display) as \(reason)")
    if let writer = writers.first(where: { $0.directory == directory.inode }), writer.isAlive,
      writer.hasOpen
    {
      fail("\(directory.name.display) is live and was disposed of as \(reason)")
    }
    directories[index].isRemoved = true
    notify(.gone(directory.name))
    if random.chance(10), directories.count < 20 { moveInDead(directory.name) }
  }
}
