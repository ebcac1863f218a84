// File systems without a block or an inode left, and the four kinds of them that reapd must serve.

import Foundation
import Glibc
import Testing

@Suite("Full disks and file systems", .serialized, .live)
struct FullDiskTests {
  @Test(
    "On every file system a killed owner's directory goes by its close event",
    arguments: ["ext4", "xfs", "btrfs", "tmpfs"])
  func fileSystems(_ type: String) throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    let size = ["xfs": 320, "btrfs": 128][type] ?? 32
    guard let image = MountedImage(type, megabytes: size, in: scratch) else {
      return skip("\(type) could not be mounted")
    }
    let root = image.path + "/data/root"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    let doomed = try owner(root, "spill_1_doomed", in: scratch)
    let fcntl = try owner(root, "spill_1_fcntl", ["--lock", "fcntl"], in: scratch)
    let alive = try owner(root, "spill_1_alive", in: scratch)
    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    // Two that are made and killed while reapd watches.
    let late = try owner(root, "spill_1_late", in: scratch)
    #expect(wait(seconds: 60) { openLocks(of: watcher.background.pid) == 4 })
    // Not just open for the look that ends a grace.
    #expect(comesToRest(watcher.background.pid))
    doomed.killHard()
    fcntl.killHard()
    late.killHard()
    #expect(wait(seconds: 60) { names(in: root) == ["spill_1_alive"] })
    #expect(alive.isRunning)
    #expect(names(in: root + "/spill_1_alive").count == 4)
    let (status, summary) = watcher.stop()
    #expect(status == 0)
    #expect(summary?.reaped == 3)
    #expect(summary?.backstopNeeded == 0)
    for line in watcher.audit { #expect(line.trigger == .closeEvent) }
  }

  struct Full: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var type: String
    var megabytes: Int
    var options: [String] = []
  }

  static let full = [
    Full(
      testDescription: "ext4 without a block", type: "ext4", megabytes: 24, options: ["-m", "0"]),
    Full(
      testDescription: "ext4 without an inode", type: "ext4", megabytes: 24, options: ["-N", "64"]),
    Full(testDescription: "tmpfs without a page", type: "tmpfs", megabytes: 50),
    Full(
      testDescription: "tmpfs without an inode", type: "tmpfs", megabytes: 50,
      options: ["nr_inodes=64"]),
  ]

  @Test("A full disk is reaped, and the audit on it catches up", arguments: full)
  func fullDisk(_ full: Full) throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    guard
      let image = MountedImage(
        full.type, megabytes: full.megabytes, in: scratch, options: full.options)
    else { return skip("\(full.type) could not be mounted") }
    let root = image.path + "/data/root"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    let audit = AuditFile(image.path + "/data/audit.jsonl")
    let owners = try (1...4).map { try owner(root, "spill_\($0)_1", in: scratch) }
    let reapd = try watch(root, audit: audit.path, in: scratch)
    #expect(wait(seconds: 60) { openLocks(of: reapd.pid) == 4 })
    // An audit that ends on a block's edge needs a new block for its next line.
    #expect(shell("head -c 4096 /dev/zero | tr '\\0' '\\n' >> \(audit.path)").status == 0)
    fill(image.path + "/filler")
    #expect(!hasRoom(image.path), "the disk is not full")

    for owner in owners.dropLast() { owner.killHard() }
    #expect(wait(seconds: 60) { names(in: root) == ["spill_4_1"] }, "\(reapd.error)")
    #expect(wait(seconds: 60) { audit.reaped.count == 3 }, "\(reapd.error)")
    #expect(owners[3].isRunning)
    #expect(names(in: root + "/spill_4_1").count == 4)
    #expect(wait(seconds: 60) { hasRoom(image.path) }, "no space is free again")
  }

  @Test("Audit lines that find no room wait, and follow whole once there is some")
  func waitingAudit() throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    guard let image = MountedImage("tmpfs", megabytes: 1, in: scratch) else {
      return skip("no tmpfs")
    }
    let root = scratch.directory("root")
    let audit = AuditFile(image.path + "/audit.jsonl")
    let owners = try (1...20).map { try owner(root, "spill_\($0)_1", in: scratch) }
    let reapd = try watch(root, audit: audit.path, in: scratch)
    // Not quite on a page's edge: the first line fits in part, and the rest must follow it.
    #expect(shell("head -c 3996 /dev/zero | tr '\\0' '\\n' >> \(audit.path)").status == 0)
    fill(image.path + "/filler")
    for owner in owners { owner.killHard() }
    #expect(wait(seconds: 60) { names(in: root).isEmpty })
    #expect(wait(seconds: 60) { reapd.error.contains("wait in memory") }, "\(reapd.error)")
    #expect(audit.reaped.isEmpty)
    unlink(image.path + "/filler/block")
    #expect(wait(seconds: 60) { audit.reaped.count == 20 })
    let raw = FileManager.default.contents(atPath: audit.path) ?? Data()
    #expect(raw.split(separator: 10).count == 20, "a line is torn")
    #expect(reapd.error.components(separatedBy: "wait in memory").count == 2, "said more than once")
  }

  @Test("reapd starts and reaps on a disk where not even its audit can be created")
  func startsOnFullDisk() throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    guard
      let image = MountedImage("tmpfs", megabytes: 8, in: scratch, options: ["nr_inodes=64"])
    else { return skip("no tmpfs") }
    let root = image.path + "/data/root"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    let writer = try owner(root, "spill_1_1", in: scratch)
    fill(image.path + "/filler")
    writer.killHard()
    let audit = AuditFile(image.path + "/data/audit.jsonl")
    let reapd = try watch(root, audit: audit.path, in: scratch)
    let ended = wait(seconds: 60) { names(in: root).isEmpty || !reapd.isRunning }
    #expect(ended && names(in: root).isEmpty, "\(reapd.error)")
    guard reapd.isRunning else { return }
    #expect(wait(seconds: 60) { audit.reaped.count == 1 }, "\(reapd.error)")
  }
}

// MARK: - Helpers

private func owner(
  _ root: String, _ name: String, _ arguments: [String] = [], in scratch: Scratch
) throws -> Background {
  let writer = try startWriter(
    root, ["--name", name, "--stop-at", "chunks"] + arguments, in: scratch)
  #expect(wait(seconds: 60) { writer.output.contains("chunk \(name) 2") })
  return writer
}

/// As `Watcher`, with the audit where the test wants it.
private func watch(_ root: String, audit: String, in scratch: Scratch) throws -> Background {
  try Background(
    reapdBinary, ["watch", "--json", "--audit-log", audit, "--grace", "200ms", root], in: scratch,
    environment: ["REAPD_BACKSTOP": "off"])
}

extension AuditFile {
  fileprivate var reaped: [AuditEntry] { lines.filter { $0.action == .reaped } }
}

/// Takes every inode or, where there are too many of them, every block.
private func fill(_ directory: String) {
  mkdir(directory, 0o755)
  var facts = statvfs()
  statvfs(directory, &facts)
  if facts.f_ffree < 1000 {
    for number in 0...facts.f_ffree { close(open("\(directory)/\(number)", O_CREAT, 0o644)) }
  } else {
    for size in ["1M", "4k", "1k"] {
      _ = shell("dd if=/dev/zero of=\(directory)/block bs=\(size) oflag=append conv=notrunc")
    }
    run("/bin/sync", ["-f", directory])
    _ = shell("dd if=/dev/zero of=\(directory)/block bs=1k oflag=append conv=notrunc")
  }
}

/// A file of some blocks can be made again.
private func hasRoom(_ path: String) -> Bool {
  let file = path + "/one-more"
  defer { unlink(file) }
  return shell("dd if=/dev/zero of=\(file) bs=4k count=2 conv=fsync").status == 0
}
