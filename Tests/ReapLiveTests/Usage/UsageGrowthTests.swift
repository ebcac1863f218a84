// Growth between two runs of `usage`: what is kept, what it is compared with, and the day that comes of it.

import Foundation
import Glibc
import Testing

@Suite("usage, twice", .serialized, .live)
struct UsageTwiceTests {
  private let scratch = Scratch()
  private var state: String { scratch.path + "/state" }

  private func write(_ path: String, bytes: Int) {
    _ = FileManager.default.createFile(atPath: path, contents: Data(count: bytes))
  }

  /// The file that was kept of the only path that was looked at.
  private var kept: String {
    let files = names(in: state + "/reapd").filter { $0.hasPrefix("usage-") }
    #expect(files.count == 1 && names(in: state + "/reapd").count == 1, "\(files)")
    return state + "/reapd/" + (files.first ?? "")
  }

  /// Makes the last run one of ten days ago.
  private func backdate() throws {
    let text = try String(contentsOfFile: kept, encoding: .utf8)
    let now = Int(Date().timeIntervalSince1970) * 1_000_000_000
    let earlier = text.replacing(
      /"time":[0-9]+/, with: "\"time\":\(now - 10 * 86400 * 1_000_000_000)")
    try Data(earlier.utf8).write(to: URL(fileURLWithPath: kept))
  }

  @Test("tells growth, of each directory too, and the day on which the disk will be full")
  func growth() throws {
    guard isRoot else { return skip("mounting needs root") }
    let disk = try #require(MountedImage("tmpfs", megabytes: 100, in: scratch))
    mkdir(disk.path + "/old", 0o755)
    mkdir(disk.path + "/gone", 0o755)
    write(disk.path + "/old/file", bytes: 10 << 20)
    write(disk.path + "/gone/file", bytes: 1 << 20)
    let first = UsageRun([disk.path], state: state)
    #expect(first.total?.growth == nil && first.total?.fullOn == nil && first.error == "")
    #expect(first.directory(disk.path + "/old")?.grownBytes == nil)
    try backdate()
    mkdir(disk.path + "/new", 0o755)
    write(disk.path + "/new/file", bytes: 10 << 20)
    write(disk.path + "/old/more", bytes: 5 << 20)
    _ = run("/bin/rm", ["-r", disk.path + "/gone"])
    let second = UsageRun([disk.path], state: state)
    let growth = try #require(second.total?.growth)
    #expect(growth.bytes == 14 << 20 && growth.complete)
    #expect(second.directory(disk.path + "/new")?.grownBytes == 10 << 20)
    #expect(second.directory(disk.path + "/old")?.grownBytes == 5 << 20)
    // Fourteen megabytes in ten days; seventy-five are left.
    let days = Double(75 << 20) / Double(14 << 20) * 10
    let format = DateFormatter()
    format.timeZone = TimeZone(identifier: "UTC")
    format.dateFormat = "yyyy-MM-dd"
    let expected = (-1...1).map {
      format.string(from: Date().addingTimeInterval((days + 0.01 * Double($0)) * 86400))
    }
    #expect(expected.contains(second.total?.fullOn ?? ""), "\(growth), not \(expected)")
    #expect(
      growth.fullOf == "bytes" && growth.fullAt?.hasPrefix(second.total?.fullOn ?? "-") == true)
    #expect(abs((growth.bytesPerDay ?? 0) - (14 << 20) / 10) < 100)
    try backdate()
    let text = run(
      "/usr/bin/env", ["XDG_STATE_HOME=\(state)", reapdBinary, "usage", disk.path]
    ).output
    #expect(text.contains("grown by 0 B in 10d"), "\(text)")
    #expect(text.contains("the disk will not be full by that"), "\(text)")
  }

  @Test("ignores what is torn, another version's or no file, says so, and keeps anew")
  func torn() throws {
    let tree = scratch.directory("tree")
    #expect(UsageRun([tree], state: state).error == "")
    let whole = try Data(contentsOf: URL(fileURLWithPath: kept))
    for bad in [whole.prefix(100), Data(), Data("{\"v\":2}".utf8), Data(count: 2 << 20)] {
      try Data(bad).write(to: URL(fileURLWithPath: kept))
      let result = UsageRun([tree], state: state)
      #expect(result.status == 0 && result.total?.growth == nil)
      #expect(
        result.error.contains("is torn, or was not written by this version"), "\(result.error)")
      #expect(UsageRun([tree], state: state).total?.growth != nil)
    }
    let path = kept
    unlink(path)
    mkfifo(path, 0o644)
    let result = UsageRun([tree], state: state)
    #expect(result.error.contains("is no regular file") && result.total?.growth == nil)
    #expect(UsageRun([tree], state: state).total?.growth != nil)
    // It cannot be kept: what was found is told all the same.
    let full = UsageRun([tree], state: "/proc/nowhere")
    #expect(full.status == 0 && full.error.contains("growth cannot be told next time"))
    #expect(full.total?.directories == 1)
  }

  @Test("takes another file system at the same path for another one")
  func otherFileSystem() throws {
    guard isRoot else { return skip("mounting needs root") }
    let images = (1...2).map { scratch.path + "/\($0).img" }
    let point = scratch.directory("point")
    for image in images {
      let make = "truncate -s 8M \(image) && mkfs.ext4 -q \(image)"
      try #require(shell(make).status == 0)
    }
    var errors: [String] = []
    for image in images + [images[1]] {
      try #require(shell("mount -o loop \(image) \(point)").status == 0)
      errors.append(UsageRun([point], state: state).error)
      try #require(shell("umount \(point)").status == 0)
    }
    #expect(errors[0] == "" && errors[2] == "")
    #expect(errors[1].contains("\(point) is not what the last run saw there"), "\(errors)")
  }

  @Test("keeps it where the state directory is")
  func places() throws {
    let home = scratch.directory("home")
    #expect(chmod(scratch.path, 0o755) == 0)
    let environment = ["-u", "XDG_STATE_HOME", "HOME=\(home)"]
    if isRoot {
      let before = names(in: "/var/lib/reapd")
      #expect(
        run("/usr/bin/env", environment + [reapdBinary, "usage", "--json", home]).status == 0)
      let added = Set(names(in: "/var/lib/reapd")).subtracting(before)
      #expect(added.count == 1)
      for name in added { unlink("/var/lib/reapd/" + name) }
      if before.isEmpty { rmdir("/var/lib/reapd") }
    }
  }
}
