// Kind `log` at work: a watch trims what grows, drains what was left, and looks no oftener than it has to.

import Foundation
import Glibc
import Testing

@Suite("Logs under a watch", .live)
struct LogWatchTests {
  private let scratch = Scratch()

  private func directory(_ type: String, megabytes: Int) -> String? {
    guard isRoot, let image = MountedImage(type, megabytes: megabytes, in: scratch) else {
      skip("\(type) could not be mounted")
      return nil
    }
    let path = image.path + "/app/.data"
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  private func watcher(_ rule: String) throws -> Watcher {
    let file = scratch.path + "/rules.yaml"
    #expect(
      FileManager.default.createFile(atPath: file, contents: Data("rules:\n  - {\(rule)}\n".utf8)))
    let watcher = try Watcher(
      [], grace: nil, in: scratch, arguments: ["--config", file],
      environment: ["REAPD_BACKSTOP": "off"])
    #expect(wait { watcher.background.error.contains("watching ") }, "\(watcher.background.error)")
    return watcher
  }

  /// Appends lines by one open, write and close each, as the program does.
  private func append(_ path: String, _ lines: Range<Int>, padding: Int = 60) {
    let text = String(repeating: "x", count: padding)
    for number in lines {
      var file: Int32 = -1
      // Whoever opens it while it is cut waits, and may be interrupted as in any wait.
      repeat {
        file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
      } while file < 0
        && errno == EINTR
      let line = Array("{\"n\":\(number),\"t\":\"\(text)\"}\n".utf8)
      if write(file, line, line.count) != line.count { Issue.record("\(number): errno \(errno)") }
      close(file)
    }
  }

  @Test("60 MB of events on a tmpfs of 100: in ten seconds it is under its limit, and 10,500 lines")
  func sovra() throws {
    guard let place = directory("tmpfs", megabytes: 100) else { return }
    let log = place + "/events.jsonl"
    writeLog(log, lines: 0..<200_000, padding: 280)
    #expect(fileSize(log) > 58_000_000)
    let watcher = try watcher("preset: sovra-log, root: \(place)")
    #expect(wait(seconds: 10) { fileSize(log) < 50 << 20 }, "\(watcher.audit)")
    let left = numbers(inLog: log)
    #expect(
      left == Array((200_000 - left.count)..<200_000) && (10_000..<10_500).contains(left.count))
    #expect(wait { oldFiles(in: place).isEmpty })
    let line = try #require(watcher.audit(of: log, action: .trimmed).first)
    #expect(line.kind == "log" && line.rule == "sovra-log" && line.bytes > 50_000_000)
    // It goes on: what is appended now is there, in order.
    append(log, 200_000..<201_000)
    #expect(numbers(inLog: log) == left + Array(200_000..<201_000))
    let (status, summary) = watcher.stop()
    #expect(status == 0 && summary?.trimmed == 1 && summary?.backstopNeeded == 0)
  }

  @Test(
    "Growing past the limit is seen, again and again, and no line of the tail is lost",
    arguments: ["ext4", "tmpfs"])
  func growth(type: String) throws {
    guard let place = directory(type, megabytes: 64) else { return }
    let log = place + "/e.log"
    writeLog(log, lines: 0..<10)
    let watcher = try watcher(
      "name: e, kind: log, root: \(place), match: e.log, max_bytes: 400KiB, keep_lines: 1000, grace: 1ms"
    )
    var next = 10
    for round in 1...4 {
      append(log, next..<(next + 6_000))
      next += 6_000
      #expect(
        wait {
          fileSize(log) <= 400 << 10 && watcher.audit(of: log, action: .trimmed).count >= round
        },
        "\(watcher.audit)")
      let left = numbers(inLog: log)
      #expect(left == Array((next - left.count)..<next) && left.count >= 1000)
    }
    for line in watcher.audit where line.reason == "over-limit" {
      #expect(line.trigger == .growth || line.trigger == .created, "\(line)")
    }
    #expect(wait { oldFiles(in: place).isEmpty })
    #expect(watcher.stop().summary?.eventsLost == 0)
  }

  @Test(
    "An old file that a writer keeps is drained as it grows, also by the next reapd, and goes with the writer"
  )
  func draining() throws {
    guard let place = directory("tmpfs", megabytes: 64) else { return }
    let log = place + "/e.log"
    writeLog(log, lines: 0..<5_000)
    let rule =
      "name: e, kind: log, root: \(place), match: e.log, max_bytes: 100KiB, keep_lines: 10, grace: 1ms"
    let late = try Background(
      "/bin/bash",
      [
        "-c",
        """
        exec 9>>\(log); echo ready; for n in 5000 5001 5002; do
        while [ ! -e \(scratch.path)/go.$n ]; do sleep 0.01; done; echo "{\\"n\\":$n}" >&9; done
        exec sleep 1000
        """,
      ], in: scratch)
    #expect(wait { late.output == "ready\n" })
    func write(_ number: Int) {
      #expect(FileManager.default.createFile(atPath: "\(scratch.path)/go.\(number)", contents: nil))
    }
    var watcher = try watcher(rule)
    #expect(wait { oldFiles(in: place).count == 1 && fileSize(log) < 10_000 }, "\(watcher.audit)")
    #expect(wait { explainOld(place)?.reason == "draining" })
    write(5000)
    #expect(wait { numbers(inLog: log).last == 5000 })
    watcher.background.killHard()
    write(5001)
    letPass(0.2, "nobody may carry it over while no reapd runs")
    #expect(numbers(inLog: log).last == 5000)
    watcher = try self.watcher(rule)
    #expect(wait { numbers(inLog: log).last == 5001 })
    write(5002)
    #expect(wait { numbers(inLog: log) == Array(4990...5002) }, "\(numbers(inLog: log))")
    #expect(oldFiles(in: place).count == 1)
    late.killHard()
    #expect(wait { oldFiles(in: place).isEmpty }, "\(watcher.audit)")
    #expect(wait { watcher.audit(of: log).last?.reason == "drained" })
    #expect(numbers(inLog: log) == Array(4990...5002))
    #expect(watcher.stop().status == 0)
  }

  private func explainOld(_ place: String) -> Finding? {
    guard let old = oldFiles(in: place).first else { return nil }
    let words = ["explain", "--json", "--config", scratch.path + "/rules.yaml", "\(place)/\(old)"]
    return decodeFinding(run(reapdBinary, words).output)
  }

  @Test("A fast writer brings about few looks, and a quiet log none")
  func economy() throws {
    guard let place = directory("ext4", megabytes: 64) else { return }
    let log = place + "/e.log"
    writeLog(log, lines: 0..<10)
    let watcher = try watcher(
      "name: e, kind: log, root: \(place), match: e.log, max_bytes: 40MiB, grace: 1ms")
    #expect(wait { comesToRest(watcher.background.pid) })
    let before = switches(of: watcher.background.pid)
    append(log, 10..<100_000)
    let under = switches(of: watcher.background.pid) - before
    #expect(under < 1_000, "\(under) switches for 100,000 writes")
    #expect(comesToRest(watcher.background.pid))
    #expect(watcher.audit.isEmpty && numbers(inLog: log).count == 100_000)
  }

  /// How often its threads have gone to sleep.
  private func switches(of pid: pid_t) -> Int {
    let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
    return tasks.reduce(0) { sum, task in
      let text =
        (try? String(contentsOfFile: "/proc/\(pid)/task/\(task)/status", encoding: .utf8)) ?? ""
      let line = text.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt_switches:") }
      return sum + (line.flatMap { Int($0.split(separator: "\t").last ?? "") } ?? 0)
    }
  }

  @Test("One line that is larger than the limit stays, told once, until there is more")
  func oneLine() throws {
    guard let place = directory("ext4", megabytes: 64) else { return }
    let log = place + "/e.log"
    writeLog(log, lines: 0..<1, padding: 200_000)
    let watcher = try watcher(
      "name: e, kind: log, root: \(place), match: e.log, max_bytes: 64KiB, grace: 1ms")
    #expect(wait { watcher.audit(of: log, action: .refused).map(\.reason) == ["nothing-to-cut"] })
    #expect(comesToRest(watcher.background.pid))
    append(log, 1..<20)
    // Until it is told, the log may be leased, and opening it be interrupted.
    #expect(wait { !watcher.audit(of: log, action: .trimmed).isEmpty }, "\(watcher.audit)")
    #expect(fileSize(log) < 64 << 10)
    let left = numbers(inLog: log)
    #expect(left.last == 19, "\(left) \(watcher.audit)")
    #expect(watcher.audit(of: log, action: .trimmed).count == 1)
  }

  @Test(
    "Swept, listed and in a dry run it is judged the same, and what is pinned or named in never stays"
  )
  func sameJudge() throws {
    guard let place = directory("ext4", megabytes: 64) else { return }
    for name in ["a.log", "b.log", "c.log", "d.txt"] {
      writeLog("\(place)/\(name)", lines: 0..<10_000)
    }
    let file = scratch.path + "/rules.yaml"
    let rule =
      "{name: e, kind: log, root: \(place), match: '*.log', max_bytes: 64KiB, never: c.log, grace: 1ms}"
    #expect(FileManager.default.createFile(atPath: file, contents: Data("rules: [\(rule)]".utf8)))
    #expect(run(reapdBinary, ["keep", place + "/b.log"]).status == 0)
    func reapd(_ words: [String]) -> (status: Int32, output: String, error: String) {
      run(reapdBinary, words + ["--config", file])
    }
    let listed: [Finding] = decodeLines(reapd(["list", "--json"]).output)
    #expect(listed.map(\.reason) == ["over-limit", "kept-by-hand", "kept-by-hand"])
    let dry = decodeSweep(reapd(["sweep", "--json", "-n", "--audit-log", "none"]).output)
    #expect(dry.lines.map(\.action) == ["would-trim", "kept", "kept"])
    #expect(fileSize(place + "/a.log") > 500_000)
    let swept = decodeSweep(reapd(["sweep", "--json", "--audit-log", "none"]).output)
    #expect(swept.lines.map(\.action) == ["trimmed", "kept", "kept"])
    #expect(swept.summary?.trimmed == 1 && swept.summary?.failed == 0)
    #expect(fileSize(place + "/a.log") <= 36 << 10)
    for name in ["b.log", "c.log", "d.txt"] {
      #expect(numbers(inLog: "\(place)/\(name)").count == 10_000)
    }
  }

  @Test(
    "The audit log that a watch writes is trimmed by itself, and goes on",
    arguments: ["auto", "never"])
  func ownAudit(inPlace: String) throws {
    guard let place = directory("ext4", megabytes: 64) else { return }
    let audit = place + "/audit.jsonl"
    let line =
      #"{"v":1,"time":"2026-11-20T23:11:04.123456Z","action":"refused","rule":"r","kind":"spill","path":"/p","reason":"x","trigger":"manual","bytes":0,"files":0,"dry_run":false,"evidence":{}}"#
    let text = String(repeating: line + "\n", count: 3_000)
    #expect(FileManager.default.createFile(atPath: audit, contents: Data(text.utf8)))
    let file = scratch.path + "/rules.yaml"
    let spills = scratch.directory("a/spills")
    let rules = """
      audit_log: \(audit)
      rules:
        - {name: own, kind: log, root: \(place), match: audit.jsonl, max_bytes: 64KiB, keep_lines: 100,
           in_place: \(inPlace), grace: 1ms}
        - {name: s, kind: spill, root: \(spills), grace: 100ms}
      """
    #expect(FileManager.default.createFile(atPath: file, contents: Data(rules.utf8)))
    let reapd = try Background(reapdBinary, ["watch", "--config", file], in: scratch)
    let lines = AuditFile(audit)
    #expect(
      wait { lines.of(audit, action: .trimmed).contains { $0.reason == "over-limit" } },
      "\(reapd.error)")
    #expect(fileSize(audit) < 64 << 10)
    // Its own line has it open the new one; so the old one goes.
    #expect(wait { oldFiles(in: place).isEmpty }, "\(reapd.error)")
    let spill = makeOrphan(spills + "/spill_1_1")
    #expect(wait { !lines.of(spill, action: .reaped).isEmpty }, "\(reapd.error)")
    reapd.signal(SIGTERM)
    #expect(reapd.exitStatus() == 0)
  }
}
