// An owner that removed its lock file's name and holds the lock is alive, whatever became of the rule,
// the root, the directory's name or the descriptors meanwhile.

import Foundation
import Glibc
import Testing

@Suite(.serialized, .live) struct UnlinkedLockTests {
  private let scratch = Scratch()
  private var root: String { scratch.path + "/a/root" }
  private var directory: String { root + "/spill_1_1" }

  /// Made, locked and seen to be held; and then the lock file has no name any more.
  private func holdUnlinked(_ watcher: Watcher, isSeenOpen: Bool = true) -> Int32 {
    makeOrphan(directory, files: 1)
    let lock = open(directory + "/.lock", O_RDWR | O_CLOEXEC)
    #expect(lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0)
    if isSeenOpen {
      #expect(wait { watcher.holds(directory) })
    } else {
      #expect(wait { explain(directory)?.reason == "lock-held" })
      letPass(1.5, "several looks, which leave nothing open")
    }
    #expect(unlink(directory + "/.lock") == 0)
    return lock
  }

  private func rule(_ grace: String) -> [String] {
    ["{name: s, kind: spill, root: \(root), grace: \(grace)}"]
  }

  /// Long after its grace it is there still; and gone soon after its owner's end.
  private func expectKept(
    _ lock: Int32, at path: String? = nil, _ watcher: Watcher, goes: Bool = true
  ) {
    let path = path ?? directory
    watcher.catchUp(in: root)
    letPass(1.2, "that it stays shows in nothing else")
    #expect(exists(path + "/file-0"), "\(watcher.audit) \(watcher.background.error)")
    close(lock)
    if goes { #expect(wait(seconds: 60) { !exists(path) }, "\(watcher.background.error)") }
  }

  @Test("A changed rule keeps what was known of it, twice over")
  func reread() throws {
    _ = scratch.directory("a/root")
    let configuration = Rereading(scratch)
    configuration.write(rule("200ms"))
    let watcher = try configuration.watch()
    let lock = holdUnlinked(watcher)
    for grace in ["201ms", "202ms"] {
      configuration.write(rule(grace))
      #expect(watcher.reread())
    }
    expectKept(lock, watcher)
  }

  @Test("So does a root that was moved away and back, also where the name went meanwhile")
  func movedAway() throws {
    _ = scratch.directory("a/root")
    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    makeOrphan(directory, files: 1)
    let lock = open(directory + "/.lock", O_RDWR | O_CLOEXEC)
    #expect(flock(lock, LOCK_EX | LOCK_NB) == 0)
    #expect(wait { watcher.holds(directory) })
    let aside = scratch.path + "/a/aside"
    #expect(rename(root, aside) == 0)
    #expect(wait { watcher.background.error.contains("is gone; waiting") })
    #expect(unlink(aside + "/spill_1_1/.lock") == 0)
    #expect(rename(aside, root) == 0)
    expectKept(lock, watcher)
  }

  @Test("So does another name within the root")
  func renamed() throws {
    _ = scratch.directory("a/root")
    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    let lock = holdUnlinked(watcher)
    #expect(rename(directory, root + "/spill_2_2") == 0)
    expectKept(lock, at: root + "/spill_2_2", watcher)
  }

  @Test("Without a descriptor to keep, it is unsure until its owner's end")
  func withoutDescriptors() throws {
    _ = scratch.directory("a/root")
    let watcher = try Watcher(
      [root], in: scratch, environment: ["REAPD_BACKSTOP": "1s"],
      wrapper: ["/usr/bin/prlimit", "--nofile=128:128"])
    let lock = holdUnlinked(watcher, isSeenOpen: false)
    #expect(wait { !watcher.audit(of: directory, action: .refused).isEmpty })
    #expect(watcher.audit(of: directory).last?.reason == "lock-unknown")
    expectKept(lock, watcher)
  }

  @Test("What is handed on is let go of when its owner ends, and never closed twice")
  func letGo() throws {
    _ = scratch.directory("a/root")
    let configuration = Rereading(scratch)
    configuration.write(rule("200ms"))
    let watcher = try configuration.watch()
    let locks = (0..<200).map { number in
      let path = makeOrphan("\(root)/spill_1_\(number + 100)")
      let lock = open(path + "/.lock", O_RDWR | O_CLOEXEC)
      #expect(flock(lock, LOCK_EX | LOCK_NB) == 0)
      return lock
    }
    // In the middle of whatever is under way: watches being asked for, and answered.
    for round in 0..<30 {
      configuration.write(rule("\(201 + round)ms"))
      watcher.background.signal(SIGHUP)
      letPass(.random(in: 0.004...0.024), "at any moment of a look")
    }
    #expect(watcher.reread())
    #expect(wait { openLocks(of: watcher.background.pid) == 200 })
    for lock in locks { close(lock) }
    #expect(wait(seconds: 60) { names(in: root).isEmpty }, "\(names(in: root).count) left")
    #expect(wait { openLocks(of: watcher.background.pid) == 0 })
  }
}
