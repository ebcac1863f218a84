// A creator that makes its lock file between verdict and claim is given its directory back.

import Foundation
import Glibc
import Testing

@Suite(.serialized, .live) struct LateLockTests {
  @Test("a lock file made between verdict and claim undoes the claim")
  func lateLock() throws {
    let strace = "/usr/bin/strace"
    guard exists(strace) else { return skip("strace is not installed") }
    let scratch = Scratch()
    let root = scratch.directory("a/root")
    let candidate = scratch.directory("a/root/spill_1_1")
    // The claim's rename is held up at its entry, which is the window.
    let sweep = try Background(
      strace,
      [
        "-f", "-qq", "-o", "/dev/null", "-e", "trace=renameat2", "-e",
        "inject=renameat2:delay_enter=5s", reapdBinary, "sweep", "--grace", "1ms", "--audit-log",
        scratch.path + "/audit.jsonl", root,
      ], in: scratch)
    #expect(wait { isInRename(childOf: sweep.pid) })
    let lock = open(candidate + "/.lock", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    defer { close(lock) }
    #expect(lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0)
    #expect(sweep.exitStatus() == 0, "\(sweep.error)")
    #expect(names(in: root) == ["spill_1_1"], "\(sweep.output)")
    #expect(exists(candidate + "/.lock"))
  }

  private func isInRename(childOf tracer: pid_t) -> Bool {
    let children = "/proc/\(tracer)/task/\(tracer)/children"
    let pids = (try? String(contentsOfFile: children, encoding: .utf8)) ?? ""
    return pids.split(separator: " ").contains { ReapLiveTests.isInRename(pid_t($0) ?? 0) }
  }
}
