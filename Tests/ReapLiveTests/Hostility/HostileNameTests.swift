// Names are bytes: what the kernel takes is reaped and noted, and nothing that only looks alike.

import Foundation
import Glibc
import Testing

@Suite("Hostile names", .serialized, .live)
struct HostileNameTests {
  @Test("Any name that matches is reaped, and its audit line can be read")
  func spillNames() throws {
    let names =
      [
        "spill_1_\nnew\nline", "spill_1_ with  spaces ", "spill_1_'\"quotes\"'",
        "spill_1_\\back\\slash",
        "spill_1_-dash", "spill_1_\t\u{1}\u{7F}", "spill_1_ünïcødé", "spill_1_\u{1F5D1}",
        "spill_1_$(id);*?",
      ].map { Array($0.utf8) }
      + [
        named("spill_1_", 255), named("spill_1_", 229), named("spill_1_", 228),
        Array("spill_1_".utf8) + [0xFF, 0xFE, 0x80], Array("spill_1_".utf8) + [0xC3],
        Array("spill_1_".utf8) + [0xFF] + named("", 246),
      ]
    try expectReaped(names, arguments: [])
  }

  @Test("Names that begin with a dash or are nothing but blanks are reaped under a wide match")
  func wideMatch() throws {
    let names =
      ["-rf", "--help", " ", "\n", "\"", "\t", "*", "~", "...", ".hidden"].map { Array($0.utf8) }
      + [[0xFF], named("", 255)]
    try expectReaped(names, arguments: ["--match", "*"])
  }

  @Test("Names that merely resemble a candidate's are left alone")
  func resembling() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let others = [
      "spillx_1_1", "Spill_1_1", "spill", "spill_1", "spill_x_1", "spill__1", "xspill_1_1",
      ".spill_1_1", " spill_1_1", "spill-1_1", "SPILL_1_1",
      ".reapd.123.spill_1_1", ".reapd.1234567890123456789.other_1", ".reapd.1234567890123456789.",
    ]
    for name in others { leaveOrphan(Array(name.utf8), in: root) }
    leaveOrphan(Array("spill_1_1".utf8), in: root)
    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "200ms"])
    #expect(wait(seconds: 60) { !exists(root + "/spill_1_1") })
    // One that comes later shows that everything before it has been looked at.
    leaveOrphan(Array("spill_2_1".utf8), in: root)
    #expect(wait(seconds: 60) { !exists(root + "/spill_2_1") })
    // The name goes first, by the claim; the removal of what had it ends a little later.
    #expect(wait { names(in: root) == others.sorted() }, "\(names(in: root))")
    #expect(watcher.audit.allSatisfy { $0.action == .reaped })
  }

  /// Each is made twice over: before the start, and while reapd runs.
  private func expectReaped(_ names: [[UInt8]], arguments: [String]) throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    for name in names { leaveOrphan(name, in: root) }
    let watcher = try Watcher(
      [root], in: scratch, arguments: arguments, environment: ["REAPD_BACKSTOP": "off"])
    for round in 1...2 {
      #expect(wait(seconds: 60) { entries(of: root) == 0 }, "\(watcher.background.error)")
      #expect(wait(seconds: 60) { watcher.audit.count >= round * names.count })
      if round == 1 { for name in names { leaveOrphan(name, in: root) } }
    }
    let raw = FileManager.default.contents(atPath: watcher.auditPath) ?? Data()
    #expect(raw.split(separator: 10).count == watcher.audit.count, "a line is no JSON")
    #expect(watcher.audit.count == 2 * names.count)
    let prefix = root + "/"
    var noted: [[UInt8]: Int] = [:]
    for line in watcher.audit {
      #expect(line.action == .reaped)
      let bytes: [UInt8]
      if let text = line.path {
        #expect(line.pathB64 == nil)
        bytes = Array(text.utf8)
      } else {
        let decoded = line.pathB64.flatMap { Data(base64Encoded: $0) }
        bytes = Array(try #require(decoded))
        #expect(String(validating: bytes, as: UTF8.self) == nil, "base64 where text would do")
      }
      noted[Array(bytes.dropFirst(prefix.utf8.count)), default: 0] += 1
    }
    #expect(noted == Dictionary(uniqueKeysWithValues: names.map { ($0, 2) }))
  }
}

// MARK: - Helpers

private func named(_ start: String, _ length: Int) -> [UInt8] {
  Array(start.utf8) + [UInt8](repeating: UInt8(ascii: "n"), count: length - start.utf8.count)
}

private func leaveOrphan(_ name: [UInt8], in root: String) {
  let top = open(root, O_RDONLY | O_DIRECTORY)
  defer { close(top) }
  let path = name.map { CChar(bitPattern: $0) } + [0]
  #expect(mkdirat(top, path, 0o755) == 0)
  let directory = openat(top, path, O_RDONLY | O_DIRECTORY)
  defer { close(directory) }
  for file in [".lock", "chunk"] {
    let number = openat(directory, file, O_WRONLY | O_CREAT, 0o644)
    #expect(number >= 0)
    close(number)
  }
}

/// Counted by readdir: Foundation passes over names that are not UTF-8.
private func entries(of path: String) -> Int {
  guard let directory = opendir(path) else { return -1 }
  defer { closedir(directory) }
  var count = 0
  while readdir(directory) != nil { count += 1 }
  return count - 2
}
