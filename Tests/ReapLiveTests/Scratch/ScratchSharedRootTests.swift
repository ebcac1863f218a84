// A root in which every user has something.

import Foundation
import Glibc
import Testing

@Suite("Scratch in a directory that many share", .serialized, .live)
struct ScratchSharedRootTests {
  private let scratch = Scratch()
  private let prefix = "reapdtest\(UInt32.random(in: 0 ... .max))"

  private func config(_ match: String) throws -> String {
    try scratchRule(
      "match: '\(match)', grace: 100ms, owned_by: [{lock: own.lock}]", root: "/tmp", in: scratch)
  }

  private func sweep(_ config: String) -> (status: Int32, output: String, error: String) {
    run(reapdBinary, ["sweep", "--config", config, "--audit-log", scratch.path + "/a.jsonl"])
  }

  private func make(_ name: String) -> String {
    let path = "/tmp/\(prefix)-\(name)"
    mkdir(path, 0o700)
    _ = FileManager.default.createFile(atPath: path + "/own.lock", contents: nil)
    return path
  }

  @Test(
    "What it names goes, another user's stays, and a lock that a user has on it keeps nobody out")
  func shared() throws {
    guard isRoot else { return skip("another user is needed") }
    let (ours, foreign, other) = (make("ours"), make("foreign"), "/tmp/x\(prefix)")
    defer { run("/bin/rm", ["-rf", ours, foreign, other]) }
    mkdir(other, 0o700)
    chown(foreign + "/own.lock", 65534, 65534)
    chown(foreign, 65534, 65534)
    let script =
      "import fcntl,os,time; os.setuid(65534); f=os.open('/tmp',os.O_RDONLY); "
      + "fcntl.flock(f,fcntl.LOCK_EX); print('on',flush=True); time.sleep(1000)"
    let attacker = try Background("/usr/bin/env", ["python3", "-c", script], in: scratch)
    #expect(wait { attacker.output == "on\n" })
    letPass(0.3, "the grace")
    let swept = sweep(try config(prefix + "-*"))
    #expect(swept.status >= 0 && !exists(ours), "\(swept.error)")
    #expect(exists(foreign + "/own.lock") && exists(other))
    attacker.killHard()
  }

  @Test("One user has one reapd there")
  func lock() throws {
    guard isRoot else { return skip("the runtime directory is root's") }
    let watcher = try watchScratch(
      "match: '\(prefix)-*', owned_by: [{lock: own.lock}]", root: "/tmp", in: scratch)
    let swept = sweep(try config("other\(prefix)-*"))
    #expect(swept.error.contains("already reaped by another reapd"), "\(swept.error)")
    _ = watcher.stop()
    #expect(!sweep(try config("other\(prefix)-*")).error.contains("already reaped"))
  }

  @Test(
    "A match that says too little of whose it is is refused", arguments: ["*", "abc*", "?bcde*"])
  func short(match: String) throws {
    #expect(sweep(try config(match)).error.contains("directory of the system"))
  }
}
