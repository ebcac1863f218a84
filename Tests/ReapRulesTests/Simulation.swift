// The whole loop in model time: writers, kernel, edge, schedule and judge, all from one seed.

@testable import ReapRules

struct Simulation {
  enum Happening {
    case writer(Int)
    /// The kernel lets go of the lock and the file, after the close event was queued.
    case released(inode: Int)
    case delivery
    case watchEffective(CandidateID, incarnation: Int)
    case armed(CandidateID, incarnation: Int)
    case look(CandidateID, Schedule.Examine, incarnation: Int)
    case answer(CandidateID, Schedule.Outcome, incarnation: Int)
    case kill
    case start
    case scan
    /// The next portion of a listing.
    case scanOn(from: Int, incarnation: Int)
    /// Every writer is killed at once, in the middle of a flood of other events.
    case massacre
  }

  /// The longest gap between close event and unlock that was measured, rounded up.
  static let longestGap = 6 * millisecond
  static let maximumSteps = 20_000
  let wallOffset: Nanoseconds = 1_800_000_000 * second

  let seed: UInt64
  let rule: Rule
  /// A look is made and answered while its action is carried out, as the reaper does where it need
  /// not walk; otherwise by workers, after a while.
  let isImmediate: Bool
  let isTracing: Bool
  /// The reaper's own: what is posted while an action is carried out waits for its turn.
  let agenda = Agenda()
  var random: SeededRandom
  var schedule: Schedule
  var now: Nanoseconds = 1_000 * second
  var directories: [WorldDirectory] = []
  /// By inode: what the owner of the directory has open.
  var files: [OwnedFile] = []
  var lockWriters: Set<Int> = []
  var writers: [Writer] = []
  var kernel: KernelQueue
  var holdings: [CandidateID: Holding] = [:]
  /// Looks of workers that are not answered, and those of them whose candidate was forgotten.
  var looking: [CandidateID: EntryName] = [:]
  var forgotten: Set<EntryName> = []
  /// The reapd that runs; answers meant for an earlier one are dropped.
  var incarnation = 0
  var isRunning = false
  var scanTrigger: Trigger?
  var nextScan: Trigger?
  var isDelivering = false
  var examinations = 0
  /// Events, entries of scans, armed watches and ticks: what may cause an examination.
  var stimuli = 0
  var failure: String?
  private var calendar: [(at: Nanoseconds, order: Int, happening: Happening)] = []
  private var order = 0

  init(seed: UInt64, isImmediate: Bool = false, isTracing: Bool = false) {
    var random = SeededRandom(seed: seed)
    let grace = random.pick([200 * millisecond, second, 30 * second])
    self.seed = seed
    self.isImmediate = isImmediate
    self.isTracing = isTracing
    rule = spillRule(grace: grace)
    schedule = Schedule(grace: grace)
    kernel = KernelQueue(capacity: random.pick([1, 2, 4, 16, 1000]))
    for number in 0..<(1 + Int(random.below(5))) {
      writers.append(.random(&random, grace: grace, number: number))
    }
    self.random = random
    at(now + self.random.below(grace), .start)
    for index in writers.indices { at(now + writers[index].steps[0].pause, .writer(index)) }
    if self.random.chance(30) { at(now + self.random.below(5 * grace), .massacre) }
    for _ in 0..<self.random.below(3) {
      at(now + grace + self.random.below(5 * grace), self.random.chance(50) ? .kill : .scan)
    }
  }

  func trace(_ line: @autoclosure () -> String) {
    guard isTracing else { return }
    print("\(now - 1_000 * second) \(line())")
  }

  mutating func fail(_ what: String) {
    trace("FAILED: \(what)")
    if failure == nil { failure = what }
  }

  mutating func at(_ instant: Nanoseconds, _ happening: Happening) {
    order += 1
    calendar.append((instant, order, happening))
  }

  /// Runs until nothing is left to happen, without any backstop.
  mutating func run() {
    var steps = 0
    while failure == nil {
      steps += 1
      guard steps < Self.maximumSteps else { return fail("it does not come to rest") }
      let first = calendar.indices.min {
        (calendar[$0].at, calendar[$0].order) < (calendar[$1].at, calendar[$1].order)
      }
      let deadline = isRunning ? schedule.nextDeadline : nil
      if let deadline, first.map({ deadline <= calendar[$0].at }) ?? true {
        now = max(now, deadline)
        stimuli += 1
        post(.tick)
        drain()
        if let next = schedule.nextDeadline, next <= now { fail("a tick left a deadline behind") }
      } else if let first {
        let entry = calendar.remove(at: first)
        now = max(now, entry.at)
        happen(entry.happening)
        drain()
      } else {
        break
      }
      // One look, one after arming, seven rungs, and one more for what came meanwhile.
      if examinations > 10 * stimuli { fail("\(examinations) examinations of \(stimuli) stimuli") }
    }
    for directory in directories where failure == nil && !directory.isRemoved {
      fail("\(directory.name.display) is an orphan and was left")
    }
  }

  private mutating func happen(_ happening: Happening) {
    switch happening {
    case .writer(let index): step(index)
    case .released(let inode):
      trace("released inode \(inode)")
      files[inode] = OwnedFile()
    case .delivery:
      isDelivering = false
      guard isRunning else { return }
      for event in kernel.take(random.chance(50) ? 1 : 1000) {
        trace("event \(event)")
        deliver(event)
      }
      scheduleDelivery()
    case .watchEffective(let id, let from):
      guard from == incarnation, isRunning else { return }
      holdings[id]?.watch = .effective
      at(now + random.below(2 * millisecond), .armed(id, incarnation: from))
    case .armed(let id, let from):
      guard from == incarnation, isRunning, holdings[id] != nil else { return }
      stimuli += 1
      post(.armed(id, true))
    case .look(let id, let request, let from):
      guard from == incarnation, isRunning else { return }
      guard let outcome = look(id, request) else {
        return answered(id)
      }
      at(now + delay(), .answer(id, outcome, incarnation: incarnation))
    case .answer(let id, let outcome, let from):
      guard from == incarnation, isRunning else { return }
      answered(id)
      post(.examined(id, outcome))
    case .kill: kill()
    case .start: start()
    case .scan: if isRunning { scan(.rescan) }
    case .scanOn(let first, let from):
      if from == incarnation, isRunning { continueScan(from: first) }
    case .massacre:
      trace("every writer is killed")
      for number in 0..<Int(random.below(6)) { notify(.noise(number)) }
      for index in writers.indices where writers[index].isAlive && writers[index].next > 0 {
        var writer = writers[index]
        end(&writer)
        writers[index] = writer
      }
    }
  }

  private mutating func kill() {
    trace("reapd is killed")
    isRunning = false
    (scanTrigger, nextScan) = (nil, nil)
    holdings = [:]
    (looking, forgotten) = ([:], [])
    kernel = KernelQueue(capacity: kernel.capacity)
    at(now + random.below(2 * rule.grace), .start)
  }

  private mutating func start() {
    trace("reapd starts")
    guard !isRunning else { return }
    incarnation += 1
    isRunning = true
    schedule = Schedule(grace: rule.grace)
    kernel = KernelQueue(capacity: kernel.capacity)
    // What came while another one ran has nothing but its stamps to tell.
    for index in directories.indices { directories[index].isAnnounced = false }
    scan(.startup)
  }

  private mutating func answered(_ id: CandidateID) {
    if let name = looking.removeValue(forKey: id) { forgotten.remove(name) }
  }

  mutating func notify(_ event: KernelEvent) {
    guard isRunning else { return }
    kernel.append(event)
    scheduleDelivery()
  }

  mutating func scheduleDelivery() {
    guard isRunning, !isDelivering, !kernel.events.isEmpty else { return }
    isDelivering = true
    let delay = random.pick([0, random.below(100_000), random.below(8 * millisecond)])
    at(now + (random.chance(5) ? rule.grace : delay), .delivery)
  }

  // MARK: - Writers

  private mutating func step(_ index: Int) {
    var writer = writers[index]
    defer { writers[index] = writer }
    guard writer.isAlive else { return }
    if writer.next >= writer.diesBefore || writer.next >= writer.steps.count {
      trace("writer \(index) dies before step \(writer.next)")
      return end(&writer)
    }
    trace("writer \(index): \(writer.steps[writer.next].step) \(writer.name.display)")
    if !perform(writer.steps[writer.next].step, &writer) { return end(&writer) }
    writer.next += 1
    if writer.next >= writer.steps.count { return end(&writer) }
    at(now + writer.steps[writer.next].pause, .writer(index))
  }

  /// False where the writer gives up.
  private mutating func perform(_ step: Writer.Step, _ writer: inout Writer) -> Bool {
    if step == .makeDirectory { return make(&writer) }
    guard let inode = writer.directory else { return false }
    switch step {
    case .makeDirectory: break
    case .openFile:
      guard !directories[inode].isRemoved else { return false }
      files[inode].isOpen = true
      writer.hasOpen = true
      directories[inode].hasLockFile = writer.usesLock
      directories[inode].changed = now
    case .takeLock: files[inode].isLocked = true
    case .writeChunk: directories[inode].changed = now
    case .unlink:
      directories[inode].hasLockFile = false
      directories[inode].changed = now
    case .removeDirectory:
      if !directories[inode].isRemoved { notify(.gone(writer.name)) }
      directories[inode].isRemoved = true
    case .close: break  // ends, which closes
    }
    return true
  }

  private mutating func make(_ writer: inout Writer) -> Bool {
    guard !directories.contains(where: { $0.name == writer.name && !$0.isRemoved }) else {
      return false
    }
    let inode = directories.count
    let born = writer.movesIn ? now - random.below(2 * rule.grace) : now
    directories.append(
      WorldDirectory(
        inode: inode, name: writer.name, created: born, arrived: now, hasStamps: writer.hasStamps,
        changed: now))
    // Prepared elsewhere, it may have its lock file already, which nobody has locked yet.
    if writer.movesIn, inode.isMultiple(of: 2) {
      directories[inode].hasLockFile = writer.usesLock
      directories[inode].changed = born
    }
    files.append(OwnedFile())
    if writer.usesLock { lockWriters.insert(inode) }
    writer.directory = inode
    notify(writer.movesIn ? .movedIn(writer.name) : .created(writer.name))
    return true
  }

  /// Under a name that was just claimed another orphan is moved in, in a flood of other events.
  mutating func moveInDead(_ name: EntryName) {
    trace("another \(name.display) is moved in")
    for number in 0..<Int(random.below(6)) { notify(.noise(number)) }
    directories.append(
      WorldDirectory(
        inode: directories.count, name: name, created: now - 2 * rule.grace, arrived: now,
        hasStamps: true, changed: now - 2 * rule.grace))
    files.append(OwnedFile())
    notify(.movedIn(name))
  }

  /// The close event comes first, and what it was about is let go of up to 6 ms later.
  private mutating func end(_ writer: inout Writer) {
    writer.isAlive = false
    guard let inode = writer.directory, writer.hasOpen else { return }
    writer.hasOpen = false
    let watching = holdings.filter { $0.value.inode == inode && $0.value.watch == .effective }
    for id in watching.keys.sorted(by: { $0.generation < $1.generation }) { notify(.closed(id)) }
    let gap = random.pick([0, 3_000, random.below(Self.longestGap)])
    if gap == 0 { files[inode] = OwnedFile() } else { at(now + gap, .released(inode: inode)) }
  }
}
