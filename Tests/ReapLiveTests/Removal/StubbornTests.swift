// What cannot be removed: said once, kept under its claimed name, tried again when that changes.
// The backstop is off wherever an event must do it.

import Foundation
import Glibc
import Testing

@Suite("What cannot be removed", .serialized, .live)
struct StubbornTests {
  private let noBackstop = ["REAPD_BACKSTOP": "off"]

  @Test(
    "What chattr protects is said once, and goes when that is taken back",
    arguments: [
      "+i spill_1_1/sub/deeper/file", "+a spill_1_1/sub/deeper/file", "+i spill_1_1/sub/deeper",
      "+a spill_1_1/sub/deeper", "+i spill_1_1/.lock", "+i spill_1_1",
    ])
  func protected(_ what: String) throws {
    guard isRoot else { return skip("chattr needs root") }
    let scratch = Scratch()
    let root = scratch.directory("root")
    let directory = plant(root + "/spill_1_1")
    let words = what.split(separator: " ").map(String.init)
    let target = "\(root)/\(words[1])"
    guard run("/usr/bin/chattr", [words[0], target]).status == 0 else { return skip("no chattr") }
    let inode = self.inode(target)
    defer { _ = shell("chattr -R -ia \(root)") }

    let watcher = try Watcher([root], in: scratch, environment: noBackstop)
    #expect(wait { !watcher.audit(of: directory).isEmpty }, "\(watcher.background.error)")
    watcher.catchUp(in: root)
    #expect(wait { names(in: root).count == 1 })
    // Opened and closed, by others and by reapd: nothing changed, so nothing is said or done.
    let kept = names(in: root)
    for _ in 0..<20 { _ = shell("find \(root)/ -type f -exec cat {} + >/dev/null") }
    watcher.catchUp(in: root)
    #expect(wait { names(in: root) == kept }, "its claimed name stays as it is")
    let found = shell("find \(root) -inum \(inode)").output.split(separator: "\n").map(String.init)
    #expect(found.count == 1)
    expectOneFailure(of: directory, watcher)
    let descriptors = openFiles(of: watcher.background.pid).count

    #expect(run("/usr/bin/chattr", [words[0].replacing("+", with: "-"), found[0]]).status == 0)
    #expect(wait { names(in: root).isEmpty }, "\(names(in: root)) \(watcher.background.error)")
    #expect(wait { watcher.audit(of: directory, action: .reaped).count == 1 })
    expectOneFailure(of: directory, watcher)
    #expect(watcher.background.error.components(separatedBy: "not permitted").count == 2)
    #expect(
      wait { openFiles(of: watcher.background.pid).count < descriptors },
      "\(openFiles(of: watcher.background.pid))")
    expectSummary(watcher, failed: 1)
  }

  @Test("Several protected files in several places: the last one freed lets all of it go")
  func severalProtected() throws {
    guard isRoot else { return skip("chattr needs root") }
    let scratch = Scratch()
    let root = scratch.directory("root")
    let directory = plant(root + "/spill_1_1")
    for number in 1...4 { plant("\(directory)/more-\(number)") }
    guard shell("chattr +i $(find \(directory) -name file)").status == 0 else {
      return skip("no chattr")
    }
    defer { _ = shell("chattr -R -i \(root)") }
    let watcher = try Watcher([root], in: scratch, environment: noBackstop)
    #expect(wait { !watcher.audit(of: directory).isEmpty }, "\(watcher.background.error)")
    watcher.catchUp(in: root)
    let files = shell("find \(root) -name file").output.split(separator: "\n").map(String.init)
    #expect(files.count == 5)
    for file in files { #expect(run("/usr/bin/chattr", ["-i", file]).status == 0) }
    #expect(wait { names(in: root).isEmpty }, "\(watcher.background.error)")
    expectOneFailure(of: directory, watcher)
  }

  @Test("What was claimed goes on when a file system is writable again", arguments: [true, false])
  func readOnly(_ isClaimed: Bool) throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    guard let image = MountedImage("ext4", megabytes: 32, in: scratch) else {
      return skip("no ext4 image")
    }
    let root = image.path + "/root"
    mkdir(root, 0o755)
    let elsewhere = scratch.directory("elsewhere")
    let watcher = try Watcher([root, elsewhere], in: scratch, environment: noBackstop)
    // An owner that has nothing open for writing, or the kernel would refuse.
    plant(image.path + "/locking")
    let owner = try Background(
      "/bin/bash",
      ["-c", "exec 9<\(image.path)/locking/.lock; flock -n 9 && echo locked; exec sleep 1000"],
      in: scratch)
    #expect(wait { owner.output.contains("locked") })
    #expect(rename(image.path + "/locking", root + "/spill_1_1") == 0)
    #expect(wait { watcher.holds(root + "/spill_1_1") })
    var directories = ["spill_1_1"]
    if isClaimed {
      // Another one, claimed already and held up by an immutable file.
      plant(image.path + "/building")
      run("/usr/bin/chattr", ["+i", image.path + "/building/sub/deeper/file"])
      #expect(rename(image.path + "/building", root + "/spill_2_1") == 0)
      directories.append("spill_2_1")
      #expect(wait { !watcher.audit(of: root + "/spill_2_1").isEmpty })
    }
    #expect(wait { run("/bin/mount", ["-o", "remount,ro", image.path]).status == 0 })
    owner.killHard()
    #expect(
      wait { !watcher.audit(of: root + "/spill_1_1").isEmpty }, "\(watcher.background.error)")
    watcher.catchUp(in: elsewhere)
    #expect(names(in: root).count == directories.count)
    expectOneFailure(of: root + "/spill_1_1", watcher)

    #expect(run("/bin/mount", ["-o", "remount,rw", image.path]).status == 0)
    _ = shell("chattr -R -i \(root)")
    #expect(wait { names(in: root).isEmpty }, "\(names(in: root)) \(watcher.background.error)")
    for name in directories {
      #expect(wait { watcher.audit(of: root + "/" + name, action: .reaped).count == 1 })
      expectOneFailure(of: root + "/" + name, watcher)
    }
  }

  @Test(
    "An I/O error is said once though it is tried again and again, and the others go",
    .timeLimit(.minutes(2)))
  func ioError() throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    // Without journal nothing but the one directory lies behind the end of the cut image.
    guard let disk = CutDisk(in: scratch) else { return skip("no loop device, or no debugfs") }
    let root = disk.path + "/root"
    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "200ms"])
    #expect(
      wait { !watcher.audit(of: root + "/spill_1_1").isEmpty }, "\(watcher.background.error)")
    #expect(wait { !exists(root + "/spill_2_1") })
    for _ in 1...3 { watcher.catchUp(in: root) }
    let errors = watcher.background.error.components(separatedBy: "Input/output error").count - 1
    #expect(errors == 1, "\(watcher.background.error)")
    expectOneFailure(of: root + "/spill_1_1", watcher)
    #expect(exists(root + "/" + (names(in: root).first ?? "none") + "/.lock"), "the lock goes last")

    // No event tells of it; the backstop finds it.
    disk.mend()
    #expect(wait { names(in: root).isEmpty }, "\(names(in: root)) \(watcher.background.error)")
    #expect(wait { watcher.audit(of: root + "/spill_1_1", action: .reaped).count == 1 })
    expectOneFailure(of: root + "/spill_1_1", watcher)
  }

  // MARK: - Helpers

  private func inode(_ path: String) -> ino_t {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_ino : 0
  }

  /// An orphan with something deep in it, and files beside that.
  @discardableResult
  private func plant(_ path: String) -> String {
    makeOrphan(path, files: 3)
    mkdir(path + "/sub", 0o755)
    mkdir(path + "/sub/deeper", 0o755)
    close(open(path + "/sub/deeper/file", O_CREAT | O_WRONLY, 0o644))
    return path
  }
}

/// Said once, in the audit, and never again.
func expectOneFailure(of path: String, _ watcher: Watcher) {
  let lines = watcher.audit(of: path).filter { $0.action != .reaped }
  #expect(lines.count == 1, "\(lines)")
  #expect(lines.first?.action == .failed)
  #expect(lines.first?.reason == "removal-failed")
}

private func expectSummary(_ watcher: Watcher, failed: Int) {
  let (status, summary) = watcher.stop()
  #expect(status == 0)
  #expect(summary?.failed == failed)
  #expect(summary?.backstopNeeded == 0)
}

/// An ext4 with two orphans on a loop device, the file under which is cut off before the block that
/// holds the innermost directory of the first one: to read it is an I/O error (EIO).
private final class CutDisk {
  let path: String
  private let image: String
  private let size: off_t = 16 << 20
  private var block: off_t = 0
  private var content = Data()
  private var isMounted = false

  init?(in scratch: Scratch) {
    path = scratch.directory("mnt")
    image = scratch.path + "/cut.img"
    let commands = """
      truncate -s \(size) \(image) && mkfs.ext4 -q -b 1024 -O ^has_journal \(image) &&
      mount -o loop \(image) \(path) && mkdir -p \(path)/root/spill_2_1 \(path)/root/spill_1_1/sub/deep &&
      touch \(path)/root/spill_{1,2}_1/.lock \(path)/root/spill_1_1/sub/deep/file && umount \(path) &&
      debugfs -R 'blocks /root/spill_1_1/sub/deep' \(image) 2>/dev/null
      """
    let result = shell(commands)
    guard result.status == 0,
      let number = off_t(result.output.trimmingCharacters(in: .whitespacesAndNewlines)),
      let file = FileHandle(forUpdatingAtPath: image)
    else { return nil }
    block = number * 1024
    try? file.seek(toOffset: UInt64(block))
    content = (try? file.read(upToCount: 1024)) ?? Data()
    // Mounted anew, so that nothing of it is cached.
    guard content.count == 1024, run("/bin/mount", ["-o", "loop", image, path]).status == 0
    else { return nil }
    isMounted = true
    truncate(image, block)
  }

  func mend() {
    truncate(image, size)
    guard let file = FileHandle(forUpdatingAtPath: image) else { return }
    try? file.seek(toOffset: UInt64(block))
    try? file.write(contentsOf: content)
    try? file.close()
  }

  deinit { if isMounted { run("/bin/umount", ["-l", path]) } }
}
