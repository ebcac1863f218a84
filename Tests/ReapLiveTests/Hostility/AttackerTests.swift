// Somebody with a shell in the watched directory who swaps things as fast as the kernel lets them,
// while reapd runs as root: nothing outside and nothing live is touched, and nothing piles up.

import Foundation
import Glibc
import Testing

/// What an attack does; each is a mode of the program below.
private enum Attack: String, CaseIterable {
  /// Exchanges directories, links, files and a live directory with each other.
  case names
  /// Exchanges lock files with links, directories and other files, and holds some locks.
  case locks
  /// Plants claimed names as directories, locked directories, links and files.
  case claims
}

/// `attack.py MODE ROOT CANARY COUNT`; prints "stopped" and ends. Its locks end with it.
private let attackProgram = """
  import ctypes, fcntl, itertools, os, sys
  mode, root, canary, count = sys.argv[1], sys.argv[2].encode(), sys.argv[3].encode(), int(sys.argv[4])
  os.chdir(root)
  libc = ctypes.CDLL(None)
  def swap(a, b):  # renameat2 with RENAME_EXCHANGE
      return libc.renameat2(-100, a, -100, b, 2) == 0
  held = []
  def directory(name, lock=True, hold=False):
      try:
          os.mkdir(name)
      except OSError:
          return
      try:
          if lock:
              file = os.open(name + b"/.lock", os.O_WRONLY | os.O_CREAT)
              if hold:
                  fcntl.flock(file, fcntl.LOCK_EX)
                  held.append(file)
              else:
                  os.close(file)
          os.symlink(canary, name + b"/inside")
      except OSError:
          pass  # reaped meanwhile
  def link(name):
      try:
          os.symlink(canary, name)
      except OSError:
          pass
  def file(name):
      try:
          os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW))
      except OSError:
          pass
  swaps = 0
  if mode == "names":
      names = [b"spill_1_a", b"spill_1_b", b"spill_1_link", b"spill_1_file", b"spill_1_live", b"spill_1_held"]
      directory(b"spill_1_held", hold=True)
      pairs = itertools.cycle(list(itertools.combinations(names, 2)))
      while swaps < count:
          directory(b"spill_1_a")
          directory(b"spill_1_b", lock=False)
          link(b"spill_1_link")
          file(b"spill_1_file")
          for _ in range(40):
              swaps += swap(*next(pairs))
  elif mode == "locks":
      while swaps < count:
          for number in range(8):
              name = b"spill_1_%d" % number
              directory(name, hold=number == 0 and not held)
              link(name + b"/link")
              file(name + b"/other")
              try:
                  os.mkdir(name + b"/dir")
              except OSError:
                  pass
              others = (b"/link", b"/other", b"/dir", b"/link", b"/other") if number < 4 else (b"/other",) * 5
              for other in others * 20:
                  swaps += swap(name + b"/.lock", name + other)
              if number % 4 < 3:
                  swaps += swap(name + b"/.lock", b"spill_1_%d/.lock" % (number + 1))
      # A link in place of a lock file is refused for good: in the end each one is a file again. The
      # second four had files in all places, and are dead without another event.
      for name in [b"spill_1_%d" % n for n in range(4)]:
          try:
              os.mkdir(name + b"/away")
              os.rename(name + b"/.lock", name + b"/away/lock")
              file(name + b"/.lock")
              os.rename(name, b"spill_2_" + name)
          except OSError:
              pass
  else:
      for number in range(count):
          name = b".reapd.%019d.spill_1_%d" % (1795000000000000000 + number, number)
          (lambda n: directory(n), lambda n: directory(n, hold=len(held) < 300), link, file)[number % 4](name)
          link(b"spill_2_%d" % number)
          swaps += 2
  print("stopped", swaps, flush=True)
  """

@Suite("An attacker", .serialized, .live)
struct AttackerTests {
  private func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  private func inode(_ path: String) -> UInt64 {
    var status = stat()
    return lstat(path, &status) == 0 ? UInt64(status.st_ino) : 0
  }

  @Test(
    "nothing outside and nothing live is touched, the orphans are gone, and nothing is left running",
    arguments: Attack.allCases)
  fileprivate func attack(_ attack: Attack) throws {
    let scratch = Scratch()
    let root = scratch.directory("a/root")
    let canary = scratch.directory("canary")
    makeOrphan(canary, files: 3)
    makeOrphan(canary + "/spill_1_below")
    let before = portrait(canary) + portrait(canary + "/spill_1_below")
    let owner = try startWriter(
      root, ["--name", "spill_1_live", "--stop-at", "chunks"], in: scratch)
    #expect(wait { owner.output.contains("chunk spill_1_live 2") })
    let watcher = try Watcher(
      [root], grace: "1ms", in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    let pid = watcher.background.pid
    #expect(wait { watcher.holds(root + "/spill_1_live") })
    watcher.catchUp(in: root)
    let live = inode(root + "/spill_1_live")
    #expect(comesToRest(pid), "it does not come to rest")
    let openBefore = openFiles(of: pid).count

    let count = attack == .claims ? 6000 : 100_000
    let attacker = try Background(
      "/usr/bin/python3", ["-c", attackProgram, attack.rawValue, root, canary, "\(count)"],
      in: scratch)
    var peak = 0
    #expect(
      wait(seconds: 120) {
        peak = max(peak, statusNumber("VmRSS", of: pid))
        return attacker.output.contains("stopped")
      }, "\(attacker.error)")
    #expect(attacker.exitStatus() == 0, "\(attacker.error)")

    func directories() -> [String] { names(in: root).filter { isDirectory("\(root)/\($0)") } }
    #expect(
      wait(seconds: 60) { directories().count == 1 },
      "\(directories().prefix(9)) \(watcher.background.error.suffix(2000))")
    #expect(owner.isRunning)
    #expect(portrait(canary) + portrait(canary + "/spill_1_below") == before)

    // It comes to rest, with no more open than before.
    #expect(comesToRest(pid), "it does not come to rest")
    #expect(openFiles(of: pid).count == openBefore, "\(openFiles(of: pid))")
    // Wherever its name was swapped to, it is whole; until the rest it may be on its way back.
    let there = directories().first ?? ""
    #expect(inode("\(root)/\(there)") == live && names(in: "\(root)/\(there)").count == 4)
    print(
      "attack \(attack): \(attacker.output.dropLast()), peak \(peak) KiB, now \(statusNumber("VmRSS", of: pid)) KiB"
    )
    #expect(peak < 48 * 1024)

    // It still works, and the live one goes when its owner dies.
    watcher.catchUp(in: root)
    owner.killHard()
    #expect(wait { directories().isEmpty }, "\(watcher.background.error.suffix(2000))")
    let (status, summary) = watcher.stop()
    #expect(status == 0)
    #expect(summary?.backstopNeeded == 0)

    expectTold(attack, watcher, summary)
  }

  /// What was refused or put back is told one by one up to a thousand a minute; each removal is.
  private func expectTold(_ attack: Attack, _ watcher: Watcher, _ summary: Summary?) {
    let lines = Dictionary(grouping: watcher.audit, by: \.action)
    func of(_ action: AuditEntry.Action) -> Int { lines[action]?.count ?? 0 }
    #expect(of(.reaped) == summary?.reaped)
    let untold = (lines[.refused] ?? []).filter { $0.reason == "refusals-not-told" }
      .compactMap { $0.evidence["count"]?.int }
    let told = of(.refused) - untold.count + of(.restored) + of(.failed)
    #expect(told <= 1000 * (untold.count + 1), "\(told) \(untold)")
    let all = summary.map { $0.refused + $0.restored + $0.failed } ?? -1
    #expect(told + untold.reduce(0, +) == all)
    if attack == .claims { #expect(!untold.isEmpty && all > 6000) }
  }
}
