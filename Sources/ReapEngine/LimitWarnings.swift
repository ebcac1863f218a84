// What the reaper does when the system gives it no more watches, descriptors or room for events:
// it says so in numbers, looks at what no event tells of, and makes use of what becomes free.

import Glibc
import Logging
import OwnedDirectories
import ReapRules
import Watching

/// Who goes without, by the tokens of their watches.
struct WatchShortage {
  /// How many are looked at in one go of the reaper's thread, events first.
  static let looksInOneGo = 256
  /// How many of those without events are looked at in one interval.
  static let looksInOneRound = 1000
  /// A shortage is told so long after it began, so that the number is the whole one.
  static let settling: Nanoseconds = nanosecondsPerSecond

  /// Candidates whose watch the kernel refused.
  var unwatched = WaitingLine()
  /// Candidates watched without a descriptor, whose owner opened its lock for reading: such a
  /// close looks like one of our own, so it is not asked for.
  var unseen = WaitingLine()
  /// Candidates watched without a descriptor.
  var sparse = 0
  var overflows = 0
  /// The one that may try whether there is a watch again.
  var trying: UInt64?
  var mayTry = false
  var nextLook: Nanoseconds?
  var tellAt: Nanoseconds?
  private var told: [Limit: Int] = [:]

  enum Limit { case watches, descriptors, queue }

  /// Told once, and again each time the number has at least doubled.
  func isNews(_ limit: Limit, _ count: Int) -> Bool {
    count > 0 && count >= 2 * (told[limit] ?? 0)
  }

  mutating func noteTold(_ limit: Limit, _ count: Int) { told[limit] = count }
}

extension Reaper {
  /// When a shortage asks for attention, monotonic; nil where there is none.
  func shortageDeadline() -> Nanoseconds? {
    if shortage.mayTry, shortage.trying == nil, !shortage.unwatched.isEmpty { return 0 }
    guard let look = shortage.nextLook else { return shortage.tellAt }
    return min(look, shortage.tellAt ?? look)
  }

  // MARK: - Watches

  /// Whether a candidate has to wait for its watch, since others wait longer. Nobody but the first
  /// asks the kernel, or each look at those who wait would be a command that fails.
  func standsInLine(_ token: UInt64) -> Bool {
    guard !shortage.unwatched.isEmpty, shortage.trying != token else { return false }
    shortage.unwatched.enter(token)
    return true
  }

  /// The kernel's answer for one candidate.
  func watchAnswered(_ token: UInt64, refusedBy code: Int32?) {
    if shortage.trying == token {
      shortage.trying = nil
      shortage.mayTry = code == nil
    }
    if code == ENOSPC { shortage.unwatched.enter(token) } else { shortage.unwatched.leave(token) }
  }

  /// A candidate is no longer held: what it had is free for another.
  func leaveShortage(_ token: UInt64, _ holding: Holding) {
    if holding.isSparse {
      shortage.sparse -= 1
      shortage.unseen.leave(token)
    }
    guard !shortage.unwatched.isEmpty else { return }
    shortage.unwatched.leave(token)
    if shortage.trying == token { shortage.trying = nil }
    if holding.watch != nil { watchIsFree() }
  }

  /// A watch was given back, or is about to be.
  func watchIsFree() { if !shortage.unwatched.isEmpty { shortage.mayTry = true } }

  /// Whoever goes without events is looked at in turn, and a watch that became free is given to the
  /// one that has waited longest. Call it once in each round of the reaper's thread.
  func relieveShortage() {
    guard !shortage.unwatched.isEmpty || shortage.sparse > 0 else {
      (shortage.nextLook, shortage.tellAt, shortage.mayTry) = (nil, nil, false)
      return
    }
    let now = readMonotonic()
    tellShortage(now)
    lookAtUnseen(now)
    var looks = 0
    while shortage.mayTry, shortage.trying == nil, looks < WatchShortage.looksInOneGo,
      let token = shortage.unwatched.first
    {
      looks += 1
      shortage.trying = token
      if !look(at: token, now) { shortage.unwatched.leave(token) }
      // Its examination may have ended with it, or failed before it came to the watch.
      if !shortage.unwatched.contains(token), shortage.trying == token { shortage.trying = nil }
    }
  }

  private func lookAtUnseen(_ now: Nanoseconds) {
    guard !shortage.unwatched.isEmpty || !shortage.unseen.isEmpty else {
      shortage.nextLook = nil
      return
    }
    let interval = roots.values.map { pollInterval($0.rule) }.min() ?? nanosecondsPerSecond
    guard let due = shortage.nextLook else {
      shortage.nextLook = now + interval
      return
    }
    guard due <= now else { return }
    shortage.nextLook = now + interval
    // Other processes of this user give watches back as well, and no event tells of that.
    shortage.trying = nil
    shortage.mayTry = true
    for token in shortage.unwatched.round(of: WatchShortage.looksInOneRound) {
      look(at: token, now)
    }
    for token in shortage.unseen.round(of: WatchShortage.looksInOneRound) { look(at: token, now) }
  }

  @discardableResult
  private func look(at token: UInt64, _ now: Nanoseconds) -> Bool {
    guard case .candidate(let root, let id) = WatchToken(bits: token), let watched = roots[root],
      let path = watched.schedule.path(of: id)
    else { return false }
    feed(watched, .appeared(path, created: false, .rescan), now)
    return true
  }

  /// A watch on a root itself could not be had: it is listed at intervals, and tried again.
  func pollUnwatched(_ watched: WatchedRoot, _ code: Int32) {
    guard code == ENOSPC, watched.nextPoll == nil else { return }
    watched.nextPoll = readMonotonic() + pollInterval(watched.rule)
    watched.isUnwatched = true
    logger.warning(
      """
      \(watchLimit()) is reached: \(watched.path) is listed every \
      \(formatDuration(pollInterval(watched.rule))) instead of watched
      """)
  }

  // MARK: - Descriptors

  /// Notes a candidate that is watched without a descriptor, while its lock file is still open.
  func goWithoutDescriptor(_ token: UInt64, _ file: HeldFile) {
    shortage.sparse += 1
    if !isOpenForWriting(file.descriptor) { shortage.unseen.enter(token) }
  }

  /// A candidate has its descriptor again.
  func gotDescriptor(_ token: UInt64) {
    shortage.sparse -= 1
    shortage.unseen.leave(token)
  }

  /// Whether a candidate without events should have one of the descriptors that became free.
  func deservesDescriptor(_ token: UInt64) -> Bool {
    heldCount < heldLimit && shortage.unseen.contains(token)
  }

  // MARK: - Words

  private func tellShortage(_ now: Nanoseconds) {
    let unwatched = shortage.unwatched.count
    let isWatchNews = shortage.isNews(.watches, unwatched)
    let isDescriptorNews = shortage.isNews(.descriptors, shortage.sparse)
    guard isWatchNews || isDescriptorNews else {
      shortage.tellAt = nil
      return
    }
    guard let instant = shortage.tellAt else {
      shortage.tellAt = now + WatchShortage.settling
      return
    }
    guard instant <= now else { return }
    shortage.tellAt = nil
    if isWatchNews {
      shortage.noteTold(.watches, unwatched)
      logger.warning(
        """
        \(watchLimit()) is reached: \(unwatched) directories have no watch, and are looked at in \
        turn until they get one; raise it with sysctl
        """)
    }
    if isDescriptorNews {
      shortage.noteTold(.descriptors, shortage.sparse)
      logger.warning(
        """
        the limit of open files, \(heldLimit + Self.reservedDescriptors), is reached: \
        \(shortage.sparse) directories are watched without a descriptor; of \
        \(shortage.unseen.count) of them the owner opened its lock for reading only, so no event \
        tells of its end and they are looked at in turn; raise ulimit -n (systemd: LimitNOFILE)
        """)
    }
  }

  private func watchLimit() -> String {
    "the limit of inotify watches, " + inotifyLimit("max_user_watches", "max_inotify_watches") + ","
  }

  /// Says that the kernel's queue overflowed; the directories known in all roots are affected.
  func tellOverflow() {
    shortage.overflows += 1
    guard shortage.isNews(.queue, shortage.overflows) else { return }
    shortage.noteTold(.queue, shortage.overflows)
    let known = roots.values.reduce(0) { $0 + $1.schedule.count }
    let value = limitValue("/proc/sys/fs/inotify/max_queued_events").map(String.init) ?? "?"
    logger.warning(
      """
      the limit of waiting inotify events, fs.inotify.max_queued_events = \(value), is reached \
      (\(shortage.overflows) times so far): \(known) known directories and all new ones are looked \
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
