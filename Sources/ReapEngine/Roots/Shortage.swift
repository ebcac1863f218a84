// What the reaper does when the system gives it no more watches, descriptors or room for events:
// it says so in numbers, looks at what no event tells of, and makes use of what becomes free.

import Glibc
import Logging
import OwnedDirectories
import ReapRules
import Watching

/// Who goes without, by the tokens of their watches.
final class Shortage {
  /// How many are looked at in one go of the reaper's thread, events first.
  static let looksInOneGo = 256
  /// How many of those without events are looked at in one interval.
  private static let looksInOneRound = 1000
  /// A shortage is told so long after it began, so that the number is the whole one.
  private static let settling: Nanoseconds = nanosecondsPerSecond
  /// Descriptors kept free for walking, removing and the rest of the process.
  static let reservedDescriptors = 512

  private enum Limit { case watches, descriptors, queue }

  /// Descriptors kept open for candidates, and how many may be.
  var held = 0
  private let heldLimit: Int
  private let logger: Logger
  /// Set once: what it belongs to holds it.
  unowned var roster: Roster!
  /// Candidates whose watch the kernel refused.
  private var unwatched = WaitingLine()
  /// Candidates watched without a descriptor, whose owner opened its lock for reading: such a
  /// close looks like one of our own, so it is not asked for.
  private var unseen = WaitingLine()
  /// Candidates watched without a descriptor.
  private var sparse = 0
  private var overflows = 0
  /// The one that may try whether there is a watch again.
  private var trying: UInt64?
  private var mayTry = false
  private var nextLook: Nanoseconds?
  private var tellAt: Nanoseconds?
  private var told: [Limit: Int] = [:]

  init(heldLimit: Int, logger: Logger) {
    self.heldLimit = heldLimit
    self.logger = logger
  }

  var isOverHeld: Bool { held > heldLimit }
  var descriptorsLeft: Int { heldLimit - held }

  /// When a shortage asks for attention, monotonic; nil where there is none.
  var nextDeadline: Nanoseconds? {
    if mayTry, trying == nil, !unwatched.isEmpty { return 0 }
    guard let look = nextLook else { return tellAt }
    return min(look, tellAt ?? look)
  }

  // MARK: - Watches

  /// Whether a candidate has to wait for its watch, since others wait longer. Nobody but the first
  /// asks the kernel, or each look at those who wait would be a command that fails.
  func standsInLine(_ token: UInt64) -> Bool {
    guard !unwatched.isEmpty, trying != token else { return false }
    unwatched.enter(token)
    return true
  }

  /// The kernel's answer for one candidate.
  func watchAnswered(_ token: UInt64, refusedBy code: Int32?) {
    if trying == token {
      trying = nil
      mayTry = code == nil
    }
    if code == ENOSPC { unwatched.enter(token) } else { unwatched.leave(token) }
  }

  /// A candidate is no longer held: what it had is free for another.
  func leave(_ token: UInt64, _ holding: Holding) {
    if holding.isSparse {
      sparse -= 1
      unseen.leave(token)
    }
    guard !unwatched.isEmpty else { return }
    unwatched.leave(token)
    if trying == token { trying = nil }
    if holding.watch != nil { watchIsFree() }
  }

  /// A watch was given back, or is about to be.
  func watchIsFree() { if !unwatched.isEmpty { mayTry = true } }

  /// Begins a round of the reaper's loop: tells what is short, and looks at those without events in
  /// turn. False where nothing is short.
  func beginRound() -> Bool {
    guard !unwatched.isEmpty || sparse > 0 else {
      (nextLook, tellAt, mayTry) = (nil, nil, false)
      return false
    }
    let now = readMonotonic()
    tellShortage(now)
    lookAtUnseen(now)
    return true
  }

  /// Lets the one that has waited longest try whether there is a watch; false where nobody may try.
  func letNextTry() -> Bool {
    // The look of the one that tries may have ended with it, or failed before it came to the watch.
    if let tried = trying, !unwatched.contains(tried) { trying = nil }
    guard mayTry, trying == nil, let token = unwatched.first else { return false }
    trying = token
    if !look(at: token, readMonotonic()) { unwatched.leave(token) }
    return true
  }

  private func lookAtUnseen(_ now: Nanoseconds) {
    guard !unwatched.isEmpty || !unseen.isEmpty else {
      nextLook = nil
      return
    }
    let interval = roster.pollInterval
    guard let due = nextLook else {
      nextLook = now + interval
      return
    }
    guard due <= now else { return }
    nextLook = now + interval
    // Other processes of this user give watches back as well, and no event tells of that.
    trying = nil
    mayTry = true
    for token in unwatched.round(of: Self.looksInOneRound) {
      look(at: token, now)
    }
    for token in unseen.round(of: Self.looksInOneRound) { look(at: token, now) }
  }

  @discardableResult
  private func look(at token: UInt64, _ now: Nanoseconds) -> Bool {
    guard case .candidate(let index, let id) = WatchToken(bits: token), let root = roster[index],
      let path = root.schedule.path(of: id)
    else { return false }
    root.post(.appeared(path, created: false, .rescan), at: now)
    return true
  }

  // MARK: - Descriptors

  /// Notes a candidate that is watched without a descriptor, while its lock file is still open.
  func goWithoutDescriptor(_ token: UInt64, _ file: HeldFile) {
    sparse += 1
    if !isOpenForWriting(file.descriptor) { unseen.enter(token) }
  }

  /// A candidate has its descriptor again.
  func gotDescriptor(_ token: UInt64) {
    sparse -= 1
    unseen.leave(token)
  }

  /// Whether a candidate without events should have one of the descriptors that became free.
  func deservesDescriptor(_ token: UInt64) -> Bool {
    held < heldLimit && unseen.contains(token)
  }

  // MARK: - Words

  /// Told once, and again each time the number has at least doubled.
  private func isNews(_ limit: Limit, _ count: Int) -> Bool {
    count > 0 && count >= 2 * (told[limit] ?? 0)
  }

  /// A root or a place below it has no watch.
  func tellUnwatched(_ root: FilePath, polledEvery interval: Nanoseconds) {
    logger.warning(
      """
      \(watchLimit()) is reached: \(root) is listed every \(formatDuration(interval)) instead of \
      watched
      """)
  }

  private func tellShortage(_ now: Nanoseconds) {
    let unwatched = unwatched.count
    let isWatchNews = isNews(.watches, unwatched)
    let isDescriptorNews = isNews(.descriptors, sparse)
    guard isWatchNews || isDescriptorNews else {
      tellAt = nil
      return
    }
    guard let instant = tellAt else {
      tellAt = now + Self.settling
      return
    }
    guard instant <= now else { return }
    // Of those that are still to be listed, more may go without.
    guard !roster.isScanning else {
      tellAt = now + Self.settling
      return
    }
    tellAt = nil
    if isWatchNews {
      told[.watches] = unwatched
      logger.warning(
        """
        \(watchLimit()) is reached: \(unwatched) directories have no watch, and are looked at in \
        turn until they get one; raise it with sysctl
        """)
    }
    if isDescriptorNews {
      told[.descriptors] = sparse
      logger.warning(
        """
        the limit of open files, \(heldLimit + Self.reservedDescriptors), is reached: \
        \(sparse) directories are watched without a descriptor; of \
        \(unseen.count) of them the owner opened its lock for reading only, so no event \
        tells of its end and they are looked at in turn; raise ulimit -n (systemd: LimitNOFILE)
        """)
    }
  }

  private func watchLimit() -> String {
    "the limit of inotify watches, " + inotifyLimit("max_user_watches", "max_inotify_watches") + ","
  }

  /// Says that the kernel's queue overflowed; the directories known in all roots are affected.
  func tellOverflow() {
    overflows += 1
    guard isNews(.queue, overflows) else { return }
    told[.queue] = overflows
    let known = roster.candidates
    let value = limitValue("/proc/sys/fs/inotify/max_queued_events").map(String.init) ?? "?"
    logger.warning(
      """
      the limit of waiting inotify events, fs.inotify.max_queued_events = \(value), is reached \
      (\(overflows) times so far): \(known) known directories and all new ones are looked \
      at again; raise it with sysctl and start reapd again
      """)
  }
}

/// No inotify instance could be had, in words that say what to do.
struct InstanceFailure: Error, CustomStringConvertible {
  let description: String

  init(_ failure: INotifyThread.StartFailure) {
    guard failure.code == EMFILE else {
      description = failure.description
      return
    }
    let limit = inotifyLimit("max_user_instances", "max_inotify_instances")
    description = """
      \(failure.description): the limit of inotify instances of this user, \(limit), is reached; \
      raise it with sysctl, or end other programs that watch files
      """
  }
}

/// `fs.inotify.NAME = N`, or that of this user namespace where it is the lower one.
private func inotifyLimit(_ system: String, _ namespace: String) -> String {
  let whole = limitValue("/proc/sys/fs/inotify/" + system)
  let here = limitValue("/proc/sys/user/" + namespace)
  if let here, here < whole ?? .max { return "user.\(namespace) = \(here)" }
  return "fs.inotify.\(system) = \(whole.map(String.init) ?? "?")"
}

private func limitValue(_ path: String) -> Int? {
  guard let bytes = try? readWhole(path) else { return nil }
  return Int(String(decoding: bytes.prefix { $0 > 32 }, as: UTF8.self))
}
