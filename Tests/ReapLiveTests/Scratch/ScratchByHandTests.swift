// What somebody does by hand with scratch: look at it, keep it, take it out of its quarantine.

import Foundation
import Glibc
import Testing

@Suite("Scratch by hand", .serialized, .live)
struct ScratchByHandTests {
  private let scratch = Scratch()
  private var root: String { scratch.path + "/root" }

  private static let entries = ["files", "directories"]
  private static let keys =
    "match: 'spill-+([0-9])', grace: 100ms, quiet: 200ms, quarantine: 1h, owned_by: [{open: true}]"

  private func make(_ number: Int, _ entries: String) -> String {
    let path = "\(scratch.directory("root"))/spill-\(number)"
    if entries == "directories" { mkdir(path, 0o777) }
    let file = entries == "directories" ? path + "/data" : path
    _ = FileManager.default.createFile(atPath: file, contents: Data(count: 5000))
    return path
  }

  private func reapd(_ words: String..., config: String) -> (
    status: Int32, output: String, error: String
  ) {
    var options = ["--config", config]
    if words[0] == "restore" { options += ["--audit-log", scratch.path + "/by-hand.jsonl"] }
    return run(reapdBinary, [words[0]] + options + Array(words[1...]))
  }

  private func quarantined(_ config: String) -> [ClaimLine] {
    decodeLines(reapd("restore", "--list", "--json", config: config).output)
  }

  @Test(
    "Restored by id or path it is pinned and stays; unpinned it is condemned anew",
    arguments: entries)
  func restore(entries: String) throws {
    let paths = (1...2).map { make($0, entries) }
    let keys = Self.keys + ", entries: " + entries
    let config = try scratchRule(keys, root: root, in: scratch)
    let watcher = try watchScratch(keys, root: root, in: scratch)
    func count(_ action: AuditEntry.Action, _ path: String) -> Int {
      watcher.audit(of: path, action: action).count
    }
    for path in paths { #expect(wait { count(.condemned, path) == 1 }) }
    let rows = quarantined(config)
    #expect(Set(rows.compactMap(\.path)) == Set(paths))
    for (number, row) in rows.enumerated() {
      let path = try #require(row.path)
      #expect(row.state == "condemned" && (row.bytes ?? 0) >= 4096)
      #expect(row.deadline.text != nil)
      let found = try #require(explain(path, config: config))
      #expect(found.reason == "quarantined" && found.id == row.id && found.deadline != nil)
      let result = reapd("restore", number == 0 ? row.id : path, "--json", config: config)
      #expect(result.status == 0, "\(result)")
      #expect(decodeLines(result.output, as: RestoredLine.self).first?.pinned == true)
      #expect(wait { watcher.audit(of: path, action: .reprieved).last?.reason == "kept-by-hand" })
      #expect(explain(path, config: config)?.reason == "kept-by-hand")
    }
    #expect(quarantined(config).isEmpty)
    let kept = reapd("keep", "--list", config: config).output
    #expect(Set(kept.split(separator: "\n").map(String.init)) == Set(paths), "\(kept)")
    #expect(reapd("keep", "--undo", paths[0], config: config).status == 0)
    #expect(wait { count(.condemned, paths[0]) == 2 })
    #expect(count(.condemned, paths[1]) == 1 && paths.allSatisfy(exists))
  }

  @Test("A claim that another reapd left gets its name back by hand", arguments: entries)
  func claimed(entries: String) throws {
    let path = make(1, entries)
    let id = "1795000000000000000"
    let claim = "\(root)/.reapd.\(id).spill-1"
    #expect(rename(path, claim) == 0)
    let config = try scratchRule(
      Self.keys + ", entries: " + entries, root: root, in: scratch)
    #expect(quarantined(config).map(\.state) == ["claimed"])
    let result = reapd("restore", id, config: config)
    #expect(result.status == 0 && exists(path) && !exists(claim), "\(result)")
    // Once its removal has begun, there is no way back.
    #expect(rename(path, claim) == 0)
    chmod(claim, 0o5700)
    #expect(quarantined(config).map(\.state) == ["removing"])
    #expect(reapd("restore", id, config: config).status == 1 && exists(claim))
    // A link, or what the rule does not take, is nothing that was claimed.
    let other = "\(root)/.reapd.1795000000000000001.spill-2"
    symlink("/usr", other)
    #expect(quarantined(config).map(\.id) == [id])
    #expect(reapd("restore", "1795000000000000001", config: config).status == 65)
  }

  @Test("What the rule's never names stays, and what is not pinned goes", arguments: entries)
  func never(entries: String) throws {
    let (named, plain, pinned) = (make(1, entries), make(2, entries), make(3, entries))
    let config = try scratchRule(
      Self.keys.replacingOccurrences(of: "1h", with: "0s")
        + ", never: [spill-1], entries: " + entries,
      root: root, in: scratch)
    #expect(reapd("keep", pinned, config: config).output == "kept  \(pinned)\n")
    letPass(0.5, "grace and quiet")
    #expect(explain(named, config: config)?.reason == "kept-by-hand")
    let listed = reapd("list", "--json", config: config).output
    let findings = decodeLines(listed, as: Finding.self)
    // Nobody looks into what is kept in any case.
    let size = findings.first { $0.path == plain }?.bytes ?? 0
    #expect(findings.count == 3 && size >= 4096, "\(listed)")
    let swept = run(
      reapdBinary, ["sweep", "--config", config, "--audit-log", scratch.path + "/a.jsonl"])
    #expect(swept.status == 0, "\(swept)")
    #expect(exists(named) && exists(pinned) && !exists(plain))
  }

  // MARK: - Words

  private func waysTold(_ path: String, _ keys: String) throws -> String {
    let config = try scratchRule(keys, root: root, in: scratch)
    return reapd("explain", path, config: config).output
  }

  @Test("explain tells what came of each way in which an owner may show itself")
  func ways() throws {
    let path = make(1, "files")
    letPass(0.4, "grace and quiet")
    let keys = "match: 'spill-+([0-9])', entries: files, grace: 100ms"
    let open = try waysTold(path, keys + ", owned_by: [{open: true}]")
    #expect(open.contains("verdict        keep (unproved)"), "\(open)")
    #expect(open.contains("open: nothing of it is open, which alone proves nothing\n"), "\(open)")
    let beside = keys + ", owned_by: [{lock: '../{name}.lock'}, {open: true}]"
    #expect(try waysTold(path, beside).contains("lock ../spill-1.lock: there is no such file"))
    _ = FileManager.default.createFile(atPath: path + ".lock", contents: nil)
    #expect(try waysTold(path, beside).contains("lock ../spill-1.lock: free, which proves"))
    let (lock, file) = (Glibc.open(path + ".lock", O_RDWR), Glibc.open(path, O_RDONLY))
    defer { [lock, file].forEach { close($0) } }
    #expect(flock(lock, LOCK_EX) == 0)
    let held = try waysTold(path, beside)
    #expect(held.contains("lock ../spill-1.lock: held, so its owner lives"), "\(held)")
    #expect(held.contains("held by        pid \(getpid())"), "\(held)")
    #expect(held.contains("open: not asked"), "\(held)")
    let used = try waysTold(path, keys + ", owned_by: [{open: true}]")
    #expect(used.contains("open: spill-1 is open, so it is in use"), "\(used)")
    #expect(used.contains("open in        pid \(getpid())"), "\(used)")
    let nobody = make(4_194_303, "files")
    letPass(0.3, "the grace")
    let pid = keys + ", owned_by: [{pid: {name: 'spill-{pid}'}}]"
    #expect(try waysTold(nobody, pid).contains("pid in its name: no process is known to be"))
    #expect(
      try waysTold(nobody, pid + ", trust_pids: true")
        .contains("4194303 has ended, or there is none: as pids are trusted"))
    let own = make(Int(getpid()), "files")
    letPass(0.3, "the grace")
    #expect(try waysTold(own, pid).contains("pid in its name: \(getpid()) lives"))
  }

  // MARK: - Presets

  private func explainPlainly(_ path: String) -> (status: Int32, output: String, error: String) {
    var environment = ProcessInfo.processInfo.environment
    environment["HOME"] = scratch.path
    for name in ["XDG_CONFIG_HOME", "TMPDIR"] { environment[name] = nil }
    return run(reapdBinary, ["explain", path], environment: environment)
  }

  @Test("explain knows what a program of the catalogue leaves by its name, wherever it lies")
  func presets() throws {
    let place = scratch.directory("somewhere")
    for (name, preset) in [
      ("duckdb_temp_1_1_storage.tmp", "duckdb"), ("worker-abcdefgh", "dask"),
    ] {
      let path = "\(place)/\(name)"
      if preset == "dask" { mkdir(path, 0o777) } else { close(creat(path, 0o666)) }
      let result = explainPlainly(path)
      #expect(result.output.contains("rule           \(preset) (kind scratch"), "\(result)")
      #expect(result.error.contains("--preset \(preset)"), "\(result)")
    }
    // What many programs could have made is not taken for one's.
    let loose = place + "/a.partial"
    close(creat(loose, 0o666))
    let result = explainPlainly(loose)
    #expect(result.output.contains("not-matched"), "\(result)")
    #expect(result.error.contains("its name fits --preset zarr"), "\(result)")
  }

  @Test(
    "In a root that many share, what the rule does not take is explained as the preset that does")
  func sharedRoot() throws {
    let name = "reapdtest\(UInt32.random(in: 0 ... .max))"
    let path = "/tmp/duckdb_temp_\(name).tmp"
    close(creat(path, 0o666))
    defer { unlink(path) }
    let config = try scratchRule(
      "match: '\(name)*', owned_by: [{open: true}]", root: "/tmp", in: scratch)
    let result = reapd("explain", path, config: config)
    #expect(result.output.contains("rule           duckdb (kind scratch"), "\(result)")
    #expect(result.error.contains("explained as --preset duckdb does"), "\(result)")
  }
}
