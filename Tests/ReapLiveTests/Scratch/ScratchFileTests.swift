// Single files that are scratch: alive while somebody has them open, mapped or locked.

import Foundation
import Glibc
import Testing

@Suite("Scratch that is a single file", .serialized, .live)
struct ScratchFileTests {
  private let scratch = Scratch()
  private var root: String { scratch.path + "/root" }

  private static let keys =
    "match: 'spill-+([0-9])', entries: files, grace: 100ms, quiet: 200ms, quarantine: 0s, "
    + "owned_by: [{open: true}]"

  static let uses = [
    "f = open(p, 'w'); f.write('x' * 5000); f.flush()",
    "f = open(p, 'w+'); f.write('x' * 5000); f.flush(); m = mmap.mmap(f.fileno(), 4096); f.close()",
  ]

  @Test(
    "Each of 100 goes when whoever has it open is killed, and none of the others", arguments: uses)
  func kills(code: String) throws {
    _ = scratch.directory("root")
    let watcher = try watchScratch(Self.keys, root: root, in: scratch)
    let owners = try ScratchOwners(code, count: 100, at: root + "/spill-", in: scratch)
    for (number, pid) in owners.pids.enumerated() {
      let path = "\(root)/spill-\(number)"
      #expect(exists(path), "\(watcher.audit(of: path))")
      kill(pid, SIGKILL)
      #expect(wait(seconds: 60) { !exists(path) }, "\(number): \(watcher.background.error)")
    }
    #expect(wait { watcher.audit.count { $0.action == .reaped && $0.files == 1 } == 100 })
    watcher.printLatencies("an open file")
    owners.killAll()
  }

  @Test("What another reapd has open, to see it being closed, is not in use by that")
  func openInReapd() throws {
    guard isRoot else { return skip("every process must be seen") }
    let keys =
      "match: 'spill-+([0-9])', entries: both, grace: 100ms, quiet: 1h, owned_by: [{open: true}]"
    let config = try scratchRule(keys, root: root, in: scratch)
    let paths = [root + "/spill-0", scratch.directory("root/spill-1") + "/data"]
    let owners = paths.map { path in
      try? Background("/bin/bash", ["-c", "exec sleep 1000 > '\(path)'"], in: scratch)
    }
    let watcher = try watchScratch(keys, root: root, in: scratch)
    #expect(wait { Set(openFiles(of: watcher.background.pid)).isSuperset(of: paths) })
    watcher.background.signal(SIGSTOP)
    func reasons() -> [String?] {
      [root + "/spill-0", root + "/spill-1"].map { explain($0, config: config)?.reason }
    }
    #expect(reasons() == ["file-open", "file-open"])
    for owner in owners { owner?.killHard() }
    #expect(reasons() == ["recently-changed", "recently-changed"])
    watcher.background.signal(SIGCONT)
  }

  @Test("What is no file of that name stays, and what an earlier reapd claimed is finished")
  func others() throws {
    let outside = scratch.path + "/outside"
    _ = FileManager.default.createFile(atPath: outside, contents: Data("x".utf8))
    _ = scratch.directory("root/spill-1")
    symlink(outside, root + "/spill-2")
    mkfifo(root + "/spill-3", 0o666)
    link(outside, root + "/spill-4")
    let claim = root + "/.reapd.1795000000000000000.spill-5"
    _ = FileManager.default.createFile(atPath: claim, contents: Data("x".utf8))
    let config = try scratchRule(Self.keys, root: root, in: scratch)
    letPass(0.5, "grace and quiet")
    let swept = run(
      reapdBinary, ["sweep", "--config", config, "--audit-log", scratch.path + "/a.jsonl"])
    #expect(swept.status >= 0, "\(swept.error)")
    #expect(names(in: root) == ["spill-1", "spill-2", "spill-3"])
    #expect(exists(outside))
  }
}
