// reapd under test: a watch with an audit of its own, and what it says of a path.

import Foundation
import Glibc
import Testing

/// `reapd watch --json` on roots, with an audit file of its own; a wrapper, such as prlimit, runs it.
final class Watcher {
  let background: Background
  private let auditFile: AuditFile

  init(
    _ roots: [String], grace: String? = "200ms", in scratch: Scratch, arguments: [String] = [],
    environment: [String: String] = [:], waitForStart: Bool = true, wrapper: [String] = []
  ) throws {
    auditFile = AuditFile(scratch.path + "/audit.jsonl")
    var words = ["watch", "--json", "--audit-log", auditFile.path]
    if let grace { words += ["--grace", grace] }
    let command = wrapper + [reapdBinary] + words + arguments + roots
    background = try Background(
      command[0], Array(command[1...]), in: scratch, environment: environment)
    if waitForStart {
      let background = background
      #expect(
        wait { background.error.components(separatedBy: "watching ").count > roots.count },
        "no start line: \(background.error)")
    }
  }

  var auditPath: String { auditFile.path }
  var audit: [AuditEntry] { auditFile.lines }

  func audit(of path: String, action: AuditEntry.Action? = nil) -> [AuditEntry] {
    auditFile.of(path, action: action)
  }

  /// SIGTERM; returns the exit status and the summary, if one was printed.
  func stop(within seconds: Double = 30) -> (status: Int32?, summary: Summary?) {
    background.signal(SIGTERM)
    let status = background.exitStatus(within: seconds)
    return (status, background.lines.last.flatMap { decode($0) })
  }
}

/// `reapd explain --json` of a path.
func explain(_ path: String, grace: String = "200ms") -> Finding? {
  decodeFinding(run(reapdBinary, ["explain", "--json", "--grace", grace, path]).output)
}

extension Watcher {
  /// Lines of its log that hold a text.
  func said(_ text: String) -> [String] {
    background.error.components(separatedBy: "\n").filter { $0.contains(text) }
  }

  /// Whether it keeps the lock file of a directory open, so that it sees it being closed.
  func holds(_ directory: String) -> Bool {
    openFiles(of: background.pid).contains(directory + "/.lock")
  }

  /// Waits until it has removed an orphan made only now: whatever was due before, it has done.
  func catchUp(in root: String) {
    let later = makeOrphan("\(root)/spill_1_\(UInt32.random(in: 0 ... .max))")
    #expect(wait(seconds: 60) { !exists(later) }, "reapd does not work: \(background.error)")
  }

  /// From the close event's arrival to the name being gone: printed, never judged.
  func printLatencies(_ title: String) {
    let micros = audit.compactMap { $0.latencyUs }.sorted()
    guard let last = micros.last else { return print("\(title): no latencies") }
    func percentile(_ share: Double) -> Int { micros[Int(Double(micros.count - 1) * share)] }
    print(
      "\(title): latency_us of \(micros.count): p50 \(percentile(0.5)),",
      "p99 \(percentile(0.99)), max \(last)")
  }
}
