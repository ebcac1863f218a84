// The README's first session, run as it stands there.

import CrashDrill
import Foundation
import Testing

@Suite(.live) struct FirstSessionTests {
  @Test func `the README's first session goes as it says`() throws {
    let scratch = Scratch()
    let demo = scratch.path + "/demo"
    let session = try readSession()
      .replacing("scripts/reapd", with: reapdBinary).replacing("/tmp/reapd-demo", with: demo)
    #expect(session.contains(demo + "/spill") && session.contains("kill -KILL $writer"))
    // By pids alone: a pattern would find other people's processes, too.
    #expect(!session.contains("pkill") && !session.contains("killall"))
    // A person types more slowly than a shell reads, and this machine is busy.
    let script = """
      sleep() { command sleep $(($1 * 3)); }
      trap 'kill -KILL $writer %1 2>/dev/null' EXIT
      \(session)
      wait %1
      echo "reapd ended with $?"
      """
    let result = run("/bin/bash", ["-c", script])
    #expect(result.output.contains("keep (lock-held)"), "\(result)")
    #expect(result.output.contains("reapd ended with 0"), "\(result)")
    #expect(names(in: demo + "/spill").isEmpty, "\(result)")
    let lines = AuditTrail(demo + "/audit.jsonl").lines
    #expect(lines.map(\.path) == [demo + "/spill/spill_1747000000_42"], "\(result)")
    #expect(lines.map(\.reason) == ["lock-released"] && lines.map(\.action) == ["reaped"])
  }

  /// The commands of the README's section, in their order.
  private func readSession() throws -> String {
    let text = try String(contentsOfFile: repository + "/README.md", encoding: .utf8)
    let begin = try #require(text.range(of: "\n## A first session\n")).upperBound
    let end = try #require(text.range(of: "\n## ", range: begin..<text.endIndex)).lowerBound
    // Every other part is what stands between two fences.
    let parts = text[begin..<end].split(separator: "```", omittingEmptySubsequences: false)
    return parts.enumerated().filter { $0.offset % 2 == 1 }
      .map { $0.element.trimmingPrefix("sh\n") }.joined()
  }
}
