// What keeps an owner's own directories from being removed, and what that owner could take away.

import Foundation
import Glibc
import Testing

/// Runs a program as a user without rights.
let asNobody = [
  "/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--",
]

@Suite("A removal has its owner's rights", .serialized, .live)
struct RemovalRightsTests {
  @Test(
    "Directories of the owner's own that it closed to itself go",
    arguments: ["0555", "0500", "0444", "0300", "0000"])
  func closedDirectories(_ mode: String) throws {
    guard isRoot else { return skip("another user's reapd needs root") }
    let scratch = Scratch()
    let root = scratch.directory("root")
    let orphan = makeOrphan(root + "/spill_1_0", files: 2)
    let elsewhere = scratch.directory("elsewhere")
    #expect(
      shell(
        """
        mkdir -p \(orphan)/cache/module/deep && touch \(orphan)/cache/a \(orphan)/cache/module/b
        touch \(orphan)/cache/module/deep/c && ln -s \(elsewhere) \(orphan)/cache/way-out
        chown -R -h 65534:65534 \(scratch.path) && chmod 0555 \(elsewhere)
        chmod -R \(mode) \(orphan)/cache; chmod 0555 \(orphan)
        """
      ).status == 0)
    let watcher = try unprivileged(root, in: scratch)
    #expect(wait(seconds: 60) { names(in: root).isEmpty }, "\(watcher.background.error)")
    #expect(wait { watcher.audit(of: orphan, action: .reaped).count == 1 })
    // What a link leads to is another's affair.
    #expect(shell("stat -c %a \(elsewhere)").output == "555\n")
  }

  @Test("A closed directory that belongs to somebody else stays closed, and is told")
  func othersDirectory() throws {
    guard isRoot else { return skip("another user's reapd needs root") }
    let scratch = Scratch()
    let root = scratch.directory("root")
    let orphan = makeOrphan(root + "/spill_1_0")
    let foreign = orphan + "/foreign"
    #expect(
      shell(
        """
        mkdir \(foreign) && touch \(foreign)/file && chown -R 65534:65534 \(scratch.path)
        chown -R 12345:12345 \(foreign) && chmod 0555 \(foreign)
        """
      ).status == 0)
    let watcher = try unprivileged(root, in: scratch)
    #expect(wait(seconds: 60) { watcher.audit(of: orphan, action: .failed).count == 1 })
    let found = shell(
      "find \(root) -name foreign -printf '%m %U '; find \(root) -name file | wc -l")
    #expect(found.output == "555 12345 1\n")
  }

  @Test(
    "Subvolumes and read-only snapshots of the owner go, in it or in its place",
    arguments: [true, false])
  func snapshots(_ asRoot: Bool) throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    guard let image = MountedImage("btrfs", megabytes: 128, in: scratch) else {
      return skip("no btrfs image")
    }
    let root = image.path + "/data/root"
    #expect(
      shell(
        """
        set -e; exec >/dev/null; mkdir -p \(root)/spill_1_0/deep; touch \(root)/spill_1_0/.lock
        btrfs subvolume create \(root)/spill_1_0/deep/image
        btrfs subvolume create \(root)/spill_1_0/deep/image/nested
        mkdir \(root)/spill_1_0/deep/image/etc
        touch \(root)/spill_1_0/deep/image/{etc/file,nested/file}
        btrfs subvolume create \(root)/spill_2_0; touch \(root)/spill_2_0/{.lock,file}
        chown -R 65534:65534 \(image.path) \(scratch.path); chmod 0555 \(root)/spill_1_0/deep/image/etc
        btrfs subvolume snapshot -r \(root)/spill_1_0/deep/image \(root)/spill_1_0/snapshot
        btrfs subvolume snapshot -r \(root)/spill_2_0 \(root)/spill_3_0
        """
      ).status == 0)
    let rule = scratch.path + "/rule.yaml"
    let text =
      "rules: [{name: s, kind: spill, root: \(root), grace: 200ms, owner: [nobody], "
      + "allow_shallow: true}]\n"
    _ = FileManager.default.createFile(atPath: rule, contents: Data(text.utf8))
    let watcher = try Watcher(
      [], grace: nil, in: scratch, arguments: ["--config", rule],
      environment: ["REAPD_BACKSTOP": "off", "HOME": scratch.path], waitForStart: false,
      wrapper: asRoot ? [] : asNobody)
    #expect(wait(seconds: 60) { names(in: root).isEmpty }, "\(watcher.background.error)")
    #expect(
      wait { watcher.audit.count { $0.action == .reaped } == 3 }, "\(watcher.audit)")
  }

  @Test("A read-only snapshot of somebody else's stays read-only")
  func othersSnapshot() throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    guard let image = MountedImage("btrfs", megabytes: 128, in: scratch) else {
      return skip("no btrfs image")
    }
    let root = image.path + "/data/root"
    let made = shell(
      """
      set -e; exec >/dev/null; mkdir -p \(root)/spill_1_0; touch \(root)/spill_1_0/.lock
      btrfs subvolume create \(image.path)/image; touch \(image.path)/image/file
      chown -R 12345:12345 \(image.path)/image; chmod 0777 \(image.path)/image
      btrfs subvolume snapshot -r \(image.path)/image \(root)/spill_1_0/snapshot
      """)
    #expect(made.status == 0, "\(made)")
    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    #expect(wait(seconds: 60) { !watcher.audit(of: root + "/spill_1_0", action: .failed).isEmpty })
    #expect(shell("find \(root) -path '*snapshot/file' | wc -l").output == "1\n")
  }

  private func unprivileged(_ root: String, in scratch: Scratch) throws -> Watcher {
    return try Watcher(
      [root], in: scratch, environment: ["REAPD_BACKSTOP": "off", "HOME": scratch.path],
      wrapper: asNobody)
  }
}
