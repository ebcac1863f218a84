// A configuration that is reread: taken whole or not at all, and what is known of owners stays known.

import Foundation
import Glibc
import Testing

@Suite("Reload", .serialized, .live)
struct ReloadTests {
  private let scratch = Scratch()
  private var configuration: String { scratch.path + "/reapd.yaml" }

  private func write(_ rules: [(root: String, grace: String)]) {
    var text = "backstop: off\nrules:\n"
    for (number, rule) in rules.enumerated() {
      text += "  - {name: r\(number), kind: spill, root: \(rule.root), grace: \(rule.grace)}\n"
    }
    _ = FileManager.default.createFile(
      atPath: configuration + ".new", contents: Data(text.utf8))
    #expect(rename(configuration + ".new", configuration) == 0)
  }

  private func watch() throws -> Watcher {
    let watcher = try Watcher(
      [], grace: nil, in: scratch, arguments: ["--config", configuration], waitForStart: false)
    #expect(wait { watcher.background.error.contains("watching ") }, "\(watcher.background.error)")
    return watcher
  }

  @Test("One refused root leaves every rule as it was", arguments: ["/usr", "link", "file"])
  func refused(what: String) throws {
    let root = scratch.directory("a/root")
    write([(root, "200ms")])
    let watcher = try watch()
    let bad = what == "/usr" ? what : scratch.path + "/a/" + what
    if what == "file" { _ = FileManager.default.createFile(atPath: bad, contents: nil) }
    if what == "link" { symlink("/usr", bad) }
    let other = scratch.directory("a/other")
    let third = scratch.directory("a/third")
    write([(third, "200ms"), (bad, "200ms"), (other, "200ms")])
    watcher.background.signal(SIGHUP)
    #expect(wait { watcher.background.error.contains("left as it was") })
    // The old rule works, and none of the new ones does.
    let untouched = [other, third].map { makeOrphan($0 + "/spill_1_1") }
    watcher.catchUp(in: root)
    waitQuiet()
    #expect(untouched.allSatisfy(exists), "\(watcher.background.error)")
    write([(root, "200ms"), (other, "200ms")])
    watcher.background.signal(SIGHUP)
    #expect(wait(seconds: 60) { !exists(untouched[0]) }, "\(watcher.background.error)")
    #expect(exists(untouched[1]))
  }

  @Test(
    "A lock that is held on a lock file without a name keeps its directory, over a reload and a move",
    arguments: ["reload", "move"])
  func unlinkedLock(how: String) throws {
    let root = scratch.directory("a/root")
    write([(root, "200ms")])
    let watcher = try watch()
    let directory = makeOrphan(root + "/spill_1_1", files: 1)
    let lock = open(directory + "/.lock", O_RDWR | O_CLOEXEC)
    #expect(flock(lock, LOCK_EX | LOCK_NB) == 0)
    #expect(wait { watcher.holds(directory) })
    #expect(unlink(directory + "/.lock") == 0)
    if how == "reload" {
      write([(root, "201ms")])
      watcher.background.signal(SIGHUP)
      #expect(wait { watcher.background.error.contains("reread") })
    } else {
      #expect(rename(root, root + ".away") == 0)
      #expect(wait { watcher.background.error.contains("gone") })
      #expect(rename(root + ".away", root) == 0)
    }
    watcher.catchUp(in: root)
    waitQuiet()
    #expect(exists(directory + "/file-0"), "\(watcher.audit)")
    close(lock)
    #expect(wait(seconds: 60) { !exists(directory) }, "\(watcher.background.error)")
    // Its name goes first, and its line is written when all of it is gone.
    #expect(wait { !watcher.audit(of: directory, action: .reaped).isEmpty })
    let reaped = watcher.audit(of: directory, action: .reaped)
    #expect(reaped.first?.reason == "lock-released", "\(reaped)")
  }

  @Test("A root that another one has at the moment of a reload is taken when it is free")
  func heldRoot() throws {
    let root = scratch.directory("a/root")
    let other = scratch.directory("a/other")
    write([(root, "200ms")])
    let watcher = try watch()
    let holder = try Background("/usr/bin/flock", [other, "sleep", "1000"], in: scratch)
    #expect(wait { shell("flock -n '\(other)' true").status != 0 })
    write([(root, "200ms"), (other, "200ms")])
    watcher.background.signal(SIGHUP)
    #expect(wait { watcher.background.error.contains("reread") }, "\(watcher.background.error)")
    #expect(shell("kill -KILL $(pgrep -P \(holder.pid)) \(holder.pid)").status == 0)
    let orphan = makeOrphan(other + "/spill_1_1")
    #expect(wait(seconds: 60) { !exists(orphan) }, "\(watcher.background.error)")
  }
}
