// What a `watch` says while it works: in a terminal each thing that it does, elsewhere as little as
// before.

import Foundation
import Testing

@Suite("watch in a terminal", .serialized, .live)
struct TerminalTests {
  private let scratch = Scratch()

  /// What it wrote to standard error until the orphan, the link and their like were seen to.
  private func said(inTerminal: Bool, _ options: String = "") throws -> String {
    let root = scratch.directory("a/root")
    let words =
      "exec env REAPD_WARN_USED=off \(reapdBinary) watch \(options) --grace 200ms --audit-log \(scratch.path)/audit.jsonl "
      + root
    let watch =
      inTerminal
      ? try Background("/usr/bin/script", ["-qefc", words, "/dev/null"], in: scratch)
      : try Background("/bin/bash", ["-c", words], in: scratch)
    let trail = AuditFile(scratch.path + "/audit.jsonl")
    let orphan = makeOrphan(root + "/spill_1_1", files: 3)
    symlink("/nowhere", root + "/spill_1_link")
    #expect(wait { !exists(orphan) })
    #expect(wait { trail.lines.count == 2 }, "\(trail.lines)")
    func text() -> String { watch.output + watch.error }
    if inTerminal || options == "-v" {
      #expect(
        wait { text().contains("reapd: removed ") && text().contains("spill_1_link") }, "\(text())")
    }
    watch.signal(SIGTERM)
    _ = watch.exitStatus()
    return text()
  }

  @Test("One line for each removal: size, files, why and how fast; and one for each refusal")
  func terminal() throws {
    let lines = try said(inTerminal: true).split(whereSeparator: \.isNewline).map { String($0) }
    let removed = lines.filter { $0.contains("reapd: removed ") }
    #expect(removed.count == 1, "\(lines)")
    #expect(removed.first?.contains(/removed [0-9.]+ (B|KiB) in 4 files/) == true, "\(lines)")
    guard removed.count == 1 else { return }
    #expect(removed[0].contains("its owner is gone: the lock could be taken"))
    #expect(removed[0].contains("/spill_1_1]"))
    #expect(lines.count { $0.contains("spill_1_link") } == 1, "\(lines)")
  }

  @Test("In a file it stays quiet, unless -v asks for more; -q leaves nothing but trouble")
  func elsewhere() throws {
    #expect(try !said(inTerminal: false).contains("reapd: removed "))
    try FileManager.default.removeItem(atPath: scratch.path + "/a")
    try FileManager.default.removeItem(atPath: scratch.path + "/audit.jsonl")
    #expect(try said(inTerminal: false, "-v").contains("reapd: removed "))
    try FileManager.default.removeItem(atPath: scratch.path + "/a")
    try FileManager.default.removeItem(atPath: scratch.path + "/audit.jsonl")
    #expect(try said(inTerminal: false, "-q") == "")
    // Of what is kept, each look; and why.
    try FileManager.default.removeItem(atPath: scratch.path + "/a")
    let root = scratch.directory("b/root")
    let live = makeOrphan(root + "/spill_1_live")
    let owner = try Background(
      "/usr/bin/flock", ["--no-fork", live + "/.lock", "/bin/sleep", "1000"], in: scratch)
    let watcher = try Watcher([root], grace: "100ms", in: scratch, arguments: ["-vv"])
    let kept = "debug: kept (lock-held): a process holds its lock: it is in use [path=\(live)]"
    #expect(wait { watcher.background.error.contains(kept) }, "\(watcher.background.error)")
    #expect(owner.isRunning && watcher.stop().status == 0)
    let both = run(reapdBinary, ["watch", "-q", "-v", scratch.path])
    #expect(both.status == 64 && both.error.contains("contradict"), "\(both)")
  }
}
