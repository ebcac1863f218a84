// Roots that reapd must not take on, and with which exit status it says so.

import Foundation
import Glibc
import Testing

@Suite("Refused roots", .serialized, .live)
struct RootRefusalTests {
  @Test(
    "Directories of the system, homes and shallow ones are refused",
    arguments: [
      "/", "/home", "/usr", "/usr/lib", "/var/tmp", "/proc/sys/kernel", "/reapd-shallow", "HOME",
    ])
  func refused(_ given: String) throws {
    let scratch = Scratch()
    let home = scratch.directory("home/me")
    let root = given == "HOME" ? home : given
    let config = put("rules:\n  - {name: r, kind: spill, root: \(root)}\n", in: scratch)
    for command in ["watch", "sweep"] {
      let byHand = try reapd([command, root], home: home, in: scratch)
      #expect(byHand.status == 64, "\(command) \(root): \(byHand.error)")
      #expect(byHand.error.contains(given == "/" ? "'/'" : "\(root) is refused"), "\(byHand.error)")
      let byFile = try reapd([command, "--config", config], home: home, in: scratch)
      #expect(byFile.status == 78, "\(command) --config, \(root): \(byFile.error)")
    }
    let checked = try checkConfig(config, home: home, in: scratch)
    #expect(checked.status == 78, "\(checked)")
    #expect(checked.error.contains("\(config):2: "), "\(checked)")
    #expect(checked.error.contains(given == "/" ? "'/'" : "\(root) is refused"), "\(checked)")
  }

  @Test("check-config takes what a start takes: a root that is to come, and what is switched off")
  func checked() throws {
    let scratch = Scratch()
    for (good, line) in [
      (true, "root: \(scratch.path)/later"), (true, "root: /usr, enabled: false"),
      (false, "root: \(put("a file", in: scratch, named: "file"))"),
    ] {
      let config = put("rules:\n  - {name: r, kind: spill, \(line)}\n", in: scratch)
      let result = try checkConfig(config, in: scratch)
      #expect(result.status == (good ? 0 : 78), "\(line): \(result)")
      #expect(good || result.error.contains("\(config):2: root "), "\(line): \(result)")
    }
    let off = put("enabled: false\nrules:\n  - {kind: spill, root: /usr}\n", in: scratch)
    #expect(try checkConfig(off, in: scratch).status == 0)
    // It stays, or whoever supervises it would start it again and again.
    let watcher = try Background(reapdBinary, ["watch", "--config", off], in: scratch)
    #expect(wait { watcher.error.contains("nothing is removed") }, "\(watcher.error)")
    watcher.signal(SIGTERM)
    #expect(watcher.exitStatus() == 0)
  }

  @Test("A link to a refused root is refused as what it leads to")
  func linkToRefused() throws {
    let scratch = Scratch()
    symlink("/usr", scratch.path + "/link")
    let result = try reapd(["watch", scratch.path + "/link"], in: scratch)
    #expect(result.status == 64)
    #expect(result.error.contains("root /usr is refused"), "\(result.error)")
  }

  @Test("allow_shallow takes on a shallow root, and nothing else")
  func allowShallow() throws {
    let scratch = Scratch()
    guard isRoot else { return skip("a directory beside the system's needs root") }
    let shallow = "/reapd-test-\(getpid())"
    #expect(mkdir(shallow, 0o755) == 0)
    defer { run("/bin/rm", ["-rf", shallow]) }
    #expect(mkdir(shallow + "/spill_1_1", 0o755) == 0)
    close(open(shallow + "/spill_1_1/.lock", O_CREAT | O_WRONLY, 0o644))
    func sweep(_ root: String, _ line: String) throws -> (status: Int32?, error: String) {
      let text = "rules:\n  - {name: r, kind: spill, grace: 1ms, root: \(root)\(line)}\n"
      return try reapd(["sweep", "--config", put(text, in: scratch)], in: scratch)
    }
    #expect(try sweep(shallow, "").status == 78)
    #expect(exists(shallow + "/spill_1_1"))
    #expect(try sweep(shallow, ", allow_shallow: true").status == 0)
    #expect(!exists(shallow + "/spill_1_1"))
    #expect(try sweep("/usr", ", allow_shallow: true").status == 78)
  }

  @Test(
    "A root inside a layer of a mounted overlay is refused", arguments: ["upper", "lower", "work"])
  func overlayLayer(_ layer: String) throws {
    let scratch = Scratch()
    guard let image = try overlayLayers(["upper/root", "lower/root"], in: scratch) else { return }
    guard let merged = mountOverlay(image.path) else { return skip("no overlay here") }
    defer { umount2(merged, Int32(MNT_DETACH)) }
    // In the overlay an owner lives whose lock is not to be seen in the layer.
    let writer = try startWriter(
      merged + "/root", ["--name", "spill_1_live", "--stop-at", "chunks"], in: scratch)
    #expect(wait { writer.output.contains("chunk spill_1_live 2") })
    let root = "\(image.path)/\(layer)/root"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    for command in ["watch", "sweep"] {
      let result = try reapd([command, "--grace", "1ms", root], in: scratch)
      #expect(result.status == 64, "\(result.error)")
      #expect(result.error.contains("overlay"), "\(result.error)")
    }
    let config = put("rules:\n  - {name: r, kind: spill, root: \(root)}\n", in: scratch)
    let checked = try checkConfig(config, in: scratch)
    #expect(checked.status == 78 && checked.error.contains("overlay"), "\(checked)")
    #expect(names(in: merged + "/root/spill_1_live").count == 4)
    // Through the overlay it is watched as anything else.
    writer.killHard()
    #expect(try reapd(["sweep", "--grace", "1ms", merged + "/root"], in: scratch).status == 0)
    #expect(!exists(merged + "/root/spill_1_live"))
  }

  @Test("An overlay mounted over a root that is watched already ends its watching")
  func overlayLater() throws {
    let scratch = Scratch()
    guard let image = try overlayLayers(["upper/root", "lower"], in: scratch) else { return }
    let watcher = try Watcher([image.path + "/upper/root"], in: scratch)
    guard let merged = mountOverlay(image.path) else { return skip("no overlay here") }
    defer { umount2(merged, Int32(MNT_DETACH)) }
    let writer = try startWriter(
      merged + "/root", ["--name", "spill_1_live", "--stop-at", "chunks"], in: scratch)
    #expect(wait { writer.output.contains("chunk spill_1_live 2") })
    #expect(!wait(seconds: 3) { !exists(merged + "/root/spill_1_live/.lock") }, "live data is lost")
    #expect(watcher.audit(of: image.path + "/upper/root/spill_1_live", action: .reaped).isEmpty)
  }

  @Test(
    "A writer through an overlay that only another mount namespace has is seen by its open file")
  func overlayElsewhere() throws {
    let scratch = Scratch()
    guard let image = try overlayLayers(["upper/root", "lower"], in: scratch) else { return }
    let root = image.path + "/upper/root"
    let watcher = try Watcher([root], in: scratch)
    let owner = try Background(
      "/usr/bin/unshare",
      [
        "--mount", "bash", "-c",
        """
        cd "$1" && mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay merged ||
          { echo none; exit; }
        mkdir merged/root/spill_1_live
        exec 9> merged/root/spill_1_live/.lock && flock -x 9 && echo held; exec sleep 1000
        """, "bash", image.path,
      ], in: scratch)
    #expect(wait { !owner.output.isEmpty })
    guard owner.output == "held\n" else { return skip("no overlay here") }
    let live = root + "/spill_1_live"
    #expect(wait { watcher.holds(live) }, "\(watcher.background.error)")
    watcher.catchUp(in: root)
    #expect(exists(live + "/.lock"), "live data is lost")
    #expect(watcher.audit(of: live, action: .reaped).isEmpty)
    owner.killHard()
    #expect(wait { !exists(live) }, "\(watcher.background.error)")
  }

  @Test("A FUSE root is refused, even one whose server does not answer")
  func fuse() throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    let point = scratch.directory("fuse/point")
    let device = open("/dev/fuse", O_RDWR | O_CLOEXEC)
    guard device >= 0 else { return skip("no /dev/fuse") }
    defer { close(device) }
    let options = "fd=\(device),rootmode=40000,user_id=0,group_id=0"
    guard mount("reapd-test", point, "fuse", 0, options) == 0 else {
      return skip("FUSE could not be mounted")
    }
    defer { umount2(point, Int32(MNT_DETACH)) }
    for command in ["watch", "sweep"] {
      let result = try reapd([command, point], in: scratch)
      #expect(result.status == 64, "\(result.error)")
      #expect(result.error.contains("it is on fuse"), "\(result.error)")
      #expect(result.error.contains("allow_remote"), "\(result.error)")
    }
  }

  @Test("Two on one root: the second ends with 75 and names the first; a dry run may look")
  func heldRoot() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let watcher = try Watcher([root], in: scratch)
    for command in ["watch", "sweep"] {
      let result = try reapd([command, root], in: scratch)
      #expect(result.status == 75)
      #expect(result.error.contains("\(watcher.background.pid)"), "\(result.error)")
    }
    #expect(try reapd(["sweep", "--dry-run", root], in: scratch).status == 0)
  }
}

// MARK: - Helpers

private func put(
  _ text: String, in scratch: Scratch, named name: String = "reapd.yaml"
) -> String {
  let path = scratch.path + "/" + name
  _ = FileManager.default.createFile(atPath: path, contents: Data(text.utf8))
  return path
}

private func checkConfig(
  _ config: String, home: String? = nil, in scratch: Scratch
) throws -> (status: Int32?, error: String) {
  let background = try Background(
    reapdBinary, ["check-config", "--config", config], in: scratch,
    environment: home.map { ["HOME": $0] } ?? [:])
  let status = background.exitStatus(within: 30)
  return (status, background.error)
}

/// Runs reapd to its end; a watch that does not end by itself gives no status.
private func reapd(
  _ arguments: [String], home: String? = nil, in scratch: Scratch
) throws -> (status: Int32?, error: String) {
  let background = try Background(
    reapdBinary, arguments + ["--audit-log", scratch.path + "/refusals.jsonl"], in: scratch,
    environment: home.map { ["HOME": $0] } ?? [:])
  let status = background.exitStatus(within: 30)
  return (status, background.error)
}
