// The owner that a pid file names: only an end that was seen proves anything.

import Foundation
import Glibc
import Testing

@Suite("Owners of generations", .serialized, .live)
struct GenerationOwnerTests {
  private let scratch = Scratch()
  private let root: String
  private let partition: Partition
  private var pidfile: String { scratch.path + "/run/hypaware.pid" }

  init() {
    root = scratch.directory("hypaware/cache")
    _ = scratch.directory("run")
    partition = Partition(root + "/datasets/a/source=x")
  }

  private func rule(_ keys: [String: String] = [:]) -> GenerationRule {
    let ours = [
      "quiet": "1h", "owner_pidfile": "{path: \(pidfile), pid: pid, start: startedAt}",
    ]
    return GenerationRule(root, ours.merging(keys) { $1 }, in: scratch)
  }

  /// A process that has written its pid and its start, as ISO 8601 like hypaware or in clock ticks.
  private func startOwner(ticks: Bool = false) throws -> Background {
    let owner = try Background("/bin/sleep", ["1000"], in: scratch)
    note(pid: owner.pid, startedAt: ticks ? startTicks(of: owner.pid) : "\"\(isoNow())\"")
    return owner
  }

  /// Written in place, as programs do that write it once, at their start.
  private func noteInPlace(_ owner: Background, startedAt: String) {
    let text = "{\"pid\":\(owner.pid),\"startedAt\":\(startedAt)}"
    #expect((try? Data(text.utf8).write(to: URL(fileURLWithPath: pidfile))) != nil)
  }

  /// Written aside and renamed, as such files are.
  private func note(pid: pid_t, startedAt: String) {
    let text = "{\"pid\":\(pid),\"startedAt\":\(startedAt),\"version\":\"1.0\"}"
    _ = FileManager.default.createFile(atPath: pidfile + ".tmp", contents: Data(text.utf8))
    #expect(rename(pidfile + ".tmp", pidfile) == 0)
  }

  private func isoNow() -> String {
    let formatter = ISO8601DateFormatter()
    formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
    return formatter.string(from: Date())
  }

  /// Field 22 of proc_pid_stat(5).
  private func startTicks(of pid: pid_t) -> String {
    let stat = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
    let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
    return fields.count > 19 ? String(fields[19]) : "0"
  }

  @Test("An owner's exit that was seen proves its generations dead", arguments: [false, true])
  func exit(ticks: Bool) throws {
    let orphan = partition.generation("table-2", committed: false)
    let owner = try startOwner(ticks: ticks)
    let rule = rule(["quarantine": ""])
    let watcher = try rule.watch()
    waitQuiet()
    #expect(rule.explain(orphan)?.reason == "recently-changed")
    #expect(exists(orphan))
    owner.killHard()
    #expect(wait(seconds: 60) { watcher.audit(of: orphan, action: .reaped).count == 1 })
    let reaped = watcher.audit(of: orphan, action: .reaped).first
    #expect(reaped?.reason == "owner-dead", "\(reaped)")
    #expect(reaped?.trigger == .ownerExit, "\(reaped)")
    #expect(watcher.audit(of: orphan, action: .condemned).isEmpty)
    #expect(partition.isWhole("table"))
  }

  @Test("A start in seconds since 1970 is understood, and its process is no stranger")
  func seconds() throws {
    let orphan = partition.generation("table-2", committed: false)
    let owner = try Background("/bin/sleep", ["1000"], in: scratch)
    note(pid: owner.pid, startedAt: "\(Int(Date().timeIntervalSince1970))")
    let watcher = try rule(["trust_pids": "true", "quarantine": ""]).watch()
    waitQuiet()
    #expect(exists(orphan), "\(watcher.audit)")
    owner.killHard()
    #expect(wait(seconds: 60) { watcher.audit(of: orphan, action: .reaped).count == 1 })
  }

  @Test("A FIFO in the pid file's place is no pid file, and nobody waits for it")
  func fifo() throws {
    #expect(mkfifo(pidfile, 0o644) == 0)
    let watcher = try rule(["lock": ".lock"]).watch()
    watcher.catchUp(below: root, lockFile: true)
    #expect(unlink(pidfile) == 0 && mkfifo(pidfile, 0o644) == 0)
    watcher.catchUp(below: root, lockFile: true)
    #expect(watcher.stop().status == 0)
  }

  @Test(
    "A living owner is known by its start however that is noted",
    arguments: ["seconds", "fraction", "milliseconds", "ticks", "text"])
  func notations(unit: String) throws {
    let orphan = partition.generation("table-2")
    let owner = try Background("/bin/sleep", ["1000"], in: scratch)
    let now = Date().timeIntervalSince1970
    let start =
      switch unit {
      case "seconds": "\(Int(now))"
      case "fraction": "\(now)"
      case "milliseconds": "\(Int(now * 1000))"
      case "ticks": startTicks(of: owner.pid)
      default: "\"\(isoNow())\""
      }
    note(pid: owner.pid, startedAt: start)
    let rule = rule(["trust_pids": "true", "quarantine": "0s"])
    let watcher = try rule.watch()
    waitQuiet()
    let seen = String(describing: rule.explain(orphan)?.evidence["owner_process"])
    #expect(seen.contains("alive"), "\(seen)")
    #expect(watcher.audit(of: orphan).allSatisfy { $0.reason != "owner-dead" })
  }

  @Test("A new owner that has come meanwhile may still flip: nothing goes")
  func successor() throws {
    let orphan = partition.generation("table-2")
    let first = try startOwner()
    let watcher = try rule(["lock": ".lock"]).watch()
    let second = try startOwner()
    first.killHard()
    waitQuiet()
    watcher.catchUp(below: root, lockFile: true)
    #expect(exists(orphan))
    #expect(watcher.audit(of: orphan, action: .reaped).isEmpty)
    second.killHard()
    #expect(wait(seconds: 60) { !exists(orphan) }, "\(watcher.background.error)")
  }

  @Test("A successor that writes its pid into the file as it stands is the owner from then on")
  func successorInPlace() throws {
    let first = try startOwner()
    let watcher = try rule(["lock": ".lock"]).watch()
    let orphan = partition.generation("table-2")
    first.killHard()
    #expect(wait(seconds: 60) { !exists(orphan) }, "\(watcher.background.error)")
    let second = try Background("/bin/sleep", ["1000"], in: scratch)
    noteInPlace(second, startedAt: "\"\(isoNow())\"")
    let next = partition.generation("table-3")
    waitQuiet()
    watcher.catchUp(below: root, lockFile: true)
    #expect(exists(next))
    second.killHard()
    #expect(wait(seconds: 60) { !exists(next) }, "\(watcher.background.error)")
  }

  @Test("What somebody made after the owner's exit is not the owner's")
  func madeAfterwards() throws {
    let owner = try startOwner()
    let watcher = try rule(["lock": ".lock"]).watch()
    let orphan = partition.generation("table-2")
    owner.killHard()
    #expect(wait(seconds: 60) { !exists(orphan) }, "\(watcher.background.error)")
    let next = partition.generation("table-3")
    waitQuiet()
    watcher.catchUp(below: root, lockFile: true)
    #expect(exists(next), "\(watcher.audit)")
  }

  @Test("The directory of the pid file may come late")
  func lateDirectory() throws {
    let orphan = partition.generation("table-2")
    #expect(rmdir(scratch.path + "/run") == 0)
    let watcher = try rule(["lock": ".lock"]).watch()
    _ = scratch.directory("run")
    let owner = try startOwner()
    watcher.catchUp(below: root, lockFile: true)
    #expect(exists(orphan))
    owner.killHard()
    #expect(wait(seconds: 60) { !exists(orphan) }, "\(watcher.background.error)")
  }

  @Test(
    "A process that lives under the pid is not absent, whatever start the file gives",
    arguments: [
      "\"yesterday\"", "true", "\"2026-01-01T00:00:00.000Z\"", "\"2036-01-01T00:00:00Z\"",
    ])
  func unclearStart(startedAt: String) throws {
    let orphan = partition.generation("table-2")
    let owner = try Background("/bin/sleep", ["1000"], in: scratch)
    note(pid: owner.pid, startedAt: startedAt)
    let watcher = try rule(["lock": ".lock", "trust_pids": "true"]).watch()
    waitQuiet()
    watcher.catchUp(below: root, lockFile: true)
    #expect(exists(orphan), "\(watcher.audit)")
    owner.killHard()
  }

  @Test(
    "A pid that was dead at the start proves nothing, unless pids are trusted",
    arguments: [false, true])
  func deadBefore(trusted: Bool) throws {
    let orphan = partition.generation("table-2")
    let owner = try startOwner()
    owner.killHard()
    let rule = rule(["trust_pids": "\(trusted)", "lock": ".lock"])
    let watcher = try rule.watch()
    if trusted {
      #expect(wait(seconds: 60) { !exists(orphan) }, "\(watcher.background.error)")
      #expect(wait { watcher.audit(of: orphan, action: .reaped).count == 1 })
      #expect(
        watcher.audit(of: orphan, action: .reaped).first?.reason == "owner-dead")
    } else {
      waitQuiet()
      watcher.catchUp(below: root, lockFile: true)
      #expect(exists(orphan))
      #expect(rule.explain(orphan)?.reason == "recently-changed")
    }
  }

  @Test("A process that only has the same pid is not the owner: its end proves nothing")
  func otherStart() throws {
    let orphan = partition.generation("table-2")
    let stranger = try Background("/bin/sleep", ["1000"], in: scratch)
    note(pid: stranger.pid, startedAt: "\"2026-01-01T00:00:00.000Z\"")
    let watcher = try rule(["lock": ".lock"]).watch()
    stranger.killHard()
    waitQuiet()
    watcher.catchUp(below: root, lockFile: true)
    #expect(exists(orphan), "\(watcher.audit)")
  }

  @Test(
    "A pid file that is missing, torn or without a start proves nothing",
    arguments: ["", "{\"pid\":", "{\"pid\":1}", "{\"pid\":\"4242\",\"startedAt\":1}", "[]"])
  func badFile(text: String) throws {
    let orphan = partition.generation("table-2")
    if !text.isEmpty {
      _ = FileManager.default.createFile(atPath: pidfile, contents: Data(text.utf8))
    }
    let watcher = try rule(["lock": ".lock"]).watch()
    watcher.catchUp(below: root, lockFile: true)
    #expect(exists(orphan))
  }
}
