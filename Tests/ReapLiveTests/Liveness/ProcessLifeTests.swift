// Directories that a process uses in ways that no lock file and no open file tell of.

import Foundation
import Glibc
import Testing

@Suite("Signs of life of processes", .serialized, .live)
struct ProcessLifeTests {
  private let scratch = Scratch()
  private var root: String { scratch.path + "/spill" }
  private var directory: String { root + "/spill_1_1" }

  /// What a process does with a directory without a lock file, as Python; and the reason it gives.
  static let uses: [(code: String, reason: String)] = [
    ("os.chdir(d)", "working-directory"),
    ("os.makedirs(d + '/a/b'); os.chdir(d + '/a/b')", "working-directory"),
    ("keep = os.open(d, os.O_RDONLY)", "directory-open"),
    ("os.mkdir(d + '/a'); keep = os.open(d + '/a', os.O_PATH)", "directory-open"),
    ("os.mkfifo(d + '/p'); keep = os.open(d + '/p', os.O_RDWR)", "fifo-open"),
    (
      "keep = socket.socket(socket.AF_UNIX); keep.bind(d + '/s'); keep.listen()", "socket-bound"
    ),
    (
      "s = socket.socket(socket.AF_UNIX); s.bind(d + '/s.tmp'); s.listen(); os.rename(d + '/s.tmp', d + '/s')",
      "socket-bound"
    ),
    (
      "os.chdir(d); keep = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); keep.bind('s'); os.chdir('/')",
      "socket-bound"
    ),
    ("keep = os.open(d, os.O_RDONLY); fcntl.flock(keep, fcntl.LOCK_SH)", "directory-locked"),
    (
      "open(d + '/f', 'w').write('x'); m = open(d + '/f', 'r+b'); keep = mmap.mmap(m.fileno(), 1); m.close()",
      "file-open"
    ),
    (
      "t = threading.Thread(target=lambda: (unshare(0x200), os.chdir(d), time.sleep(1000))); t.start(); time.sleep(0.3)",
      "working-directory"
    ),
  ]

  private func start(_ code: String, wrapper: [String] = []) throws -> Background {
    let script = """
      import ctypes, fcntl, mmap, os, socket, sys, threading, time
      d = sys.argv[1]
      unshare = ctypes.CDLL(None).unshare
      \(code)
      print('on', flush=True)
      time.sleep(1000)
      """
    let words = wrapper + ["/usr/bin/env", "python3", "-c", script, directory]
    let process = try Background(words[0], Array(words[1...]), in: scratch)
    #expect(wait { process.output == "on\n" }, "\(process.error)")
    return process
  }

  private func makeDirectory() {
    try? FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    _ = FileManager.default.createFile(atPath: directory + "/data", contents: Data("x".utf8))
  }

  @Test(
    "Kept and named while it lasts; gone without the backstop once it is over",
    arguments: uses.indices)
  func use(index: Int) throws {
    guard isRoot else { return skip("other processes are seen by root") }
    makeDirectory()
    let user = try start(Self.uses[index].code)
    let watcher = try Watcher(
      [root], grace: "300ms", in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    let later = makeLater()
    #expect(wait(seconds: 60) { !exists(later) }, "\(watcher.background.error)")
    #expect(exists(directory + "/data"))
    let explained = explainAtRest(directory, Self.uses[index].reason)
    #expect(explained?.reason == Self.uses[index].reason, "\(explained)")
    if !["directory-locked", "file-open"].contains(Self.uses[index].reason) {
      let evidence = explained?.evidence
      let told = evidence?["processes"]?.text ?? ""
      #expect(told.contains("pid \(user.pid) ("), "\(told)")
    }
    user.killHard()
    #expect(wait(seconds: 60) { !exists(directory) }, "\(watcher.background.error)")
    #expect(wait { watcher.audit(of: directory, action: .reaped).count == 1 })
  }

  /// What explain says when it gives this reason, or in the end: while reapd looks at a directory, it has
  /// it locked, and explain tells of that.
  private func explainAtRest(_ directory: String, _ reason: String) -> Finding? {
    var explained: Finding?
    wait {
      explained = explain(directory, grace: "300ms")
      return explained?.reason == reason
    }
    return explained
  }

  /// An orphan without a lock file that is as old as the other one.
  private func makeLater() -> String {
    let path = root + "/spill_1_2"
    mkdir(path, 0o755)
    return path
  }

  @Test("Something mounted in it in another mount namespace keeps it")
  func mount() throws {
    guard isRoot else { return skip("mounts need root") }
    makeDirectory()
    let user = try start(
      "os.mkdir(d + '/m'); os.system('mount -t tmpfs none ' + d + '/m')",
      wrapper: ["/usr/bin/unshare", "-m"])
    waitQuiet()
    #expect(explainAtRest(directory, "mount-inside")?.reason == "mount-inside")
    let sweep = run(
      reapdBinary, ["sweep", "--grace", "300ms", "--audit-log", scratch.path + "/a", root])
    #expect(sweep.status == 0 && exists(directory + "/data"), "\(sweep)")
    user.killHard()
    #expect(
      wait(seconds: 60) {
        explain(directory, grace: "300ms")?.reason == "lock-missing"
      })
  }

  @Test("A lock on the directory itself outlasts a lock file that is free")
  func directoryLock() throws {
    makeDirectory()
    let user = try start("keep = os.open(d, os.O_RDONLY); fcntl.flock(keep, fcntl.LOCK_EX)")
    _ = FileManager.default.createFile(atPath: directory + "/.lock", contents: nil)
    let watcher = try Watcher([root], grace: "300ms", in: scratch)
    watcher.catchUp(in: root)
    #expect(explain(directory, grace: "300ms")?.reason == "directory-locked")
    user.killHard()
    #expect(wait(seconds: 60) { !exists(directory) }, "\(watcher.background.error)")
  }

  @Test(
    "A free lock file that holds the number of a living process proves nothing until that ends",
    arguments: ["%d\n", "{\"pid\": %d}", "host %d"])
  func number(form: String) throws {
    makeDirectory()
    let user = try start("")
    let text = form.replacingOccurrences(of: "%d", with: "\(user.pid)")
    _ = FileManager.default.createFile(atPath: directory + "/.lock", contents: Data(text.utf8))
    let watcher = try Watcher(
      [root], grace: "300ms", in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    watcher.catchUp(in: root)
    #expect(explainAtRest(directory, "lock-names-process")?.reason == "lock-names-process")
    user.killHard()
    #expect(wait(seconds: 60) { !exists(directory) }, "\(watcher.background.error)")
  }

  @Test("An owner that wrote its number into the file that it locks is dead once that is free")
  func ownNumber() throws {
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    let watcher = try Watcher(
      [root], grace: "300ms", in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    for round in 1...20 {
      // Memory and threads take a while to go, and the number stands until they are gone.
      let user = try start(
        """
        for _ in range(8): threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        much = bytearray(80_000_000)
        os.mkdir(d)
        keep = open(d + '/.lock', 'w'); fcntl.flock(keep, fcntl.LOCK_EX)
        print('PID:', os.getpid(), file=keep, flush=True)
        """)
      watcher.catchUp(in: root)
      user.killHard()
      #expect(wait(seconds: 60) { !exists(directory) }, "\(watcher.background.error)")
      #expect(watcher.audit(of: directory, action: .refused).isEmpty, "round \(round)")
    }
  }

  @Test("A number of a process that began after the lock file was written says nothing")
  func laterProcess() throws {
    makeDirectory()
    let user = try start("")
    let lock = directory + "/.lock"
    _ = FileManager.default.createFile(atPath: lock, contents: Data("\(user.pid)".utf8))
    #expect(shell("touch -d '1 hour ago' '\(lock)'").status == 0)
    let watcher = try Watcher([root], grace: "300ms", in: scratch)
    #expect(wait(seconds: 60) { !exists(directory) }, "\(watcher.background.error)")
  }

  @Test("Two lock files that are one inode do not keep each other, nor does another reapd")
  func hardLinks() throws {
    makeDirectory()
    let user = try start("keep = open(d + '/.lock', 'w'); fcntl.flock(keep, fcntl.LOCK_EX)")
    #expect(shell("cp -al '\(directory)' '\(root)/spill_1_2'").status == 0)
    let watcher = try Watcher(
      [root], grace: "300ms", in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    let dry = try Background(
      reapdBinary,
      ["watch", "-n", "--grace", "300ms", "--audit-log", scratch.path + "/dry", root], in: scratch)
    #expect(wait { dry.error.contains("watching ") }, "\(dry.error)")
    waitQuiet()
    #expect(names(in: root).count == 2)
    user.killHard()
    #expect(wait(seconds: 60) { names(in: root).isEmpty }, "\(watcher.background.error)")
  }

  @Test("Whoever holds a file is named though its first thread has ended")
  func firstThread() throws {
    makeDirectory()
    let code = """
      keep = open(d + '/data')
      def work(): print('on', flush=True); time.sleep(1000)
      threading.Thread(target=work).start()
      ctypes.CDLL(None).pthread_exit(None)
      """
    let user = try start(code)
    #expect(
      wait(seconds: 60) { explain(directory, grace: "300ms")?.reason == "file-open" })
    let open = explain(directory, grace: "300ms")?.openBy ?? []
    #expect(open.contains { $0.pid == Int(user.pid) }, "\(open)")
  }

  @Test("Root without CAP_LEASE or CAP_SYS_PTRACE keeps what needs them, and names it once")
  func capabilities() throws {
    guard isRoot else { return skip("capabilities are dropped by root") }
    makeDirectory()
    for number in 2...4 {
      let other = makeOrphan(root + "/spill_1_\(number)")
      #expect(shell("chown -R 12345 '\(other)'").status == 0)
    }
    let rule = scratch.path + "/rule.yaml"
    let text =
      "rules: [{name: a, kind: spill, root: \(root), grace: 300ms, owner: [0, 12345]}]\n"
    _ = FileManager.default.createFile(atPath: rule, contents: Data(text.utf8))
    waitQuiet()
    func sweep(without capability: String) -> String {
      run(
        "/usr/bin/setpriv",
        [
          "--bounding-set", "-" + capability, "--inh-caps", "-" + capability, reapdBinary, "sweep",
          "--config", rule, "--audit-log", scratch.path + "/a",
        ]
      ).error
    }
    // Of the others the lock file proves death, but not that nobody is about to lock it.
    let unleased = sweep(without: "lease")
    #expect(names(in: root) == ["spill_1_2", "spill_1_3", "spill_1_4"], "\(unleased)")
    #expect(unleased.components(separatedBy: "CAP_LEASE").count == 2, "\(unleased)")
    makeDirectory()
    waitQuiet()
    let blind = sweep(without: "sys_ptrace")
    #expect(names(in: root) == ["spill_1_1"], "\(blind)")
    #expect(blind.components(separatedBy: "CAP_SYS_PTRACE").count == 2, "\(blind)")
  }
}
