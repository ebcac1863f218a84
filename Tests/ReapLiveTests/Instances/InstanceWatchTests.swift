// Instances under `watch`: what wakes it, and what a full disk is spared.

import Foundation
import Glibc
import Testing

@Suite("Instances under watch", .live)
struct InstanceWatchTests {
  private let scratch = Scratch()
  private let instances: Instances

  init() { instances = Instances(scratch.path + "/spica/instances") }

  @Test("One that becomes complete prunes at once, the oldest; what is being made does not count")
  func spawn() throws {
    for number in 1...3 { instances.make(number, age: Double(10 - number) * 60) }
    let watcher = try instances.watch("max_count: 3", in: scratch)
    for number in 4...8 {
      instances.begin(number)
      letPass(0.2, "the grace, and what a spawner takes")
      #expect(exists(instances.path(number - 3)))
      instances.complete(number, age: 0)
      #expect(wait { !exists(instances.path(number - 3)) }, "\(watcher.background.error)")
      #expect(instances.left == [number - 2, number - 1, number])
    }
    #expect(wait { watcher.audit.count { $0.action == .reaped } == 5 })
    for line in watcher.audit {
      #expect(line.reason == "over-count" && line.trigger == .created, "\(line)")
    }
    #expect(wait { watcher.said("1 pruned").count == 5 }, "\(watcher.background.error)")
  }

  @Test("Age is a deadline: none goes before its time, and each goes without an event")
  func age() throws {
    let made = Date()
    instances.make(1, age: 5)
    instances.make(2, age: 0)
    instances.make(3, age: 3600 * 24 * 2)
    let watcher = try instances.watch("max_age: 10s", in: scratch)
    #expect(wait { !exists(instances.path(3)) })
    #expect(wait { !exists(instances.path(1)) })
    #expect(Date().timeIntervalSince(made) >= 5)
    #expect(wait { !exists(instances.path(2)) })
    #expect(Date().timeIntervalSince(made) >= 10)
    #expect(wait { watcher.audit.count == 3 })
    #expect(watcher.audit.allSatisfy { $0.reason == "over-age" && $0.trigger == .age })
  }

  @Test("A file that protects is seen coming and going, and activity renews it")
  func protection() throws {
    for number in 1...2 { instances.make(number, age: Double(10 - number) * 60) }
    let watcher = try instances.watch("max_count: 2, protect_stale_after: 6s", in: scratch)
    instances.write(".tournament_lock", of: 1, #"{"started_at":"\#(Instances.stamp(0))"}"#)
    instances.make(3, age: 0)
    instances.make(4, age: 0)
    #expect(wait { instances.left == [1, 3, 4] }, "\(watcher.background.error)")
    for _ in 0..<16 {
      letPass(0.5, "a tournament")
      instances.write("src/a/log", of: 1, "x")
    }
    #expect(exists(instances.path(1)))
    // Nothing happens in it any more.
    #expect(wait { instances.left == [3, 4] }, "\(watcher.background.error)")
  }

  @Test("What is abandoned goes at its deadline, and one in use never")
  func abandoned() throws {
    instances.begin(1)
    instances.begin(2)
    let held = open(instances.path(2) + "/src/a/data", O_RDONLY | O_CLOEXEC)
    let watcher = try instances.watch("abandoned_after: 1s", in: scratch)
    #expect(wait { instances.left == [2] })
    #expect(wait { !watcher.audit(of: instances.path(1)).isEmpty })
    #expect(watcher.audit(of: instances.path(1)).first?.reason == "abandoned")
    close(held)
    #expect(wait { instances.left == [] }, "\(watcher.background.error)")
  }

  @Test("A reapd that is killed in a removal leaves no half instance: the next one finishes it")
  func killed() throws {
    for number in 1...6 {
      instances.make(number, age: Double(10 - number) * 60)
      for file in 0..<400 { instances.write("src/a/\(file)", of: number, "x") }
    }
    let first = try instances.watch("max_count: 3", in: scratch)
    #expect(wait { first.audit.contains { $0.action == .reaped } || instances.left.count < 6 })
    first.background.killHard()
    let second = try instances.watch("max_count: 3", in: scratch)
    #expect(
      wait { names(in: instances.root).sorted() == [4, 5, 6].map(Instances.name) },
      "\(names(in: instances.root)) \(second.background.error)")
    for number in 4...6 { #expect(names(in: instances.path(number) + "/src/a").count == 401) }
  }

  @Test("A dry run tells what would go once, and removes nothing")
  func dry() throws {
    for number in 1...5 { instances.make(number, age: Double(10 - number) * 60) }
    letPass(0.2, "the grace")
    let watcher = try Watcher(
      [], grace: nil, in: scratch,
      arguments: ["--config", instances.rule("max_count: 3", in: scratch), "-n"],
      waitForStart: false)
    #expect(wait { watcher.audit.count == 2 }, "\(watcher.background.error)")
    instances.make(6, age: 0)
    #expect(wait { watcher.audit.count == 3 }, "\(watcher.background.error)")
    #expect(watcher.audit.allSatisfy { $0.action == .wouldReap && $0.reason == "over-count" })
    #expect(instances.left == [1, 2, 3, 4, 5, 6])
  }

  @Test("A spawner in a loop never fills a small disk: the oldest go until min_free is there")
  func smallDisk() throws {
    guard isRoot else { return skip("mounts need root") }
    let disk = try #require(MountedImage("ext4", megabytes: 64, in: scratch))
    let small = Instances(disk.path + "/spica/instances")
    let watcher = try small.watch(
      "max_count: 100, min_free: 20MiB, prune_to_min_free: true", in: scratch)
    var least = Int64.max
    for number in 1...20 {
      small.make(number, age: 0, bytes: 6 << 20)
      #expect(names(in: small.path(number)).count == 3, "the disk was full")
      #expect(wait { free(disk.path) >= 20 << 20 }, "\(watcher.background.error)")
      least = min(least, free(disk.path))
      #expect(exists(small.path(number)), "the newest went")
    }
    // No more went than was needed.
    #expect(small.left.count >= 3 && small.left.last == 20, "\(small.left)")
    #expect(watcher.audit.allSatisfy { $0.reason == "room-needed" && $0.trigger == .pressure })
    #expect(least < 27 << 20)
  }

  private func free(_ path: String) -> Int64 {
    var facts = statvfs()
    statvfs(path, &facts)
    return Int64(facts.f_bavail) * Int64(facts.f_frsize)
  }
}
