// What wakes reapd for scratch: an event for each way, of exactly the one that it is about; and nothing
// where only time can tell. `quiet` is an hour in most of them: no deadline would come in time.

import Foundation
import Glibc
import Testing

@Suite("Scratch wakes reapd by events", .serialized, .live)
struct ScratchEventTests {
  private let scratch = Scratch()
  private var root: String { scratch.path + "/root" }

  private func keys(_ ways: String, _ more: String = "quiet: 1h") -> String {
    "match: 'work-+([0-9])', grace: 100ms, owned_by: [\(ways)], \(more)"
  }

  private func make(_ count: Int) -> [String] {
    (0..<count).map { scratch.directory("root/work-\($0)") }
  }

  private func touch(_ path: String) {
    #expect(FileManager.default.createFile(atPath: path, contents: nil), "\(path)")
  }

  /// Until reapd has looked at what was there.
  private func watch(_ keys: String, wrapper: [String] = []) throws -> Watcher {
    letPass(0.2, "the grace")
    return try watchScratch(
      config: scratchRule(keys, root: root, in: scratch), roots: 1, in: scratch, wrapper: wrapper)
  }

  // MARK: - Files beside

  @Test("A lock file that comes beside one, made or moved there, is news of that one and no other")
  func comes() throws {
    let candidates = make(20)
    let counter = LookCounter(candidates)
    let watcher = try watch(keys("{lock: '../{name}.lock'}"))
    #expect(wait { counter.take().isEmpty })
    for (number, path) in candidates.prefix(10).enumerated() {
      if number % 2 == 0 {
        touch(path + ".lock")
      } else {
        touch(scratch.path + "/new")
        #expect(rename(scratch.path + "/new", path + ".lock") == 0)
      }
      #expect(wait { !exists(path) }, "\(watcher.background.error)")
    }
    let looked = Set(counter.take().keys)
    #expect(looked == Set(candidates.prefix(10)), "\(looked)")
    #expect(wait { watcher.woken() == [.rescan: 10] }, "\(watcher.woken())")
  }

  @Test(
    "A lock file that is made and then locked is left alone in between, and wakes when it is let go"
  )
  func isLockedLater() throws {
    let path = make(1)[0]
    let watcher = try watchScratch(
      "match: 'work-*', grace: 1s, owned_by: [{lock: '../{name}.lock'}], quiet: 1h", root: root,
      in: scratch)
    letPass(1.2, "the grace")
    for _ in 0..<20 {
      let lock = open(path + ".lock", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
      for _ in 0..<100 {
        // Somebody who probed it at this moment would be in its owner's way.
        #expect(flock(lock, LOCK_EX | LOCK_NB) == 0)
        flock(lock, LOCK_UN)
        usleep(100)
      }
      close(lock)
      unlink(path + ".lock")
    }
    let lock = open(path + ".lock", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    #expect(flock(lock, LOCK_EX | LOCK_NB) == 0)
    #expect(wait { openFiles(of: watcher.background.pid).contains(path + ".lock") })
    #expect(exists(path))
    close(lock)
    #expect(wait { !exists(path) }, "\(watcher.background.error)")
    // By its release or, on a slow machine, by the end of the grace after its making.
    #expect(wait { watcher.woken().values.reduce(0, +) == 1 }, "\(watcher.woken())")
  }

  @Test(
    "What stood in the lock's place wakes when it goes, is replaced, or is given to another user")
  func changes() throws {
    guard isRoot else { return skip("another user is needed") }
    let candidates = make(12)
    for (number, path) in candidates.enumerated() {
      switch number % 3 {
      case 0: mkdir(path + ".lock", 0o700)
      case 1: symlink(scratch.path, path + ".lock")
      default:
        touch(path + ".lock")
        chown(path + ".lock", 65534, 65534)
      }
    }
    let watcher = try watch(keys("{lock: '../{name}.lock'}", "quiet: 100ms, quarantine: 0s"))
    letPass(5, "what is looked at ever more seldom is so once a second at most")
    for (number, path) in candidates.enumerated() {
      #expect(exists(path))
      switch number % 3 {
      case 0: rmdir(path + ".lock")
      case 1:
        touch(scratch.path + "/new")
        rename(scratch.path + "/new", path + ".lock")
      default: chown(path + ".lock", 0, 0)
      }
      #expect(wait { !exists(path) }, "\(number): \(watcher.background.error)")
    }
    // One may have been looked at in its turn at just that moment.
    #expect(wait { watcher.woken()[.rescan] ?? 0 >= 10 }, "\(watcher.woken())")
  }

  @Test(
    "A directory of locks is watched when it comes, is replaced or comes back, and through no link")
  func elsewhere() throws {
    let candidates = make(8)
    let outside = scratch.directory("outside")
    for number in 0..<8 { touch("\(outside)/work-\(number)") }
    let watcher = try watch(keys("{lock: '../a/locks/{name}'}"))
    func gone(_ number: Int) -> Bool { wait { !exists(candidates[number]) } }
    // Where there was none.
    mkdir(root + "/a", 0o755)
    mkdir(root + "/a/locks", 0o755)
    touch(root + "/a/locks/work-0")
    #expect(gone(0), "\(watcher.background.error)")
    touch(root + "/a/locks/work-1")
    #expect(gone(1), "\(watcher.background.error)")
    // Another one in its place, and then in that of the one above.
    rename(root + "/a/locks", scratch.path + "/old")
    mkdir(root + "/a/locks", 0o755)
    touch(root + "/a/locks/work-2")
    #expect(gone(2), "\(watcher.background.error)")
    touch(root + "/a/locks/work-3")
    #expect(gone(3), "\(watcher.background.error)")
    rename(root + "/a", scratch.path + "/older")
    #expect(symlink(scratch.path + "/links", root + "/a") == 0)
    mkdir(scratch.path + "/links", 0o755)
    symlink(outside, scratch.path + "/links/locks")
    letPass(1.5, "nothing happens")
    #expect((4..<8).allSatisfy { exists(candidates[$0]) })
    unlink(root + "/a")
    mkdir(root + "/a", 0o755)
    symlink(outside, root + "/a/locks")
    letPass(1.5, "nothing happens")
    #expect((4..<8).allSatisfy { exists(candidates[$0]) })
    let inode = inode(of: outside)
    #expect(!watchedInodes(watcher.background.pid).contains(inode))
    unlink(root + "/a/locks")
    rename(outside, root + "/a/locks")
    for number in 4..<8 { #expect(gone(number), "\(watcher.background.error)") }
    #expect(watchedInodes(watcher.background.pid).contains(inode))
    #expect(!watcher.background.error.contains("cannot be watched"))
  }

  @Test("The root itself may be another one by then")
  func otherRoot() throws {
    _ = make(1)
    mkdir(root + "/locks", 0o755)
    let watcher = try watch(keys("{lock: '../locks/{name}'}"))
    #expect(rename(root, scratch.path + "/old") == 0)
    #expect(wait { watcher.background.error.contains("waiting for it to come back") })
    let path = make(1)[0]
    mkdir(root + "/locks", 0o755)
    #expect(wait { watchedInodes(watcher.background.pid).contains(inode(of: root + "/locks")) })
    letPass(0.3, "the grace")
    touch(root + "/locks/work-0")
    #expect(wait { !exists(path) }, "\(watcher.background.error)")
    #expect(exists(scratch.path + "/old/work-0"))
  }

  @Test("Of a lock's name that is the same for all, all are looked at, but not for each event")
  func forAll() throws {
    let candidates = make(200)
    let counter = LookCounter(candidates)
    let watcher = try watch(keys("{lock: ../all.lock}"))
    letPass(0.5, "the start")
    _ = counter.take()
    let start = Date()
    for _ in 0..<2000 {
      mkdir(root + "/all.lock", 0o700)
      rmdir(root + "/all.lock")
      usleep(1000)
    }
    let took = Date().timeIntervalSince(start)
    let looks = counter.take().values.reduce(0, +)
    #expect(looks > 0 && looks <= 200 * (Int(took) + 2), "\(looks) in \(took) s")
    // The last of them is heard, too.
    var looked: Set<String> = []
    #expect(
      wait {
        looked.formUnion(counter.take().keys); return looked.count == 200
      })
    _ = watcher
  }

  @Test("Out of watches, a directory of locks is looked at ever more seldom, which is said once")
  func noWatches() throws {
    guard isRoot else { return skip("a user namespace is needed") }
    let candidates = make(3)
    letPass(0.2, "the grace")
    let config = try scratchRule(
      "match: 'work-*', grace: 100ms, owned_by: [{lock: '../locks/{name}'}]", root: root,
      in: scratch)
    let watcher = try Watcher(
      [], grace: nil, in: scratch, arguments: ["--config", config], waitForStart: false,
      wrapper: [
        "/usr/bin/unshare", "-U", "-r", "/bin/sh", "-c",
        "echo 1000 > /proc/sys/user/max_inotify_watches && exec \"$@\"", "sh",
      ])
    #expect(wait { watcher.background.error.contains("watching ") })
    let limit = shellInside(watcher, "echo 1 > /proc/sys/user/max_inotify_watches")
    #expect(limit.status == 0, "\(limit.error)")
    for _ in 0..<3 {
      mkdir(root + "/locks", 0o755)
      letPass(0.1, "it is refused")
      rmdir(root + "/locks")
    }
    mkdir(root + "/locks", 0o755)
    for path in candidates { touch(root + "/locks/" + path.split(separator: "/").last!) }
    #expect(wait { candidates.allSatisfy { !exists($0) } }, "\(watcher.background.error)")
    let said =
      watcher.background.error.components(separatedBy: "/locks cannot be watched").count - 1
    #expect(said == 1, "\(watcher.background.error)")
  }

  private func shellInside(
    _ watcher: Watcher, _ command: String
  ) -> (status: Int32, output: String, error: String) {
    run(
      "/usr/bin/nsenter",
      [
        "-t", "\(watcher.background.pid)", "-U", "--preserve-credentials", "/bin/sh", "-c", command,
      ])
  }

  @Test("A configuration that is reread begins and ends the watch on a directory of locks")
  func reread() throws {
    let candidates = make(2)
    mkdir(root + "/locks", 0o755)
    mkdir(root + "/others", 0o755)
    letPass(0.2, "the grace")
    let file = Rereading(scratch)
    func rule(_ directory: String) -> String {
      "{kind: scratch, name: s, root: \(root), \(keys("{lock: '../\(directory)/{name}'}"))}"
    }
    file.write([rule("locks")])
    let watcher = try file.watch()
    let pid = watcher.background.pid
    let (locks, others) = (inode(of: root + "/locks"), inode(of: root + "/others"))
    #expect(wait { watchedInodes(pid).contains(locks) })
    file.write([rule("others")])
    #expect(watcher.reread())
    #expect(wait { !watchedInodes(pid).contains(locks) && watchedInodes(pid).contains(others) })
    letPass(1.2, "what was asked for at the start")
    touch(root + "/others/work-0")
    #expect(wait { !exists(candidates[0]) }, "\(watcher.background.error)")
    touch(root + "/locks/work-1")
    letPass(0.5, "nothing happens")
    #expect(exists(candidates[1]))
  }

  // MARK: - Processes

  @Test("The exit of an owner is news of what it owned, and of nothing else")
  func exits() throws {
    guard isRoot else { return skip("every process must be seen") }
    let others = (0..<50).map { scratch.directory("root/work-\($0)-4194303") }
    let counter = LookCounter(others)
    let watcher = try watch(
      "match: 'work-*', grace: 100ms, owned_by: [{pid: {name: 'work-*-{pid}'}}], quiet: 1h")
    let owners = try ScratchOwners(
      "os.mkdir(p + '-' + str(os.getpid()))", count: 10, at: root + "/work-1", in: scratch)
    watcher.seesProcesses(10)
    letPass(0.5, "the grace")
    _ = counter.take()
    for (number, pid) in owners.pids.enumerated() {
      kill(pid, SIGKILL)
      #expect(wait { !exists("\(root)/work-1\(number)-\(pid)") }, "\(watcher.background.error)")
    }
    #expect(counter.take().isEmpty)
    #expect(wait { watcher.woken() == [.ownerExit: 10] }, "\(watcher.woken())")
    owners.killAll()
  }

  @Test("The exit of whoever works in it is news of it")
  func users() throws {
    guard isRoot else { return skip("every process must be seen") }
    let candidates = make(10)
    for path in candidates { touch(path + ".lock") }
    let owners = try ScratchOwners("os.chdir(p)", count: 10, at: root + "/work-", in: scratch)
    let watcher = try watch(keys("{lock: '../{name}.lock'}"))
    watcher.seesProcesses(10)
    letPass(5, "what is looked at ever more seldom is so once a second at most")
    for (number, pid) in owners.pids.enumerated() {
      #expect(exists(candidates[number]))
      kill(pid, SIGKILL)
      #expect(wait { !exists(candidates[number]) }, "\(watcher.background.error)")
    }
    #expect(wait { watcher.woken()[.ownerExit] ?? 0 >= 8 }, "\(watcher.woken())")
    owners.killAll()
  }

  @Test("A file that is open deep in it, or mapped only, is news of it when it is closed")
  func deep() throws {
    let code = """
      os.makedirs(p + '/a/b/c'); f = open(p + '/a/b/c/data', 'w+'); f.write('x' * 5000); f.flush()
      if int(p[-1]) % 2:
          m = mmap.mmap(f.fileno(), 4096); f.close()
      """
    _ = scratch.directory("root")
    let watcher = try watch(
      keys("{open: true}", "quiet: 200ms, quarantine: 0s"))
    let owners = try ScratchOwners(code, count: 10, at: root + "/work-", in: scratch)
    letPass(5, "what is looked at ever more seldom is so once a second at most")
    for (number, pid) in owners.pids.enumerated() {
      #expect(exists("\(root)/work-\(number)"))
      kill(pid, SIGKILL)
      #expect(wait { !exists("\(root)/work-\(number)") }, "\(watcher.background.error)")
    }
    #expect(wait { watcher.woken()[.closeEvent] ?? 0 >= 8 }, "\(watcher.woken())")
    owners.killAll()
  }

  // MARK: - Time

  @Test(
    "Of 1,000 that only time can tell of none is looked at, and no thread wakes, until it is time")
  func idle() throws {
    let candidates = make(1000)
    let counter = LookCounter(candidates)
    let watcher = try watch(
      keys("{lock: '../{name}.lock'}, {open: true}", "quiet: 12s, quarantine: 0s"),
      wrapper: withoutOthersMounts)
    let pid = watcher.background.pid
    let made = Date()
    // A last look at the start of things, a second after it.
    letPass(3, "the start")
    _ = counter.take()
    let before = sleeps(of: pid)
    letPass(5, "nothing happens")
    #expect(Date().timeIntervalSince(made) < 10, "the machine was too busy to tell")
    #expect(sleeps(of: pid) == before)
    #expect(counter.take().isEmpty)
    #expect(
      wait(seconds: 60) { candidates.allSatisfy { !exists($0) } }, "\(watcher.background.error)")
    #expect(wait { watcher.woken() == [.graceOver: 1000] }, "\(watcher.woken())")
  }
}

extension Watcher {
  /// What has brought about how many removals.
  fileprivate func woken() -> [AuditEntry.Trigger: Int] {
    let reaped = audit.filter { $0.action == .reaped }
    return Dictionary(reaped.map { ($0.trigger, 1) }, uniquingKeysWith: +)
  }
}

private func inode(of path: String) -> UInt64 {
  var status = stat()
  lstat(path, &status)
  return UInt64(status.st_ino)
}
