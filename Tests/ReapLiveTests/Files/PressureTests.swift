// A file system that fills up: the oldest go, until there is room, and none of them while it is read.

import Foundation
import Glibc
import Testing

@Suite("Files under pressure", .live)
struct PressureTests {
  private let scratch = Scratch()

  private func tmpfs() throws -> Media? {
    guard isRoot, let mounted = MountedImage("tmpfs", megabytes: 100, in: scratch) else {
      skip("a tmpfs needs root")
      return nil
    }
    return Media(in: scratch, at: mounted.path)
  }

  @Test("A tmpfs is written until the mark: that ends between stop and start, the oldest gone")
  func mark() throws {
    guard let media = try tmpfs() else { return }
    for number in 0..<12 {
      media.make("images/old-\(10 + number).png", bytes: 1 << 20, days: 20 - Double(number))
    }
    media.make("images/young.png", bytes: 8 << 20, days: 0.5)
    let watcher = try media.watch("pressure: {start: 70%, stop: 60%, min_age: 1d}")
    #expect(media.used < 7000)
    var number = 0
    var last = 0
    while media.used <= 7000, number < 100 {
      media.make("videos/new-\(number).mp4", bytes: 1 << 20, days: 2)
      number += 1
      last = media.used
    }
    #expect(last > 7000)
    #expect(wait { media.used <= 6000 }, "\(media.used) \(watcher.background.error)")
    letPass(1.5, "another look")
    // Never under a lower mark than it has to: one file more or less.
    #expect(media.used > 5850, "\(media.used)")
    let left = names(in: media.path("images"))
    #expect(left == ["old-21.png", "young.png"], "\(left)")
    #expect(names(in: media.path("videos")).count == number)
    #expect(watcher.audit.allSatisfy { $0.reason == "pressure" && $0.trigger == .pressure })
    #expect(watcher.audit.map(\.path) == (10..<21).map { media.path("images/old-\($0).png") })
  }

  @Test(
    "Where what was removed is free with the next commit only, no more goes than anywhere else",
    arguments: [false, true])
  func late(isWatched: Bool) throws {
    guard isRoot, let mounted = MountedImage("btrfs", megabytes: 256, in: scratch) else {
      return skip("btrfs could not be mounted")
    }
    let media = Media(in: scratch, at: mounted.path)
    var number = 0
    while media.used < 6500, number < 100 {
      media.make("images/\(100 + number).png", bytes: 4 << 20, days: 100 - Double(number))
      number += 1
      sync()
    }
    let keys = "pressure: {start: 60%, stop: 50%, min_age: 1d}"
    if isWatched {
      let watcher = try media.watch(keys)
      #expect(wait { media.used <= 5000 }, "\(media.used) \(watcher.background.error)")
      letPass(1.5, "another look")
    } else {
      #expect(media.sweep(keys).summary?.failed == 0)
    }
    sync()
    #expect((4500...5000).contains(media.used), "\(media.used), \(number)")
  }

  @Test("Inodes count as bytes do; what is younger than min_age stays, whatever is lacking")
  func inodes() throws {
    guard isRoot,
      let mounted = MountedImage(
        "tmpfs", megabytes: 100, in: scratch, options: ["nr_inodes=200"])
    else { return skip("a tmpfs needs root") }
    let media = Media(in: scratch, at: mounted.path)
    for number in 100..<250 { media.make("images/\(number).png", bytes: 1, days: 3) }
    media.make("images/young.png", bytes: 1)
    let swept = media.sweep("pressure: {start: 70%, stop: 60%, min_age: 1d}")
    // 200 of which 120 may be used: with the directories and the young one.
    #expect(swept.summary?.reaped == 151 + 6 - 120, "\(swept.error)")
    #expect(exists(media.path("images/young.png")) && exists(media.path("images/249.png")))
    #expect(!exists(media.path("images/100.png")))
    let none = media.sweep("pressure: {start: 20%, stop: 10%, min_age: 7d}")
    #expect(none.summary?.reaped == 0)
  }

  @Test("allow_last_copy decides whether pressure takes what has no other copy")
  func lastCopy() throws {
    guard let media = try tmpfs() else { return }
    for number in 0..<4 {
      media.make("images/\(number).png", bytes: 20 << 20, days: 9 - Double(number))
    }
    #expect(media.sweep("allow_last_copy: false").summary?.reaped == 0)
    let swept = media.sweep("allow_last_copy: true")
    #expect(swept.summary?.reaped == 1, "\(swept.error)")
    #expect(names(in: media.path("images")) == ["1.png", "2.png", "3.png"])
  }

  @Test("Writes elsewhere on the file system are seen near the mark, without an event here")
  func elsewhere() throws {
    guard let media = try tmpfs() else { return }
    for number in 0..<34 {
      media.make("images/\(10 + number).png", bytes: 2 << 20, days: 40 - Double(number))
    }
    let watcher = try media.watch("pressure: {start: 70%, stop: 65%, min_age: 1d}")
    #expect(media.used > 6500 && media.used < 7000)
    let other = (media.root as NSString).deletingLastPathComponent + "/elsewhere"
    _ = FileManager.default.createFile(
      atPath: other, contents: Data(repeating: 1, count: 4 << 20))
    #expect(media.used > 7000)
    #expect(wait(seconds: 15) { media.used <= 6500 }, "\(watcher.background.error)")
  }

  @Test("A file opened at the instant of its disposal is kept, or readable to its end")
  func race() throws {
    guard let media = try tmpfs() else { return }
    let count = 150
    for number in 0..<count {
      media.make("images/\(1000 + number).png", bytes: 200_000, days: 100 - Double(number) / 10)
    }
    let watcher = try media.watch("require_copy: off, max_age: 150d, " + Media.calm)
    for number in 0..<count {
      media.make("videos/\(1000 + number).mp4", bytes: 100_000, days: 151)
    }
    // All of them become old enough while they are opened, one after the other.
    var opened = 0
    for round in 0..<10 {
      for number in 0..<count {
        let path = media.path("videos/\(1000 + number).mp4")
        let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { continue }
        opened += 1
        var buffer = [UInt8](repeating: 0, count: 4096)
        var total = 0
        while true {
          let size = read(file, &buffer, buffer.count)
          guard size > 0 else { break }
          #expect(buffer[..<size].allSatisfy { $0 == 7 })
          total += size
        }
        close(file)
        #expect(total == 100_000, "\(path) in round \(round)")
      }
    }
    #expect(opened > 0)
    #expect(
      wait(seconds: 20) { names(in: media.path("videos")).isEmpty },
      "\(media.list("require_copy: off, max_age: 150d, " + Media.calm).filter { $0.key.hasPrefix("videos") }.prefix(3)) \(watcher.background.error)"
    )
    #expect(names(in: media.path("images")).count == count)
  }
}
