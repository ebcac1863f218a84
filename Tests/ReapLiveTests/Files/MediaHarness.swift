// Media in the format of its writer: flat directories beside JSON stores, and a log of uploads.

import Foundation
import Glibc
import Testing

struct Media {
  let root: String
  let scratch: Scratch
  let uploads: String
  /// However full the disk is that the test runs on.
  static let calm = "pressure: {start: 100%, stop: 99%}"

  init(in scratch: Scratch, at base: String? = nil) {
    self.scratch = scratch
    root = (base ?? scratch.path) + "/.data"
    uploads = scratch.path + "/out.log"
    for directory in ["images", "videos", "voice", "bid-images"] {
      try? FileManager.default.createDirectory(
        atPath: root + "/" + directory, withIntermediateDirectories: true)
    }
    _ = FileManager.default.createFile(atPath: uploads, contents: nil)
  }

  func path(_ name: String) -> String { root + "/" + name }

  /// - Parameter days: how long ago it was written.
  @discardableResult
  func make(_ name: String, bytes: Int = 1000, days: Double = 0) -> String {
    let path = path(name)
    // Not sparse: of a file that occupies nothing nothing becomes free.
    _ = FileManager.default.createFile(
      atPath: path, contents: Data(repeating: 7, count: bytes))
    let then = Int(Date().timeIntervalSince1970 - days * 86400)
    let time = timespec(tv_sec: then, tv_nsec: 0)
    utimensat(AT_FDCWD, path, [time, time], 0)
    return path
  }

  func uploaded(_ name: String, bytes: Int = 1000) {
    append("[r2] Uploaded \(name) (\(bytes) bytes)\n")
  }

  func append(_ text: String) {
    let handle = FileHandle(forWritingAtPath: uploads)!
    handle.seekToEndOfFile()
    handle.write(Data(text.utf8))
    try? handle.close()
  }

  /// Those that an upload proves, by the writer's own line.
  var receipts: String {
    #"require_copy: {receipts: {file: "\#(uploads)", pattern: '\[r2\] Uploaded (?<name>\S+) \((?<bytes>\d+) bytes\)'}}"#
  }

  /// A rule for them; nothing but events drives a watch by it.
  func rule(_ keys: String, preset: String? = "sovra-media", grace: String = "100ms") -> String {
    let path = scratch.path + "/rule-\(UUID().uuidString).yaml"
    let kind = preset.map { "preset: \($0)" } ?? "kind: files, name: files"
    let text = "backstop: off\nrules:\n  - {\(kind), root: \(root), grace: \(grace), \(keys)}\n"
    _ = FileManager.default.createFile(atPath: path, contents: Data(text.utf8))
    return path
  }

  var state: [String: String] { ["XDG_STATE_HOME": scratch.path + "/state"] }

  func watch(
    _ keys: String, preset: String? = "sovra-media", environment: [String: String] = [:]
  ) throws -> Watcher {
    letPass(0.2, "the grace")
    let watcher = try Watcher(
      [], grace: nil, in: scratch, arguments: ["--config", rule(keys, preset: preset)],
      environment: state.merging(environment) { $1 }, waitForStart: false)
    #expect(
      wait(seconds: 60) { watcher.background.error.contains("watching ") },
      "\(watcher.background.error)")
    // A line that comes before that is one of unknown arrival, and proves nothing.
    if keys.contains("receipts"), exists(uploads) {
      #expect(wait(seconds: 60) { openFiles(of: watcher.background.pid).contains(uploads) })
      letPass(0.2, "from opening it to its end")
    }
    return watcher
  }

  /// Verdict and reason of each entry that is a candidate.
  func list(_ keys: String, preset: String? = "sovra-media") -> [String: String] {
    letPass(0.2, "the grace")
    let listed = run(
      reapdBinary, ["list", "--json", "--config", rule(keys, preset: preset)], environment: state)
    return Dictionary(
      decodeLines(listed.output, as: Finding.self).map {
        (String($0.path!.dropFirst(root.count + 1)), $0.verdict + " " + $0.reason)
      }
    ) { $1 }
  }

  func sweep(
    _ keys: String, preset: String? = "sovra-media", environment: [String: String] = [:]
  ) -> (lines: [SweptLine], summary: Summary?, error: String) {
    letPass(0.2, "the grace")
    let swept = run(
      reapdBinary,
      [
        "sweep", "--json", "--audit-log", scratch.path + "/sweep.jsonl", "--config",
        rule(keys, preset: preset),
      ], environment: state.merging(environment) { $1 })
    let (lines, summary) = decodeSweep(swept.output)
    return (lines, summary, swept.error)
  }

  /// In hundredths of a percent, as df counts for unprivileged users.
  var used: Int {
    var room = statvfs()
    guard statvfs(root, &room) == 0 else { return -1 }
    return Int(10_000 * (room.f_blocks - room.f_bavail) / room.f_blocks)
  }
}
