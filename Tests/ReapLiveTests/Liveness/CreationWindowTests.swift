// The window between mkdir and flock: reapd never makes a creation fail, however long it takes.

import Foundation
import Glibc
import Testing

@Suite(.serialized, .live) struct CreationWindowTests {
  /// Each of two pauses of a creation is up to a quarter of the grace.
  private static let grace = "1s"
  private static let pause = "250"

  private func startCreators(_ root: String, in scratch: Scratch) throws -> [Background] {
    try (0..<20).map { _ in
      try startWriter(root, ["--count", "25", "--pause-ms", Self.pause], in: scratch)
    }
  }

  private func expectAllDone(_ creators: [Background]) {
    for creator in creators { #expect(creator.exitStatus(within: 120) == 0) }
    let words = creators.flatMap(\.lines).map { $0.prefix { $0 != " " } }
    #expect(words.count { $0 == "done" } == 500)
    #expect(!words.contains("would-block"))
    #expect(!words.contains("failed"))
  }

  @Test func `500 slow creations are not disturbed by a watch`() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let watcher = try Watcher([root], grace: Self.grace, in: scratch, environment: noBackstop)
    let live = try LiveWriters(root, in: scratch)
    expectAllDone(try startCreators(root, in: scratch))
    #expect(wait { live.paths.allSatisfy(watcher.holds) })
    live.expectUntouched()
    let (status, summary) = watcher.stop()
    #expect(status == 0)
    #expect(summary?.reaped == 0)
    #expect(summary?.failed == 0)
    #expect(watcher.audit.isEmpty)
    live.kill()
  }

  // What did not see a creation has only the stamps to tell its age by.
  @Test func `500 slow creations are not disturbed by one sweep after the other`() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let creators = try startCreators(root, in: scratch)
    var sweeps = 0
    while creators.contains(where: { $0.isRunning }) {
      let result = run(
        reapdBinary,
        ["sweep", "--grace", Self.grace, "--audit-log", scratch.path + "/audit.jsonl", root])
      #expect(result.status == 0, "\(result.error)")
      sweeps += 1
    }
    expectAllDone(creators)
    print("creation window: \(sweeps) sweeps during 500 creations")
    #expect(sweeps > 0)
    #expect(names(in: root).isEmpty)
    let audit = FileManager.default.contents(atPath: scratch.path + "/audit.jsonl") ?? Data()
    #expect(audit.isEmpty, "\(String(decoding: audit, as: UTF8.self))")
  }

  @Test func `a creator stopped with its lock file open keeps its directory and can lock`() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let watcher = try Watcher([root], grace: "300ms", in: scratch, environment: noBackstop)
    let writer = try startWriter(
      root, ["--raise-stop-at", "open", "--stop-at", "chunks"], in: scratch)
    #expect(wait { isStopped(writer.pid) })
    let path = "\(root)/\(ownedName(writer))"
    // It was looked at: its grace is over.
    #expect(wait(seconds: 60) { watcher.holds(path) })
    let before = portrait(path)
    // Two reapds that look at the same instant see each other's lock.
    #expect(wait { explain(path, grace: "300ms")?.reason == "lock-open" })
    // More than the whole ladder of tries later: a try just now is what could make it fail.
    watcher.catchUp(in: root)
    #expect(portrait(path) == before)

    writer.signal(SIGCONT)
    #expect(wait(seconds: 60) { writer.lines.count == 6 }, "\(writer.output)")
    #expect(!writer.output.contains("would-block"))
    watcher.catchUp(in: root)
    #expect(explain(path, grace: "300ms")?.reason == "lock-held")

    writer.killHard()
    #expect(wait(seconds: 60) { !exists(path) })
    #expect(wait { watcher.audit(of: path).count == 1 })
    #expect(watcher.audit(of: path).first?.reason == "lock-released")
    let (status, summary) = watcher.stop()
    #expect(status == 0)
    #expect(summary?.failed == 0)
    #expect(summary?.backstopNeeded == 0)
  }

  @Test func `a creator killed while it is stopped with its lock file open is reaped`() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let watcher = try Watcher([root], grace: "300ms", in: scratch, environment: noBackstop)
    let writer = try startWriter(root, ["--raise-stop-at", "open"], in: scratch)
    #expect(wait { isStopped(writer.pid) })
    let path = "\(root)/\(ownedName(writer))"
    #expect(wait(seconds: 60) { watcher.holds(path) })
    watcher.catchUp(in: root)
    #expect(exists(path))
    writer.killHard()
    #expect(wait(seconds: 60) { !exists(path) })
    #expect(watcher.stop().summary?.backstopNeeded == 0)
  }
}
