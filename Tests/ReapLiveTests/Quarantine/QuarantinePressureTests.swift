// Too little room: entries proved dead leave quarantine early, oldest first; others only if told so.

import Foundation
import Glibc
import Testing

@Suite("Quarantine under pressure", .serialized, .live)
struct QuarantinePressureTests {
  private static let megabyte = 1 << 20

  /// A tmpfs of 64 MB with three generations of 8 MB in quarantine, condemned in order of number.
  private struct Disk {
    let image: MountedImage
    let partition: Partition
    let watcher: Watcher

    init?(_ keys: [String: String], in scratch: Scratch) throws {
      guard let image = MountedImage("tmpfs", megabytes: 64, in: scratch) else { return nil }
      self.image = image
      let root = image.path + "/data/root"
      partition = Partition(root + "/a")
      let wanted = ["quarantine": "1h", "min_free": "24MiB"].merging(keys) { $1 }
      watcher = try GenerationRule(root, wanted, in: scratch).watch()
      for number in 1...3 {
        let name = "table-\(number)"
        // Whole when it comes: half made it could be condemned, reprieved, and so be the youngest.
        let made = Partition(at: image.path + "/made")
        made.generation(name, lockFile: keys["lock"] != nil)
        Self.block(made["\(name)/data/block"], megabytes: 8)
        #expect(rename(made[name], partition[name]) == 0)
        watcher.expectCondemned(name, of: partition)
      }
    }

    private static func block(_ path: String, megabytes: Int) {
      #expect(
        shell("dd if=/dev/zero of='\(path)' bs=1M count=\(megabytes) status=none").status == 0)
    }

    /// Written as a writer would: in the live generation.
    func block(_ name: String, megabytes: Int) {
      Self.block(partition[name], megabytes: megabytes)
    }

    func reaped(_ number: Int) -> [AuditEntry] {
      watcher.audit(of: partition["table-\(number)"], action: .reaped)
    }

    /// 64 MB less three times 8 and this: 20 MB are free, then 28 with one of them gone.
    func fill() { block("table/data/filler", megabytes: 20) }
  }

  @Test("Entries whose owner is proved dead leave early, oldest first, until there is room")
  func ownerDead() throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    // The kernel hands out no pid as high as this (PID_MAX_LIMIT is 4,194,304).
    let pidfile = scratch.path + "/owner.pid"
    let text = Data("{\"pid\":4194400,\"startedAt\":\"2026-11-20T23:21:16.855Z\"}".utf8)
    _ = FileManager.default.createFile(atPath: pidfile, contents: text)
    let keys = [
      "owner_pidfile": "{path: \(pidfile), pid: pid, start: startedAt}", "trust_pids": "true",
    ]
    guard let disk = try Disk(keys, in: scratch) else { return skip("no tmpfs") }
    disk.fill()
    #expect(wait(seconds: 60) { disk.reaped(1).count == 1 }, "\(disk.watcher.background.error)")
    #expect(disk.reaped(1).first?.trigger == .pressure, "\(disk.reaped(1))")
    #expect(disk.reaped(1).first?.reason == "owner-dead")
    // Now there is room: the younger ones wait until there is none again.
    let later = Partition(disk.partition.path + "/later")
    later.generation("table-9")
    disk.watcher.expectCondemned("table-9", of: later)
    #expect(exists(disk.partition["table-2"]))
    #expect(exists(disk.partition["table-3"]))
    disk.block("table/data/more", megabytes: 6)
    #expect(wait(seconds: 60) { disk.reaped(2).count == 1 }, "\(disk.watcher.background.error)")
    #expect(exists(disk.partition["table-3"]))
    #expect(disk.partition.isWhole("table"))
  }

  @Test("One that rests on quiet does not stand in the way of younger ones that are proved dead")
  func behindQuiet() throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    guard let image = MountedImage("tmpfs", megabytes: 64, in: scratch) else {
      return skip("no tmpfs")
    }
    let partition = Partition(image.path + "/data/root/a")
    let keys = ["quarantine": "1h", "min_free": "24MiB", "lock": ".lock"]
    let watcher = try GenerationRule(image.path + "/data/root", keys, in: scratch).watch()
    for name in ["table-1", "table-2"] {
      partition.generation(name, lockFile: name == "table-2")
      watcher.expectCondemned(name, of: partition)
    }
    let filler = partition["table/data/filler"]
    #expect(shell("dd if=/dev/zero of='\(filler)' bs=1M count=50 status=none").status == 0)
    #expect(
      wait(seconds: 60) { !watcher.audit(of: partition["table-2"], action: .reaped).isEmpty },
      "\(watcher.background.error)")
    #expect(exists(partition["table-1"]))
  }

  @Test(
    "Entries that rest on quiet leave early only with quarantine_yields",
    arguments: [false, true])
  func quiet(yields: Bool) throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    guard let disk = try Disk(["quarantine_yields": "\(yields)"], in: scratch) else {
      return skip("no tmpfs")
    }
    disk.fill()
    if yields {
      #expect(wait(seconds: 60) { disk.reaped(1).count == 1 }, "\(disk.watcher.background.error)")
    } else {
      waitQuiet()
      let later = Partition(disk.partition.path + "/later")
      later.generation("table-9")
      disk.watcher.expectCondemned("table-9", of: later)
      #expect(exists(disk.partition["table-1"]))
    }
    #expect(exists(disk.partition["table-2"]))
    #expect(exists(disk.partition["table-3"]))
    #expect(disk.partition.isWhole("table"))
  }
}
