// The model world of the simulation: directories, the writers that own them, and the kernel.

@testable import ReapRules

/// One directory. Its writer keeps one file open: the lock file, or a data file without any lock.
struct WorldDirectory {
  var inode: Int
  var name: EntryName
  /// Monotonic. Nothing may be probed before a grace after it.
  var created: Nanoseconds
  /// Monotonic, when it came under its name: made there, or moved in. The same holds for that, where
  /// reapd can know of it.
  var arrived: Nanoseconds
  /// Whether the file system and the name tell the time of birth.
  var hasStamps: Bool
  var changed: Nanoseconds
  var hasLockFile = false
  var isRemoved = false
  /// The event of its coming was read, or a scan after lost events came upon it. One without stamps that took the name of another one, while the
  /// events of both are still unread, cannot be told from that.
  var isAnnounced = false
}

/// A program that owns one directory, step by step until it ends or dies.
struct Writer {
  enum Step { case makeDirectory, openFile, takeLock, writeChunk, unlink, removeDirectory, close }

  var name: EntryName
  var steps: [(step: Step, pause: Nanoseconds)]
  var usesLock: Bool
  /// Made elsewhere and renamed into the root.
  var movesIn: Bool
  var hasStamps: Bool
  /// Dies before this step; never, where it is past the last one.
  var diesBefore: Int
  var next = 0
  var isAlive = true
  var directory: Int?
  var hasOpen = false
}

/// What the kernel says of one directory's owned file, gap after the close event included.
struct OwnedFile {
  var isOpen = false
  var isLocked = false
}

enum KernelEvent: Equatable {
  case created(EntryName)
  case movedIn(EntryName)
  case gone(EntryName)
  case closed(CandidateID)
  /// Of an entry that is no candidate.
  case noise(Int)
  case overflow
}

/// An inotify queue: bounded, merging equal neighbours; what does not fit is reported as lost.
struct KernelQueue {
  private(set) var events: [KernelEvent] = []
  var capacity: Int
  private(set) var lost = 0

  init(capacity: Int) { self.capacity = capacity }

  mutating func append(_ event: KernelEvent) {
    if events.last == event { return }
    if events.count >= capacity {
      lost += 1
      if events.last != .overflow { events.append(.overflow) }
      return
    }
    events.append(event)
  }

  mutating func take(_ count: Int) -> [KernelEvent] {
    let taken = Array(events.prefix(count))
    events.removeFirst(taken.count)
    return taken
  }
}

extension Writer {
  static func random(_ random: inout SeededRandom, grace: Nanoseconds, number: Int) -> Writer {
    let name = entryName("spill_1_\(random.chance(30) ? 0 : number)")
    let isLazy = random.chance(20)
    let usesLock = random.chance(80)
    func pause() -> Nanoseconds {
      if isLazy, random.chance(40) { return grace + random.below(grace) }
      return random.pick([random.below(200_000), random.below(20 * millisecond)])
    }
    var steps: [(Step, Nanoseconds)] = [(.makeDirectory, random.below(3 * grace))]
    steps.append((.openFile, pause()))
    if usesLock { steps.append((.takeLock, pause())) }
    for _ in 0..<random.below(4) { steps.append((.writeChunk, pause())) }
    // An upload may take much longer than the grace.
    if random.chance(50) { steps.append((.writeChunk, random.below(4 * grace))) }
    for step in [Step.unlink, .removeDirectory, .close] {
      steps.append((step, random.below(grace / 8)))
    }
    let dies = random.chance(75) ? 1 + Int(random.below(Nanoseconds(steps.count - 1))) : steps.count
    return Writer(
      name: name, steps: steps.map { (step: $0.0, pause: $0.1) }, usesLock: usesLock,
      movesIn: random.chance(10), hasStamps: random.chance(80), diesBefore: dies)
  }
}
