// Streams that take nothing, limits of size, and what must not come out of them.

import Foundation
import Glibc
import Testing

@Suite("Output that nobody takes stops no removal", .serialized, .live)
struct OutputTests {
  private let scratch = Scratch()
  private var root: String { scratch.directory("spill") }
  private var audit: String { scratch.path + "/audit.jsonl" }

  /// Runs a command line with descriptor 9 on a pipe that is full and that nobody reads. Not in bash,
  /// which takes the socket that is its standard input for a remote shell's, and reads ~/.bashrc.
  private func withFullPipe(_ command: String) throws -> Background {
    let pipe = scratch.path + "/pipe-\(UUID().uuidString)"
    #expect(mkfifo(pipe, 0o600) == 0)
    return try Background(
      "/bin/sh", ["-c", "exec 9<>\(pipe); timeout 1 cat /dev/zero >&9; exec \(command)"],
      in: scratch)
  }

  @Test("With standard error full it reaps, and ends by SIGTERM", arguments: ["", "1>&9"])
  func fullStandardError(output: String) throws {
    let orphan = makeOrphan(root + "/spill_1_1", files: 3)
    let watcher = try withFullPipe(
      "\(reapdBinary) watch --json --log-level trace --grace 100ms --audit-log \(audit) \(root) "
        + "2>&9 \(output)")
    #expect(wait(seconds: 60) { !exists(orphan) })
    #expect(wait { FileManager.default.contents(atPath: audit)?.isEmpty == false })
    watcher.signal(SIGTERM)
    #expect(watcher.exitStatus(within: 20) == 0)
  }

  @Test("A sweep that waits for the reader of its lines holds no lock, and a signal ends it")
  func fullStandardOutput() throws {
    for number in 0..<40 { makeOrphan("\(root)/spill_1_\(number)") }
    letPass(0.02, "older than its grace")
    let first = try withFullPipe(
      "\(reapdBinary) sweep --grace 1ms --audit-log \(audit) \(root) >&9")
    #expect(wait(seconds: 60) { names(in: root).isEmpty })
    var second: (status: Int32, output: String, error: String)?
    #expect(
      wait {
        second = run(reapdBinary, ["sweep", "--grace", "1ms", "--audit-log", audit, root])
        return second?.status == 0
      }, "\(String(describing: second))")
    #expect(first.isRunning)
    first.signal(SIGTERM)
    #expect(first.exitStatus() == -SIGTERM)
  }

  @Test("A log that reaches its limit of size is one that waits for room")
  func limitOfSize() throws {
    let watcher = try Watcher(
      [root], grace: "50ms", in: scratch, wrapper: ["/usr/bin/prlimit", "--fsize=3000", "--core=0"])
    for number in 0..<12 {
      let orphan = makeOrphan("\(root)/spill_1_\(number)")
      #expect(wait(seconds: 60) { !exists(orphan) }, "\(watcher.background.error)")
    }
    #expect(wait { watcher.background.error.contains("File too large; lines wait") })
    // A rotation gives it room again.
    let written = watcher.audit.count
    #expect(rename(watcher.auditPath, watcher.auditPath + ".1") == 0)
    watcher.background.signal(SIGHUP)
    #expect(wait { watcher.audit.count > 1 })
    // No half line in the new one: its first is a whole one, the next after the last whole one.
    let text = String(
      decoding: FileManager.default.contents(atPath: watcher.auditPath) ?? Data(), as: UTF8.self)
    #expect(text.hasPrefix(#"{"v":1,"#))
    #expect(watcher.audit.first?.path == "\(root)/spill_1_\(written)")
    #expect(watcher.stop().status == 0)
  }

  @Test("Without /proc it says what is missing and exits 71; help does not need it")
  func withoutProc() {
    guard isRoot else { return skip("unmounting /proc needs root") }
    let orphan = makeOrphan(root + "/spill_1_1")
    func bare(_ words: String) -> (status: Int32, output: String, error: String) {
      shell("exec unshare -m /bin/sh -c 'umount -l /proc && exec \(reapdBinary) \(words)'")
    }
    for command in ["watch", "sweep", "list", "explain", "tail"] {
      let audited = command == "watch" || command == "sweep" ? "--audit-log \(audit)" : ""
      let result = bare("\(command) \(audited) \(orphan)")
      #expect(result.status == 71, "\(command): \(result)")
      #expect(result.error.contains("/proc") && result.output.isEmpty, "\(command): \(result)")
    }
    #expect(exists(orphan))
    #expect(bare("--help").output.contains("SUBCOMMANDS"))
    #expect(bare("sweep --help").output.contains("--dry-run"))
    #expect(bare("--version").output.first?.isNumber == true)
    #expect(bare("check-config --nonsense").status == 64)
  }

  @Test("A removal that failed is listed as failed, with the audit's reason, and counted")
  func failedRemoval() throws {
    guard isRoot else { return skip("chattr needs root") }
    makeOrphan(root + "/spill_1_1", files: 1)
    makeOrphan(root + "/spill_1_2", files: 1)
    guard run("/usr/bin/chattr", ["+i", root + "/spill_1_1/file-0"]).status == 0 else {
      return skip("no immutable files here")
    }
    defer { _ = shell("chattr -R -i \(scratch.path)") }
    letPass(0.02, "older than its grace")
    for json in [false, true] {
      let result = run(
        reapdBinary,
        ["sweep", "--grace", "1ms", "--audit-log", audit, root] + (json ? ["--json"] : []))
      #expect(result.status == 1)
      let failed = result.output.split(separator: "\n").filter { $0.contains("spill_1_1") }
      #expect(failed.count == 1 && failed[0].contains("removal-failed"), "\(result.output)")
      #expect(failed[0].hasPrefix(json ? "{" : "failed "), "\(failed)")
      #expect(!failed[0].contains("reaped") && failed[0].contains("not permitted"), "\(failed)")
      #expect(result.output.contains(json ? #""failed":1"# : "1 failed"), "\(result.output)")
      #expect(result.output.contains(json ? #""reaped":0"# : "0 reaped") == json)
    }
    let lines = String(
      decoding: FileManager.default.contents(atPath: audit) ?? Data(), as: UTF8.self
    )
    .split(separator: "\n")
    #expect(
      lines.contains {
        $0.contains("spill_1_1") && $0.contains(#""action":"failed""#)
          && $0.contains("removal-failed")
      })
  }

  @Test("What a name does to a terminal reaches neither table, JSON, audit nor an error")
  func hostileNames() throws {
    let name = "spill_1_\u{9B}31m\u{202E}\u{2028}é"
    let orphan = makeOrphan(root + "/" + name)
    letPass(0.02, "older than its grace")
    let words = ["--grace", "1ms", root]
    var texts = [
      run(reapdBinary, ["list"] + words).output,
      run(reapdBinary, ["list", "--json"] + words).output,
      run(reapdBinary, ["explain", "--grace", "1ms", orphan]).output,
      run(reapdBinary, ["sweep", "-n", "--audit-log", audit] + words).output,
      run(reapdBinary, ["sweep", "--json", "--audit-log", audit] + words).output,
      String(decoding: FileManager.default.contents(atPath: audit) ?? Data(), as: UTF8.self),
      // As a shell puts it in for a pattern.
      run(reapdBinary, ["sweep", "--\u{9B}31m\u{1B}[2J"]).error,
      run(reapdBinary, ["list", root + "/\u{1B}[2J\u{9B}none\n/x"]).error,
      run(reapdBinary, ["check-config", "--config", "/\u{1B}[2J\u{9B}none"]).error,
    ]
    let logs = ["\(scratch.path)/a\u{1B}]0;x\u{7}\u{9B}.log", scratch.path + "/b.log"]
    for log in logs {
      _ = FileManager.default.createFile(atPath: log, contents: Data("é\u{9B}\n".utf8))
    }
    let tail = try Background(
      reapdBinary, ["tail"] + logs + [scratch.path + "/\u{1B}c\u{9B}"], in: scratch)
    #expect(wait { tail.output.components(separatedBy: "==>").count == 3 }, "\(tail.output)")
    tail.signal(SIGTERM)
    #expect(tail.exitStatus() == 0)
    // Its content is passed on as it is.
    #expect(tail.output.contains("é\u{9B}\n"))
    texts += [
      tail.output.split(separator: "\n").filter { $0.contains("==>") }.joined(), tail.error,
    ]
    for (index, text) in texts.enumerated() {
      #expect(!text.isEmpty || index == texts.count - 1, "text \(index)")
      let bad = text.unicodeScalars.filter {
        ($0.value < 0x20 && $0 != "\n") || (0x7F...0x9F).contains($0.value)
          || [0x202E, 0x2028].contains($0.value)
      }
      #expect(bad.isEmpty, "text \(index): \(text.debugDescription)")
    }
    #expect(texts[4].contains(#"spill_1_\u009b31m\u202e\u2028é"#), "\(texts[4])")
  }
}
