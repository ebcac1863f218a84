// The kernel's limits reached on purpose: said in numbers, nothing lost, and what becomes free is
// used again.

import Foundation
import Glibc
import Testing

/// Directories whose locks this process holds, to be let go of one by one.
private final class Owned {
  let root: String
  private var locks: [String: Int32] = [:]

  init(_ root: String) { self.root = root }

  func own(_ names: [String], readOnly: Bool = false) {
    for name in names {
      makeOrphan("\(root)/\(name)")
      let mode = readOnly ? O_RDONLY : O_WRONLY
      let lock = open("\(root)/\(name)/.lock", mode | O_CLOEXEC)
      #expect(lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0)
      locks[name] = lock
    }
  }

  func release(_ names: [String]) {
    for name in names { if let lock = locks.removeValue(forKey: name) { close(lock) } }
  }

  var names: Set<String> { Set(locks.keys) }

  /// Its live directories, by the inode of their lock files.
  var byInode: [UInt64: String] {
    Dictionary(
      uniqueKeysWithValues: locks.map { name, lock in
        var status = stat()
        fstat(lock, &status)
        return (UInt64(status.st_ino), name)
      })
  }

  deinit { for lock in locks.values { close(lock) } }
}

@Suite("Limits", .serialized, .live)
struct LimitTests {
  /// A user namespace has limits of its own below those of the machine.
  private func limited(_ limit: String, _ value: Int) -> [String] {
    [
      "/usr/bin/unshare", "-U", "-r", "/bin/sh", "-c",
      "echo \(value) > /proc/sys/user/\(limit) && exec \"$@\"", "sh",
    ]
  }

  @Test(
    "out of watches it says how many go without, looks at those in turn, and gives them what becomes free, oldest first"
  )
  func watches() throws {
    let scratch = Scratch()
    let root = scratch.directory("a/root")
    let owned = Owned(root)
    owned.own((0..<200).map { "spill_1_\($0)" })
    let limit = 100
    let watcher = try Watcher(
      [root], in: scratch, environment: ["REAPD_BACKSTOP": "off"],
      wrapper: limited("max_inotify_watches", limit))
    let pid = watcher.background.pid
    #expect(wait { watchedInodes(pid).count == limit })
    func watchedNames() -> Set<String> {
      let inodes = watchedInodes(pid)
      return Set(owned.byInode.filter { inodes.contains($0.key) }.map(\.value))
    }
    let first = watchedNames()
    let waiting = owned.names.subtracting(first)
    let warning =
      "user.max_inotify_watches = \(limit), is reached: \(waiting.count) directories have no watch"
    #expect(wait { !watcher.said(warning).isEmpty }, "\(watcher.background.error)")

    // Born without a watch, and so behind all the others.
    owned.own(["spill_1_late"])
    #expect(wait { watcher.holds(root + "/spill_1_late") })

    // Released while watched: seen by event, and the watch goes to one of those that wait.
    owned.release(first.sorted().suffix(40))
    #expect(wait { names(in: root).count == 161 }, "\(watcher.background.error)")
    #expect(wait { watchedInodes(pid).count == limit })
    let second = watchedNames()
    #expect(second.count == first.count)
    #expect(!second.contains("spill_1_late"))

    // Released without a watch: found by looking.
    let unseen = owned.names.subtracting(second)
    #expect(unseen.count == 161 - first.count)
    owned.release(unseen.sorted().suffix(20) + ["spill_1_late"])
    #expect(wait { names(in: root).count <= 141 }, "\(watcher.background.error)")
    #expect(!exists(root + "/spill_1_late"))

    // The rest of those that were watched first, and all that were watched later.
    owned.release(Array(owned.names))
    #expect(wait { names(in: root).isEmpty }, "\(names(in: root)) \(watcher.background.error)")
    #expect(watcher.said("is reached").count == 1, "\(watcher.background.error)")
    let triggers = Dictionary(grouping: watcher.audit, by: \.trigger)
    #expect((triggers[.closeEvent]?.count ?? 0) >= 100)
    #expect((triggers[.rescan]?.count ?? 0) >= 20)
    let (status, summary) = watcher.stop()
    #expect(status == 0)
    #expect(summary?.reaped == 201)
    #expect(summary?.failed == 0)
  }

  @Test("a root without a watch is listed at intervals, said once, and watched when it can be")
  func rootWatch() throws {
    let scratch = Scratch()
    let root = scratch.directory("a/root")
    let watcher = try Watcher(
      [root], in: scratch, environment: ["REAPD_BACKSTOP": "off"],
      wrapper: limited("max_inotify_watches", 0))
    #expect(!watcher.said("user.max_inotify_watches = 0, is reached").isEmpty)
    let live = Owned(root)
    live.own(["spill_1_live"])
    makeOrphan(root + "/spill_1_dead")
    #expect(wait { !exists(root + "/spill_1_dead") }, "\(watcher.background.error)")
    #expect(wait { watcher.holds(root + "/spill_1_live") })
    // The limit is raised, as the warning asks for.
    let raise = run(
      "/usr/bin/nsenter",
      [
        "-t", "\(watcher.background.pid)", "-U", "--preserve-credentials", "/bin/sh", "-c",
        "echo 1000 > /proc/sys/user/max_inotify_watches",
      ])
    #expect(raise.status == 0, "\(raise.error)")
    #expect(wait { watchedInodes(watcher.background.pid).count > 2 })
    live.release(["spill_1_live"])
    #expect(wait { !exists(root + "/spill_1_live") }, "\(watcher.background.error)")
    #expect(watcher.said("is listed every").count == 1, "\(watcher.background.error)")
    #expect(watcher.stop().status == 0)
  }

  @Test("without an inotify instance it does not start, and says which limit is to be raised")
  func instances() throws {
    let scratch = Scratch()
    let watcher = try Watcher(
      [scratch.directory("a/root")], in: scratch, waitForStart: false,
      wrapper: limited("max_inotify_instances", 0))
    #expect(watcher.background.exitStatus() == 1)
    let text = watcher.background.error
    #expect(text.contains("user.max_inotify_instances = 0, is reached"), "\(text)")
    #expect(text.contains("raise it with sysctl"))
  }

  @Test(
    "out of descriptors it sees writers' closes still, looks at the others in turn, and says how many there are"
  )
  func descriptors() throws {
    let scratch = Scratch()
    let root = scratch.directory("a/root")
    let owned = Owned(root)
    let writers = (0..<200).map { "spill_1_\($0)" }
    let readers = (0..<100).map { "spill_2_\($0)" }
    owned.own(writers)
    owned.own(readers, readOnly: true)
    let limit = 600
    // What adds up the root borrows a few descriptors, and gives them back.
    let watcher = try Watcher(
      [root], in: scratch, environment: ["REAPD_BACKSTOP": "off", "REAPD_USAGE_AT_START": "false"],
      wrapper: ["/usr/bin/prlimit", "--nofile=\(limit):\(limit)"])
    let pid = watcher.background.pid
    func held() -> Set<String> {
      Set(
        openFiles(of: pid).filter { $0.hasSuffix("/.lock") }.map {
          URL(fileURLWithPath: $0).deletingLastPathComponent().lastPathComponent
        }
      ).intersection(owned.names)
    }
    let warning = "the limit of open files, \(limit), is reached: "
    #expect(wait { !watcher.said(warning).isEmpty }, "\(watcher.background.error)")
    let first = held()
    let sparse = owned.names.subtracting(first)
    let blind = sparse.intersection(readers)
    #expect(sparse.count >= 200 && !blind.isEmpty)
    #expect(
      !watcher.said(
        "\(sparse.count) directories are watched without a descriptor; of \(blind.count) of them"
      ).isEmpty, "\(sparse.count) \(blind.count) \(watcher.background.error)")

    // Writers without a descriptor: by event.
    letPass(2, "the last look at the start of things, a second after it")
    let gone = sparse.intersection(writers).sorted().prefix(50)
    owned.release(Array(gone))
    #expect(wait { gone.allSatisfy { !exists("\(root)/\($0)") } })
    for name in gone {
      #expect(wait { !watcher.audit(of: "\(root)/\(name)").isEmpty })
      let line = watcher.audit(of: "\(root)/\(name)").first
      #expect(line?.trigger == .closeEvent)
    }
    // Readers without a descriptor: by looking.
    let unseen = blind.sorted().prefix(blind.count / 2)
    owned.release(Array(unseen))
    #expect(wait { unseen.allSatisfy { !exists("\(root)/\($0)") } })
    // Descriptors that became free go to those that need one.
    owned.release(Array(first))
    #expect(wait { first.allSatisfy { !exists("\(root)/\($0)") } })
    #expect(wait { !held().subtracting(first).isEmpty }, "\(held())")
    #expect(held().subtracting(first).isSubset(of: readers))
    owned.release(Array(owned.names))
    #expect(wait { names(in: root).isEmpty }, "\(names(in: root)) \(watcher.background.error)")
    #expect(watcher.said("is reached").count == 1, "\(watcher.background.error)")
    let (status, summary) = watcher.stop()
    #expect(status == 0)
    #expect(summary?.reaped == 300)
    #expect(summary?.failed == 0)
  }

  @Test(
    "with few descriptors it removes thousands of orphans that come at once",
    arguments: [false, true])
  func orphans(atStart: Bool) throws {
    let scratch = Scratch()
    let root = scratch.directory("a/root")
    let place = atStart ? root : scratch.directory("a/elsewhere")
    for number in 0..<5000 {
      makeOrphan("\(place)/spill_1_\(number)", files: 1)
      mkdir("\(place)/spill_1_\(number)/directory", 0o755)
    }
    let watcher = try Watcher(
      [root], in: scratch, environment: ["REAPD_BACKSTOP": "off"],
      wrapper: ["/usr/bin/prlimit", "--nofile=600:600"])
    if !atStart {
      for name in names(in: place) { rename("\(place)/\(name)", "\(root)/\(name)") }
    }
    #expect(wait(seconds: 60) { names(in: root).isEmpty }, "\(names(in: root).count) are left")
    let (status, summary) = watcher.stop()
    #expect(status == 0)
    #expect(summary?.reaped == 5000)
    #expect(summary?.failed == 0 && summary?.refused == 0, "\(summary)")
  }

  @Test(
    "an overflow of the kernel's queue is told with its limit, and again when their number doubled")
  func queue() throws {
    let scratch = Scratch()
    let limit =
      (try? String(contentsOfFile: "/proc/sys/fs/inotify/max_queued_events", encoding: .utf8))
      .flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    guard let limit, limit < 40_000 else { return skip("the event queue is too long") }
    let root = scratch.directory("a/root")
    let owned = Owned(root)
    owned.own((0..<10).map { "spill_1_\($0)" })
    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    #expect(wait { watcher.holds(root + "/spill_1_9") })
    for round in 0..<3 {
      watcher.background.signal(SIGSTOP)
      #expect(wait { isStopped(watcher.background.pid) })
      for number in 0..<limit {
        let path = "\(root)/x_\(number)"
        mkdir(path, 0o755)
        rmdir(path)
      }
      owned.release(["spill_1_\(round)"])  // its event is lost for certain
      watcher.background.signal(SIGCONT)
      #expect(wait { !exists("\(root)/spill_1_\(round)") }, "\(watcher.background.error)")
      // Or the next flood would fall into the same overflow.
      #expect(wait { watcher.said("everything is looked at again").count == round + 1 })
    }
    let told = watcher.said("fs.inotify.max_queued_events = \(limit), is reached")
    #expect(told.count == 2, "\(watcher.background.error)")
    #expect(told.first?.contains(" known directories and all new ones") == true, "\(told)")
    #expect(names(in: root).count == 7)
    let (status, summary) = watcher.stop()
    #expect(status == 0)
    #expect(summary?.eventsLost == 3)
    #expect(summary?.backstopNeeded == 0)
  }
}
