// Room that is made before a spawn: by the rule, by the documentation's lines, and by the library.

import Foundation
import Glibc
import OwnedDirectories
import Testing

@Suite("preflight that prunes", .serialized, .live)
struct PruningTests {
  private struct Answer: Decodable {
    let room: Bool
    let pruned: [String: JSON]?
    let variables: [String]
  }

  private let scratch = Scratch()
  private var root: String { scratch.path + "/app/instances" }
  private var audit: String { scratch.path + "/audit.jsonl" }

  init() { _ = scratch.directory("app/instances") }

  /// The newest has the lowest number.
  private func make(_ numbers: ClosedRange<Int>, in root: String) {
    for number in numbers {
      makeInstance(root, "0000000\(number)", bytes: 100_000, daysAgo: number)
    }
  }

  /// Where the rule of a root is found.
  private func configured(_ root: String, _ keys: String) throws -> String {
    let home = scratch.directory("config-\(UUID().uuidString)/reapd")
    let text = """
      audit_log: \(audit)
      rules:
        - {name: own, kind: instances, root: \(root), match: "spica-*", grace: 1ms, \(keys)}
      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: home + "/reapd.yaml"))
    return String(home.dropLast("/reapd".count))
  }

  private func ask(_ environment: [String], _ arguments: [String] = []) -> Answer? {
    let words = environment + [reapdBinary, "preflight", "--json", "--root", root, "--prune"]
    let result = run("/usr/bin/env", words + arguments)
    #expect(result.status == 0, "\(result.error)\(result.output)")
    return decode(result.output)
  }

  @Test(
    "The rule's pass is made first, with its audit; a daemon that has the root makes its own")
  func rule() throws {
    make(1...4, in: root)
    let home = try configured(root, "max_count: 3")
    let answer = try #require(ask(["XDG_CONFIG_HOME=\(home)"]))
    #expect(answer.pruned?["reaped"] == .int(1), "\(answer)")
    #expect(names(in: root) == (1...3).map { "spica-0000000\($0)" })
    #expect(AuditFile(audit).lines.contains { $0.path == root + "/spica-00000004" })
    let watcher = try Watcher(
      [], grace: nil, in: scratch, arguments: ["--config", home + "/reapd/reapd.yaml"],
      waitForStart: false)
    #expect(wait { watcher.background.error.contains("watching ") })
    let beside = try #require(ask(["XDG_CONFIG_HOME=\(home)"]))
    #expect(beside.room && beside.pruned?.keys.first?.hasPrefix("left") == true, "\(beside)")
    #expect(watcher.stop().status == 0)
  }

  @Test("The spawner's environment counts, and is named")
  func environment() throws {
    make(1...5, in: root)
    let own = ["XDG_CONFIG_HOME=/nonexistent", "REAPD_SPICA_GRACE=1ms", "REAPD_SPICA_MIN_FREE=1B"]
    let more = ["--audit-log", audit]
    let age = try #require(ask(own + ["SPICA_RETENTION_MAX_AGE_DAYS=100"], more))
    #expect(names(in: root).count == 5 && age.variables.contains("SPICA_RETENTION_MAX_AGE_DAYS"))
    let both = ["SPICA_RETENTION_MAX_AGE_DAYS=100", "SPICA_RETENTION_MAX_INSTANCES=4"]
    let count = try #require(ask(own + both, more))
    #expect(names(in: root).count == 4 && count.variables.contains("SPICA_RETENTION_MAX_INSTANCES"))
    #expect(count.variables.contains("REAPD_SPICA_GRACE"), "\(count.variables)")
    _ = ask(own + both + ["REAPD_SPICA_MAX_COUNT=2"], more)
    #expect(names(in: root).count == 2)
  }

  @Test(
    "The documentation's lines make room, spawn, and stop where there is none",
    arguments: ["sh", "python"])
  func examples(language: String) throws {
    let page = repository + "/Sources/reapd/reapd.docc/Preflight.md"
    let text = try String(contentsOfFile: page, encoding: .utf8)
    let begin = try #require(text.range(of: "\n```\(language)\n"))
    let end = try #require(text.range(of: "\n```\n", range: begin.upperBound..<text.endIndex))
    let file = scratch.path + "/spawner"
    try Data((text[begin.upperBound..<end.lowerBound] + "\n").utf8).write(
      to: URL(fileURLWithPath: file))
    symlink(reapdBinary, scratch.directory("bin") + "/reapd")
    let path = scratch.path + "/bin:/usr/bin:/bin"
    func spawn(_ home: String) -> Int32 {
      let program = language == "sh" ? "bash" : "python3"
      return run("/usr/bin/env", ["PATH=\(path)", "XDG_CONFIG_HOME=\(home)", program, file, root])
        .status
    }
    let home = try configured(root, "max_count: 2, min_free: 1MB")
    for round in 1...4 {
      #expect(spawn(home) == 0, "\(language), \(round)")
      // Two are kept; the next one is made beside them.
      #expect(names(in: root).count == min(round, 3), "\(names(in: root))")
    }
    let before = names(in: root)
    #expect(spawn(try configured(root, "max_count: 9, min_free: 100%")) != 0)
    #expect(names(in: root) == before)
  }

  @Test("The library prunes by the rule before it makes one")
  func library() throws {
    let home = try configured(root, "max_count: 1")
    let program = scratch.path + "/reapd"
    let script = "#!/bin/sh\nXDG_CONFIG_HOME=\(home) exec \(reapdBinary) \"$@\"\n"
    try Data(script.utf8).write(to: URL(fileURLWithPath: program))
    #expect(chmod(program, 0o755) == 0)
    var made: [String] = []
    for _ in 0..<3 {
      let instance = try InstanceDirectory(in: root, reapd: program)
      made.append(instance.name)
      try instance.complete()
      instance.release()
      letPass(0.01, "times of manifests that can be told apart")
    }
    #expect(Set(names(in: root)) == Set(made.suffix(2)), "\(names(in: root)), not \(made)")
  }

  @Test(
    "A spawner in a loop never fills a small disk: min_free holds, and what does not fit is refused"
  )
  func smallDisk() throws {
    guard isRoot else { return skip("mounting needs root") }
    let disk = try #require(MountedImage("ext4", megabytes: 64, in: scratch))
    let place = scratch.directory(
      String(disk.path.dropFirst(scratch.path.count + 1)) + "/app/instances")
    let home = try configured(place, "max_count: 100, min_free: 20MiB")
    func free() -> Int {
      var room = statvfs()
      statvfs(disk.path, &room)
      return Int(room.f_bavail) * Int(room.f_frsize)
    }
    func mayBegin() -> Bool {
      let words = ["preflight", "--root", place, "--share", "1", "--need", "8MiB"]
      return run("/usr/bin/env", ["XDG_CONFIG_HOME=\(home)", reapdBinary] + words).status == 0
    }
    var spawned = 0
    while spawned < 20, mayBegin() {
      makeInstance(place, "0000000\(String(spawned, radix: 16))", bytes: 8_000_000)
      spawned += 1
      #expect(free() >= 20 << 20)
    }
    #expect((2...6).contains(spawned) && free() < 29 << 20, "\(spawned), \(free())")
    var room = InstanceDirectory.Room()
    (room.need, room.minFree, room.prunes) = (8 << 20, 20 << 20, false)
    do {
      let made = try InstanceDirectory(in: place, room: room, reapd: reapdBinary)
      Issue.record("\(made.name) was made")
    } catch {
      #expect(error.reason == .noRoom, "\(error)")
    }
    #expect(names(in: place).count == spawned)
  }
}
