// Every key of a rule, written in a file, changes what the binary does; a bad file stops it.

import Foundation
import Glibc
import Testing

@Suite("Configured rules", .serialized, .live)
struct ConfiguredRuleTests {
  private let scratch = Scratch()
  private var root: String { scratch.path + "/root" }

  init() { _ = scratch.directory("root") }

  // MARK: - Keys

  @Test("match decides which names are candidates")
  func match() {
    leaveOrphan("spill_1_1")
    leaveOrphan("up_1")
    expectLeft(["spill_1_1"], by: "match: 'up_*'")
    expectLeft([], by: "")
  }

  @Test("grace decides how old is old enough")
  func grace() {
    leaveOrphan("spill_1_1")
    expectLeft(["spill_1_1"], by: "grace: 1h")
    expectLeft([], by: "")
  }

  @Test("owner decides whose directories go")
  func owner() {
    guard isRoot else { return skip("chown needs root") }
    leaveOrphan("spill_1_1")
    leaveOrphan("spill_2_1")
    leaveOrphan("spill_3_1")
    chown(root + "/spill_2_1", 12345, 12345)
    chown(root + "/spill_3_1", 12346, 12346)
    expectLeft(["spill_1_1", "spill_3_1"], by: "owner: 12345")
    expectLeft(["spill_3_1"], by: "")
    leaveOrphan("spill_1_1")
    expectLeft([], by: "owner: any")
  }

  @Test("lock decides which file is the lock")
  func lock() throws {
    leaveOrphan("spill_1_1")
    let holder = try Background(
      "/bin/bash", ["-c", "exec 9>\(root)/spill_1_1/mine; flock 9; echo held; exec sleep 1000"],
      in: scratch)
    #expect(wait { holder.output == "held\n" })
    expectLeft(["spill_1_1"], by: "lock: mine")
    expectLeft([], by: "")
  }

  @Test("lock_type decides which kind of lock keeps", arguments: ["flock", "fcntl"])
  func lockType(_ kind: String) throws {
    for type in ["flock", "fcntl", "auto"] {
      let writer = try startWriter(
        root, ["--name", "spill_1_1", "--lock", kind, "--stop-at", "chunks"], in: scratch)
      #expect(wait { writer.output.contains("chunk spill_1_1 2") })
      // Even where the wrong kind is probed, the open lock file keeps it.
      let reason = type == "auto" || type == kind ? "lock-held" : "lock-open"
      let result = sweep("lock_type: \(type)")
      #expect(result.output.contains("\"reason\":\"\(reason)\""), "\(type): \(result.output)")
      #expect(names(in: root + "/spill_1_1").count == 4)
      writer.killHard()
      expectLeft([], by: "lock_type: \(type)")
    }
  }

  @Test("missing_lock decides about a directory without one")
  func missingLock() {
    leaveOrphan("spill_1_1")
    unlink(root + "/spill_1_1/.lock")
    #expect(wait { sweep("missing_lock: keep").output.contains("missing-lock-kept") })
    expectLeft([], by: "missing_lock: reap")
  }

  @Test("contents decides which entries a directory may hold")
  func contents() {
    leaveOrphan("spill_1_1")
    expectLeft(["spill_1_1"], by: "contents: '^[0-9a-f]{64}$'")
    expectLeft([], by: "contents: '^ch'")
  }

  @Test("enabled: false leaves a rule out, for itself or for all")
  func enabled() {
    leaveOrphan("spill_1_1")
    expectLeft(["spill_1_1"], by: "enabled: false")
    expectLeft(["spill_1_1"], by: "", top: "enabled: false")
    #expect(sweep("", environment: ["REAPD_ENABLED": "false"]).status == 0)
    #expect(names(in: root) == ["spill_1_1"])
    expectLeft([], by: "enabled: true")
  }

  // MARK: - Where it comes from

  @Test("The file in XDG_CONFIG_HOME is found without being named")
  func searchPath() throws {
    leaveOrphan("up_1")
    _ = scratch.directory("config/reapd")
    write("match: 'up_*'", to: "/config/reapd/reapd.yaml")
    var environment = ProcessInfo.processInfo.environment
    environment["XDG_CONFIG_HOME"] = scratch.path + "/config"
    let result = run(reapdBinary, ["sweep", "--json"], environment: environment)
    #expect(result.status == 0, "\(result.error)")
    #expect(names(in: root).isEmpty)
    let checked = run(reapdBinary, ["check-config"], environment: environment)
    #expect(checked.output.contains("from \(scratch.path)/config/reapd/reapd.yaml"))
  }

  @Test("REAPD_<RULE>_GRACE wins over the file, and check-config names it")
  func override() {
    leaveOrphan("spill_1_1")
    let override = ["REAPD_UPLOADS_GRACE": "2h"]
    #expect(sweep("", environment: override).output.contains("\"reason\":\"young\""))
    #expect(names(in: root) == ["spill_1_1"])
    let environment = ProcessInfo.processInfo.environment.merging(override) { $1 }
    let path = write("", to: "/reapd.yaml")
    let checked = run(reapdBinary, ["check-config", "--config", path], environment: environment)
    #expect(checked.status == 0)
    #expect(checked.output.contains("overridden by REAPD_UPLOADS_GRACE"), "\(checked.output)")
    #expect(checked.output.contains("grace: 2h"))
    expectLeft([], by: "")
  }

  // MARK: - Bad files

  struct Bad: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var line: Int
    /// Stands for the rule's last line, which is line 7.
    var text: String
  }

  static let bad = [
    Bad(testDescription: "an unknown key", line: 7, text: "greace: 1ms"),
    Bad(testDescription: "a doubled key", line: 7, text: "grace: 2ms"),
    Bad(testDescription: "a bad duration", line: 6, text: "grace: 30 parsecs"),
    Bad(testDescription: "a duration without unit", line: 8, text: "enabled: true\nbackstop: 30"),
    Bad(testDescription: "a tab", line: 7, text: "\tenabled: true"),
    Bad(testDescription: "a wrong type", line: 7, text: "match: [spill_1_1, spill_2_1]"),
    Bad(testDescription: "text for a truth value", line: 7, text: "enabled: 'true'"),
    Bad(testDescription: "a bad pattern", line: 7, text: "contents: '['"),
    Bad(testDescription: "an unknown top-level key", line: 8, text: "enabled: true\nroots: []"),
  ]

  @Test("A bad file ends every command with 78 and names the line", arguments: bad)
  func badFile(_ bad: Bad) {
    leaveOrphan("spill_1_1")
    let path = write(bad.text, to: "/reapd.yaml")
    for command in ["sweep", "watch", "list", "check-config"] {
      let result = run(reapdBinary, [command, "--config", path])
      #expect(result.status == 78, "\(command): \(result)")
      #expect(result.error.contains("\(path):\(bad.line): "), "\(result.error)")
      #expect(names(in: root + "/spill_1_1") == [".lock", "chunk"])
    }
  }

  // MARK: - Helpers

  private func leaveOrphan(_ name: String) {
    #expect(mkdir(root + "/" + name, 0o755) == 0)
    for file in [".lock", "chunk"] {
      _ = FileManager.default.createFile(atPath: "\(root)/\(name)/\(file)", contents: nil)
    }
  }

  /// A file with one rule, to which a line is added or, for `grace`, one replaced.
  @discardableResult
  private func write(_ line: String, top: String = "", to name: String) -> String {
    let replacesGrace = line.hasPrefix("grace: ") && !line.hasSuffix("2ms")
    let lines = [
      top, "audit_log: \(scratch.path)/audit.jsonl", "rules:", "  - name: uploads",
      "    kind: spill", "    root: \(root)\(replacesGrace ? "" : "\n    grace: 1ms")",
    ]
    let added = line.split(separator: "\n").enumerated().map { index, text in
      (index == 0 && !text.hasPrefix("\t") ? "    " : "") + text
    }
    let text = (lines.dropFirst(top.isEmpty ? 1 : 0) + added).joined(separator: "\n") + "\n"
    _ = FileManager.default.createFile(atPath: scratch.path + name, contents: Data(text.utf8))
    return scratch.path + name
  }

  private func sweep(
    _ line: String, top: String = "", environment: [String: String] = [:]
  ) -> (status: Int32, output: String, error: String) {
    run(
      reapdBinary, ["sweep", "--json", "--config", write(line, top: top, to: "/reapd.yaml")],
      environment: ProcessInfo.processInfo.environment.merging(environment) { $1 })
  }

  private func expectLeft(_ left: [String], by line: String, top: String = "") {
    let result = sweep(line, top: top)
    #expect(result.status == 0, "\(line): \(result)")
    #expect(names(in: root) == left, "\(line): \(result)")
  }
}
