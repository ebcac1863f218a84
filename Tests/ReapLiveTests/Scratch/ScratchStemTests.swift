// Files that share the stem of an entry's name; the lock under which the owners' own cleaner works.

import Foundation
import Glibc
import Testing

@Suite("Scratch that shares a stem with what belongs to it", .serialized, .live)
struct ScratchStemTests {
  private let scratch = Scratch()
  private var root: String { scratch.path + "/root" }

  @Test("The lock of the stem keeps it; free, it goes with it")
  func stem() throws {
    _ = scratch.directory("root")
    let keys =
      "match: 's-{stem}-working', grace: 100ms, owned_by: [{lock: '../s-{stem}.lock'}], "
      + "also: ['s-{stem}.lock']"
    let watcher = try watchScratch(keys, root: root, in: scratch)
    let owners = try ScratchOwners(
      """
      f = open(p + '.lock', 'w'); fcntl.flock(f, fcntl.LOCK_EX)
      os.mkdir(p + '-working')
      os.mkdir(p)
      """, count: 3, at: root + "/s-x", in: scratch)
    for (number, pid) in owners.pids.enumerated() {
      #expect(exists("\(root)/s-x\(number)-working"), "\(watcher.audit)")
      kill(pid, SIGKILL)
      #expect(
        wait { !exists("\(root)/s-x\(number)-working") && !exists("\(root)/s-x\(number).lock") },
        "\(watcher.background.error)")
      // What does not fit the match is nobody's.
      #expect(exists("\(root)/s-x\(number)"))
    }
    owners.killAll()
  }

  @Test("Nothing is claimed while the program's own cleaner is at work")
  func cleaner() throws {
    let keys =
      "match: 'work-*', grace: 100ms, owned_by: [{lock: '../{name}.lock'}], "
      + "cleaners_lock: ../purge.lock"
    let path = scratch.directory("root/work-1")
    _ = FileManager.default.createFile(atPath: path + ".lock", contents: nil)
    let purge = open(root + "/purge.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    defer { close(purge) }
    #expect(flock(purge, LOCK_EX) == 0)
    let config = try scratchRule(keys, root: root, in: scratch)
    letPass(0.3, "the grace")
    let sweep = run(
      reapdBinary, ["sweep", "--config", config, "--audit-log", scratch.path + "/audit"])
    #expect(exists(path), "\(sweep)")
    let watcher = try watchScratch(keys, root: root, in: scratch)
    letPass(0.5, "it is looked at")
    #expect(exists(path), "\(watcher.audit)")
    flock(purge, LOCK_UN)
    #expect(wait { !exists(path) }, "\(watcher.background.error)")
    #expect(exists(root + "/purge.lock"))
  }
}
