// What counts as proof, and what does not: cursors that break or change, old times on new content,
// markers, locks and open files.

import Foundation
import Glibc
import Testing

@Suite("Evidence about generations", .serialized, .live)
struct GenerationEvidenceTests {
  private let scratch = Scratch()
  private var root: String { scratch.path + "/root" }

  init() { _ = scratch.directory("root") }

  @Test("A cursor that breaks while reapd watches preserves every generation")
  func corruptCursor() throws {
    let partition = Partition(root + "/a")
    let watcher = try GenerationRule(root, ["quiet": "2s"], in: scratch).watch()
    partition.generation("table-2", retired: true)
    for text in ["", "{\n  \"epoch\": 0,", CursorText.table("table-404"), "{\"epoch\": 0}"] {
      partition.put("cursor.json", text)
    }
    waitQuiet(2.5)
    watcher.catchUp(below: root)
    #expect(partition.isWhole("table") && partition.isWhole("table-2"))
    // Mended, it is understood at once.
    partition.flip(to: "table-2")
    #expect(wait(seconds: 60) { !exists(partition["table"]) }, "\(watcher.background.error)")
    #expect(partition.isWhole("table-2"))
  }

  @Test("A generation with old times stays while what is deep in it changes, and goes thereafter")
  func oldTimesNewContent() throws {
    let partition = Partition(root + "/a", live: "epoch=0")
    let reused = partition.generation("epoch=1", committed: false)
    partition.put("epoch=1/data/day/hour/rows.jsonl", "")
    for path in [reused, reused + "/data", reused + "/data/day", reused + "/data/day/hour"] {
      makeOld(path)
    }
    // The change times of all directories are older than quiet too, before anybody looks.
    waitQuiet(2.2)
    let file = reused + "/data/day/hour/rows.jsonl"
    append("a row\n", to: file)
    let watcher = try GenerationRule(root, ["quiet": "2s"], in: scratch).watch()
    let control = partition.generation("epoch=9")
    let controlGone = wait(seconds: 60) {
      append("a row\n", to: file)
      makeOld(file)
      letPass(0.1, "the pace of the writer")
      return !exists(control)
    }
    #expect(controlGone, "\(watcher.background.error)")
    #expect(exists(file), "it went though it was written to all the time")
    #expect(wait(seconds: 60) { !exists(reused) }, "\(watcher.background.error)")
    #expect(wait { watcher.audit(of: reused, action: .reaped).count == 1 })
  }

  @Test("The marker alone proves nothing")
  func marker() throws {
    let partition = Partition(root + "/a")
    let marked = partition.generation("table-2", retired: true)
    let watcher = try GenerationRule(root, ["quiet": "1h", "lock": ".lock"], in: scratch).watch()
    partition.put("table-2/.retired", "2026-11-20T23:21:16.855Z")
    waitQuiet()
    watcher.catchUp(below: root, lockFile: true)
    #expect(exists(marked))
  }

  @Test("A generation with an open file stays, and goes once that is closed")
  func openFile() throws {
    let partition = Partition(root + "/a")
    let read = partition.generation("table-2")
    let reader = try Background(
      "/bin/bash", ["-c", "exec 9<\(read)/data/rows.jsonl; echo open; exec sleep 1000"],
      in: scratch)
    #expect(wait { reader.output == "open\n" })
    let rule = GenerationRule(root, in: scratch)
    let watcher = try rule.watch()
    waitQuiet()
    watcher.catchUp(below: root)
    #expect(exists(read))
    #expect(rule.explain(read)?.reason == "file-open")
    reader.killHard()
    #expect(wait(seconds: 60) { !exists(read) }, "\(watcher.background.error)")
  }

  @Test("A lock in the generation, or else in the partition, keeps; free, it is the proof")
  func locks() throws {
    // The lock in the partition says nothing about a generation that has one itself.
    let inside = Partition(root + "/inside")
    let beside = Partition(root + "/beside")
    inside.put(".lock", "")
    beside.put(".lock", "")
    let first = inside.generation("table-2", lockFile: true)
    let second = beside.generation("table-2")
    let holders = try [first, beside.path].map { directory in
      try Background(
        "/bin/bash", ["-c", "exec 9<\(directory)/.lock; flock 9; echo held; exec sleep 1000"],
        in: scratch)
    }
    #expect(wait { holders.allSatisfy { $0.output == "held\n" } })
    let rule = GenerationRule(
      root, ["quiet": "1h", "quarantine": "", "lock": ".lock"], in: scratch)
    let watcher = try rule.watch()
    watcher.catchUp(below: root, lockFile: true)
    for path in [first, second] {
      #expect(exists(path))
      #expect(
        rule.explain(path)?.reason == "lock-held", "\(rule.explain(path))")
    }
    for (holder, path) in zip(holders, [first, second]) {
      holder.killHard()
      #expect(wait(seconds: 60) { !exists(path) }, "\(watcher.background.error)")
      let line = watcher.audit(of: path, action: .reaped).first
      #expect(
        wait { watcher.audit(of: path, action: .reaped).count == 1 }, "\(line)")
      let reaped = watcher.audit(of: path, action: .reaped).first
      #expect(reaped?.reason == "lock-released")
      #expect(reaped?.trigger == .closeEvent, "\(reaped)")
    }
    #expect(inside.isWhole("table") && beside.isWhole("table"))
  }

  @Test("A live generation that comes late ends the doubt about the others")
  func lateLive() throws {
    let partition = Partition(root + "/a", cursor: CursorText.naming("table-2"))
    let orphan = partition.generation("table")
    let elsewhere = partition.generation("elsewhere")
    let rule = GenerationRule(root, in: scratch)
    let watcher = try rule.watch()
    watcher.catchUp(below: root)
    #expect(rule.explain(orphan)?.reason == "live-absent")
    #expect(rename(elsewhere, partition["table-2"]) == 0)
    #expect(wait(seconds: 60) { !exists(orphan) }, "\(watcher.background.error)")
    #expect(partition.isWhole("table-2"))
  }

  @Test("A marker from before it was live again does not shorten its readers' time")
  func oldMarker() throws {
    let partition = Partition(root + "/a", cursor: nil)
    partition.generation("table", retired: true, lockFile: true)
    partition.generation("table-2")
    partition.put("cursor.json", CursorText.naming("table"))
    waitQuiet(3.2)
    let keys = ["lock": ".lock", "quiet": "1h", "retired_after": "3s"]
    let watcher = try GenerationRule(root, keys, in: scratch).watch()
    partition.flip(to: "table-2")
    let flip = Date()
    #expect(wait(seconds: 60) { !exists(partition["table"]) }, "\(watcher.background.error)")
    #expect(Date().timeIntervalSince(flip) >= 2.98, "readers had no time")
  }

  @Test("Generations of one partition that die together do not stand in each other's way")
  func allAtOnce() throws {
    let partition = Partition(root + "/a")
    for number in 1...60 { partition.generation("table-\(number)", lockFile: true) }
    waitQuiet(0.3)
    let watcher = try GenerationRule(root, ["lock": ".lock", "quiet": "1h"], in: scratch).watch()
    #expect(
      wait(seconds: 60) { names(in: partition.path).sorted() == ["cursor.json", "table"] },
      "\(names(in: partition.path))")
    #expect(watcher.audit.allSatisfy { $0.action != .refused }, "\(watcher.audit)")
  }

  @Test("A superseded generation is kept for its readers, and goes by the flip's event")
  func superseded() throws {
    let partition = Partition(root + "/a")
    partition.generation("table-2")
    let rule = GenerationRule(
      root, ["quiet": "1h", "lock": ".lock", "retired_after": "3s"], in: scratch)
    partition.put("table/.lock", "")
    let watcher = try rule.watch()
    partition.flip(to: "table-2")
    let flip = Date()
    #expect(wait(seconds: 60) { !exists(partition["table"]) }, "\(watcher.background.error)")
    // The kernel stamps files with a clock that is up to a tick behind.
    #expect(Date().timeIntervalSince(flip) >= 2.98, "readers had no time")
    #expect(partition.isWhole("table-2"))
    #expect(wait { !watcher.audit(of: partition["table"], action: .reaped).isEmpty })
  }

  @Test(
    "A cursor that changes between evidence and claim undoes the claim",
    arguments: ["sweep", "watch"])
  func lateFlip(command: String) throws {
    let strace = "/usr/bin/strace"
    guard exists(strace) else { return skip("strace is not installed") }
    let partition = Partition(root + "/a")
    let late = partition.generation("table-2")
    let rule = GenerationRule(root, in: scratch)
    waitQuiet()
    // The claim's rename is held up at its entry, which is the window.
    let reapd = try Background(
      strace,
      [
        "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=renameat2", "-e",
        "inject=renameat2:delay_enter=3s", reapdBinary, command, "--config", rule.path,
        "--audit-log", scratch.path + "/audit.jsonl",
      ], in: scratch)
    #expect(wait(seconds: 60) { isInRename(reapd.pid) }, "\(reapd.error)")
    partition.flip(to: "table-2")
    // The rename back is held up as well.
    #expect(wait(seconds: 60) { partition.claims(of: "table-2").count == 1 }, "\(reapd.error)")
    #expect(wait(seconds: 60) { exists(late) }, "\(names(in: partition.path)) \(reapd.error)")
    #expect(partition.isWhole("table-2"))
    #expect(partition.claims(of: "table-2").isEmpty)
    if command == "sweep" {
      #expect(reapd.exitStatus(within: 60) == 0, "\(reapd.error)")
      #expect(partition.isWhole("table-2"))
    }
  }

  private func append(_ text: String, to path: String) {
    let file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
    guard file >= 0 else { return }
    _ = write(file, text, text.utf8.count)
    close(file)
  }

  /// Modification and access time two days ago; nobody can set the change time.
  private func makeOld(_ path: String) {
    let times = [timespec](repeating: timespec(tv_sec: time(nil) - 172_800, tv_nsec: 0), count: 2)
    utimensat(AT_FDCWD, path, times, 0)
  }
}
