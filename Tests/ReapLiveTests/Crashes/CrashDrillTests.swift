// The library with which others drill their writers: processes, audit lines, the expected state.

import Foundation
import Glibc
import ReapRules
import Testing

@testable import CrashDrill

@Suite(.live) struct CrashDrillTests {
  /// Says "one", waits for a line, says "two more", and so on.
  private let stepper = #"for word in one "two more" three; do echo "$word"; read -r _; done"#

  @Test func `a process stands still at each point until it is sent on`() throws {
    let process = try DoomedProcess("bash", ["-c", stepper], stepping: true)
    try process.advance(to: "one")
    #expect(try process.advance(to: "two") == "two more")
    #expect(process.lines == ["one", "two more"] && process.isRunning)
    #expect(process.kill() == .killed(signal: SIGKILL) && !process.isRunning)
    #expect(process.lines.count == 2 && process.killedAt != nil)
  }

  @Test func `points in between are passed, and one that never comes is an error`() throws {
    let process = try DoomedProcess("bash", ["-c", stepper], stepping: true)
    try process.advance(to: "three")
    #expect(process.lines.count == 3)
    let early = #expect(throws: DrillError.self) { try process.advance(to: "four") }
    #expect(early?.description.contains("ended before it came to 'four'") == true)
    #expect(process.end() == .exited(0))
    let silent = try DoomedProcess("sleep", ["1000"])
    let late = #expect(throws: DrillError.self) { try silent.advance(to: "x", within: 0.05) }
    #expect(late?.description.contains("did not come to 'x'") == true)
    #expect(silent.end(within: 0) == nil)
    silent.kill()
    #expect(throws: DrillError.self) { try DoomedProcess("/no/such/program") }
  }

  @Test func `the kill takes what the process has started in its group`() throws {
    let process = try DoomedProcess("bash", ["-c", "sleep 1000 & echo child $!; wait"])
    let line = try process.advance(to: "child")
    let child = try #require(pid_t(line.split(separator: " ")[1]))
    #expect(!isDead(child))
    process.kill()
    #expect(wait { isDead(child) })
  }

  @Test func `audit lines are read as they grow, torn ones once they are whole`() throws {
    let scratch = Scratch()
    let path = scratch.path + "/audit.jsonl"
    let trail = AuditTrail(path)
    #expect(trail.lines.isEmpty)
    let time = formatTime(1_795_282_706_123_456_000)
    let name = Data([0x2F, 0x61, 0xFF]).base64EncodedString()
    let text = """
      {"v":1,"time":"\(time)","action":"reaped","rule":"r","path":"/a/b","reason":"lock-released",\
      "trigger":"close-event","latency_us":41}
      {"v":1,"time":"\(time)","action":"refused","rule":"r","path_b64":"\(name)","reason":"x"}
      {"v":2,"time":"\(time)","action":"reaped","path":"/a/c"}
      {"v":1,"time":"\(time)","action":"reaped","rule":"r",
      """
    try text.write(toFile: path, atomically: false, encoding: .utf8)
    #expect(trail.lines.count == 2, "another schema, and half a line")
    #expect(trail.lines[0].time == 1_795_282_706_123_456_000)
    #expect(trail.lines[0].latencyMicroseconds == 41 && trail.lines[0].trigger == "close-event")
    #expect(trail.lines[1].pathBytes == [0x2F, 0x61, 0xFF])
    #expect(trail.wait(for: "/a/d", within: 0) == nil)
    let file = try #require(FileHandle(forWritingAtPath: path))
    try file.seekToEnd()
    try file.write(contentsOf: Data(#""path":"/a/d","reason":"lock-missing"}"#.utf8 + [10]))
    #expect(trail.wait(for: "/a/d")?.reason == "lock-missing")
    #expect(trail.lines(of: "/a/d", action: "refused").isEmpty)
  }

  @Test(arguments: [
    0, 951_782_399_999_999_000, 1_709_164_800_000_000_000, 4_102_444_800_000_001_000,
  ])
  func `an audit line's time is read as it was written`(time: Int64) throws {
    let text = #"{"v":1,"time":"\#(formatTime(time))","action":"reaped","path":"/a"}"#
    #expect(try #require(AuditLine(Array(text.utf8))).time == time)
  }

  // MARK: - The expected state

  private func line(_ name: String, at time: Int64) throws -> AuditLine {
    let text = """
      {"v":1,"time":"\(formatTime(time))","action":"reaped","rule":"drill","path":"/root/\(name)"}
      """
    return try #require(AuditLine(Array(text.utf8)))
  }

  private let second: Int64 = 1_000_000_000

  /// One writer's words and death, one removal, at seconds.
  private func findings(
    _ words: [(String, Int64)], killedAt: Int64?, reapedAt: Int64?, present: Set<String> = [],
    outages: [ClosedRange<Int64>] = []
  ) throws -> ExpectedState.Findings {
    var state = ExpectedState()
    for (word, time) in words { state.said(word, by: 1, at: time * second) }
    if let killedAt { state.died(1, killedAt: killedAt * second) }
    if let reapedAt { state.audit(try line("a", at: reapedAt * second), below: "/root") }
    return state.findings(present: present, grace: second / 5, outages: outages)
  }

  private let owned = [("will a", Int64(9)), ("made a", 9), ("owned a", 10)]

  @Test func `reaped while its owner lived is lost, after its death it is not`() throws {
    #expect(try findings(owned, killedAt: nil, reapedAt: 12).lost.count == 1)
    #expect(try findings(owned, killedAt: 13, reapedAt: 12).lost.count == 1)
    let after = try findings(owned, killedAt: 12, reapedAt: 13)
    #expect(after.lost.isEmpty && after.fromKill == [1_000_000] && after.fromRelease.isEmpty)
    let released = try findings(
      owned + [("releasing a \(11 * second)", 11)], killedAt: 30, reapedAt: 12)
    #expect(released.lost.isEmpty && released.fromRelease == [1_000_000])
    let young = try findings(owned, killedAt: 10, reapedAt: 11)
    #expect(young.fromKill.isEmpty, "its release was not what reapd waited for")
    let dark = try findings(
      owned, killedAt: 12, reapedAt: 13, outages: [11 * second...12 * second])
    #expect(dark.fromKill.isEmpty && dark.lost.isEmpty)
  }

  @Test func `what a writer says it lost is lost, unless its creation was late`() throws {
    let lost = try findings(owned + [("lost a its lock", 11)], killedAt: 12, reapedAt: nil)
    #expect(lost.lost == ["a: its lock"])
    let late = try findings(
      [("will a", 9), ("made a", 9), ("late a x", 10)], killedAt: nil, reapedAt: 10)
    #expect(late.lost.isEmpty)
  }

  @Test func `reaped before it was locked is late past the grace, and lost within it`() throws {
    let begun = [("will a \(9 * second)", Int64(9)), ("made a", 9), ("opened a", 9)]
    let late = try findings(begun, killedAt: 12, reapedAt: 10)
    #expect(late.lost.isEmpty && late.late == 1)
    let lost = try findings(begun, killedAt: 12, reapedAt: 9)
    #expect(lost.lost.count == 1 && lost.late == 0)
    #expect(try findings(begun + [("owned a", 9)], killedAt: 12, reapedAt: 10).lost.count == 1)
  }

  @Test func `an orphan that is gone without an audit line is unexplained`() throws {
    #expect(try findings(owned, killedAt: 12, reapedAt: nil).unexplained == ["a"])
    #expect(try findings(owned, killedAt: 12, reapedAt: nil, present: ["a"]).unexplained.isEmpty)
    let finished = owned + [("removing a", 11), ("done a", 11)]
    #expect(try findings(finished, killedAt: 12, reapedAt: nil).unexplained.isEmpty)
  }
}
