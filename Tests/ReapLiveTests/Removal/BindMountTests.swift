// Mounts made inside of what is being removed: what is mounted is never touched.

import Foundation
import Glibc
import Testing

@Suite("Mounts during a removal", .serialized, .live)
struct BindMountTests {
  @Test("A canary that is bind-mounted into trees while they are removed stays whole")
  func canary() throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    let root = scratch.directory("root")
    let outside = scratch.directory("outside/sub")
    for number in 0..<50 { close(open("\(outside)/\(number)", O_CREAT | O_WRONLY, 0o644)) }
    let canary = scratch.path + "/outside"
    let before = portrait(canary) + portrait(outside)
    // Directories alike everywhere, so that the mount lands somewhere in what is left.
    for number in 1...12 {
      let building = makeOrphan(scratch.path + "/building", files: 200)
      for sub in 0..<40 {
        mkdir("\(building)/\(sub)", 0o755)
        mkdir("\(building)/\(sub)/sub", 0o755)
        for file in 0..<20 {
          close(open("\(building)/\(sub)/sub/\(file)", O_CREAT | O_WRONLY, 0o644))
        }
      }
      #expect(rename(building, root + "/spill_\(number)_1") == 0)
    }
    let attacker = Attacker(root: root, canary: canary)
    defer { attacker.stop() }
    attacker.start()
    let watcher = try Watcher(
      [root], in: scratch, environment: ["REAPD_BACKSTOP": "off"], waitForStart: false)
    #expect(wait(seconds: 60) { attacker.mounts >= 300 || names(in: root).isEmpty })
    attacker.stop()
    print("bind mounts made during removals: \(attacker.mounts)")
    #expect(portrait(canary) + portrait(outside) == before, "the canary was touched")
    #expect(
      wait(seconds: 60) { names(in: root).isEmpty },
      "\(names(in: root)) \(watcher.background.error)")
    #expect(portrait(canary) + portrait(outside) == before, "the canary was touched")
    for number in 1...12 {
      let lines = watcher.audit(of: "\(root)/spill_\(number)_1")
      func count(_ action: AuditEntry.Action) -> Int { lines.count { $0.action == action } }
      // However often the mount came and went: one line for each thing that there is to say.
      #expect(count(.failed) <= 1 && count(.refused) <= 1 && count(.restored) == 0, "\(lines)")
      #expect(wait { watcher.audit(of: "\(root)/spill_\(number)_1", action: .reaped).count == 1 })
    }
    watcher.catchUp(in: root)
    #expect(openFiles(of: watcher.background.pid).count < 40)
  }

  @Test(
    "A removal stops at a mount that came after the claim, once, and goes on when it is gone",
    arguments: ["a directory", "a file"])
  func afterTheClaim(_ what: String) throws {
    guard isRoot else { return skip("mounts need root") }
    guard run("/usr/bin/strace", ["-V"]).status == 0 else { return skip("no strace") }
    let scratch = Scratch()
    let root = scratch.directory("root")
    let outside = scratch.directory("outside")
    close(open(outside + "/canary", O_CREAT | O_WRONLY, 0o644))
    let before = portrait(outside)
    let directory = makeOrphan(root + "/spill_1_1")
    mkdir(directory + "/sub", 0o755)
    mkdir(directory + "/sub/point", 0o755)
    close(open(directory + "/sub/target", O_CREAT | O_WRONLY, 0o644))
    // Each rename takes a second to return: time to mount something in what was claimed by it.
    let audit = AuditFile(scratch.path + "/audit.jsonl")
    let reapd = try Background(
      "/usr/bin/strace",
      ["-f", "-qq", "-e", "trace=renameat2", "-e", "inject=renameat2:delay_exit=1000000"]
        + ["-o", scratch.path + "/trace", reapdBinary, "watch", "--json", "--grace", "200ms"]
        + ["--audit-log", audit.path, root],
      in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    func lines() -> [AuditEntry] { audit.of(directory) }
    #expect(wait { names(in: root).contains { $0.hasPrefix(".reapd.") } }, "\(reapd.error)")
    let claimed = root + "/" + (names(in: root).first ?? "none")
    let point = claimed + (what == "a file" ? "/sub/target" : "/sub/point")
    let source = what == "a file" ? outside + "/canary" : outside
    guard run("/bin/mount", ["--bind", source, point]).status == 0 else { return skip("no mount") }
    defer { umount2(point, Int32(MNT_DETACH)) }

    #expect(wait { lines().contains { $0.action == .failed } }, "\(reapd.error)")
    let other = scratch.directory("other")
    let mounted = run("/bin/mount", ["-t", "tmpfs", "tmpfs", other]).status == 0
    let later = makeOrphan(root + "/spill_2_1")
    #expect(wait { !exists(later) }, "the others go on")
    #expect(wait { names(in: root) == [(claimed as NSString).lastPathComponent] })
    #expect(exists(claimed + "/.lock"))
    #expect(portrait(outside) == before)
    if mounted { umount2(other, Int32(MNT_DETACH)) }

    #expect(umount2(point, Int32(MNT_DETACH)) == 0)
    #expect(wait { names(in: root).isEmpty }, "\(reapd.error)")
    #expect(wait { lines().contains { $0.action == .reaped } })
    #expect(lines().count { $0.action == .failed } == 1, "\(lines())")
    #expect(lines().count { $0.action == .refused } <= 1, "\(lines())")
    #expect(lines().count { $0.action == .restored } == 0, "\(lines())")
    #expect(portrait(outside) == before)
    // strace ends with what it traces.
    _ = shell("pkill -TERM -P \(reapd.pid)")
    #expect(reapd.exitStatus() == 0)
  }
}

/// Mounts a canary into whatever directory it finds in a root, and takes it away again, in a loop.
private final class Attacker: @unchecked Sendable {
  private let root: String
  private let canary: String
  private let lock = NSLock()
  private var count = 0
  private var isStopping = false
  private let ended = DispatchSemaphore(value: 0)
  private var isRunning = false

  init(root: String, canary: String) {
    self.root = root
    self.canary = canary
  }

  var mounts: Int { lock.withLock { count } }

  func start() {
    isRunning = true
    Thread.detachNewThread { [self] in
      var turn = 0
      while !lock.withLock({ isStopping }) {
        turn += 1
        for name in names(in: root) {
          let point = "\(root)/\(name)/\(turn % 40)"
          guard mount(canary, point, nil, UInt(MS_BIND), nil) == 0 else { continue }
          lock.withLock { count += 1 }
          letPass(0.0005, "the pace of the mounts")
          umount2(point, Int32(MNT_DETACH))
          // By now it may have another name: nothing of it may stay mounted.
          for other in names(in: root) {
            umount2("\(root)/\(other)/\(turn % 40)", Int32(MNT_DETACH))
          }
        }
      }
      ended.signal()
    }
  }

  func stop() {
    lock.withLock { isStopping = true }
    if isRunning { ended.wait() }
    isRunning = false
  }
}
