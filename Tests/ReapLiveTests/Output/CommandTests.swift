// The one-shot commands as scripts use them: what they print, change and end with.

import Foundation
import Glibc
import Testing

@Suite("Commands", .serialized, .live)
struct CommandTests {
  private let scratch = Scratch()
  private var root: String { scratch.path + "/root" }
  private var audit: String { scratch.path + "/audit.jsonl" }
  private var auditLines: [AuditEntry] { AuditFile(audit).lines }

  init() { _ = scratch.directory("root") }

  @Test("sweep --dry-run says what it would do and changes nothing")
  func dryRun() throws {
    leaveOrphan(root + "/spill_1_1")
    leaveOrphan(root + "/spill_2_1")
    let listing = "cd \(root) && find . -printf '%p %i %T@ %C@ %s\\n' | sort"
    let before = shell(listing).output
    let result = run(
      reapdBinary, ["sweep", "-n", "--json", "--grace", "1ms", "--audit-log", audit, root])
    #expect(result.status == 0)
    #expect(shell(listing).output == before)
    let summary = decodeSweep(result.output).summary
    #expect(summary?.wouldReap == 2)
    #expect(summary?.reaped == 0)
    for name in ["spill_1_1", "spill_2_1"] {
      let line = auditLines.first { $0.path == root + "/" + name }
      #expect(line?.action == .wouldReap)
      #expect(line?.dryRun == true)
      #expect(line?.reason == "lock-released")
    }
    #expect(auditLines.count == 2)
    #expect(
      run(reapdBinary, ["sweep", "-n", "--grace", "1ms", "--audit-log", audit, root]).output
        .contains("2 would be reaped"))
  }

  @Test("sweep --json ends with its summary, and keeps what lives")
  func sweep() throws {
    let writer = try startWriter(
      root, ["--name", "spill_1_live", "--stop-at", "chunks"], in: scratch)
    #expect(wait { writer.output.contains("chunk spill_1_live 2") })
    leaveOrphan(root + "/spill_1_dead", bytes: 1 << 20)
    _ = FileManager.default.createFile(atPath: root + "/spill_1_file", contents: nil)
    let result = run(
      reapdBinary, ["sweep", "--json", "--grace", "1ms", "--audit-log", audit, root])
    #expect(result.status == 0, "\(result.error)")
    let (lines, last) = decodeSweep(result.output)
    let summary = try #require(last)
    #expect(summary.reaped == 1)
    #expect(summary.kept == 2)
    #expect(summary.failed == 0)
    #expect(summary.bytes >= 1 << 20)
    #expect(lines.count == 3)
    #expect(names(in: root) == ["spill_1_file", "spill_1_live"])
    let reaped = try #require(auditLines.first { $0.action == .reaped })
    #expect(reaped.path == root + "/spill_1_dead")
    #expect(reaped.trigger == .manual)
    #expect(reaped.files == 2)
    #expect(reaped.bytes == summary.bytes)
  }

  @Test("list shows every candidate with verdict and reason, and changes nothing")
  func list() throws {
    leaveOrphan(root + "/spill_1_1", bytes: 1 << 20)
    leaveOrphan(root + "/other")
    symlink("/usr", root + "/spill_1_link")
    let lines = decodeLines(
      run(reapdBinary, ["list", "--json", "--grace", "1ms", root]).output, as: Finding.self)
    #expect(lines.count == 2)
    #expect(lines.first?.path == root + "/spill_1_1")
    #expect(lines.first?.verdict == "dispose")
    #expect((lines.first?.bytes ?? 0) >= 1 << 20)
    #expect(lines.last?.reason == "not-a-directory")
    let text = run(reapdBinary, ["list", "--grace", "1ms", root]).output
    #expect(text.contains("dispose") && text.contains("lock-released") && text.contains("1.0 MiB"))
    #expect(names(in: root) == ["other", "spill_1_1", "spill_1_link"])
    #expect(names(in: root + "/spill_1_1") == [".lock", "chunk"])
  }

  // MARK: - explain

  @Test("explain names the process that holds a live directory")
  func explainLive() throws {
    let writer = try startWriter(root, ["--name", "spill_1_1", "--stop-at", "chunks"], in: scratch)
    #expect(wait { writer.output.contains("chunk spill_1_1 2") })
    let path = root + "/spill_1_1"
    let text = run(reapdBinary, ["explain", "--grace", "1ms", path])
    #expect(text.status == 0)
    #expect(text.output.contains("lock-held"))
    #expect(text.output.contains("held by        pid \(writer.pid) ("), "\(text.output)")
    let line = explain(path + "/", grace: "1ms")
    #expect(line?.verdict == "keep")
    #expect(line?.lockHolders?.first?.pid == Int(writer.pid))
  }

  @Test("explain of an orphan gives the verdict and leaves it")
  func explainOrphan() throws {
    leaveOrphan(root + "/spill_1_1")
    let path = root + "/spill_1_1"
    let text = run(reapdBinary, ["explain", "--grace", "1ms", path]).output
    #expect(text.contains("dispose (lock-released)"), "\(text)")
    let line = explain(path, grace: "1ms")
    #expect(line?.verdict == "dispose")
    #expect(line?.reason == "lock-released")
    #expect(names(in: path) == [".lock", "chunk"])
    #expect(names(in: root) == ["spill_1_1"])
  }

  @Test(
    "A grace or an owner on the command line changes the configuration's rule, and drops none of it"
  )
  func refined() throws {
    let config = scratch.path + "/reapd.yaml"
    let text =
      "rules: [{kind: spill, root: \(root), grace: 1h, missing_lock: keep, never: spill_1_3}]"
    try text.write(toFile: config, atomically: true, encoding: .utf8)
    for number in 1...3 { leaveOrphan("\(root)/spill_1_\(number)") }
    unlink(root + "/spill_1_2/.lock")
    func reasons(_ words: String...) -> [String: String] {
      let result = run(reapdBinary, ["list", "--json", "--config", config] + words)
      let found = decodeLines(result.output, as: Finding.self)
      return Dictionary(
        uniqueKeysWithValues: found.map { (String(($0.path ?? "").suffix(1)), $0.reason) })
    }
    let kept = ["1": "lock-released", "2": "missing-lock-kept", "3": "kept-by-hand"]
    #expect(reasons("--grace", "1ms") == kept)
    #expect(reasons("--grace", "1ms", root) == kept)
    #expect(reasons(root)["1"] == "young")
    let one = run(
      reapdBinary, ["explain", "--config", config, "--grace", "1ms", root + "/spill_1_2"])
    #expect(one.output.contains("missing-lock-kept"), "\(one)")
    // Another rule is another rule, and that is said.
    let other = run(
      reapdBinary, ["list", "--config", config, "--match", "spill_*", "--grace", "1ms", root])
    #expect(other.error.contains("does not count"), "\(other)")
  }

  @Test("A path that is relative is the same path")
  func relative() throws {
    let config = scratch.path + "/reapd.yaml"
    let text = "rules: [{kind: spill, root: \(root), grace: 1ms, never: spill_1_3}]"
    try text.write(toFile: config, atomically: true, encoding: .utf8)
    leaveOrphan("\(root)/spill_1_3")
    let found = shell("cd '\(root)' && '\(reapdBinary)' explain --config '\(config)' spill_1_3")
    #expect(found.output.contains("kept-by-hand"), "\(found)")
  }

  @Test(
    "Within its grace nothing of a directory is opened",
    arguments: [["explain"], ["list"], ["sweep"], ["sweep", "--dry-run"]])
  func youngIsUntouched(_ command: [String]) throws {
    guard FileManager.default.isExecutableFile(atPath: "/usr/bin/strace") else {
      return skip("no strace")
    }
    leaveOrphan(root + "/spill_1_young")
    let path = root + "/spill_1_young"
    let trace = scratch.path + "/trace"
    func opened(grace: String, _ command: [String]) -> [Substring] {
      let words =
        ["-f", "-o", trace, "-s", "4096", "-e", "trace=open,openat,openat2", reapdBinary]
        + command + ["--grace", grace, command == ["explain"] ? path : root]
      let result = run("/usr/bin/strace", words)
      #expect(result.output.contains(grace == "1h" ? "young" : "lock-released"), "\(result)")
      let text = (try? String(contentsOfFile: trace, encoding: .utf8)) ?? ""
      // With O_PATH nothing is opened, a name is just looked up (open(2)).
      return text.split(separator: "\n").filter {
        $0.contains("spill_1_young") && !$0.contains("O_PATH")
      }
    }
    let audited = command.first == "sweep" ? ["--audit-log", audit] : []
    if command == ["explain"] {
      #expect(opened(grace: "1h", command).isEmpty)
      // Past its grace it is: the trace would have shown it.
      #expect(!opened(grace: "1ms", command).isEmpty)
    } else {
      #expect(opened(grace: "1h", command + audited).isEmpty)
      #expect(!opened(grace: "1ms", command + audited).isEmpty)
    }
  }

  @Test("explain of what does not exist ends with 65")
  func explainMissing() {
    for path in [root + "/spill_1_none", scratch.path + "/none/spill_1_1"] {
      let result = run(reapdBinary, ["explain", path])
      #expect(result.status == 65)
      #expect(result.error.contains("does not exist"), "\(result.error)")
      #expect(result.output.isEmpty)
    }
  }

  @Test("explain of a root says so, and which rule's; of what no rule knows it says as what")
  func explainRoots() throws {
    leaveOrphan(root + "/spill_1_1")
    leaveOrphan(root + "/other")
    let config = scratch.path + "/reapd.yaml"
    let text = "rules: [{name: mine, kind: spill, root: \(root)}]\n"
    try text.write(toFile: config, atomically: false, encoding: .utf8)
    for path in [root, root + "/", root + "/other/.."] {
      let known = run(reapdBinary, ["explain", "--config", config, path])
      #expect(known.status == 0 && known.error.isEmpty, "\(known)")
      #expect(known.output.contains("root of        rule mine (kind spill"), "\(known)")
      #expect(!known.output.contains("verdict") && known.output.contains("candidates     1;"))
    }
    let json = run(reapdBinary, ["explain", "--json", "--config", config, root]).output
    #expect(json.contains(#""rule":"mine","kind":"spill","is_root":true,"candidates":1}"#))
    let unknown = run(reapdBinary, ["explain", root])
    #expect(unknown.output.contains("root of "), "\(unknown)")
    #expect(unknown.error.contains("as the root of `reapd watch \(root)`"), "\(unknown)")
    let other = run(reapdBinary, ["explain", root + "/other"])
    #expect(other.output.contains("keep (not-matched)"), "\(other)")
    #expect(other.error.contains("`reapd watch \(root)` would judge it"), "\(other)")
    #expect(run(reapdBinary, ["explain", "--config", config, root + "/other"]).error.isEmpty)
  }

  @Test("explain of the root of tables that is a partition itself tells its cursor")
  func explainRootPartition() throws {
    let partition = Partition(root)
    partition.generation("table-2")
    let rule = GenerationRule(root, in: scratch)
    let result = run(reapdBinary, ["explain", "--config", rule.path, root])
    #expect(result.output.contains("live generation") && result.error.isEmpty, "\(result)")
    #expect(result.output.contains(root + "/table-2"), "\(result)")
  }

  @Test("What a reapd has open is in no list of who uses a directory")
  func explainBesideWatch() throws {
    leaveOrphan(root + "/spill_1_1")
    let owner = try Background(
      "/usr/bin/flock", ["--no-fork", root + "/spill_1_1/.lock", "/bin/sleep", "1000"], in: scratch)
    let watcher = try Watcher([root], grace: "1ms", in: scratch)
    #expect(wait { watcher.holds(root + "/spill_1_1") })
    let text = run(reapdBinary, ["explain", "--grace", "1ms", root + "/spill_1_1"]).output
    #expect(text.contains("open in        pid \(owner.pid) "), "\(text)")
    #expect(!text.contains("pid \(watcher.background.pid)"), "\(text)")
    #expect(!text.contains("age by newest"), "\(text)")
  }

  @Test("A root that does not exist: an error where it was typed, a remark where a file names it")
  func missingRoots() throws {
    leaveOrphan(root + "/spill_1_1")
    let none = scratch.path + "/none"
    for command in [["sweep", "-n"], ["list"], ["keep", "--list"], ["restore", "--list"]] {
      let typed = run(reapdBinary, command + ["--grace", "1ms", none, root])
      #expect(typed.status == 65, "\(command): \(typed)")
      #expect(typed.error.contains("reapd: root \(none) does not exist\n"), "\(command): \(typed)")
    }
    #expect(run(reapdBinary, ["list", none]).output.isEmpty)
    let swept = run(reapdBinary, ["sweep", "--grace", "1ms", "--audit-log", audit, none, root])
    #expect(swept.status == 65 && names(in: root).isEmpty, "the other root is swept: \(swept)")
    let config = scratch.path + "/reapd.yaml"
    let text = "rules:\n  - {kind: spill, root: \(root)}\n  - {kind: spill, root: \(none)}\n"
    try text.write(toFile: config, atomically: false, encoding: .utf8)
    for command in [["sweep", "-n"], ["list"], ["keep", "--list"], ["restore", "--list"]] {
      let named = run(reapdBinary, command + ["--config", config])
      #expect(named.status == 0, "\(command): \(named)")
      #expect(
        named.error.components(separatedBy: "\(none) does not exist (rule none)").count == 2,
        "\(command): \(named)")
    }
  }

  @Test("A sweep tells of each candidate once, in its list; of trouble on standard error as well")
  func refusedOnce() throws {
    symlink("/usr", root + "/spill_1_link")
    for words in [["-n"], []] {
      let result = run(
        reapdBinary, ["sweep", "--grace", "1ms", "--audit-log", audit, root] + words)
      #expect(result.output.contains("spill_1_link  (not-a-directory)"), "\(result)")
      #expect(result.error.isEmpty, "\(result)")
    }
    #expect(auditLines.map(\.action) == [.refused, .refused])
  }

  @Test("restore of what has no quarantine says so, and what to do instead")
  func restoreSpill() throws {
    leaveOrphan(root + "/spill_1_1")
    let config = scratch.path + "/reapd.yaml"
    let text = "rules: [{name: mine, kind: spill, root: \(root)}]\n"
    try text.write(toFile: config, atomically: false, encoding: .utf8)
    let result = run(reapdBinary, ["restore", "--config", config, root + "/spill_1_1"])
    #expect(result.status == 64, "\(result)")
    #expect(result.error.contains("rule mine, which has no quarantine"), "\(result)")
    #expect(result.error.contains("reapd keep"), "\(result)")
    let list = run(reapdBinary, ["restore", "--list", "--config", config])
    #expect(list.output.contains("only rules of kinds generations and scratch have one"), "\(list)")
  }

  // MARK: - The audit's place

  @Test("An audit named by hand that cannot be written ends the run before anything is removed")
  func unwritableAudit() {
    leaveOrphan(root + "/spill_1_1")
    _ = FileManager.default.createFile(atPath: scratch.path + "/file", contents: nil)
    symlink(scratch.path + "/planted", scratch.path + "/link.jsonl")
    for place in ["/file/audit.jsonl", "/link.jsonl", "/root"] {
      let result = run(
        reapdBinary,
        ["sweep", "--grace", "1ms", "--audit-log", scratch.path + place, root])
      #expect(result.status == 77)
      #expect(result.error.contains("audit"), "\(result.error)")
      #expect(names(in: root + "/spill_1_1") == [".lock", "chunk"])
    }
    #expect(!exists(scratch.path + "/planted"))
  }

  @Test("The audit's default place falls back to the other, and says so once")
  func auditFallsBack() throws {
    guard isRoot else { return skip("a read-only /var/log needs root") }
    leaveOrphan(root + "/spill_1_1")
    let result = shell(
      "XDG_STATE_HOME=\(scratch.path)/state unshare -m /bin/bash -c '"
        + "mount -t tmpfs -o ro tmpfs /var/log && exec \(reapdBinary) sweep --grace 1ms \(root)'")
    #expect(result.status == 0, "\(result.error)")
    #expect(result.error.components(separatedBy: "instead").count == 2, "\(result.error)")
    let lines = AuditFile(scratch.path + "/state/reapd/audit.jsonl").lines
    #expect(lines.first?.action == .reaped)
  }
}

/// An orphan that is older than a grace of 1 ms by the time that anything looks at it.
private func leaveOrphan(_ path: String, bytes: Int = 1) {
  #expect(mkdir(path, 0o755) == 0)
  _ = FileManager.default.createFile(atPath: path + "/.lock", contents: nil)
  _ = FileManager.default.createFile(
    atPath: path + "/chunk", contents: Data(repeating: 7, count: bytes))
}
