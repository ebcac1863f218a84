// reapd killed while it removes a file, or an entry with what goes with it: the next start ends that.

import Foundation
import Glibc
import Testing

@Suite("reapd killed while it removes scratch", .serialized, .live)
struct ScratchOwnCrashTests {
  private static let strace = "/usr/bin/strace"
  private let scratch = Scratch()
  private var root: String { scratch.path + "/root" }

  @Test(
    "Whatever was left by then, the next one removes, and what has an owner has its name again",
    arguments: ["files", "directories"], ["renameat2,unlinkat", "unlinkat"])
  func killed(entries: String, calls: String) throws {
    guard FileManager.default.isExecutableFile(atPath: Self.strace) else {
      return skip("strace is not installed")
    }
    _ = scratch.directory("root")
    let config = try scratchRule(
      "match: 'work-+([0-9])', entries: \(entries), grace: 1ms, "
        + "owned_by: [{lock: '../{name}.lock'}], also: ['{name}.lock', '{name}.log']",
      root: root, in: scratch)
    let words = ["sweep", "--config", config, "--audit-log", scratch.path + "/a.jsonl"]
    var deaths = 0
    for when in 1...12 {
      let path = "\(root)/work-\(when)"
      if entries == "directories" { mkdir(path, 0o777) }
      for file in [entries == "directories" ? path + "/data" : path, path + ".lock", path + ".log"]
      {
        _ = FileManager.default.createFile(atPath: file, contents: Data("x".utf8))
      }
      letPass(0.05, "the grace")
      let reapd = try Background(
        Self.strace,
        ["-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=\(calls)"]
          + ["-e", "inject=\(calls):signal=KILL:when=\(when)", reapdBinary] + words,
        in: scratch)
      let status = reapd.exitStatus(within: 60)
      let left = names(in: root)
      if status == 0 {
        #expect(left.isEmpty, "\(left)")
        break
      }
      #expect(status == -SIGKILL, "\(reapd.error)")
      deaths += 1
      let isBegun = left.count < 3 || left.contains { $0.hasPrefix(".reapd.") }
      if isBegun, left.contains("work-\(when)") {
        Issue.record("begun under its own name: \(left)")
      }
      let swept = run(reapdBinary, words)
      #expect(swept.status == 0 && names(in: root).isEmpty, "\(left) → \(names(in: root)) \(swept)")
      for name in names(in: root) { run("/bin/rm", ["-rf", root + "/" + name]) }
    }
    #expect(deaths >= 3)
  }

  @Test("A claimed file that somebody uses has its name again, and one with other names its mode")
  func usedAgain() throws {
    _ = scratch.directory("root")
    let keys =
      "match: 'work-+([0-9])', entries: files, grace: 1ms, "
      + "owned_by: [{lock: '../{name}.lock'}], also: ['{name}.lock']"
    let config = try scratchRule(keys, root: root, in: scratch)
    let words = ["sweep", "--config", config, "--audit-log", scratch.path + "/a.jsonl"]
    let (claim, path) = ("\(root)/.reapd.1795000000000000000.work-1", root + "/work-1")
    for file in [claim, path + ".lock"] {
      _ = FileManager.default.createFile(atPath: file, contents: Data("x".utf8))
    }
    let lock = open(path + ".lock", O_RDWR)
    #expect(flock(lock, LOCK_EX) == 0)
    letPass(0.05, "the grace")
    _ = run(reapdBinary, words)
    #expect(names(in: root) == ["work-1", "work-1.lock"])
    close(lock)
    let other = scratch.path + "/other"
    #expect(link(path, other) == 0 && chmod(other, 0o640) == 0)
    _ = run(reapdBinary, words)
    #expect(names(in: root).isEmpty)
    var facts = stat()
    #expect(stat(other, &facts) == 0 && facts.st_mode & 0o7777 == 0o640)
  }
}
