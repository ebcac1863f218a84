// Room before a spawn: what `preflight` measures, and what it says to whoever asks.

import Foundation
import Glibc
import OwnedDirectories
import Testing

/// What `preflight --json` prints.
struct PreflightAnswer: Decodable {
  struct Estimate: Decodable {
    let sampled: Int
    let sampledBytes: Int
    let smallestBytes: Int
    let largestBytes: Int
    let instances: Int
    let replicas: Int
    let share: Double
  }

  let room: Bool
  let root: String
  let rule: String
  let needBytes: Int
  let needInodes: Int
  let freeBytes: Int
  let freeInodes: Int
  let lackingBytes: Int
  let lackingInodes: Int
  let estimate: Estimate
  let variables: [String]
}

/// Instances as spica's spawner leaves them.
func makeInstance(
  _ root: String, _ digits: String, bytes: Int, complete: Bool = true, daysAgo: Int = 0
) {
  let path = root + "/spica-" + digits
  try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  _ = FileManager.default.createFile(atPath: path + "/data", contents: Data(count: bytes))
  guard complete else { return }
  let time = ISO8601DateFormatter().string(
    from: Date().addingTimeInterval(-86400 * Double(daysAgo)))
  let manifest =
    #"{"schema":"spica.manifest/v1","spica_id":"spica-\#(digits)","spawned_at":"\#(time)"}"#
  _ = FileManager.default.createFile(atPath: path + "/manifest.json", contents: Data(manifest.utf8))
}

@Suite("preflight", .serialized, .live)
struct PreflightTests {
  private let scratch = Scratch()
  private var root: String { scratch.path + "/app/instances" }

  /// What an instance of so many bytes occupies on ext4 and its like: directory and manifest besides.
  private func occupied(_ bytes: Int) -> Int { 8192 + (bytes + 4095) / 4096 * 4096 }

  init() { _ = scratch.directory("app/instances") }

  private func ask(
    _ arguments: [String], status: Int32 = 0, environment: [String] = []
  ) -> PreflightAnswer? {
    let result = run(
      "/usr/bin/env",
      ["XDG_CONFIG_HOME=/nonexistent"] + environment
        + [reapdBinary, "preflight", "--json", "--min-free", "0B"] + arguments)
    #expect(result.status == status, "\(arguments): \(result.error)\(result.output)")
    return result.output.isEmpty ? nil : decode(result.output)
  }

  @Test("An empty path is a variable that was not set: nothing is looked at, and nothing goes")
  func emptyPath() {
    for words in [
      ["preflight", "--root", "", "--prune"], ["usage", ""], ["sweep", ""], ["list", ""],
    ] {
      #expect(run(reapdBinary, words).status == 64, "\(words)")
    }
  }

  @Test("Needed is the sum of those that are named, times replicas, times the share")
  func named() throws {
    makeInstance(root, "00000001", bytes: 1 << 20)
    makeInstance(root, "12345678", bytes: 3 << 20)
    makeInstance(root, "0000000f", bytes: 9 << 20)
    // The same file under two names counts once.
    #expect(link(root + "/spica-00000001/data", root + "/spica-00000001/again") == 0)
    let both = ["--root", root, "--instances", "spica-00000001", "12345678"]
    let sum = occupied(1 << 20) + occupied(3 << 20)
    let plain = try #require(ask(both))
    #expect(plain.needBytes == (sum + 4) / 5 && plain.room && plain.root == root)
    #expect(plain.estimate.sampled == 2 && plain.estimate.sampledBytes == sum)
    #expect(plain.estimate.smallestBytes == occupied(1 << 20))
    #expect(plain.estimate.largestBytes == occupied(3 << 20))
    #expect(plain.estimate.share == 0.2 && plain.estimate.replicas == 1)
    #expect(ask(both + ["--replicas", "7", "--share", "1"])?.needBytes == 7 * sum)
    #expect(ask(both + ["--need", "1GiB"])?.needBytes == 1 << 30)
    #expect(ask(["--root", root, "--instances", "deadbeef"], status: 65) == nil)
  }

  @Test("A number of instances are each like the mean of the complete ones, the ten newest")
  func counted() throws {
    let empty = try #require(ask(["--root", root, "--instances", "3"]))
    #expect(empty.estimate.sampled == 0 && empty.needBytes == 0 && empty.room)
    makeInstance(root, "0000000a", bytes: 64 << 20)
    letPass(0.02, "births that can be told apart")
    for number in 0..<10 { makeInstance(root, "0000000\(number)", bytes: (number % 2) << 20) }
    makeInstance(root, "0000000b", bytes: 32 << 20, complete: false)
    makeInstance(root, "no-instance", bytes: 32 << 20)
    symlink("/usr", root + "/spica-0000000c")
    let mean = (occupied(0) + occupied(1 << 20)) / 2
    let answer = try #require(ask(["--root", root, "--instances", "4", "--share", "100%"]))
    #expect(answer.estimate.sampled == 10 && answer.needBytes == 4 * mean, "\(answer)")
    #expect(answer.estimate.instances == 4 && answer.needInodes == 4 * 3)
    #expect(ask(["--root", root, "--share", "1"])?.needBytes == mean)
  }

  @Test("Where it does not fit above what must stay free it ends with 1, and says what is lacking")
  func verdict() throws {
    guard isRoot else { return skip("mounting needs root") }
    let disk = try #require(
      MountedImage("tmpfs", megabytes: 64, in: scratch, options: ["nr_inodes=40"]))
    let place = disk.path + "/app/instances"
    #expect(shell("mkdir -p \(place)").status == 0)
    let fits = try #require(ask(["--root", place, "--need", "64MiB", "--min-free", "0B"]))
    #expect(fits.room && fits.freeBytes == 64 << 20)
    let less = try #require(
      ask(["--root", place, "--need", "60MiB", "--min-free", "10%"], status: 1))
    #expect(!less.room && less.lackingBytes == Int(6.4 * 1_048_576 - 4 * 1_048_576 + 1))
    #expect(less.lackingInodes == 0)
    let text = run(
      reapdBinary, ["preflight", "--root", place, "--need", "60MiB", "--min-free", "5MiB"])
    #expect(text.status == 1 && text.output.contains("no room at \(place)"))
    #expect(text.output.contains("needed: 60.0 MiB (no instance to sample)"), "\(text.output)")
    #expect(text.output.contains("free: 64.0 MiB, of which 5.0 MiB stay"), "\(text.output)")
    #expect(text.output.contains("lacking: 1.0 MiB"))
    // Thirty-six files of one instance, and three inodes that are left.
    let full = place + "/spica-00000001"
    #expect(shell("mkdir \(full) && touch \(full)/manifest.json \(full)/{1..30}").status == 0)
    let inodes = try #require(
      ask(["--root", place, "--instances", "1", "--share", "1"], status: 1))
    #expect(inodes.lackingBytes == 0 && inodes.needInodes == 32)
    #expect(inodes.lackingInodes == 32 - inodes.freeInodes)
  }

  @Test("The rule of the configuration says what must stay free; the option goes before it")
  func rule() throws {
    let file = scratch.path + "/reapd.yaml"
    let text = "rules: [{name: own, kind: generations, root: \(root), min_free: 100%}]"
    try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    func status(_ arguments: [String], _ environment: [String] = []) -> (Int32, String) {
      let result = run(
        "/usr/bin/env",
        environment + [reapdBinary, "preflight", "--config", file, "--json"] + arguments)
      return (result.status, result.output + result.error)
    }
    #expect(status(["--root", root]).0 == 1)
    #expect(status(["--rule", "own"]).0 == 1)
    #expect(status(["--rule", "own", "--min-free", "1%"]).0 == 0)
    let overridden = status(["--rule", "own"], ["REAPD_OWN_MIN_FREE=1B"])
    #expect(overridden.0 == 0 && overridden.1.contains(#""variables":["REAPD_OWN_MIN_FREE"]"#))
    #expect(status(["--rule", "none"]).0 == 78)
    #expect(status(["--root", scratch.path + "/elsewhere"]).1.contains(#""rule":"spica""#))
  }

  @Test(
    "A root that is still to be made is empty; what is no directory, and what is no number, is told"
  )
  func odd() throws {
    let absent = try #require(ask(["--root", root + "/not/yet", "--need", "1B"]))
    #expect(absent.room && absent.estimate.sampled == 0 && absent.freeBytes > 0)
    close(open(root + "/file", O_CREAT | O_WRONLY, 0o644))
    #expect(ask(["--root", root + "/file"], status: 65) == nil)
    for bad in [
      ["--replicas", "-1"], ["--share", "x"], ["--need", "5"], ["--min-free", "5"],
      ["--replicas", "x"],
    ] {
      #expect(run(reapdBinary, ["preflight", "--root", root] + bad).status == 64, "\(bad)")
    }
    #expect(
      run("/usr/bin/env", ["XDG_CONFIG_HOME=/nonexistent", reapdBinary, "preflight"]).status == 64)
  }
}

@Suite("The library's instances", .serialized, .live)
struct InstanceDirectoryTests {
  private let scratch = Scratch()

  private var room: InstanceDirectory.Room {
    var room = InstanceDirectory.Room()
    room.minFree = 0
    room.prunes = false
    return room
  }

  @Test("An instance is made, completed whole, and stays when its maker lets go of it")
  func made() throws {
    let root = scratch.path + "/app/instances"
    let instance = try InstanceDirectory(in: root, room: room, reapd: reapdBinary)
    let (name, path) = (instance.name, instance.path)
    #expect(name.contains(/^spica-[0-9a-f]{8}$/) && path == root + "/" + name)
    #expect(names(in: path).isEmpty)
    try instance.complete(adding: ["template": "a\"b", "spica_id": "other"])
    instance.release()
    #expect(names(in: path) == ["manifest.json"])
    let data = try Data(contentsOf: URL(fileURLWithPath: path + "/manifest.json"))
    let manifest = try #require(try JSONSerialization.jsonObject(with: data) as? [String: String])
    #expect(manifest["spica_id"] == name && manifest["template"] == "a\"b")
    #expect(manifest["schema"] == "spica.manifest/v1")
    #expect(manifest["spawned_at"]?.contains(/^20[0-9-]+T[0-9:.]+Z$/) == true)
    let other = try InstanceDirectory(in: root, prefix: "x-", room: room, reapd: reapdBinary)
    let otherPath = other.path
    mkdir(otherPath + "/inner", 0o755)
    try other.remove()
    #expect(names(in: root) == [name] && !exists(otherPath))
  }

  @Test("Without room, or without an answer, nothing is made")
  func refused() throws {
    let root = scratch.directory("app/instances")
    var much = room
    much.need = 1 << 60
    failure(.noRoom) { _ = try InstanceDirectory(in: root, room: much, reapd: reapdBinary).name }
    var strange = room
    strange.instances = ["deadbeef"]
    failure(.unanswered) {
      _ = try InstanceDirectory(in: root, room: strange, reapd: reapdBinary).name
    }
    failure(.system) {
      _ = try InstanceDirectory(in: root, room: room, reapd: "/no/such/reapd").name
    }
    failure(.unanswered) {
      _ = try InstanceDirectory(in: root, room: room, reapd: "/bin/true").name
    }
    failure(.misuse) { _ = try InstanceDirectory(in: root, prefix: "a/b", reapd: reapdBinary).name }
    #expect(names(in: root).isEmpty)
  }

  private func failure(_ reason: InstanceDirectoryFailure, _ body: () throws -> Void) {
    do {
      try body()
      Issue.record("nothing was thrown, not \(reason)")
    } catch let error as InstanceDirectoryError {
      #expect(error.reason == reason, "\(error)")
      if reason == .noRoom {
        #expect(error.what.contains("no room: 1048576.0 TiB needed"), "\(error)")
      }
    } catch {
      Issue.record("\(error)")
    }
  }
}
