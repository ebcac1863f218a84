// A directory that comes into a root is young from then on, whatever its own age is.

import Foundation
import Glibc
import Testing

@Suite("Arrivals", .serialized, .live)
struct ArrivalTests {
  private let scratch = Scratch()

  @Test("One that is moved into the root has its grace, and its owner may lock it meanwhile")
  func spill() throws {
    let root = scratch.directory("spill")
    let staged = makeOrphan(scratch.path + "/staged", files: 1)
    // Older than the grace by its birth time when it comes.
    waitQuiet(2.2)
    let watcher = try Watcher(
      [root], grace: "2s", in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    let moved = root + "/spill_1_1"
    #expect(rename(staged, moved) == 0)
    let arrived = Date()
    let lock = open(moved + "/.lock", O_RDWR | O_CLOEXEC)
    #expect(lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0, "\(watcher.background.error)")
    close(lock)
    #expect(wait(seconds: 60) { !exists(moved) }, "\(watcher.background.error)")
    #expect(Date().timeIntervalSince(arrived) > 1.9)
  }

  @Test("So has a generation that is moved into its partition")
  func generation() throws {
    let root = scratch.directory("root")
    let partition = Partition(root + "/a")
    let staged = Partition(scratch.path + "/staged", cursor: nil).generation(
      "table-2", lockFile: true)
    waitQuiet(2.2)
    let keys = ["grace": "2s", "lock": ".lock"]
    let watcher = try GenerationRule(root, keys, in: scratch).watch()
    #expect(rename(staged, partition["table-2"]) == 0)
    let arrived = Date()
    #expect(wait(seconds: 60) { !exists(partition["table-2"]) }, "\(watcher.background.error)")
    #expect(Date().timeIntervalSince(arrived) > 1.9)
  }
}
