// The lock on a root in the hands of others: those who have rights over it keep reapd out, and
// nobody else does.

import Foundation
import Glibc
import Testing

@Suite("A root's lock in other hands", .serialized, .live)
struct RootLockTests {
  private let scratch = Scratch()

  /// A user who may look at the root and has no right over it.
  private static let nobody: uid_t = 65534

  private func makeRoot(owner: uid_t = 0) -> String {
    let root = scratch.directory("root")
    for path in [scratch.path, root] { chmod(path, 0o755) }
    chown(root, owner, owner)
    return root
  }

  /// A process of that user which holds the lock of a root; ended with the value.
  private func hold(_ root: String, by user: uid_t, _ mode: String) throws -> Background {
    let holder = try Background(
      "/usr/bin/setpriv",
      [
        "--reuid=\(user)", "--clear-groups", "bash", "-c",
        "exec 9<\(root); flock \(mode) 9; echo held; exec sleep 1000",
      ],
      in: scratch)
    #expect(wait(seconds: 60) { holder.output.contains("held") }, "\(holder.error)")
    return holder
  }

  /// The status of a sweep that finds the root held, or takes it.
  private func sweep(_ root: String) -> (status: Int32, output: String, error: String) {
    run(
      reapdBinary,
      ["sweep", "--grace", "1ms", "--audit-log", scratch.path + "/sweep.jsonl", root])
  }

  @Test("Somebody without rights over it keeps nobody out", arguments: ["--shared", "--exclusive"])
  func foreign(mode: String) throws {
    guard isRoot else { return skip("another user's lock needs root") }
    let root = makeRoot()
    let holder = try hold(root, by: Self.nobody, mode)
    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    #expect(watcher.background.error.contains("has no right over that directory"))
    watcher.catchUp(in: root)
    // Nor does it let a second reapd in beside the first.
    let second = sweep(root)
    #expect(
      second.status == 75 && second.error.contains("pid \(watcher.background.pid)"), "\(second)")
    // Once it is gone the root's lock is ours alone.
    holder.killHard()
    #expect(
      wait(seconds: 60) {
        shell("flock --nonblock --shared \(root) true").status == (mode == "--shared" ? 0 : 1)
      })
    #expect(shell("flock --nonblock \(root) true").status == 1)
    #expect(sweep(root).status == 75)
    #expect(watcher.stop().status == 0)
    #expect(sweep(root).status == 0)
  }

  @Test("Neither does what it leaves the lock to: a child, or the queue of a socket")
  func inherited() throws {
    guard isRoot else { return skip("another user's lock needs root") }
    let root = makeRoot()
    // The one that took the lock is gone; its child has the descriptor still.
    let script = """
      import fcntl, os, socket, sys, time
      os.setgid(\(Self.nobody)); os.setuid(\(Self.nobody))
      fd = os.open(sys.argv[1], os.O_RDONLY); fcntl.flock(fd, fcntl.LOCK_EX)
      if sys.argv[2] == "child":
        if os.fork(): os._exit(0)
      else:
        a, b = socket.socketpair(); socket.send_fds(a, [b"x"], [fd]); os.close(fd)
      print("held", os.getpid(), flush=True); time.sleep(1000)
      """
    for way in ["child", "queue"] {
      let holder = try Background("/usr/bin/python3", ["-c", script, root, way], in: scratch)
      #expect(wait(seconds: 60) { holder.output.contains("held") }, "\(holder.error)")
      let orphan = makeOrphan(root + "/spill_1_1")
      let result = sweep(root)
      #expect(result.status == 0 && !exists(orphan), "\(way): \(result)")
      let pid = holder.output.split(separator: " ").last.flatMap {
        pid_t($0.trimmingCharacters(in: .whitespacesAndNewlines))
      }
      #expect(kill(try #require(pid), SIGKILL) == 0)
      #expect(wait(seconds: 60) { shell("flock --nonblock \(root) true").status == 0 })
    }
  }

  @Test("Root and the root's owner keep reapd out, whatever they run")
  func respected() throws {
    guard isRoot else { return skip("another user's lock needs root") }
    for user: uid_t in [0, 12345] {
      let root = makeRoot(owner: 12345)
      let holder = try hold(root, by: user, "--shared")
      let result = sweep(root)
      #expect(result.status == 75, "\(user): \(result)")
      #expect(result.error.contains("is already reaped by pid "), "\(result)")
      holder.killHard()
      #expect(wait(seconds: 60) { sweep(root).status == 0 })
    }
  }

  @Test("A root that comes back while its owner has a lock on it is taken when that is free")
  func comesBackHeld() throws {
    let root = scratch.directory("above") + "/root"
    let aside = scratch.directory("above/aside")
    let watcher = try Watcher(
      [root], in: scratch, environment: ["REAPD_BACKSTOP": "off"], waitForStart: false)
    #expect(wait(seconds: 60) { watcher.background.error.contains("waiting for") })
    let lock = open(aside, O_RDONLY)
    #expect(flock(lock, LOCK_EX | LOCK_NB) == 0)
    #expect(rename(aside, root) == 0)
    #expect(wait(seconds: 60) { watcher.background.error.contains("is already reaped by") })
    close(lock)
    let orphan = makeOrphan(root + "/spill_1_1")
    #expect(wait(seconds: 60) { !exists(orphan) }, "\(watcher.background.error)")
    #expect(watcher.stop().status == 0)
  }
}
