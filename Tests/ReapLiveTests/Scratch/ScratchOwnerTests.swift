// Owners of every way at once: killed by a hundred, for want of memory, and where reapd cannot see
// them.

import Foundation
import Glibc
import Testing

@Suite("Owners of scratch, by every way", .serialized, .live)
struct ScratchOwnerTests {
  private let scratch = Scratch()

  private static let open = "owned_by: [{open: true}], quiet: 1s, quarantine: 0s"

  /// Ways of which only a walk through /proc or a lease tells.
  private static let uses: [ScratchWay] = [
    ("an open file", "f = open(p + '/data')"),
    (
      "a mapping alone",
      """
      f = os.open(p + '/data', os.O_RDONLY)
      libc = ctypes.CDLL(None)
      libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
      libc.mmap(None, 4096, mmap.PROT_READ, mmap.MAP_PRIVATE, f, 0)
      os.close(f)
      """
    ),
    ("a working directory", "os.chdir(p)"),
    ("a root directory", "os.chroot(p)"),
    (
      "a listening socket",
      "s = socket.socket(socket.AF_UNIX); s.bind(p + '/socket'); s.listen()"
    ),
  ].map { ScratchWay(title: $0.0, keys: open, code: ScratchWay.directory + $0.1) }

  private static let link = ScratchWay(
    title: "a number in a link",
    keys: "owned_by: [{pid: {link: SingletonLock, pattern: '{host}-{pid}'}}]",
    code: ScratchWay.directory
      + "os.symlink(socket.gethostname() + '-' + str(os.getpid()), p + '/SingletonLock')")

  /// The one whose death only a pidfd proves is made as `work-<n>-<pid>`.
  private static let name = ScratchWay(
    title: "a number in the name", keys: "owned_by: [{pid: {name: 'work-*-{pid}'}}]",
    code: "p = p + '-' + str(os.getpid())\n" + ScratchWay.directory)

  private static let pids = [link, name]
  private static let all = ScratchLockTests.ways + uses + pids
  /// A match for both forms of a name.
  private static let common = "match: 'work-*', grace: 100ms, "

  /// Owners of each way in a root of its own, and one reapd beside them.
  private struct Field {
    let roots: [String]
    let owners: [ScratchOwners]
    let watcher: Watcher

    func names(_ way: Int) -> [String] { ReapLiveTests.names(in: roots[way]).filter(isEntry) }
    private func isEntry(_ name: String) -> Bool {
      name.hasPrefix("work-") && !name.hasSuffix(".dirlock")
    }

    /// Of each way's entries, and what is in them.
    var portraits: [[String]] {
      roots.map { root in
        portrait(root).filter { $0.contains("/work-") && !$0.contains(".dirlock") }
          + ReapLiveTests.names(in: root).filter(isEntry).flatMap { portrait("\(root)/\($0)") }
      }
    }

    var left: String {
      zip(roots.indices, ScratchOwnerTests.all).filter { !names($0.0).isEmpty }
        .map { "\($0.1.title): \(names($0.0))" }.joined(separator: ", ") + watcher.background.error
    }
  }

  private func plant(
    _ ways: [ScratchWay], count: Int, extra: String = "", ownersWrapper: [String] = [],
    wrapper: [String] = []
  ) throws -> Field {
    let roots = ways.indices.map { scratch.directory("root-\($0)") }
    let config = try scratchRules(
      zip(ways, roots).map { (Self.common + $0.keys, $1) }, in: scratch)
    let watcher = try watchScratch(
      config: config, roots: ways.count, in: scratch, wrapper: wrapper)
    let owners = try zip(ways, roots).map {
      try ScratchOwners(
        extra + $0.code, count: count, at: $1 + "/work-", in: scratch, wrapper: ownersWrapper)
    }
    return Field(roots: roots, owners: owners, watcher: watcher)
  }

  /// Waits until each root's rule has taken an orphan that was made only now.
  private func catchUp(_ field: Field, _ ways: [ScratchWay]) {
    for (way, root) in zip(ways, field.roots) where way.keys.contains("open:") {
      let later = root + "/work-later"
      mkdir(later, 0o777)
      #expect(wait(seconds: 60) { !exists(later) }, "\(way.title): \(field.watcher.audit)")
    }
  }

  @Test(
    "A hundred owners of each way are killed at once, and ten beside them live on",
    arguments: [uses, [link]])
  func kills(ways: [ScratchWay]) throws {
    guard isRoot else { return skip("every process must be seen") }
    let field = try plant(ways, count: 110)
    field.watcher.seesProcesses(110 * ways.count { $0.keys.contains("pid:") })
    catchUp(field, ways)
    #expect(ways.indices.allSatisfy { field.names($0).count == 110 }, "\(field.watcher.audit)")
    let living = zip(field.roots, field.owners).map { root, owners in
      (0..<10).map { way in
        let plain = "\(root)/work-\(way)"
        return exists(plain) ? plain : "\(plain)-\(owners.pids[way])"
      }
    }
    let before = living.map { $0.flatMap(portrait) }
    #expect(before.joined().allSatisfy { !$0.hasSuffix("gone") })
    let begun = Date()
    for pid in field.owners.flatMap({ $0.pids[10...] }).shuffled() { kill(pid, SIGKILL) }
    #expect(
      wait(seconds: 60) { ways.indices.allSatisfy { field.names($0).count == 10 } },
      "\(field.left)")
    print("\(ways.count) ways: 100 each killed and gone in \(Date().timeIntervalSince(begun)) s")
    catchUp(field, ways)
    #expect(living.map { $0.flatMap(portrait) } == before)
    for owners in field.owners { owners.killAll() }
    #expect(
      wait(seconds: 60) { ways.indices.allSatisfy { field.names($0).isEmpty } }, "\(field.left)")
    #expect(field.watcher.audit.allSatisfy { $0.action == .reaped }, "\(field.watcher.audit)")
  }

  @Test("What the kernel kills for want of memory is gone, by every way, and the others stay")
  func outOfMemory() throws {
    guard let group = MemoryGroup(megabytes: 96) else {
      return skip("no memory cgroup can be made here")
    }
    let eat = """
      group = open('\(group.path)/cgroup.procs', 'w')
      def eat(*_):
          group.write('0'); group.flush()
          held = []
          while True: held.append(b'x' * (1 << 20))
      signal.signal(signal.SIGUSR1, eat)

      """
    let field = try plant(Self.all, count: 3, extra: eat)
    field.watcher.seesProcesses(3 * Self.pids.count)
    catchUp(field, Self.all)
    for owners in field.owners { for pid in owners.pids[..<2] { kill(pid, SIGUSR1) } }
    #expect(
      wait(seconds: 60) { field.roots.indices.allSatisfy { field.names($0).count == 1 } },
      "\(field.left)")
    #expect(group.kills == 2 * Self.all.count)
    print("out of memory: \(group.kills) killed")
    let before = field.portraits
    catchUp(field, Self.all)
    #expect(field.portraits == before && before.allSatisfy { $0.count > 1 }, "\(field.left)")
    for owners in field.owners { owners.killAll() }
    #expect(wait(seconds: 60) { field.portraits.joined().isEmpty }, "\(field.left)")
  }

  @Test("Owners in a PID namespace of their own keep theirs, and what can be proved goes with them")
  func hiddenOwners() throws {
    guard isRoot else { return skip("a PID namespace is needed") }
    let field = try plant(
      Self.all, count: 5,
      ownersWrapper: ["/usr/bin/unshare", "--pid", "--fork", "--kill-child", "--mount-proc"])
    catchUp(field, Self.all)
    let before = field.portraits
    #expect(before.allSatisfy { $0.count >= 5 }, "\(field.left) \(field.watcher.audit)")
    letPass(1, "their numbers are looked at")
    #expect(field.portraits == before)
    for owners in field.owners { owners.parent.killHard() }
    let provable = Self.all.indices.dropLast(Self.pids.count)
    #expect(wait(seconds: 60) { provable.allSatisfy { field.names($0).isEmpty } }, "\(field.left)")
    // The end of a process that was never seen proves nothing.
    let numbers = Self.all.indices.suffix(Self.pids.count)
    #expect(numbers.allSatisfy { field.names($0).count == 5 }, "\(field.watcher.audit)")
  }

  @Test(
    "A reapd that does not see the owners takes nothing of theirs",
    arguments: [true, false])
  func hiddenFromReapd(ownProc: Bool) throws {
    guard isRoot else { return skip("a PID namespace is needed") }
    // Only /proc tells of a directory in use: the rule is about processes that it shows.
    let unseen = ["a working directory", "a root directory"]
    let ways = Self.all.filter { !ownProc || !unseen.contains($0.title) }
    let field = try plant(
      ways, count: 5,
      wrapper: ["/usr/bin/unshare", "--pid", "--fork", "--kill-child"]
        + (ownProc ? ["--mount-proc"] : []))
    let locks = Array(ScratchLockTests.ways.indices)
    letPass(2.5, "grace, quiet and some looks")
    let before = field.portraits
    #expect(before.allSatisfy { $0.count >= 5 }, "\(field.left) \(field.watcher.audit)")
    for owners in field.owners { for pid in owners.pids[1...] { kill(pid, SIGKILL) } }
    #expect(wait(seconds: 60) { locks.allSatisfy { field.names($0).count == 1 } }, "\(field.left)")
    let living = field.owners.indices.map { way in
      let pid = field.owners[way].pids[0]
      return field.names(way).contains { $0 == "work-0" || $0 == "work-0-\(pid)" }
    }
    #expect(living.allSatisfy { $0 }, "\(living) \(field.watcher.audit)")
    for owners in field.owners { owners.killAll() }
  }
}
