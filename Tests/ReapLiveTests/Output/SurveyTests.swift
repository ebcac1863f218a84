// What `survey` and `presets` show, and that it is what `sweep` does.

import Foundation
import Glibc
import Testing

// All of them hold the usual places of every program, some of which no variable moves.
@Suite("reapd survey and presets", .live, .serialized)
struct SurveyTests {
  private let scratch = Scratch()
  private var root: String { scratch.path + "/data/ant/spill" }
  private var audit: String { scratch.path + "/audit.jsonl" }

  private struct Row: Decodable, Equatable {
    let program: String?
    let orphans: Int
    let live: Int
    let kept: Int
    let bytes: Int
    let reasons: [String: Int]?
    let command: String?
    let oldestMs: Int?
  }

  /// In a home of its own, so that nobody else's leftovers count.
  private func reapd(_ words: String...) -> (status: Int32, output: String, error: String) {
    var environment = ProcessInfo.processInfo.environment
    for name in ["XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "HYP_HOME"] { environment[name] = nil }
    environment["HOME"] = scratch.path
    environment["XDG_DATA_HOME"] = scratch.path + "/data"
    environment["TMPDIR"] = scratch.directory("tmp")
    return run(reapdBinary, words, environment: environment)
  }

  /// What an upload leaves when it is killed.
  private func leaveUpload(_ path: String, bytes: Int = 1) {
    makeOrphan(path)
    _ = FileManager.default.createFile(
      atPath: path + "/" + String(repeating: "0a", count: 32), contents: Data(count: bytes))
  }

  private func row(_ output: String) -> Row? {
    decodeLines(output, as: Row.self).first { $0.program == "ant" }
  }

  /// Two orphans, one that lives, and one with a file that is not the program's.
  private func populate() throws -> Background {
    _ = scratch.directory("data/ant/spill")
    leaveUpload(root + "/spill_1_1", bytes: 1 << 20)
    leaveUpload(root + "/spill_2_1")
    makeOrphan(root + "/spill_3_1", files: 1)
    let writer = try startWriter(
      root, ["--name", "spill_4_1", "--stop-at", "chunks"], in: scratch)
    #expect(wait { writer.output.contains("chunk spill_4_1 2") })
    return writer
  }

  @Test("survey counts what is orphaned, alive and in doubt, and changes nothing")
  func counts() throws {
    let writer = try populate()
    let before = portrait(root)
    let result = reapd("survey", "--json", "--grace", "1ms")
    #expect(result.status == 0, "\(result)")
    let found = try #require(row(result.output), "\(result)")
    #expect(found.orphans == 2 && found.live == 1 && found.kept == 1, "\(found)")
    #expect(found.bytes >= 1 << 20 && found.oldestMs != nil)
    #expect(found.reasons == ["foreign-contents": 1])
    #expect(found.command == "reapd sweep --preset ant --grace 1ms")
    let summary = try #require(decodeLines(result.output, as: Row.self).last)
    #expect(summary.program == nil && summary.orphans >= 2 && summary.live >= 1)
    let table = reapd("survey", "--grace", "1ms")
    #expect(table.output.contains("1 foreign-contents"), "\(table)")
    #expect(table.output.contains("  reapd sweep --preset ant --grace 1ms\n"), "\(table)")
    #expect(portrait(root) == before)
    #expect(writer.isRunning)
  }

  @Test("The line that survey prints removes what it counted, and nothing else")
  func line() throws {
    let writer = try populate()
    #expect(reapd("survey", "--check", "--grace", "1ms").status == 1)
    let dry = reapd(
      "sweep", "--preset", "ant", "--grace", "1ms", "--dry-run", "--json",
      "--audit-log", audit)
    #expect(decodeSweep(dry.output).summary?.wouldReap == 2)
    let swept = reapd(
      "sweep", "--preset", "all", "--grace", "1ms", "--json", "--owner", "\(geteuid())",
      "--audit-log", audit)
    #expect(swept.status == 0, "\(swept)")
    #expect(names(in: root) == ["spill_3_1", "spill_4_1"])
    #expect(writer.isRunning)
    let after = reapd("survey", "--json", "--grace", "1ms")
    #expect(row(after.output)?.orphans == 0, "\(after)")
  }

  @Test("What is young is neither opened nor counted as an orphan")
  func young() throws {
    _ = scratch.directory("data/ant/spill")
    leaveUpload(root + "/spill_\(time(nil))000_1")
    let found = row(reapd("survey", "--json", "--grace", "1h").output)
    #expect(found?.orphans == 0 && found?.reasons == ["young": 1])
  }

  @Test("Every rule to copy passes check-config, and no other name has one")
  func copies() throws {
    struct Listed: Decodable { let name: String }
    let listed = reapd("presets", "--json")
    let known = decodeLines(listed.output, as: Listed.self).map(\.name)
    #expect(known.contains("ant") && known.contains("hypaware"))
    for name in known {
      let copy = reapd("presets", name)
      #expect(copy.status == 0, "\(copy)")
      let file = scratch.path + "/\(name).yaml"
      try copy.output.write(toFile: file, atomically: false, encoding: .utf8)
      let checked = shell("'\(reapdBinary)' check-config --config - < '\(file)'")
      #expect(checked.status == 0, "\(name): \(checked.error)\n\(copy.output)")
      #expect(reapd("presets").output.contains("\n\(name) "))
    }
    let unknown = reapd("presets", "hypawar")
    #expect(unknown.status == 64 && unknown.error.contains("did you mean hypaware?"))
  }

  @Test("What a stranger has put in one place keeps reapd from nothing else")
  func blocked() throws {
    let writer = try populate()
    let file = scratch.directory(".hyp/hypaware") + "/cache"
    #expect(FileManager.default.createFile(atPath: file, contents: nil))
    let survey = reapd("survey", "--json", "--grace", "1ms")
    #expect(survey.status == 0 && row(survey.output)?.orphans == 2, "\(survey)")
    #expect(survey.error.contains("\(file) is a link or not a directory"), "\(survey)")
    let swept = reapd("sweep", "--preset", "all", "--grace", "1ms", "--audit-log", audit)
    #expect(swept.status == 0 && names(in: root) == ["spill_3_1", "spill_4_1"], "\(swept)")
    // Named by itself, it is a mistake.
    #expect(reapd("sweep", "--preset", "hypaware", "--audit-log", audit).status == 64)
    #expect(writer.isRunning)
  }

  @Test(
    "As root every user's home is looked into, and only that user's go there", .enabled(if: isRoot))
  func homes() throws {
    let home = scratch.path + "/alice"
    let spill = scratch.directory("alice/.local/share/ant/spill")
    for name in ["spill_1_1", "spill_2_1"] { leaveUpload(spill + "/" + name) }
    // One of them is somebody else's, as where a link has led there.
    #expect(shell("chown -R 1234:1234 '\(home)' && chown -R 0:0 '\(spill)/spill_2_1'").status == 0)
    let passwd = scratch.path + "/passwd"
    try
      (String(contentsOfFile: "/etc/passwd", encoding: .utf8)
      + "alice:x:1234:1234::\(home):/bin/sh\n").write(
        toFile: passwd, atomically: false, encoding: .utf8)
    func tried(_ words: String) -> (status: Int32, output: String, error: String) {
      shell(
        "unshare -m sh -c \"mount --bind '\(passwd)' /etc/passwd && HOME=/nowhere TMPDIR='\(scratch.path)' "
          + "XDG_CONFIG_HOME=/nowhere '\(reapdBinary)' \(words)\"")
    }
    let survey = tried("survey --json --grace 1ms")
    #expect(row(survey.output)?.orphans == 1, "\(survey)")
    #expect(row(survey.output)?.command == "reapd sweep --preset ant --grace 1ms --owner any")
    #expect(row(tried("survey --json --grace 1ms --owner root").output) == nil)
    let swept = tried("sweep --preset ant --grace 1ms --owner any --audit-log '\(audit)'")
    #expect(swept.status == 0 && names(in: spill) == ["spill_2_1"], "\(swept)")
  }

  @Test("watch --preset all watches what comes")
  func watching() throws {
    var environment = ["HOME": scratch.path, "XDG_DATA_HOME": scratch.path + "/data"]
    environment["TMPDIR"] = scratch.directory("tmp")
    let watcher = try Background(
      reapdBinary,
      ["watch", "--preset", "all", "--grace", "100ms", "--audit-log", audit], in: scratch,
      environment: environment)
    #expect(wait { watcher.error.contains("ant/spill") }, "\(watcher.error)")
    _ = scratch.directory("data/ant/spill")
    leaveUpload(root + "/spill_1_1")
    #expect(wait { names(in: root).isEmpty }, "\(watcher.error)")
    watcher.signal(SIGTERM)
    #expect(watcher.exitStatus() == 0)
  }

  @Test(
    "A link that another user has put into a shared directory is not followed", .enabled(if: isRoot)
  )
  func planted() throws {
    let shared = scratch.directory("shared")
    chmod(shared, 0o1777)
    leaveUpload(scratch.directory("elsewhere/spill") + "/spill_1_1")
    #expect(symlink(scratch.path + "/elsewhere", shared + "/ant") == 0)
    #expect(lchown(shared + "/ant", 1234, 1234) == 0)
    func tried(_ words: String...) -> (status: Int32, output: String, error: String) {
      run(
        reapdBinary, words,
        environment: ["HOME": scratch.path, "XDG_DATA_HOME": shared, "TMPDIR": scratch.path])
    }
    let one = tried("sweep", "--preset", "ant", "--grace", "1ms", "--audit-log", audit)
    #expect(one.status == 64 && one.error.contains("not followed"), "\(one)")
    var all = one
    // The reapd of another test may have /tmp.
    _ = wait(seconds: 60) {
      all = tried("sweep", "--preset", "all", "--grace", "1ms", "--audit-log", audit)
      return all.status != 75
    }
    #expect(all.status == 0 && all.error.contains("not followed"), "\(all)")
    #expect(tried("survey", "--check", "--grace", "1ms").error.contains("not followed"))
    #expect(names(in: scratch.path + "/elsewhere/spill") == ["spill_1_1"])
    // The caller's own is.
    #expect(lchown(shared + "/ant", 0, 0) == 0)
    #expect(tried("survey", "--check", "--grace", "1ms").status == 1)
  }
}
