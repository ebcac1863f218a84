// The reapd that a drill tests: started, killed and started again on a root of its own.

import Glibc
import OwnedDirectories
import ReapRules

struct WatcherUnderDrill {
  private let program: String
  private let directory: String
  private let environment: [String: String]
  private var process: DoomedProcess?
  /// How many were started: each has its own output.
  private var runs = 0
  private(set) var eventsLost = 0
  private(set) var backstopNeeded = 0
  /// Wall clock, ns, from each kill to the next one's readiness.
  private(set) var outages: [ClosedRange<Int64>] = []

  var root: String { directory + "/root" }
  var auditPath: String { directory + "/audit.jsonl" }
  private var configuration: String { directory + "/reapd.yaml" }
  private func log(_ run: Int) -> String { "\(directory)/reapd-\(run).log" }
  private func summary(_ run: Int) -> String { "\(directory)/reapd-\(run).out" }

  /// - Parameter directory: of the drill's own; `root` in it is watched.
  init(_ program: String, in directory: String, grace: Int64) throws(DrillError) {
    self.program = program
    self.directory = directory
    // The user's own settings must not change what is tested; the test-only fault must.
    environment = processEnvironment().filter { name, _ in
      !name.hasPrefix("REAPD_") || name == "REAPD_FAULT"
    }
    // `$$` is one that nothing is put in for; JSON's strings are YAML's as well.
    let quoted = { (path: String) in
      JSONValue.string(
        path.split(separator: "$", omittingEmptySubsequences: false)
          .joined(separator: "$$")
      ).text
    }
    let text = """
      audit_log: \(quoted(auditPath))
      backstop: off
      rules:
        - name: drill
          kind: spill
          root: \(quoted(root))
          grace: \(formatDuration(grace))
          allow_shallow: true
          allow_remote: true
      \(geteuid() == 0 ? "    owner: any\n" : "")
      """
    do throws(SystemError) {
      try makeDirectories(root)
      let file = try openForAppending(FilePath(configuration))
      defer { file.close() }
      try writeAll(Array(text.utf8).span, to: file, configuration)
    } catch {
      throw DrillError("\(error)")
    }
  }

  /// Starts one and waits until it watches.
  mutating func start() throws(DrillError) {
    runs += 1
    let started = try DoomedProcess(
      program, ["watch", "--json", "--config", configuration], environment: environment,
      output: .file(summary(runs)), errors: log(runs))
    process = started
    let log = log(runs)
    func text() -> String { String(decoding: (try? readWhole(log)) ?? [], as: UTF8.self) }
    let isReady = waitUntil(within: 30) { text().contains("watching ") || !started.isRunning }
    guard isReady, started.isRunning else {
      started.kill()
      throw DrillError("reapd did not start to watch: \(text())")
    }
  }

  var isRunning: Bool { process?.isRunning ?? false }

  /// How it ended, and the last it had to say, for a person.
  var lastEnd: String {
    let how = process?.end(within: 0).map { "\($0)" } ?? "not at all"
    let text = String(decoding: (try? readWhole(log(runs))) ?? [], as: UTF8.self)
    return "\(how): \(text.split(separator: "\n").last ?? "(no words)")"
  }

  /// SIGKILL, and a new one.
  mutating func restart() throws(DrillError) {
    let begin = readClocks().wall
    process?.kill()
    process?.close()
    try start()
    // The orphans that are there at the start are its first scan's, not an event's.
    outages.append(begin...max(begin, readClocks().wall + 200_000_000))
  }

  /// SIGTERM; takes its summary in.
  mutating func stop() throws(DrillError) {
    guard let process else { return }
    process.signal(SIGTERM)
    let end = process.end(within: 20)
    let told = lastEnd
    if end == nil { process.kill() }
    process.close()
    self.process = nil
    guard end == .exited(0) else { throw DrillError("reapd ended badly, \(told)") }
    let lines = ((try? readWhole(summary(runs))) ?? []).split(separator: 10)
    guard let json = try? JSONValue(parsing: lines.last ?? []) else {
      throw DrillError("reapd gave no summary")
    }
    eventsLost += Int(json["events_lost"]?.integer ?? 0)
    backstopNeeded += Int(json["backstop_needed"]?.integer ?? 0)
  }

  /// For the end of an interrupted drill.
  mutating func kill() {
    process?.kill()
    process = nil
  }

  /// One full look at everything without events: how many orphans it finds.
  func sweep() throws(DrillError) -> Int {
    let sweeper = try DoomedProcess(
      program, ["sweep", "--json", "--config", configuration], environment: environment,
      output: .file(directory + "/sweep.out"), errors: directory + "/sweep.log")
    defer { sweeper.close() }
    guard sweeper.end(within: 30) != nil else {
      sweeper.kill()
      return 0
    }
    let lines = ((try? readWhole(directory + "/sweep.out")) ?? []).split(separator: 10)
    let json = try? JSONValue(parsing: lines.last ?? [])
    return Int(json?["reaped"]?.integer ?? 0)
  }
}
