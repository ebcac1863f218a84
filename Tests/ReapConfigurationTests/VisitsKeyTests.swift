// The keys of kind visits, as they are written and as they are printed.

import ReapRules
import Testing

@testable import ReapConfiguration

@Suite struct VisitsKeyTests {
  private func settings(_ keys: String) throws -> VisitsSettings? {
    let text = "rules:\n  - kind: visits\n    root: /srv/runs\n" + keys
    guard case .visits(let settings)? = try parse(text).rules.first?.kind else { return nil }
    return settings
  }

  @Test func `each key is read`() throws {
    var expected = VisitsSettings()
    #expect(try settings("") == expected)
    expected.owner = .init(
      name: EntryName("run.lock.json")!, pidField: "pid", startField: "pid_start_time")
    expected.trustPids = true
    expected.quiet = 120 * nanosecondsPerSecond
    expected.onSuperseded = .drop
    expected.keepArchives = 3
    #expect(
      try settings(
        """
            owner_pidfile: {path: run.lock.json, pid: pid, start: pid_start_time}
            trust_pids: true
            quiet: 2m
            on_superseded: drop
            keep_archives: 3

        """) == expected)
    #expect(try settings("    keep_archives: all\n") == VisitsSettings())
  }

  @Test func `the preset is kilroy's, and its root follows the user's state`() throws {
    let rule = try #require(try parse("rules:\n  - preset: kilroy\n").rules.first)
    #expect(rule.root == "/home/alice/.local/state/kilroy/attractor/runs")
    guard case .visits(let settings) = rule.kind else {
      Issue.record("\(rule.kind)")
      return
    }
    #expect(settings.owner?.startField == "pid_start_time")
    #expect(settings.onSuperseded == .slim && settings.keepArchives == nil)
    #expect(settings.quiet == 3600 * nanosecondsPerSecond && !settings.trustPids)
  }

  @Test(arguments: [
    ("on_superseded: remove", "slim, drop, keep"), ("keep_archives: -1", "keep_archives"),
    ("owner_pidfile: a/b", "owner_pidfile"), ("quarantine: 1h", "no key 'quarantine'"),
  ])
  func `a wrong value is refused`(written: String, told: String) {
    #expect {
      try settings("    \(written)\n")
    } throws: {
      "\($0)".contains(told)
    }
  }
}
