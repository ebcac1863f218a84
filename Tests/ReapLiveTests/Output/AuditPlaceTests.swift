// Nothing is removed where it cannot be told.

import Foundation
import Glibc
import Testing

@Suite("No deletion without an audit", .serialized, .live)
struct AuditPlaceTests {
  private let scratch = Scratch()
  private var root: String { scratch.directory("spill") }

  /// Both default places are on a read-only file system, also for root.
  private func nowhere(_ words: String) -> (status: Int32, output: String, error: String) {
    let state = scratch.directory("state")
    return shell(
      "XDG_STATE_HOME=\(state) exec unshare -m /bin/bash -c 'mount -t tmpfs -o ro tmpfs /var/log && "
        + "mount -t tmpfs -o ro tmpfs \(state) && exec timeout 20 \(reapdBinary) \(words)'")
  }

  @Test("Where no place can be written, watch and sweep refuse with 77 and name each")
  func refused() throws {
    guard isRoot else { return skip("mounts need root") }
    let orphan = makeOrphan(root + "/spill_1_1")
    for command in ["watch", "sweep"] {
      let result = nowhere("\(command) --grace 1ms \(root)")
      #expect(result.status == 77, "\(command): \(result)")
      for word in ["/var/log/reapd", "/state/reapd", "Read-only", "--audit-log none"] {
        #expect(result.error.contains(word), "\(command) without \(word): \(result.error)")
      }
    }
    #expect(exists(orphan))
    // Nothing is removed by these.
    let dry = nowhere("sweep -n --grace 1ms \(root)")
    #expect(dry.status == 0 && dry.error.contains("no audit is written"), "\(dry)")
    #expect(exists(orphan))
    #expect(nowhere("sweep --audit-log none --grace 1ms \(root)").status == 0)
    #expect(!exists(orphan))
  }

  @Test("audit_log: none goes without, and a file named on the command line wins")
  func none() throws {
    let file = scratch.path + "/reapd.yaml"
    let state = ["XDG_STATE_HOME": scratch.path + "/state"]
      .merging(ProcessInfo.processInfo.environment) { first, _ in first }
    try "audit_log: none\nrules: [{kind: spill, root: \(root), grace: 1ms}]\n".write(
      toFile: file, atomically: true, encoding: .utf8)
    makeOrphan(root + "/spill_1_1")
    letPass(0.02, "older than its grace")
    let result = run(reapdBinary, ["sweep", "--config", file], environment: state)
    #expect(result.status == 0 && names(in: root).isEmpty, "\(result)")
    #expect(!exists(scratch.path + "/state") && !exists(scratch.path + "/none"))
    makeOrphan(root + "/spill_1_2")
    letPass(0.02, "older than its grace")
    let audit = scratch.path + "/audit.jsonl"
    run(reapdBinary, ["sweep", "--config", file, "--audit-log", audit], environment: state)
    #expect(names(in: root).isEmpty && exists(audit))
    #expect(
      run(reapdBinary, ["check-config", "--config", file]).output.contains("audit_log: none\n"))
  }

  @Test("A pipe or a terminal keeps no record: refused at once, whether it is read or not")
  func pipes() throws {
    let orphan = makeOrphan(root + "/spill_1_1")
    let pipe = scratch.path + "/pipe"
    #expect(mkfifo(pipe, 0o600) == 0)
    let reader = try Background("/bin/sh", ["-c", "exec 9<>\(pipe); sleep 100"], in: scratch)
    for place in [pipe, "/dev/null", "/dev/stdout"] {
      let result = run(reapdBinary, ["sweep", "--grace", "1ms", "--audit-log", place, root])
      #expect(result.status == 77, "\(place): \(result)")
      #expect(result.error.contains(place), "\(result.error)")
    }
    reader.killHard()
    #expect(run(reapdBinary, ["sweep", "--audit-log", pipe, root]).status == 77)
    #expect(exists(orphan))
  }

  @Test("While the audit cannot be written nothing is removed; once it can, all of it is")
  func pauses() throws {
    let watcher = try Watcher([root], grace: "50ms", in: scratch)
    let first = makeOrphan(root + "/spill_1_1")
    #expect(wait { watcher.audit(of: first, action: .reaped).count == 1 })
    // A rotation that went wrong: what has the log's name now is no file.
    #expect(rename(watcher.auditPath, watcher.auditPath + ".1") == 0)
    #expect(mkdir(watcher.auditPath, 0o755) == 0)
    watcher.background.signal(SIGHUP)
    #expect(
      wait { watcher.background.error.contains("nothing is removed until") },
      "\(watcher.background.error)")
    let later = (2...4).map { makeOrphan("\(root)/spill_1_\($0)") }
    letPass(1.5, "that it stays shows in nothing else")
    #expect(later.allSatisfy(exists), "\(watcher.background.error)")
    #expect(explain(later[0], grace: "50ms")?.verdict == "dispose")
    #expect(rmdir(watcher.auditPath) == 0)
    // Looked for again after 1, 2, 4 … s at most.
    #expect(wait(seconds: 60) { !later.contains(where: exists) }, "\(watcher.background.error)")
    #expect(wait { later.allSatisfy { watcher.audit(of: $0, action: .reaped).count == 1 } })
    #expect(watcher.audit.allSatisfy { $0.action == .reaped })
    let told = watcher.background.error.components(separatedBy: "nothing is removed until")
    #expect(told.count == 2, "said once: \(watcher.background.error)")
    #expect(watcher.background.error.contains("is written again"))
    #expect(watcher.stop().status == 0)
  }
}
