// Logs for tests, and what `reapd trim` says of them.

import Foundation
import Glibc
import Testing

/// A log of numbered JSON lines.
func writeLog(_ path: String, lines: Range<Int>, padding: Int = 60) {
  let text = lines.map { "{\"n\":\($0),\"t\":\"\(String(repeating: "x", count: padding))\"}\n" }
  #expect(FileManager.default.createFile(atPath: path, contents: Data(text.joined().utf8)))
}

/// The numbers in it, in their order; a line that is no JSON is an issue.
func numbers(inLog path: String) -> [Int] {
  struct Line: Decodable { let n: Int }
  let data = FileManager.default.contents(atPath: path) ?? Data()
  let lines = data.split(separator: 10, omittingEmptySubsequences: false)
  #expect(lines.last?.isEmpty != false, "the last line has no end")
  return lines.dropLast().compactMap { (try? JSONDecoder().decode(Line.self, from: $0))?.n ?? -1 }
}

/// `reapd trim --json`, its exit status, and its audit.
struct Trimmed {
  struct Line: Decodable {
    let action: String
    let reason: String
    let way: String?
    let sizeAfter: Int?
    let bytes: Int
    let draining: Bool
    let holders: String?
  }

  let status: Int32
  let line: Line?
  let error: String
  let audit: [AuditEntry]

  init(_ path: String, _ words: [String], in scratch: Scratch) {
    let audit = scratch.path + "/\(UUID().uuidString).jsonl"
    let done = run(reapdBinary, ["trim", path, "--json", "--audit-log", audit] + words)
    status = done.status
    line = done.output.isEmpty ? nil : decode(done.output)
    error = done.error
    self.audit = AuditFile(audit).lines
  }
}

/// Whether every process shows what it has open: one with a capability that this one has not does not,
/// and then no log that somebody has open is cut in place.
let everyProcessIsSeen =
  shell("ls -l /proc/[0-9]*/fd 2>&1 | grep -q 'Permission denied'").status != 0

func fileNumber(_ path: String) -> ino_t {
  var status = stat()
  return lstat(path, &status) == 0 ? status.st_ino : 0
}

func fileSize(_ path: String) -> Int {
  var status = stat()
  return lstat(path, &status) == 0 ? Int(status.st_size) : -1
}

/// What reapd keeps beside a log.
func oldFiles(in directory: String) -> [String] {
  names(in: directory).filter { $0.hasPrefix(".reapd.") }
}

/// The script that writes, trims, kills and counts.
func trimBench(_ words: [String]) -> (status: Int32, output: String, error: String) {
  run("/usr/bin/python3", ["\(repository)/scripts/bench_trim.py", reapdBinary] + words)
}
