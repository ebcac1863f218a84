// Owners that hold a lock beside their scratch, in it or on it: killed one after the other.

import Foundation
import Glibc
import Testing

@Suite("Scratch that a lock owns", .serialized, .live)
struct ScratchLockTests {
  private let scratch = Scratch()
  private var root: String { scratch.path + "/root" }

  private static let directory = ScratchWay.directory

  static let ways: [ScratchWay] = [
    ScratchWay(
      title: "flock beside it", keys: "owned_by: [{lock: '../{name}.dirlock'}]",
      code: """
        f = open(p + '.dirlock', 'w'); fcntl.flock(f, fcntl.LOCK_EX)
        """ + "\n" + directory),
    ScratchWay(
      title: "fcntl beside it", keys: "owned_by: [{lock: '../.{name}.lock'}], lock_type: fcntl",
      code: """
        f = open(os.path.dirname(p) + '/.' + name + '.lock', 'w'); fcntl.lockf(f, fcntl.LOCK_EX)
        """ + "\n" + directory),
    ScratchWay(
      title: "OFD elsewhere", keys: "owned_by: [{lock: '../locks/{name}'}]",
      code: """
        os.makedirs(os.path.dirname(p) + '/locks', exist_ok=True)
        f = open(os.path.dirname(p) + '/locks/' + name, 'w')
        fcntl.fcntl(f, OFD_SETLK, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0))
        """ + "\n" + directory),
    ScratchWay(
      title: "flock deep inside", keys: "owned_by: [{lock: 'sub/own.lock'}]",
      code: directory + """
        os.mkdir(p + '/sub'); f = open(p + '/sub/own.lock', 'w'); fcntl.flock(f, fcntl.LOCK_EX)
        """),
    ScratchWay(
      title: "the directory itself", keys: "owned_by: [{lock: '.'}]",
      code: directory + "f = os.open(p, os.O_RDONLY); fcntl.flock(f, fcntl.LOCK_EX)"),
    ScratchWay(
      title: "the file itself, by its mapping", keys: "owned_by: [{lock: '.'}], entries: files",
      code: """
        f = open(p, 'w+'); f.write('x' * 5000); f.flush(); fcntl.flock(f, fcntl.LOCK_EX)
        m = mmap.mmap(os.dup(f.fileno()), 4096)
        """),
  ]

  @Test("Each of 100 goes when its owner is killed, and none of the others", arguments: ways)
  func kills(way: ScratchWay) throws {
    _ = scratch.directory("root")
    let also = way.title.contains("beside") ? ", also: ['../{name}.dirlock']" : ""
    let watcher = try watchScratch(
      "match: 'work-+([0-9])', grace: 100ms, \(way.keys)\(also)", root: root, in: scratch)
    let owners = try ScratchOwners(way.code, count: 100, at: root + "/work-", in: scratch)
    for (number, pid) in owners.pids.enumerated() {
      let path = "\(root)/work-\(number)"
      #expect(exists(path), "\(watcher.audit(of: path))")
      kill(pid, SIGKILL)
      #expect(wait(seconds: 60) { !exists(path) }, "\(number): \(watcher.background.error)")
      #expect(wait(seconds: 60) { !exists(path + ".dirlock") })
    }
    #expect(wait { watcher.audit.count { $0.action == .reaped } == 100 })
    watcher.printLatencies(way.title)
    owners.killAll()
  }

  @Test("A link, a directory or a FIFO in the lock's place proves nothing, and nothing waits")
  func noLock() throws {
    _ = scratch.directory("root")
    let keys = "match: 'work-+([0-9])', grace: 100ms, owned_by: [{lock: '../{name}.lock'}]"
    let config = try scratchRule(keys, root: root, in: scratch)
    for number in 0..<4 { _ = scratch.directory("root/work-\(number)") }
    _ = FileManager.default.createFile(atPath: scratch.path + "/free", contents: nil)
    symlink(scratch.path + "/free", root + "/work-0.lock")
    mkfifo(root + "/work-1.lock", 0o666)
    mkdir(root + "/work-2.lock", 0o777)
    letPass(0.3, "the grace")
    for number in 0..<3 {
      #expect(explain("\(root)/work-\(number)", config: config)?.reason == "lock-not-a-file")
    }
    #expect(explain(root + "/work-3", config: config)?.reason == "unproved")
    let swept = run(
      reapdBinary, ["sweep", "--config", config, "--audit-log", scratch.path + "/a.jsonl"])
    #expect(swept.status >= 0)
    #expect((0..<4).allSatisfy { exists("\(root)/work-\($0)") })
  }

  @Test(
    "A lock file in the entry that is none, or may not be opened, proves nothing",
    arguments: ["own.lock", "sub/own.lock", "../{name}.lock", "../locks/{name}"])
  func noLockAnywhere(place: String) throws {
    guard isRoot else { return skip("another user is needed") }
    _ = scratch.directory("root/locks")
    _ = FileManager.default.createFile(atPath: scratch.path + "/free", contents: nil)
    let forms = ["link", "fifo", "directory", "unreadable"]
    for form in forms {
      let entry = scratch.directory("root/work-\(form)")
      _ = scratch.directory("root/work-\(form)/sub")
      let text = place.replacingOccurrences(of: "{name}", with: "work-\(form)")
      let lock = text.hasPrefix("../") ? "\(root)/\(text.dropFirst(3))" : "\(entry)/\(text)"
      switch form {
      case "link": symlink(scratch.path + "/free", lock)
      case "fifo": mkfifo(lock, 0o666)
      case "directory": mkdir(lock, 0o777)
      default: close(open(lock, O_CREAT | O_WRONLY, 0))
      }
    }
    chmod(scratch.path, 0o755)
    _ = run("/bin/chown", ["-hR", "65534:65534", root])
    let config = try scratchRule(
      "match: 'work-*', grace: 100ms, owned_by: [{lock: '\(place)'}]", root: root, in: scratch)
    letPass(0.3, "the grace")
    // Root may open everything; whoever owns all this, and may not, runs this one.
    let audit = root + "/audit.jsonl"
    let swept = run(
      "/usr/bin/setpriv",
      ["--reuid", "65534", "--regid", "65534", "--clear-groups", reapdBinary, "sweep", "--config"]
        + [config, "--audit-log", audit])
    #expect(
      forms.allSatisfy { exists("\(root)/work-\($0)/sub") && swept.output.contains("work-\($0)") },
      "\(swept)")
    #expect(swept.output.contains("lock-unreadable") && swept.output.contains("lock-not-a-file"))
  }

  @Test("A lock file that is replaced while it is held keeps the entry until its owner ends")
  func replaced() throws {
    _ = scratch.directory("root")
    let watcher = try watchScratch(
      "match: 'work-+([0-9])', grace: 100ms, owned_by: [{lock: '../{name}.dirlock'}]", root: root,
      in: scratch)
    let owners = try ScratchOwners(Self.ways[0].code, count: 1, at: root + "/work-", in: scratch)
    #expect(
      wait { openFiles(of: watcher.background.pid).contains(root + "/work-0.dirlock") },
      "\(watcher.background.error)")
    _ = FileManager.default.createFile(atPath: root + "/new", contents: nil)
    #expect(rename(root + "/new", root + "/work-0.dirlock") == 0)
    watcher.catchUpScratch(in: root)
    #expect(exists(root + "/work-0/data"))
    owners.killAll()
    #expect(wait(seconds: 60) { !exists(root + "/work-0") }, "\(watcher.background.error)")
  }

  @Test("A free lock beside it gives way to a file in it that is open, until that is closed")
  func openUnderFreeLock() throws {
    let path = scratch.directory("root/work-1")
    for made in [path + ".dirlock", path + "/data"] {
      _ = FileManager.default.createFile(atPath: made, contents: Data("x".utf8))
    }
    let user = open(path + "/data", O_RDONLY | O_CLOEXEC)
    let keys = "match: 'work-+([0-9])', grace: 100ms, owned_by: [{lock: '../{name}.dirlock'}]"
    letPass(0.3, "the grace")
    #expect(
      explain(path, config: try scratchRule(keys, root: root, in: scratch))?.reason == "file-open")
    let watcher = try watchScratch(keys, root: root, in: scratch)
    watcher.catchUpScratch(in: root)
    #expect(exists(path) && watcher.audit(of: path).isEmpty, "\(watcher.audit(of: path))")
    close(user)
    #expect(wait { !exists(path) }, "\(watcher.background.error)")
  }

  @Test(
    "A file that is open by another of its names, outside, does not keep what a lock proves dead")
  func openElsewhere() throws {
    guard isRoot else { return skip("every process must be seen") }
    let keys = "match: 'work-+([0-9])', grace: 100ms, owned_by: [{lock: '../{name}.dirlock'}]"
    let config = try scratchRule(keys, root: scratch.path + "/root", in: scratch)
    for number in 0..<2 {
      let path = scratch.directory("root/work-\(number)")
      for made in [path + ".dirlock", path + "/data"] {
        _ = FileManager.default.createFile(atPath: made, contents: Data("x".utf8))
      }
      // Many, so that this is left to a worker.
      for file in 0..<100 {
        _ = FileManager.default.createFile(atPath: "\(path)/\(file)", contents: nil)
      }
      #expect(link(path + "/data", "\(root)/session-\(number)") == 0)
    }
    // The one by its name outside, the other by the name in it.
    let users = ["\(root)/session-0", "\(root)/work-1/data"].map {
      try? Background("/bin/bash", ["-c", "exec sleep 1000 < '\($0)'"], in: scratch)
    }
    #expect(
      users.allSatisfy { user in
        wait { user.map { openFiles(of: $0.pid).contains { $0.hasPrefix(root) } } ?? false }
      })
    letPass(0.3, "the grace")
    #expect(explain(root + "/work-0", config: config)?.reason == "lock-released")
    #expect(explain(root + "/work-1", config: config)?.reason == "file-open")
    let watcher = try watchScratch(keys, root: root, in: scratch)
    #expect(wait { !exists(root + "/work-0") }, "\(watcher.background.error)")
    watcher.catchUpScratch(in: root)
    #expect(exists(root + "/work-1/data") && exists(root + "/session-0"))
    users[1]?.killHard()
    #expect(wait { !exists(root + "/work-1") }, "\(watcher.background.error)")
    users[0]?.killHard()
  }

  @Test("A lock file that its owner removes to make it anew says nothing meanwhile")
  func remade() throws {
    let path = scratch.directory("root/work-1")
    let watcher = try watchScratch(
      "match: 'work-+([0-9])', grace: 100ms, owned_by: [{lock: '../{name}.dirlock'}]", root: root,
      in: scratch)
    let lock = open(path + ".dirlock", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    #expect(flock(lock, LOCK_EX) == 0)
    #expect(wait { openFiles(of: watcher.background.pid).contains(path + ".dirlock") })
    unlink(path + ".dirlock")
    close(lock)
    watcher.catchUpScratch(in: root)
    #expect(exists(path), "\(watcher.audit(of: path))")
  }

  @Test("Where others may exchange files, a lock file beside it proves nothing")
  func exchangeable() throws {
    let keys = "match: 'work-+([0-9])', grace: 100ms, owned_by: [{lock: '../{name}.lock'}]"
    let path = scratch.directory("root/work-1")
    _ = FileManager.default.createFile(atPath: path + ".lock", contents: nil)
    let config = try scratchRule(keys, root: root, in: scratch)
    letPass(0.3, "the grace")
    for (mode, reason) in [
      (0o755, "lock-released"), (0o777, "lock-unknown"), (0o1777, "lock-released"),
    ] as [(mode_t, String)] {
      chmod(root, mode)
      #expect(explain(path, config: config)?.reason == reason, "\(String(mode, radix: 8))")
    }
    guard isRoot else { return skip("another user is needed") }
    chown(root, 65534, 65534)
    #expect(explain(path, config: config)?.reason == "lock-unknown")
  }

  @Test("A plain file has no lock file and no pid file in it")
  func nothingInside() throws {
    _ = scratch.directory("root")
    _ = FileManager.default.createFile(atPath: root + "/work-1", contents: Data("x".utf8))
    let keys =
      "match: 'work-+([0-9])', grace: 100ms, entries: both, "
      + "owned_by: [{lock: .lock}, {pid: {file: .pid}}]"
    let config = try scratchRule(keys, root: root, in: scratch)
    letPass(0.3, "the grace")
    #expect(explain(root + "/work-1", config: config)?.reason == "unproved")
  }

  @Test("What goes with it goes only where it is nobody else's, in no use and no link")
  func companions() throws {
    let path = scratch.directory("root/work-1")
    _ = scratch.directory("outside")
    let file = scratch.path + "/outside/file"
    for made in [file, path + ".lock", path + ".log", path + ".used"] {
      _ = FileManager.default.createFile(atPath: made, contents: Data("x".utf8))
    }
    symlink(file, path + ".link")
    mkdir(path + ".directory", 0o777)
    let user = open(path + ".used", O_RDONLY)
    defer { close(user) }
    let sockets = """
      import os, socket, sys, time
      dead, live = (socket.socket(socket.AF_UNIX) for _ in range(2))
      os.chdir(sys.argv[1]); dead.bind('work-1.dead'); dead.close()
      live.bind(sys.argv[1] + '/work-1.live'); live.listen(); print('bound', flush=True); time.sleep(1000)
      """
    let server = try Background("/usr/bin/env", ["python3", "-c", sockets, root], in: scratch)
    #expect(wait { server.output == "bound\n" }, "\(server.error)")
    var kept = ["work-1.directory", "work-1.link", "work-1.live", "work-1.used"]
    if isRoot {
      _ = FileManager.default.createFile(atPath: path + ".foreign", contents: nil)
      chown(path + ".foreign", 65534, 65534)
      kept = (kept + ["work-1.foreign"]).sorted()
    }
    let also = ["lock", "log", "used", "link", "directory", "foreign", "none", "dead", "live"]
      .map { "'../{name}.\($0)'" }.joined(separator: ", ")
    let config = try scratchRule(
      "match: 'work-+([0-9])', grace: 100ms, owned_by: [{lock: '../{name}.lock'}], also: [\(also)]",
      root: root, in: scratch)
    letPass(0.3, "the grace")
    let swept = run(
      reapdBinary, ["sweep", "--config", config, "--audit-log", scratch.path + "/a.jsonl"])
    #expect(swept.status == 0, "\(swept.error)")
    #expect(names(in: root) == kept)
    #expect(exists(file))
  }

  @Test("A name that another user plants in a shared directory is never touched")
  func foreign() throws {
    guard isRoot else { return skip("another user is needed") }
    _ = scratch.directory("root")
    chmod(root, 0o1777)
    let keys =
      "match: 'work-+([0-9])', grace: 100ms, entries: both, "
      + "owned_by: [{lock: '../{name}.lock'}], also: ['../{name}.lock']"
    let config = try scratchRule(keys, root: root, in: scratch)
    let canary = scratch.directory("canary")
    chown(canary, 65534, 65534)
    let plant = """
      import os, sys
      root, canary = sys.argv[1:]
      os.setgid(65534); os.setuid(65534)
      os.mkdir(root + '/work-1'); open(root + '/work-1.lock', 'w')
      open(root + '/work-2', 'w'); open(root + '/work-2.lock', 'w')
      os.symlink(canary, root + '/work-3'); open(root + '/work-3.lock', 'w')
      os.mkfifo(root + '/work-4'); open(root + '/work-4.lock', 'w')
      """
    chmod(scratch.path, 0o755)
    #expect(run("/usr/bin/env", ["python3", "-c", plant, root, canary]).status == 0)
    letPass(0.3, "the grace")
    let before = portrait(root)
    _ = run(reapdBinary, ["sweep", "--config", config, "--audit-log", scratch.path + "/a.jsonl"])
    #expect(portrait(root) == before)
    // A free lock file that somebody else made beside ours proves nothing of its owner.
    mkdir(root + "/work-5", 0o755)
    _ = FileManager.default.createFile(atPath: root + "/work-5.lock", contents: nil)
    chown(root + "/work-5.lock", 65534, 65534)
    letPass(0.3, "the grace")
    #expect(explain(root + "/work-5", config: config)?.reason == "lock-unknown")
    _ = run(reapdBinary, ["sweep", "--config", config, "--audit-log", scratch.path + "/a.jsonl"])
    #expect(exists(root + "/work-5") && exists(root + "/work-5.lock"))
    chown(root + "/work-5.lock", 0, 0)
    _ = run(reapdBinary, ["sweep", "--config", config, "--audit-log", scratch.path + "/a.jsonl"])
    #expect(!exists(root + "/work-5") && !exists(root + "/work-5.lock"))
  }
}

extension Watcher {
  /// Waits until it has removed an orphan made only now: whatever was due before, it has done.
  func catchUpScratch(in root: String) {
    let later = "\(root)/work-9\(UInt32.random(in: 0 ... .max))"
    mkdir(later, 0o777)
    _ = FileManager.default.createFile(atPath: later + ".dirlock", contents: nil)
    #expect(wait(seconds: 60) { !exists(later) }, "reapd does not work: \(background.error)")
    unlink(later + ".dirlock")
  }
}
