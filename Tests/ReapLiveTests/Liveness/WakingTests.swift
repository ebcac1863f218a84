// What is kept is looked at again when what it is kept for ends, also where no event tells of that:
// each with the backstop off.

import Foundation
import Glibc
import Testing

@Suite("What is kept wakes", .serialized, .live)
struct WakingTests {
  private let scratch = Scratch()

  private func watch(_ text: String) throws -> Watcher {
    let path = scratch.path + "/rules.yaml"
    try "rules:\n  - {\(text)}\n".write(toFile: path, atomically: false, encoding: .utf8)
    return try Watcher(
      [], grace: nil, in: scratch, arguments: ["--config", path],
      environment: ["REAPD_BACKSTOP": "off"])
  }

  @Test("A lock file that is made later than the grace, where a missing one is kept")
  func lateLock() throws {
    let root = scratch.directory("a/root")
    let watcher = try watch(
      "name: late, kind: spill, root: \(root), missing_lock: keep, grace: 200ms")
    let directory = scratch.directory("a/root/spill_1_1")
    #expect(wait { watcher.audit(of: directory).last?.reason == "missing-lock-kept" })
    let lock = open(directory + "/.lock", O_CREAT | O_RDWR | O_CLOEXEC, 0o644)
    #expect(lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0)
    #expect(wait { watcher.holds(directory) }, "its lock file was not seen")
    close(lock)
    #expect(wait { !exists(directory) }, "\(watcher.background.error)")
  }

  @Test("A removal that failed since somebody still made entries in it")
  func stillWritten() throws {
    let root = scratch.directory("a/root")
    let directory = scratch.directory("a/root/spill_1_1")
    let owner = try Background(
      "/bin/bash",
      ["-c", "exec 9> $1/.lock && flock 9 && echo held && exec sleep 1000", "bash", directory],
      in: scratch)
    #expect(wait { owner.output == "held\n" })
    let watcher = try watch("name: w, kind: spill, root: \(root), grace: 200ms")
    #expect(wait { watcher.holds(directory) })
    let helpers = try (0..<3).map { helper in
      try Background(
        "/usr/bin/python3",
        [
          "-c",
          """
          import os, sys
          os.chdir(sys.argv[1])
          n = 0
          print("in", flush=True)
          while True:
              try: os.close(os.open(sys.argv[2] + str(n), os.O_CREAT | os.O_WRONLY))
              except OSError: pass
              n += 1
          """, directory, "h\(helper)-",
        ], in: scratch)
    }
    #expect(wait { helpers.allSatisfy { $0.output == "in\n" } })
    owner.killHard()
    // It goes while they work, or its removal fails until they have ended.
    wait(seconds: 3) { watcher.audit.contains { $0.action == .failed } || names(in: root).isEmpty }
    for helper in helpers { helper.killHard() }
    #expect(wait(seconds: 60) { names(in: root).isEmpty }, "\(watcher.audit)")
  }

  @Test("A live generation whose metadata come after the cursor")
  func completedLate() throws {
    let root = scratch.directory("a/root")
    let partition = Partition(root + "/ds", live: "table-2")
    let metadata = partition["table-2/metadata"]
    let aside = scratch.path + "/aside"
    #expect(rename(metadata, aside) == 0)
    let orphan = partition.generation("table-1")
    let watcher = try watch(
      "name: t, kind: generations, root: \(root), grace: 200ms, quiet: 300ms, quarantine: 300ms, "
        + "retired_after: 200ms")
    #expect(wait { watcher.audit.contains { $0.reason == "live-incomplete" } })
    #expect(rename(aside, metadata) == 0)
    #expect(wait(seconds: 60) { !exists(orphan) }, "\(watcher.background.error)")
    #expect(partition.isWhole("table-2"))
  }

  @Test("A temporary file of a writer that was killed in the live generation")
  func temporary() throws {
    let root = scratch.directory("a/root")
    let partition = Partition(root + "/ds", live: "table")
    let watcher = try watch(
      "name: t, kind: generations, root: \(root), grace: 200ms, stale_temporaries: 1s")
    let file = "table/data/a.parquet.tmp.4999242.1795216876837.a1b2c3"
    partition.put(file, "half")
    #expect(wait(seconds: 60) { !exists(partition[file]) }, "\(watcher.background.error)")
  }

  @Test("Directories whose path is too long are told once, whoever goes on making them")
  func tooDeep() throws {
    let root = scratch.directory("a/root")
    let watcher = try watch("name: t, kind: generations, root: \(root)")
    let long = String(repeating: "d", count: 250)
    var at = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    var levels = 0
    while levels < 16 {
      #expect(mkdirat(at, long, 0o755) == 0)
      let next = openat(at, long, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      close(at)
      (at, levels) = (next, levels + 1)
    }
    for _ in 0..<300 {
      #expect(mkdirat(at, long + "x", 0o755) == 0)
      #expect(unlinkat(at, long + "x", AT_REMOVEDIR) == 0)
    }
    #expect(mkdirat(at, long + "y", 0o755) == 0)
    close(at)
    _ = scratch.directory("a/root/last")
    #expect(wait { watcher.background.error.contains("is not watched, nor what comes beside") })
    let told = watcher.background.error.components(separatedBy: "is not watched").count - 1
    #expect(told <= 2 && watcher.background.error.utf8.count < 4000, "\(told)")
    #expect(watcher.stop().status == 0)
    _ = run("/bin/rm", ["-rf", root])
  }
}
