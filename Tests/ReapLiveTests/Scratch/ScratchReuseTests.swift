// Numbers of dead owners that are used again by others, in a PID namespace whose next number can be
// chosen.

import Foundation
import Glibc
import Testing

@Suite("Scratch whose owner's number is used again", .serialized, .live)
struct ScratchReuseTests {
  private let scratch = Scratch()
  private var root: String { scratch.path + "/root" }

  private static let keys =
    "match: 'work-+([0-9])-+([0-9])', grace: 100ms, owned_by: [{pid: {name: 'work-*-{pid}'}}]"
  private static let code = "os.mkdir(p + '-' + str(os.getpid()))"

  /// Forks processes of the numbers that it is given; each does what the code says with its number
  /// `n`, and lives on.
  private static let again = """
    import os, signal, sys, time
    def born(n):
        while True:
            with open('/proc/sys/kernel/ns_last_pid', 'w') as last: last.write(str(n - 1))
            r, w = os.pipe()
            pid = os.fork()
            if pid == 0:
                if os.getpid() != n: os._exit(0)
                exec(sys.argv[1])
                os.write(w, b'x')
                time.sleep(1000)
            os.close(w)
            done = os.read(r, 1)
            os.close(r)
            if done: return
            os.waitpid(pid, 0)
    for word in sys.argv[2:]: born(int(word))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print('ready', flush=True)
    time.sleep(1000)
    """

  /// A PID namespace that lasts, with a mount namespace of its own for /proc.
  private final class Space {
    let first: Background
    private let outer: pid_t

    init(in scratch: Scratch) throws {
      first = try Background(
        "/usr/bin/unshare",
        [
          "--pid", "--fork", "--kill-child", "--mount-proc", "/bin/sh", "-c", "echo on; sleep 1000",
        ],
        in: scratch)
      let (first, pid) = (first, first.pid)
      #expect(wait { first.output == "on\n" }, "\(first.error)")
      outer =
        processText(pid, "task/\(pid)/children").split(separator: " ").first
        .flatMap { pid_t($0) } ?? 0
    }

    /// What runs a program in it.
    var entry: [String] { ["/usr/bin/nsenter", "-t", "\(outer)", "-p", "-m"] }

    func kill(_ pids: [pid_t]) {
      let words = entry + ["/bin/sh", "-c", #"kill -9 "$@""#, "sh"] + pids.map { "\($0)" }
      #expect(run(words[0], Array(words[1...])).status == 0)
    }
  }

  /// Processes of the given numbers, in a namespace or in this one.
  private func born(_ pids: [pid_t], _ code: String, through wrapper: [String] = []) throws
    -> Background
  {
    let words =
      wrapper + ["/usr/bin/env", "python3", "-c", Self.again, code] + pids.map { "\($0)" }
    let parent = try Background(words[0], Array(words[1...]), in: scratch)
    #expect(wait(seconds: 60) { parent.output == "ready\n" }, "\(parent.error)")
    return parent
  }

  private var canChoose: Bool {
    isRoot && FileManager.default.isWritableFile(atPath: "/proc/sys/kernel/ns_last_pid")
  }

  /// The reapd that a wrapper runs.
  private func inner(_ watcher: Watcher) -> pid_t {
    var pid = watcher.background.pid
    while let child = pid_t(
      processText(pid, "task/\(pid)/children").split(separator: " ").first ?? "")
    { pid = child }
    return pid
  }

  @Test(
    "A hundred numbers are used again before reapd looks: the dead ones' go, the later ones' stay")
  func seen() throws {
    guard canChoose else { return skip("the next process's number cannot be chosen") }
    _ = scratch.directory("root")
    let space = try Space(in: scratch)
    let config = try scratchRule(Self.keys + ", trust_pids: true", root: root, in: scratch)
    let watcher = try watchScratch(config: config, roots: 1, in: scratch, wrapper: space.entry)
    let reapd = inner(watcher)
    let owners = try ScratchOwners(
      Self.code, count: 100, at: root + "/work-", in: scratch, wrapper: space.entry)
    #expect(
      wait(seconds: 60) { watchedProcesses(of: reapd).isSuperset(of: owners.pids) },
      "\(watcher.background.error)")
    #expect(names(in: root).count == 100, "\(watcher.audit)")
    kill(reapd, SIGSTOP)
    space.kill(owners.pids)
    let later = try born(
      owners.pids, "os.mkdir('\(root)/work-9999-' + str(n))", through: space.entry)
    kill(reapd, SIGCONT)
    #expect(
      wait(seconds: 60) { names(in: root).allSatisfy { $0.hasPrefix("work-9999-") } },
      "\(names(in: root).prefix(3)) \(watcher.background.error)")
    #expect(
      wait(seconds: 60) { watchedProcesses(of: reapd).isSuperset(of: owners.pids) },
      "\(watcher.background.error)")
    #expect(names(in: root).count == 100, "\(watcher.audit.suffix(3))")
    space.kill(owners.pids)
    #expect(wait(seconds: 60) { names(in: root).isEmpty }, "\(watcher.background.error)")
    #expect(wait { watcher.audit.count { $0.reason == "owner-dead" } == 200 })
    for process in [later, owners.parent, watcher.background, space.first] { process.killHard() }
  }

  @Test("A number that was used again unseen keeps nothing that a lock proves dead")
  func unseen() throws {
    guard canChoose else { return skip("the next process's number cannot be chosen") }
    _ = scratch.directory("root")
    let space = try Space(in: scratch)
    let owners = try ScratchOwners(
      Self.code + "; open(p + '-' + str(os.getpid()) + '/lock', 'w')", count: 20,
      at: root + "/work-", in: scratch, wrapper: space.entry)
    space.kill(owners.pids)
    letPass(3, "more than btime is wrong by")
    let later = try born(owners.pids, "pass", through: space.entry)
    // Pids that are trusted, and nothing else: another process has the number. Nothing is proved until
    // that has ended too.
    let trusting = try watchScratch(
      config: scratchRules([(Self.keys + ", trust_pids: true", root)], backstop: "1s", in: scratch),
      roots: 1, in: scratch, wrapper: space.entry)
    letPass(1, "all are looked at")
    #expect(names(in: root).count == 20, "\(trusting.audit)")
    space.kill(Array(owners.pids[..<10]))
    #expect(wait(seconds: 60) { names(in: root).count == 10 }, "\(trusting.background.error)")
    let numbers = Set(owners.pids[10...])
    #expect(
      names(in: root).allSatisfy { numbers.contains(pid_t($0.split(separator: "-")[2]) ?? 0) })
    kill(inner(trusting), SIGKILL)
    #expect(trusting.background.exitStatus() != nil)
    // A lock tells more than a number.
    let locked = Self.keys.replacingOccurrences(
      of: "owned_by: [", with: "owned_by: [{lock: lock}, ")
    let config = try scratchRule(locked, root: root, in: scratch)
    let words =
      space.entry + [reapdBinary, "sweep", "--config", config]
      + ["--audit-log", scratch.path + "/a.jsonl"]
    let swept = run(words[0], Array(words[1...]))
    #expect(names(in: root).isEmpty, "\(swept)")
    for process in [later, owners.parent, space.first] { process.killHard() }
  }

  @Test("The end of another process of the owner's number, in a namespace outside, proves nothing")
  func outside() throws {
    guard canChoose else { return skip("the next process's number cannot be chosen") }
    _ = scratch.directory("root")
    let space = try Space(in: scratch)
    let watcher = try watchScratch(
      config: scratchRules([(Self.keys, root)], backstop: "1s", in: scratch), roots: 1, in: scratch)
    let others = try (0..<20).map { _ in try Background("/bin/sleep", ["1000"], in: scratch) }
    let owners = try born(
      others.map(\.pid), "os.mkdir('\(root)/work-1-' + str(n))", through: space.entry)
    watcher.seesProcesses(20)
    for other in others { other.killHard() }
    letPass(3, "they are looked at again")
    #expect(names(in: root).count == 20, "\(watcher.audit)")
    space.kill(others.map(\.pid))
    #expect(wait(seconds: 60) { names(in: root).isEmpty }, "\(watcher.background.error)")
    for process in [owners, space.first] { process.killHard() }
  }
}
