// A reread configuration is taken whole or not at all.

import Foundation
import Glibc
import Testing

@Suite(.serialized, .live) struct RereadingTests {
  private let scratch = Scratch()

  private func rule(_ name: String, root: String? = nil, grace: String = "200ms") -> String {
    _ = scratch.directory("a/\(name)")
    return "{name: \(name), kind: spill, root: \(root ?? path(name)), grace: \(grace)}"
  }

  private func path(_ name: String) -> String { scratch.path + "/a/" + name }

  private func expectReaped(in name: String, _ watcher: Watcher) {
    let orphan = makeOrphan(path(name) + "/spill_1_1")
    #expect(wait(seconds: 60) { !exists(orphan) }, "\(name): \(watcher.background.error)")
  }

  @Test("A root that is a file is refused by a reread as by a start; an absent one is waited for")
  func fileAsRoot() throws {
    let configuration = Rereading(scratch)
    configuration.write([rule("old")])
    let watcher = try configuration.watch()
    makeOrphan(scratch.directory("a"), files: 1)
    configuration.write([rule("new"), rule("bad", root: path("file-0"))])
    #expect(watcher.reread("left as it was"))
    expectReaped(in: "old", watcher)
    configuration.write([rule("old"), rule("absent", root: path("later"))])
    #expect(watcher.reread())
    _ = scratch.directory("a/later")
    expectReaped(in: "later", watcher)
  }

  @Test("An audit log that cannot be written is refused with the rest of the file")
  func audit() throws {
    let configuration = Rereading(scratch)
    configuration.write([rule("old")])
    let watcher = try configuration.watch()
    // The command line says where the audit is, and wins: what it names is looked at.
    #expect(unlink(watcher.auditPath) == 0 || errno == ENOENT)
    #expect(mkdir(watcher.auditPath, 0o755) == 0)
    configuration.write([rule("new")])
    #expect(watcher.reread("left as it was"))
    #expect(!watcher.background.error.contains("configuration reread"))
    #expect(rmdir(watcher.auditPath) == 0)
    #expect(watcher.reread())
    expectReaped(in: "new", watcher)
  }

  @Test("Rules that come and go never take the place of one that stays")
  func manyRules() throws {
    let configuration = Rereading(scratch)
    func write(_ round: Int) {
      configuration.write(
        [rule("stays")] + (0..<250).map { rule("r\($0)", grace: "\(200 + round)ms") })
    }
    write(0)
    let watcher = try configuration.watch(rules: 251)
    for round in 1...18 {
      write(round)
      #expect(watcher.reread())
    }
    expectReaped(in: "stays", watcher)
    expectReaped(in: "r249", watcher)
  }
}
