// A live directory that somebody else gave a claimed name is kept and put back.

import Foundation
import Glibc
import Testing

@Suite(.serialized, .live) struct ForeignClaimTests {
  private static func claimed(_ name: String) -> String { ".reapd.1700000000000000000.\(name)" }

  @Test func `a live directory that somebody gave a claimed name gets its own back`() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let watcher = try Watcher([root], in: scratch, environment: noBackstop)
    let writer = try startWriter(root, ["--stop-at", "chunks"], in: scratch)
    #expect(wait { writer.lines.count == 6 })
    let path = "\(root)/\(ownedName(writer))"
    #expect(wait(seconds: 60) { watcher.holds(path) })
    let before = names(in: path)

    #expect(rename(path, "\(root)/\(Self.claimed(ownedName(writer)))") == 0)
    #expect(wait(seconds: 60) { names(in: root) == [ownedName(writer)] }, "\(names(in: root))")
    #expect(wait { watcher.audit(of: path, action: .restored).count == 1 })
    watcher.catchUp(in: root)
    #expect(names(in: path) == before)
    #expect(explain(path)?.reason == "lock-held")

    // The same where nobody watches.
    #expect(watcher.stop().status == 0)
    #expect(rename(path, "\(root)/\(Self.claimed(ownedName(writer)))") == 0)
    let audit = scratch.path + "/sweep.jsonl"
    let sweep = run(reapdBinary, ["sweep", "--grace", "200ms", "--audit-log", audit, root])
    #expect(sweep.status == 0)
    #expect(names(in: root) == [ownedName(writer)])
    #expect(names(in: path) == before)

    let next = try Watcher([root], in: scratch, environment: noBackstop)
    writer.killHard()
    #expect(wait(seconds: 60) { !exists(path) })
    #expect(next.stop().summary?.failed == 0)
  }

  @Test func `where its own name stands again both stay`() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let watcher = try Watcher([root], in: scratch, environment: noBackstop)
    let name = "spill_1_1"
    let arguments = ["--name", name, "--stop-at", "chunks"]
    let first = try startWriter(root, arguments, in: scratch)
    #expect(wait { first.lines.count == 6 })
    let path = "\(root)/\(name)"
    let moved = "\(root)/\(Self.claimed(name))"
    #expect(wait(seconds: 60) { watcher.holds(path) })

    watcher.background.signal(SIGSTOP)
    #expect(wait { isStopped(watcher.background.pid) })
    #expect(rename(path, moved) == 0)
    let second = try startWriter(root, arguments, in: scratch)
    #expect(wait { second.lines.count == 6 })
    let before = portrait(path) + portrait(moved)
    watcher.background.signal(SIGCONT)
    #expect(wait(seconds: 60) { watcher.holds(path) && watcher.holds(moved) })
    watcher.catchUp(in: root)
    #expect(portrait(path) + portrait(moved) == before)
    #expect(watcher.audit(of: path).isEmpty)

    first.killHard()
    #expect(wait(seconds: 60) { !exists(moved) })
    watcher.catchUp(in: root)
    #expect(portrait(path) == Array(before.prefix(5)))
    second.killHard()
    #expect(wait(seconds: 60) { !exists(path) })
    #expect(watcher.stop().summary?.failed == 0)
  }
}
