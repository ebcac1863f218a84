// Another user with a shell, in a directory that all share: plants names of the catalogue and swaps
// them as fast as the kernel lets them, while reapd works there as root.

import Foundation
import Glibc
import Testing

/// `attack.py SHARED BAIT SECONDS`, as another user; prints what it swapped, and ends.
private let attackProgram = """
  import ctypes, itertools, os, sys, time
  shared, bait, seconds = sys.argv[1].encode(), sys.argv[2].encode(), float(sys.argv[3])
  os.setgroups([]); os.setgid(65534); os.setuid(65534); os.umask(0)
  libc = ctypes.CDLL(None)
  def swap(a, b):  # renameat2 with RENAME_EXCHANGE
      return libc.renameat2(-100, a, -100, b, 2) == 0
  def attempt(call, *words):
      try:
          return call(*words)
      except OSError:
          pass
  def file(name): attempt(lambda: open(name, 'xb').close())
  def directory(name):
      attempt(os.mkdir, name)
      attempt(os.mkdir, name + b'/sub')
      file(name + b'/sub/file')
      attempt(os.symlink, bait + b'/trial-bait', name + b'/link')
  # Whatever may lie in a place, under names that differ in the last byte: each pair can be exchanged.
  def plant(prefix, target, suffix=b''):
      names = [prefix + b'%d' % n + suffix for n in range(6)]
      directory(names[0])
      attempt(os.symlink, target, names[1])
      attempt(os.link, shared + b'/victim/file', names[2])
      file(names[3])
      attempt(os.mkfifo, names[4])
      directory(names[5])
      return list(itertools.combinations(names, 2))
  scratch = shared + b'/dask-scratch-space'
  def all():
      pairs = plant(scratch + b'/worker-swapped', bait + b'/dask/worker-baitbait')
      pairs += plant(scratch + b'/worker-swapped', bait + b'/dask/worker-baitbait.dirlock', b'.dirlock')
      pairs += plant(shared + b'/trial-', bait + b'/trial-bait')
      pairs += plant(shared + b'/trial-', bait + b'/trial-bait', b'.log')
      # Whole roots of the catalogue.
      for root, target in (b'dask-scratch-space-0', b'/dask'), (b'hsperfdata_root', b'/jdk'):
          attempt(os.mkdir, shared + b'/' + root)
          attempt(os.symlink, bait + target, shared + b'/other-' + root)
          directory(shared + b'/' + root + b'/worker-mine0000')
          file(shared + b'/' + root + b'/worker-mine0000.dirlock')
          file(shared + b'/' + root + b'/12345')
          pairs.append((shared + b'/' + root, shared + b'/other-' + root))
      for n in (0, 5):
          inside = shared + b'/trial-%d' % n
          pairs.append((inside + b'/sub', inside + b'/link'))
      return pairs
  # What goes with an orphan of the victim's, by name, before there is one.
  for n in range(400):
      name = shared + b'/trial-dead%d.log' % n
      if n % 3 == 0: os.symlink(bait + b'/log', name)
      elif n % 3 == 1: file(name)
      else: attempt(os.link, shared + b'/victim/file', name)
  swaps, rounds = 0, 0
  all()
  print('planted', flush=True)
  end = time.monotonic() + seconds
  while time.monotonic() < end:
      pairs = all()
      for _ in range(20):
          for pair in pairs: swaps += swap(*pair)
      rounds += 1
  print('stopped', swaps, 'swaps in', rounds, 'rounds', flush=True)
  """

@Suite("An attacker beside scratch", .serialized, .live)
struct ScratchAttackerTests {
  private let scratch = Scratch()

  enum Command: String, CaseIterable {
    case watch, sweep, survey
  }

  /// The shared directory, which is /tmp to reapd, with what the victim has there and elsewhere.
  private final class Place {
    let shared: String
    let bait: String
    private let scratch: Scratch
    private var locks: [Int32] = []
    private var made = 0

    init?(_ scratch: Scratch) {
      self.scratch = scratch
      guard let mount = MountedImage("tmpfs", megabytes: 64, in: scratch, options: ["mode=1777"])
      else { return nil }
      shared = mount.path
      bait = scratch.directory("bait")
      chmod(scratch.path, 0o755)
      for directory in ["dask-scratch-space", "victim", "dask-scratch-space/worker-living00"] {
        mkdir("\(shared)/\(directory)", 0o755)
      }
      chmod(shared + "/dask-scratch-space", 0o1777)
      write("victim/file", mode: 0o666)
      locks = [write("dask-scratch-space/worker-living00.dirlock")]
      flock(locks[0], LOCK_EX)
      mkdir(shared + "/trial-living", 0o755)
      locks.append(write("trial-living/file"))
      // Orphans that reapd would take, were it led to them.
      for directory in ["dask", "dask/worker-baitbait", "jdk", "trial-bait"] {
        mkdir("\(bait)/\(directory)", 0o755)
      }
      for file in ["dask/worker-baitbait.dirlock", "jdk/12345", "trial-bait/file", "log"] {
        close(open("\(bait)/\(file)", O_WRONLY | O_CREAT, 0o644))
      }
    }

    @discardableResult
    private func write(_ name: String, mode: mode_t = 0o644) -> Int32 {
      let file = open("\(shared)/\(name)", O_RDWR | O_CREAT, 0o644)
      fchmod(file, mode)
      #expect(Glibc.write(file, "victim", 6) == 6)
      return file
    }

    /// Everything that must stay as it is.
    var portraits: [String] {
      ["dask", "dask/worker-baitbait", "jdk", "trial-bait", "."].flatMap {
        portrait("\(bait)/\($0)")
      }
        + ["dask-scratch-space/worker-living00", "trial-living"].flatMap {
          portrait("\(shared)/\($0)")
        }
    }

    var isVictimWhole: Bool {
      FileManager.default.contents(atPath: shared + "/victim/file") == Data("victim".utf8)
        && names(in: shared + "/victim") == ["file"]
    }

    /// An orphan of each rule.
    func leaveOrphans() -> [String] {
      made += 1
      let worker = shared + "/dask-scratch-space/worker-\(10_000_000 + made)"
      close(open(worker + ".dirlock", O_WRONLY | O_CREAT, 0o644))
      let trial = "\(shared)/trial-dead\(made)"
      for path in [worker, trial] { mkdir(path, 0o755) }
      return [worker, trial]
    }

    /// Runs a program to which the directory is /tmp, wherever the program itself lies.
    var wrapper: [String] {
      [
        "/usr/bin/unshare", "-m", "--propagation", "private", "/usr/bin/env", "-u", "TMPDIR",
        "-u", "XDG_DATA_HOME", "-u", "HYP_HOME", "HOME=" + bait, "/bin/sh", "-c",
        #"""
        program=$1 place=$0.program; shift; : >"$place"
        mount --bind "$program" "$place" && mount --bind "$0" /tmp && mount -t tmpfs tmpfs /run &&
          exec "$place" "$@"
        """#, shared,
      ]
    }

    func end() { locks.forEach { close($0) } }
  }

  private static let trial =
    "match: 'trial-+([a-z0-9])', entries: both, owned_by: [{open: true}], quiet: 1ms, quarantine: 0s, "
    + "grace: 1ms, also: ['{name}.log']"

  @Test(
    "Nothing outside, nothing alive and nothing of another's is touched, and orphans go",
    arguments: Command.allCases, [false, true])
  func attack(command: Command, anyone: Bool) throws {
    guard isRoot else { return skip("another user is needed") }
    let place = try #require(Place(scratch))
    let before = place.portraits
    let attacker = try Background(
      "/usr/bin/env",
      ["python3", "-c", attackProgram, place.shared, place.bait, "2"], in: scratch)
    #expect(wait(seconds: 60) { attacker.output.hasPrefix("planted") }, "\(attacker.error)")
    let config = try scratchRule(
      Self.trial + (anyone ? ", owner: any" : ""), root: "/tmp", in: scratch)
    let owner = anyone ? ["--owner", "any"] : []
    let presets = ["--preset", "all", "--grace", "1ms"] + owner
    let runs =
      switch command {
      case .watch: try watch(place, config, presets, while: attacker)
      case .sweep:
        try passes([["sweep"] + presets, ["sweep", "--config", config]], place, attacker)
      case .survey: try passes([["survey", "--grace", "1ms"] + owner], place, attacker)
      }
    #expect(attacker.exitStatus() == 0, "\(attacker.error)")
    #expect(attacker.output.contains("stopped"))
    print("\(command), owner any \(anyone): \(attacker.lines.last ?? ""), \(runs) runs beside it")
    #expect(place.portraits == before)
    #expect(place.isVictimWhole)
    if !anyone {
      let own = names(in: place.shared).filter { $0.hasSuffix(".log") && $0.contains("dead") }
      // A link and an empty file of the attacker's are nobody else's to remove.
      for number in 0..<400 where number % 3 < 2 {
        #expect(own.contains("trial-dead\(number).log"))
      }
    }
    place.end()
  }

  /// A watch of the shared directory and one of the catalogue; returns how many orphans each took.
  private func watch(
    _ place: Place, _ config: String, _ presets: [String], while attacker: Background
  ) throws -> Int {
    let watchers = [
      try watchScratch(config: config, roots: 1, in: scratch, wrapper: place.wrapper),
      try Watcher(
        [], grace: nil, in: scratch, arguments: presets, waitForStart: false,
        wrapper: place.wrapper),
    ]
    defer { for watcher in watchers { watcher.background.killHard() } }
    var runs = 0
    while attacker.isRunning {
      let orphans = place.leaveOrphans()
      try #require(
        wait(seconds: 20) { !orphans.contains(where: exists) },
        "\(orphans.filter(exists)) \(watchers.map { $0.background.error.suffix(1000) })")
      runs += 1
    }
    return runs
  }

  /// Runs commands again and again; returns how often.
  private func passes(
    _ commands: [[String]], _ place: Place, _ attacker: Background
  ) throws -> Int {
    var runs = 0
    while attacker.isRunning {
      let orphans = commands[0][0] == "sweep" ? place.leaveOrphans() : []
      for command in commands {
        let audit = command[0] == "sweep" ? ["--audit-log", scratch.path + "/audit.jsonl"] : []
        let words = place.wrapper + [reapdBinary] + command + audit
        let result = run(words[0], Array(words[1...]))
        // A root that was swapped during the pass is told as failed, and is none of the others'.
        let isTold = result.error.contains("was moved or replaced")
        try #require(result.status == (isTold ? 1 : 0), "\(result)")
      }
      try #require(!orphans.contains(where: exists), "\(orphans.filter(exists))")
      runs += 1
    }
    return runs
  }

  @Test("A link in a directory that another user has made in a shared one leads nowhere")
  func strangersDirectory() throws {
    guard isRoot else { return skip("another user is needed") }
    let shared = scratch.directory("shared")
    chmod(shared, 0o1777)
    let orphan = scratch.directory("victim/spill/trial-1")
    func sweep(_ root: String) -> Int32 {
      letPass(0.1, "grace and quiet")
      guard let config = try? scratchRule(Self.trial, root: root, in: scratch) else { return -1 }
      return run(
        reapdBinary, ["sweep", "--config", config, "--audit-log", scratch.path + "/a.jsonl"]
      ).status
    }
    let (theirs, ours) = (scratch.directory("shared/theirs"), scratch.directory("shared/ours"))
    for directory in [theirs, ours] { symlink(scratch.path + "/victim", directory + "/link") }
    chown(theirs, 65534, 65534)
    #expect(sweep(theirs + "/link/spill") != 0)
    #expect(exists(orphan))
    #expect(sweep(ours + "/link/spill") == 0)
    #expect(!exists(orphan))
  }
}
