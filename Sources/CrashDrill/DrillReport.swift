// What a drill has found: as a table, and as JSON with the keys that scripts rely on.

package import ReapRules

package struct DrillReport: Sendable {
  package struct Latency: Sendable, Equatable {
    package let count: Int
    package let p50: Int64
    package let p99: Int64
    package let max: Int64

    /// - Parameter sorted: microseconds.
    package init?(_ sorted: [Int64]) {
      guard let last = sorted.last else { return nil }
      func percentile(_ share: Int) -> Int64 { sorted[(sorted.count - 1) * share / 100] }
      (count, p50, p99, max) = (sorted.count, percentile(50), percentile(99), last)
    }

    package var json: JSONValue {
      .object([
        ("count", .integer(Int64(count))), ("p50", .integer(p50)), ("p99", .integer(p99)),
        ("max", .integer(max)),
      ])
    }
  }

  package var options: DrillOptions
  package var kills = 0
  package var watcherKills = 0
  package var reaped = 0
  package var liveLost: [String] = []
  package var leftOver: [String] = []
  package var unexplained: [String] = []
  /// From release; for the user's own writer from the event, by the audit: nobody tells the drill
  /// of the release.
  package var latency: Latency?
  package var latencyFromKill: Latency?
  package var eventsLost = 0
  package var backstopNeeded = 0
  /// Creations that took longer than the grace and failed: no promise covers them.
  package var late = 0
  /// Writers that ended before they were killed.
  package var ended = 0
  package var wasInterrupted = false
  package var elapsed: Int64 = 0
  /// What went wrong with the drill itself.
  package var problem: String?
  /// Where everything was left for a look, if a promise was broken.
  package var keptAt: String?

  package init(options: DrillOptions) { self.options = options }

  package var passed: Bool {
    problem == nil && kills > 0 && liveLost.isEmpty && leftOver.isEmpty && unexplained.isEmpty
      && backstopNeeded == 0
  }

  package var json: JSONValue {
    func count(_ value: Int) -> JSONValue { .integer(Int64(value)) }
    let empty = JSONValue.object([("p50", .null), ("p99", .null), ("max", .null)])
    var members: [(String, JSONValue)] = [
      ("kills", count(kills)), ("reaped", count(reaped)), ("live_lost", count(liveLost.count)),
      ("left_over", count(leftOver.count)), ("unexplained", count(unexplained.count)),
      ("latency_us", latency?.json ?? empty),
      ("latency_from_kill_us", latencyFromKill?.json ?? empty),
      ("events_lost", count(eventsLost)), ("backstop_needed", count(backstopNeeded)),
      ("seed", .integer(Int64(options.seed))), ("passed", .bool(passed)),
      ("writers", count(options.writers)), ("kill", .string(options.kill.rawValue)),
      ("reapd_kills", count(watcherKills)), ("late", count(late)), ("ended", count(ended)),
      ("grace_us", .integer(options.grace / 1000)), ("elapsed_ms", .integer(elapsed / 1_000_000)),
      ("interrupted", .bool(wasInterrupted)),
    ]
    if let problem { members.append(("problem", .string(problem))) }
    if let keptAt { members.append(("kept_at", .string(keptAt))) }
    let findings = (liveLost + leftOver + unexplained).prefix(20).map(JSONValue.string)
    members.append(("findings", .array(Array(findings))))
    return .object(members)
  }

  /// For people, in 80 columns.
  package var table: String {
    var lines: [String] = []
    func row(_ what: String, _ value: String, _ note: String = "") {
      let gap = String(repeating: " ", count: max(1, 24 - what.count))
      let lead = String(repeating: " ", count: max(0, 8 - value.count))
      lines.append(what + gap + lead + value + (note.isEmpty ? "" : "   " + note))
    }
    func zero(_ what: String, _ value: Int) {
      row(what, "\(value)", value == 0 ? "(must be 0)" : "(must be 0)  BROKEN")
    }
    row("kills", "\(kills)", kills < options.kills ? "of \(options.kills) asked for" : "")
    if options.killsWatcher { row("kills of reapd", "\(watcherKills)") }
    row("orphans reaped", "\(reaped)")
    zero("live ones lost", liveLost.count)
    zero("left over", leftOver.count)
    if !options.killsWatcher { zero("gone without audit", unexplained.count) }
    func latency(_ what: String, _ value: Latency?) {
      guard let value else { return }
      row(
        what, milliseconds(value.p50),
        "p50 of \(value.count); p99 \(milliseconds(value.p99)), max \(milliseconds(value.max)) ms")
    }
    latency(options.command.isEmpty ? "ms from release" : "ms from the event", self.latency)
    if options.command.isEmpty { latency("ms from the kill", latencyFromKill) }
    row("events lost", "\(eventsLost)")
    zero("backstop needed", backstopNeeded)
    if late > 0 { row("late creations", "\(late)", "slower than the grace: the machine is busy") }
    if ended > 0 { row("ended by themselves", "\(ended)") }
    row("seed", "\(options.seed)")
    for line in (liveLost + leftOver + unexplained).prefix(20) { lines.append("  " + line) }
    if let problem { lines.append("problem: " + problem) }
    if let keptAt { lines.append("kept for a look: " + keptAt) }
    let seconds = "\(elapsed / nanosecondsPerSecond).\(elapsed / 100_000_000 % 10) s"
    lines.append((passed ? "passed" : "FAILED") + " in " + seconds)
    return lines.joined(separator: "\n") + "\n"
  }

  private func milliseconds(_ micros: Int64) -> String {
    let hundredths = (micros + 5) / 10
    let rest = hundredths % 100
    return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
  }
}
