// The grace begins with the arrival: what is moved in from elsewhere is young, however old it is.

import Foundation
import Glibc
import Testing

@Suite("Arrivals", .serialized, .live)
struct ArrivalTests {
  private let scratch = Scratch()
  private let grace = 1.5
  private var root: String { scratch.path + "/a/root" }

  /// Old directories beside the root, each with a lock file that nobody holds.
  private func prepare(_ names: [String]) -> [String] {
    _ = scratch.directory("a/root")
    let elsewhere = scratch.directory("a/elsewhere")
    let made = names.map { makeOrphan("\(elsewhere)/\($0)", files: 1) }
    letPass(grace + 0.2, "older than the grace by every stamp")
    return made
  }

  private func watch(_ match: String = "job_*") throws -> Watcher {
    try Watcher(
      [root], grace: "1500ms", in: scratch, arguments: ["--match", match],
      environment: ["REAPD_BACKSTOP": "off"])
  }

  /// It must not be touched for a grace, and be gone some time after it.
  private func expectGrace(_ path: String, from start: Date, _ watcher: Watcher) {
    #expect(wait(seconds: 60) { !exists(path + "/.lock") }, "\(watcher.background.error)")
    #expect(Date().timeIntervalSince(start) >= grace, "\(watcher.audit)")
  }

  @Test("A directory that is moved in may be locked within its grace, and is an orphan after it")
  func movedIn() throws {
    let prepared = prepare(["job_1", "job_2"])
    let watcher = try watch()
    let start = Date()
    for path in prepared { #expect(rename(path, path.replacing("elsewhere", with: "root")) == 0) }
    letPass(0.2, "the owner locks later, within the grace")
    let lock = open(root + "/job_1/.lock", O_RDWR | O_CLOEXEC)
    #expect(lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0)
    expectGrace(root + "/job_2", from: start, watcher)
    #expect(wait { watcher.holds(root + "/job_1") })
    close(lock)
    #expect(wait(seconds: 60) { !exists(root + "/job_1") })
  }

  @Test("One that is moved in under a name that another was moved away from is young as well")
  func replaced() throws {
    let prepared = prepare(["job_1", "job_2"])
    let watcher = try watch()
    #expect(rename(prepared[0], root + "/job") == 0 || errno == EEXIST)
    #expect(rename(root + "/job", root + "/job_1") == 0)
    let lock = open(root + "/job_1/.lock", O_RDWR | O_CLOEXEC)
    #expect(flock(lock, LOCK_EX | LOCK_NB) == 0)
    #expect(wait { watcher.holds(root + "/job_1") })
    let start = Date()
    #expect(rename(root + "/job_1", scratch.path + "/a/elsewhere/old") == 0)
    #expect(rename(prepared[1], root + "/job_1") == 0)
    expectGrace(root + "/job_1", from: start, watcher)
    close(lock)
  }

  @Test("A claimed name that somebody moves in is left alone for its grace")
  func claimedName() throws {
    let prepared = prepare(["job_1"])
    let watcher = try watch()
    let claimed = root + "/.reapd.1700000000000000000.job_1"
    let start = Date()
    #expect(rename(prepared[0], claimed) == 0)
    expectGrace(claimed, from: start, watcher)
    #expect(!exists(root + "/job_1"))
  }

  @Test("What came into a root while that was away has its grace from its return on")
  func awayMeanwhile() throws {
    let prepared = prepare(["job_1"])
    let watcher = try watch()
    let aside = scratch.path + "/a/aside"
    #expect(rename(root, aside) == 0)
    #expect(wait { watcher.background.error.contains("is gone; waiting") })
    #expect(rename(prepared[0], aside + "/job_1") == 0)
    let start = Date()
    #expect(rename(aside, root) == 0)
    expectGrace(root + "/job_1", from: start, watcher)
  }

  @Test("What is moved into a root is young also when the rule is changed the next moment")
  func reread() throws {
    let prepared = prepare(["job_1"])
    let configuration = Rereading(scratch)
    func rules(_ grace: String) -> [String] {
      ["{name: r, kind: spill, root: \(root), match: 'job_*', grace: \(grace)}"]
    }
    configuration.write(rules("1500ms"))
    let watcher = try configuration.watch()
    let start = Date()
    #expect(rename(prepared[0], root + "/job_1") == 0)
    configuration.write(rules("1501ms"))
    watcher.background.signal(SIGHUP)
    expectGrace(root + "/job_1", from: start, watcher)
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
