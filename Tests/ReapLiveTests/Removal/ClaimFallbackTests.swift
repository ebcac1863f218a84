// File systems on which a claim's rename does not work as elsewhere: overlays and FUSE.

import Foundation
import Glibc
import Testing

@Suite("Claims that no rename can make", .serialized, .live)
struct ClaimFallbackTests {
  /// An overlay whose lower layer was filled by a script in its root; nil where none can be mounted.
  private func overlay(_ script: String, in scratch: Scratch) -> String? {
    let base = scratch.directory("overlay")
    let prepared = shell(
      """
      set -e; cd \(base); mkdir -p lower/data/root upper work merged; cd lower/data/root; \(script)
      cd \(base); mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay merged
      """)
    return prepared.status == 0 ? base + "/merged/data/root" : nil
  }

  private func unmount(_ root: String) { umount2(root + "/../..", Int32(MNT_DETACH)) }

  @Test("In an overlay's lower layer an orphan goes in place, its lock in hand")
  func lowerLayer() throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    let script = """
      for n in 1_1 1_3; do
        mkdir -p spill_$n/part/deep; touch spill_$n/.lock spill_$n/part/{a,deep/b}
        mkdir -p spill_$n/$(printf '%s/' {1..40})x; touch spill_$n/$(printf '%s/' {1..40})file
      done
      """
    guard let root = overlay(script, in: scratch) else { return skip("no overlay here") }
    defer { unmount(root) }
    // Its owner has the lock, and copies the lock file up while reapd watches.
    let owner = try Background(
      "/bin/bash",
      ["-c", "exec 9<\(root)/spill_1_3/.lock; flock -n 9 && echo locked; exec sleep 1000"],
      in: scratch)
    #expect(wait { owner.output.contains("locked") })
    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    #expect(wait(seconds: 60) { names(in: root) == ["spill_1_3"] }, "\(watcher.background.error)")
    #expect(wait { watcher.audit(of: root + "/spill_1_1", action: .reaped).count == 1 })
    #expect(shell("echo x >> \(root)/spill_1_3/.lock").status == 0)
    watcher.catchUp(in: root)
    #expect(exists(root + "/spill_1_3/part/deep/b"))
    owner.killHard()
    #expect(wait(seconds: 60) { names(in: root).isEmpty }, "\(watcher.background.error)")
    #expect(watcher.audit.allSatisfy { $0.action == .reaped }, "\(watcher.audit)")
  }

  @Test("Without a lock that proves it dead nothing goes in place: kept, and told once")
  func cannotClaim() throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    guard let root = overlay("mkdir spill_1_0; touch spill_1_0/file", in: scratch) else {
      return skip("no overlay here")
    }
    defer { unmount(root) }
    let rule = scratch.path + "/rule.yaml"
    let text =
      "backstop: 200ms\nrules: [{name: s, kind: spill, root: \(root), grace: 200ms, "
      + "missing_lock: reap}]\n"
    _ = FileManager.default.createFile(atPath: rule, contents: Data(text.utf8))
    let watcher = try Watcher(
      [], grace: nil, in: scratch, arguments: ["--config", rule], waitForStart: false)
    #expect(wait(seconds: 60) { !watcher.audit(of: root + "/spill_1_0").isEmpty })
    #expect(!wait(seconds: 1) { watcher.audit(of: root + "/spill_1_0").count > 1 })
    let line = watcher.audit(of: root + "/spill_1_0").first
    #expect(line?.action == .refused)
    #expect(line?.reason == "cannot-claim")
    #expect(exists(root + "/spill_1_0/file"))
  }

  @Test("A name too long for a claimed one is kept as well where no lock proves anything")
  func tooLong() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let long = root + "/spill_1_" + String(repeating: "7", count: 229 - 8)
    mkdir(long, 0o755)
    mkdir(root + "/spill_1_1", 0o755)
    let rule = scratch.path + "/rule.yaml"
    let text =
      "rules: [{name: s, kind: spill, root: \(root), grace: 200ms, missing_lock: reap}]\n"
    _ = FileManager.default.createFile(atPath: rule, contents: Data(text.utf8))
    let watcher = try Watcher(
      [], grace: nil, in: scratch, arguments: ["--config", rule], waitForStart: false)
    #expect(wait(seconds: 60) { names(in: root).count == 1 }, "\(watcher.background.error)")
    #expect(wait { watcher.audit(of: long).first?.reason == "cannot-claim" })
    #expect(exists(long))
  }

  @Test("On FUSE a claim is made by a plain rename, and the lock file is let go of in time")
  func fuse() throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    let (source, point) = (scratch.directory("source"), scratch.directory("point"))
    let root = point + "/data/root"
    mkdir(source + "/data", 0o755)
    mkdir(source + "/data/root", 0o755)
    let server = try Background("/usr/bin/bindfs", ["-f", source, point], in: scratch)
    guard wait(until: { exists(root) }) else { return skip("no bindfs: \(server.error)") }
    defer { umount2(point, Int32(MNT_DETACH)) }
    let dead = makeOrphan(root + "/spill_1_1", files: 3)
    mkdir(dead + "/sub", 0o755)
    close(open(dead + "/sub/file", O_CREAT | O_WRONLY, 0o644))
    let live = makeOrphan(root + "/spill_1_3", files: 1)
    // Its owner may hold the lock through the other name, which is another inode here.
    let linked = makeOrphan(root + "/spill_1_2", files: 1)
    #expect(link(linked + "/.lock", point + "/data/lock") == 0)
    let owners = try [live + "/.lock", point + "/data/lock"].map { file in
      try Background(
        "/bin/bash", ["-c", "exec 9<\(file); flock -n 9 && echo locked; exec sleep 1000"],
        in: scratch)
    }
    for owner in owners { #expect(wait { owner.output.contains("locked") }) }

    let rule = scratch.path + "/rule.yaml"
    let text =
      "backstop: 200ms\nrules: [{name: s, kind: spill, root: \(root), grace: 200ms, "
      + "allow_remote: true}]\n"
    _ = FileManager.default.createFile(atPath: rule, contents: Data(text.utf8))
    let watcher = try Watcher(
      [], grace: nil, in: scratch, arguments: ["--config", rule], waitForStart: false)
    #expect(wait(seconds: 60) { !exists(dead) }, "\(watcher.background.error)")
    #expect(
      wait(seconds: 60) { watcher.audit(of: dead, action: .reaped).count == 1 },
      "\(watcher.audit)")
    #expect(wait { watcher.audit(of: linked).first?.reason == "lock-unknown" })
    #expect(wait { names(in: root) == ["spill_1_2", "spill_1_3"] }, "\(names(in: root))")
    for owner in owners { owner.killHard() }
    #expect(wait(seconds: 60) { names(in: root) == ["spill_1_2"] }, "\(names(in: root))")
    #expect(unlink(point + "/data/lock") == 0)
    #expect(wait(seconds: 60) { names(in: root).isEmpty }, "\(watcher.audit)")
  }
}
