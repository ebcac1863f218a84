// The writers of a drill: started, killed when their time has come, and replaced.

import Glibc
import OwnedDirectories
import ReapRules

struct Crew {
  /// One process, from its start to its death.
  private struct Life {
    let number: Int
    let process: DoomedProcess
    let group: MemoryGroup?
    let isResident: Bool
    /// How many of its lines come before its death, and how long after them it is (ns).
    let lines: Int
    let delay: Int64
    var heard = 0
    /// Monotonic, ns.
    var killAt: Int64?
    /// Monotonic, ns; nil while nothing was done to it.
    var killedAt: Int64?
    /// Wall clock, ns, right before.
    var killedAtWall: Int64 = 0
  }

  /// How long the kernel may take to end a process that takes all memory of its group.
  private static let patience = 5 * nanosecondsPerSecond

  private let options: DrillOptions
  private let root: String
  private let logs: String
  private var random: SeededRandom
  private var lives: [Life] = []
  private var started = 0
  private(set) var expected = ExpectedState()
  private(set) var kills = 0
  private(set) var ended = 0
  /// How the last one ended that was not killed.
  private(set) var lastEnd: DoomedProcess.End?
  private(set) var problem: String?
  /// Names of directories in which a living process had its lock file open after it was unlinked.
  private(set) var unlinkedUnderOwner: [String: Int32] = [:]

  init(_ options: DrillOptions, root: String, logs: String) {
    self.options = options
    self.root = root
    self.logs = logs
    random = SeededRandom(seed: UInt64(options.seed))
  }

  /// Starts whoever is missing.
  mutating func fill() throws(DrillError) {
    while lives.count < options.writers { lives.append(try begin()) }
  }

  /// A quarter of them live to the end: what was lost of theirs nobody's death can explain.
  private mutating func begin() throws(DrillError) -> Life {
    let number = started
    started += 1
    let seed = random.next()
    let lines = Int.random(in: 0...24, using: &random)
    // Half of them die in the middle of a system call, and not right behind a line.
    let delay = Bool.random(using: &random) ? 0 : Int64.random(in: 0...3_000_000, using: &random)
    guard options.command.isEmpty else {
      var environment = processEnvironment()
      environment["REAPD_DRILL_ROOT"] = root
      let span = max(nanosecondsPerSecond, 4 * options.grace)
      let delay = Int64.random(in: 0...span, using: &random)
      let log = "\(logs)/writer-\(number % options.writers)"
      let process = try DoomedProcess(
        options.command[0], Array(options.command.dropFirst()), environment: environment,
        output: .file(log + ".out"), errors: log + ".err")
      return Life(
        number: number, process: process, group: nil, isResident: false, lines: 0, delay: delay,
        killAt: readMonotonic() + delay)
    }
    let isResident = number < options.writers / 4
    var group: MemoryGroup?
    if options.kill == .oom, !isResident {
      group = try MemoryGroup(named: "reapd-drill-\(getpid())-\(number)")
    }
    let words = DrillWriter.words(
      root: root, grace: options.grace, seed: seed, isResident: isResident,
      mayExhaust: group != nil)
    let process = try DoomedProcess(options.executable, words)
    try group?.add(process.pid)
    return Life(
      number: number, process: process, group: group, isResident: isResident, lines: lines,
      delay: delay)
  }

  /// Waits for something to happen, for a few milliseconds at most.
  func wait() { waitForAny(lives.flatMap(\.process.readable), milliseconds: 4) }

  /// Whether as many as were asked for are dead or dying.
  private var hasKilledEnough: Bool {
    kills + lives.count { $0.killedAt != nil } >= options.kills
  }

  /// Hears what they say, kills those whose time has come, and takes leave of the dead.
  mutating func step(mayKill: Bool) {
    let now = readMonotonic()
    for index in lives.indices {
      listen(index, now)
      if mayKill, !hasKilledEnough, lives[index].killedAt == nil,
        let killAt = lives[index].killAt, killAt <= now
      {
        kill(index)
      }
      if let killedAt = lives[index].killedAt, lives[index].group != nil,
        now - killedAt > Self.patience, lives[index].process.isRunning
      {
        problem = "the kernel did not end a writer that takes all memory of its cgroup"
        lives[index].process.sendKill()
      }
    }
    bury()
  }

  private mutating func listen(_ index: Int, _ now: Int64) {
    guard options.command.isEmpty else { return }
    let lines = lives[index].process.lines
    guard lines.count > lives[index].heard else { return }
    let wall = readClocks().wall
    for line in lines[lives[index].heard...] {
      expected.said(line, by: lives[index].number, at: wall)
    }
    lives[index].heard = lines.count
    if !lives[index].isResident, lives[index].killAt == nil, lines.count >= lives[index].lines {
      lives[index].killAt = now + lives[index].delay
    }
  }

  private mutating func kill(_ index: Int) {
    if !options.command.isEmpty { lookForUnlinked() }
    lives[index].killedAtWall = readClocks().wall
    lives[index].killedAt = readMonotonic()
    if lives[index].group != nil {
      lives[index].process.tell("take all memory")
    } else {
      lives[index].process.sendKill()
    }
  }

  /// reapd never removes what somebody has locked, so nobody's lock file can be open and unlinked
  /// by reapd. This needs no word of the writer.
  private mutating func lookForUnlinked() {
    for (pid, path) in openUnlinkedFiles(below: root) {
      let parts = path.dropFirst(root.utf8.count + 1).split(separator: "/")
      guard parts.count == 2, parts[1] == SpillDirectory.lockName,
        let name = EntryName(String(parts[0])), lives.contains(where: { isOurs(pid, $0) })
      else { continue }
      unlinkedUnderOwner[(ClaimName(name)?.original ?? name).display] = pid
    }
  }

  private func isOurs(_ pid: Int32, _ life: Life) -> Bool {
    processGroup(of: pid) == life.process.pid && life.killedAt == nil
  }

  private mutating func bury() {
    for index in lives.indices.reversed() where !lives[index].process.isRunning {
      // What it said last may still be unread.
      listen(index, readMonotonic())
      let life = lives.remove(at: index)
      let end = life.process.end(within: 0)
      if end == .killed(signal: SIGKILL), life.killedAt != nil {
        kills += 1
        if let group = life.group, group.kills == 0, problem == nil {
          problem = "a writer in a memory cgroup was killed by something else than its limit"
        }
        expected.died(life.number, killedAt: life.killedAtWall)
      } else {
        ended += 1
        lastEnd = end
        // What it started may still be at work.
        sendSignal(SIGKILL, to: -life.process.pid)
        expected.died(life.number, killedAt: readClocks().wall)
      }
      life.process.close()
      life.group?.remove()
    }
  }

  /// Kills whoever is left.
  mutating func finish() {
    step(mayKill: false)
    if !options.command.isEmpty { lookForUnlinked() }
    // The others that it kills now are no part of the drill's count.
    let aimed = kills + lives.count { $0.killedAt != nil }
    for index in lives.indices where lives[index].killedAt == nil {
      // The end is quick for all of them.
      lives[index].killedAtWall = readClocks().wall
      lives[index].killedAt = readMonotonic()
      lives[index].process.sendKill()
    }
    for life in lives {
      waitUntil(within: 10) {
        if life.process.isRunning { sendSignal(SIGKILL, to: -life.process.pid) }
        return !life.process.isRunning
      }
    }
    let before = problem
    bury()
    problem = before
    kills = min(kills, aimed)
  }

  mutating func audit(_ lines: [AuditLine]) {
    for line in lines { expected.audit(line, below: root) }
  }
}
