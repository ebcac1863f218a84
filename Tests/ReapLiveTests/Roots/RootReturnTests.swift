// Roots that go and come back, as what they were or as something else. The backstop is off.

import Foundation
import Glibc
import Testing

@Suite("Roots that come back", .serialized, .live)
struct RootReturnTests {
  private let scratch = Scratch()

  @Test("A root unmounted and mounted again is reaped again, and its disk is let go of meanwhile")
  func mountedAgain() throws {
    guard isRoot else { return skip("mounts need root") }
    let place = scratch.directory("mnt")
    let image = scratch.path + "/disk.img"
    guard shell("truncate -s 16M \(image) && mkfs.ext4 -q \(image)").status == 0,
      shell("mount -o loop \(image) \(place) && mkdir \(place)/root").status == 0
    else { return skip("no ext4 image") }
    defer { umount2(place, Int32(MNT_DETACH)) }
    let root = place + "/root"
    let watcher = try start(root)
    for round in 1...3 {
      // One that stays, so that something is held open when the disk goes.
      let stuck = makeOrphan("\(place)/stuck", files: 1)
      guard run("/usr/bin/chattr", ["+i", stuck + "/file-0"]).status == 0 else {
        return skip("no chattr")
      }
      #expect(rename(stuck, "\(root)/spill_1_stuck\(round)") == 0)
      #expect(wait { watcher.audit(of: "\(root)/spill_1_stuck\(round)").count == 1 })
      #expect(umount2(place, Int32(MNT_DETACH)) == 0)
      #expect(wait { said("is gone", watcher) == round }, "\(watcher.background.error)")
      #expect(
        wait { shell("losetup -j \(image)").output.isEmpty },
        "the disk is still held: \(openFiles(of: watcher.background.pid))")
      #expect(shell("mount -o loop \(image) \(place)").status == 0)
      watcher.catchUp(in: root)
      _ = shell("chattr -R -i \(root)")
      #expect(wait { names(in: root).isEmpty }, "\(names(in: root)) \(watcher.background.error)")
    }
    #expect(watcher.stop().status == 0)
  }

  @Test("A file system mounted over a root hides it; what is mounted is the root then")
  func mountedOver() throws {
    guard isRoot else { return skip("mounts need root") }
    let root = scratch.directory("root")
    let watcher = try start(root)
    let owner = try startWriter(root, ["--name", "spill_1_1", "--stop-at", "chunks"], in: scratch)
    #expect(wait { owner.output.contains("chunk spill_1_1 2") })
    guard run("/bin/mount", ["-t", "tmpfs", "tmpfs", root]).status == 0 else {
      return skip("no tmpfs")
    }
    defer { umount2(root, Int32(MNT_DETACH)) }
    #expect(wait { said("is gone", watcher) == 1 }, "\(watcher.background.error)")
    watcher.catchUp(in: root)
    owner.killHard()
    watcher.catchUp(in: root)
    #expect(umount2(root, Int32(MNT_DETACH)) == 0)
    #expect(wait { !exists(root + "/spill_1_1") }, "\(watcher.background.error)")
    #expect(wait { watcher.audit(of: root + "/spill_1_1", action: .reaped).count == 1 })
  }

  @Test("An empty root that is removed is missed at once, though it is held open")
  func removedEmpty() throws {
    let root = scratch.directory("parent/root")
    let watcher = try start(root)
    for round in 1...3 {
      #expect(wait { rmdir(root) == 0 })
      #expect(wait { said("is gone", watcher) == round }, "\(watcher.background.error)")
      #expect(mkdir(root, 0o755) == 0)
      watcher.catchUp(in: root)
    }
  }

  @Test("A link in a root's place is refused, said once, and a directory there is taken again")
  func link() throws {
    let root = scratch.directory("root")
    let other = scratch.directory("other")
    makeOrphan(other + "/spill_1_1", files: 3)
    let before = portrait(other) + portrait(other + "/spill_1_1")
    let watcher = try start(root)
    for round in 1...3 {
      #expect(wait { rmdir(root) == 0 })
      #expect(symlink(other, root) == 0)
      #expect(wait { said("is a link", watcher) == round }, "\(watcher.background.error)")
      disturb()
      #expect(said("is a link", watcher) == round, "\(watcher.background.error)")
      #expect(unlink(root) == 0)
      #expect(mkdir(root, 0o755) == 0)
      watcher.catchUp(in: root)
    }
    #expect(portrait(other) + portrait(other + "/spill_1_1") == before)
  }

  @Test("A root that is somebody else's is refused, said once, and taken again when it is not")
  func owner() throws {
    guard isRoot else { return skip("chown needs root") }
    let root = scratch.directory("root")
    let watcher = try start(root)
    for round in 1...3 {
      let other = scratch.directory("other")
      makeOrphan(other + "/spill_1_1")
      chown(other, 12345, 12345)
      let before = portrait(other + "/spill_1_1")
      #expect(wait { rmdir(root) == 0 })
      #expect(rename(other, root) == 0)
      #expect(
        wait { said("now belongs to uid 12345", watcher) == round }, "\(watcher.background.error)")
      disturb()
      #expect(said("now belongs to uid 12345", watcher) == round, "\(watcher.background.error)")
      #expect(
        portrait(root + "/spill_1_1").dropFirst()
          == before.map {
            $0.replacing(other, with: root)
          }.dropFirst())
      #expect(rename(root, other) == 0)
      #expect(mkdir(root, 0o755) == 0)
      watcher.catchUp(in: root)
      _ = shell("rm -rf \(other)")
    }
  }

  // MARK: - Helpers

  private func start(_ root: String) throws -> Watcher {
    try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "off"])
  }

  private func said(_ text: String, _ watcher: Watcher) -> Int {
    watcher.background.error.components(separatedBy: text).count - 1
  }

  /// Whatever makes reapd look at an absent root again, more than once.
  private func disturb() {
    for number in 1...5 {
      let name = scratch.directory("disturbance-\(number)")
      if isRoot, run("/bin/mount", ["-t", "tmpfs", "tmpfs", name]).status == 0 {
        umount2(name, Int32(MNT_DETACH))
      }
      rmdir(name)
    }
    // Long enough for a line to be written, if there is one.
    wait(seconds: 0.5) { false }
  }
}
