// A drill from its beginning to its end: reapd at work, writers killed, and what is left judged.

import Glibc
import OwnedDirectories
import ReapRules

package struct Drill {
  private var options: DrillOptions
  private var report: DrillReport
  /// Says what a person should know on the way.
  private let notice: (String) -> Void

  /// Signals that end a drill early; they must be blocked.
  package static let signals = [SIGINT, SIGTERM, SIGHUP]

  /// How long reapd may be without progress at the end before the rest counts as left over.
  private static let patience = 10 * nanosecondsPerSecond

  package init(_ options: DrillOptions, notice: @escaping (String) -> Void) {
    self.options = options
    self.notice = notice
    report = DrillReport(options: options)
  }

  /// - Throws: `DrillError` where it could not even begin.
  package mutating func run() throws(DrillError) -> DrillReport {
    let start = readMonotonic()
    chooseKill()
    let directory: String
    do throws(SystemError) {
      // Resolved, since audit lines name what reapd has resolved.
      let place = resolvePath(FilePath(options.place))?.text ?? options.place
      directory = try makeUniqueDirectory(place + "/reapd-drill.")
    } catch {
      throw DrillError("no directory can be made in \(options.place): \(errorText(error.code))")
    }
    do throws(DrillError) {
      var watcher = try WatcherUnderDrill(options.watcher, in: directory, grace: options.grace)
      try watcher.start()
      try run(&watcher, in: directory, until: start + options.duration)
    } catch {
      report.problem = report.problem ?? "\(error)"
    }
    report.elapsed = readMonotonic() - start
    if report.passed || report.wasInterrupted {
      do throws(SystemError) { try removeTree(directory) } catch {
        notice("\(directory) could not be removed: \(error)")
      }
    } else {
      report.keptAt = directory
    }
    return report
  }

  /// Where the kernel cannot be made to kill, the drill does it, and says so.
  private mutating func chooseKill() {
    guard options.kill == .oom else { return }
    do throws(DrillError) {
      try MemoryGroup(named: "reapd-drill-\(getpid())").remove()
    } catch {
      notice("--kill oom: \(error); writers are killed with SIGKILL instead")
      options.kill = .sigkill
      report.options.kill = .sigkill
    }
  }

  private mutating func run(
    _ watcher: inout WatcherUnderDrill, in directory: String, until end: Int64
  ) throws(DrillError) {
    var crew = Crew(options, root: watcher.root, logs: directory)
    let trail = AuditTrail(watcher.auditPath)
    do throws(DrillError) {
      // Time is kept for what the last ones leave.
      let reserve = min(Self.patience + 2 * options.grace, options.duration / 3)
      try killThem(&crew, &watcher, trail, until: end - reserve)
    } catch {
      report.kills = crew.kills
      crew.finish()
      watcher.kill()
      throw error
    }
    crew.finish()
    if report.wasInterrupted {
      watcher.kill()
      throw DrillError("interrupted")
    }
    settle(watcher, until: end)
    // Names under which creators were killed go with the next creator, as they do in real life.
    _ = try? SpillDirectory.removeLeftovers(in: watcher.root)
    let present = names(in: watcher)
    report.leftOver = present.map { $0 + ": left over" }
    try watcher.stop()
    report.eventsLost = watcher.eventsLost
    // Before the sweep: what only that finds, reapd has not done.
    crew.audit(trail.readNew())
    report.backstopNeeded = watcher.backstopNeeded + (present.isEmpty ? 0 : try watcher.sweep())
    judge(crew, watcher, present: Set(present))
    if !options.command.isEmpty {
      report.latency = DrillReport.Latency(trail.lines.compactMap(\.latencyMicroseconds).sorted())
    }
  }

  /// The part in which everything happens at once.
  private mutating func killThem(
    _ crew: inout Crew, _ watcher: inout WatcherUnderDrill, _ trail: AuditTrail,
    until deadline: Int64
  ) throws(DrillError) {
    var random = SeededRandom(seed: UInt64(options.seed) ^ 0x7265_6170)
    func nextRestart() -> Int64 {
      readMonotonic() + Int64.random(in: 300_000_000...1_500_000_000, using: &random)
    }
    var restartAt = options.killsWatcher ? nextRestart() : .max
    while crew.kills < options.kills, readMonotonic() < deadline, report.problem == nil {
      try crew.fill()
      crew.wait()
      crew.step(mayKill: true)
      if pendingSignal(Self.signals) != nil {
        report.wasInterrupted = true
        return
      }
      if let stuck = crew.expected.stuck { throw DrillError("a writer cannot work: \(stuck)") }
      if let problem = crew.problem { throw DrillError(problem) }
      if crew.ended >= 10, crew.kills == 0 {
        let how = crew.lastEnd.map { "\($0)" } ?? "unknown"
        throw DrillError("the writers end before they can be killed, the last one with \(how)")
      }
      if readMonotonic() > restartAt {
        try watcher.restart()
        report.watcherKills += 1
        restartAt = nextRestart()
      } else if !watcher.isRunning {
        throw DrillError("reapd has ended by itself, \(watcher.lastEnd)")
      }
      crew.audit(trail.readNew())
    }
  }

  /// Until nothing is left, or reapd has not got on for long.
  private func settle(_ watcher: WatcherUnderDrill, until end: Int64) {
    var count = Int.max
    var lastProgress = readMonotonic()
    while true {
      let now = readMonotonic()
      let left = names(in: watcher).count { !$0.hasPrefix(".spill_") }
      if left < count {
        count = left
        lastProgress = now
      }
      if left == 0 || now > end || now - lastProgress > Self.patience { return }
      pause(nanoseconds: 20_000_000)
    }
  }

  private func names(in watcher: WatcherUnderDrill) -> [String] {
    ((try? entryNames(in: watcher.root)) ?? []).sorted()
  }

  private mutating func judge(_ crew: Crew, _ watcher: WatcherUnderDrill, present: Set<String>) {
    report.kills = crew.kills
    report.ended = crew.ended
    var expected = crew.expected
    for (name, pid) in crew.unlinkedUnderOwner where expected.wasReaped(name) {
      expected.lose(name, "reaped while process \(pid) had it locked")
    }
    let findings = expected.findings(
      present: present, grace: options.grace, outages: watcher.outages)
    report.reaped = expected.reaped
    report.liveLost = findings.lost
    report.late = crew.expected.late + findings.late
    // A reapd that was killed has not told of its last removals.
    if !options.killsWatcher {
      report.unexplained = findings.unexplained.map { $0 + ": gone without an audit line" }
    }
    report.latency = DrillReport.Latency(findings.fromRelease)
    report.latencyFromKill = DrillReport.Latency(findings.fromKill)
  }
}
