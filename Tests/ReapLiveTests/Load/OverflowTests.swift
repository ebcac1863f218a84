// More events than the kernel keeps: what was missed is found by looking again, unaided.

import Foundation
import Glibc
import Testing

@Suite("Overflow", .serialized, .live)
struct OverflowTests {
  /// `fs.inotify.max_queued_events` is 16,384 by default; each directory raises two events.
  private static let flood = 20_000

  @Test("Orphans whose events were lost are reaped all the same, their live neighbours not")
  func overflow() throws {
    let scratch = Scratch()
    let limit =
      (try? String(contentsOfFile: "/proc/sys/fs/inotify/max_queued_events", encoding: .utf8))
      .flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    guard let limit, limit < Self.flood else { return skip("the event queue is too long") }
    let root = scratch.directory("root")
    let owners = try (1...25).map { number in
      try startWriter(root, ["--name", "spill_\(number)_1", "--stop-at", "chunks"], in: scratch)
    }
    for (index, owner) in owners.enumerated() {
      #expect(wait(seconds: 60) { owner.output.contains("chunk spill_\(index + 1)_1 2") })
    }
    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    #expect(wait(seconds: 60) { openLocks(of: watcher.background.pid) == 25 })

    watcher.background.signal(SIGSTOP)
    #expect(wait { isStopped(watcher.background.pid) })
    for owner in owners[..<5] { owner.killHard() }  // their events are in the queue
    flood(root, from: 0, count: Self.flood / 2)
    for owner in owners[5..<15] { owner.killHard() }
    flood(root, from: Self.flood / 2, count: Self.flood / 2)
    for owner in owners[15..<20] { owner.killHard() }  // these are lost for certain
    #expect(exists(root + "/spill_20_1"))
    // Born and killed unseen.
    let unseen = try startWriter(
      root, ["--name", "spill_1_unseen", "--stop-at", "chunks"], in: scratch)
    #expect(wait { unseen.output.contains("chunk spill_1_unseen 2") })
    unseen.killHard()
    watcher.background.signal(SIGCONT)

    let live = (21...25).map { "spill_\($0)_1" }
    #expect(wait(seconds: 90) { names(in: root) == live }, "\(names(in: root))")
    for (owner, name) in zip(owners[20...], live) {
      #expect(owner.isRunning)
      #expect(names(in: "\(root)/\(name)").count == 4)
    }
    let (status, summary) = watcher.stop()
    #expect(status == 0)
    #expect(summary?.reaped == 21)
    #expect(summary?.failed == 0)
    #expect(summary?.backstopNeeded == 0)
    #expect((summary?.eventsLost ?? 0) >= 1)
    #expect(watcher.audit.count { $0.action == .reaped } == 21)
  }

  @Test("After an overflow the neighbours that lived through it are still reaped by their events")
  func watchesSurvive() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let owners = try (1...3).map { number in
      try startWriter(root, ["--name", "spill_\(number)_1", "--stop-at", "chunks"], in: scratch)
    }
    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    #expect(wait(seconds: 60) { openLocks(of: watcher.background.pid) == 3 })
    watcher.background.signal(SIGSTOP)
    #expect(wait { isStopped(watcher.background.pid) })
    flood(root, from: 0, count: Self.flood)
    watcher.background.signal(SIGCONT)
    #expect(
      wait(seconds: 60) { watcher.background.error.contains("everything is looked at again") })
    // The scan that follows is over once no thread of it has anything to do.
    #expect(comesToRest(watcher.background.pid))
    for owner in owners { owner.killHard() }
    #expect(wait(seconds: 60) { names(in: root).isEmpty })
    #expect(wait { watcher.audit.count == 3 })
    for line in watcher.audit { #expect(line.trigger == .closeEvent) }
  }

  /// Directories made and removed in the root, by four threads: two events each.
  private func flood(_ root: String, from first: Int, count: Int) {
    DispatchQueue.concurrentPerform(iterations: 4) { part in
      for number in stride(from: first + part, to: first + count, by: 4) {
        let path = "\(root)/x_\(number)"
        if mkdir(path, 0o755) == 0 { rmdir(path) }
      }
    }
  }
}
