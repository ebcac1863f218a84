// Instances in the format of their spawner: a tree that a template was copied into, and a manifest at the
// end.

import Foundation
import Testing

struct Instances {
  let root: String

  init(_ root: String) {
    self.root = root
    try? FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
  }

  static func stamp(_ secondsAgo: Double) -> String {
    let date = Date(timeIntervalSinceNow: -secondsAgo)
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "UTC")
    formatter.dateFormat = "yyyy-MM-dd'T'HH:mm:ss.SSS"
    return formatter.string(from: date) + "653+00:00"
  }

  static func name(_ number: Int) -> String {
    let digits = String(number, radix: 16)
    return "spica-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
  }

  func path(_ number: Int) -> String { root + "/" + Self.name(number) }

  /// What a spawner copies first.
  @discardableResult
  func begin(_ number: Int, bytes: Int = 4096) -> String {
    let path = path(number)
    try? FileManager.default.createDirectory(
      atPath: path + "/src/a", withIntermediateDirectories: true)
    _ = FileManager.default.createFile(
      atPath: path + "/src/a/data", contents: Data(repeating: 7, count: bytes))
    return path
  }

  /// What it writes last, in place.
  func complete(_ number: Int, age: Double) {
    write("lineage.json", of: number, "{}")
    write(
      "manifest.json", of: number,
      #"{"schema":"spica.manifest/v1","spica_id":"\#(Self.name(number))","spawned_at":"\#(Self.stamp(age))"}"#
    )
  }

  func write(_ file: String, of number: Int, _ text: String) {
    _ = FileManager.default.createFile(
      atPath: path(number) + "/" + file, contents: Data(text.utf8))
  }

  func make(_ number: Int, age: Double, bytes: Int = 4096) {
    begin(number, bytes: bytes)
    complete(number, age: age)
  }

  var left: [Int] {
    names(in: root).compactMap {
      $0.hasPrefix("spica-") ? Int($0.dropFirst(6), radix: 16) : nil
    }.sorted()
  }

  /// A rule for them; nothing but events drives a watch by it.
  func rule(_ keys: String, in scratch: Scratch, backstop: String = "off") -> String {
    let path = scratch.path + "/rule-\(UUID().uuidString).yaml"
    let text =
      "backstop: \(backstop)\nrules:\n  - {preset: spica, root: \(root), grace: 100ms, \(keys)}\n"
    _ = FileManager.default.createFile(atPath: path, contents: Data(text.utf8))
    return path
  }

  func watch(
    _ keys: String, in scratch: Scratch, environment: [String: String] = [:]
  ) throws -> Watcher {
    letPass(0.2, "the grace")
    let watcher = try Watcher(
      [], grace: nil, in: scratch, arguments: ["--config", rule(keys, in: scratch)],
      environment: environment, waitForStart: false)
    #expect(
      wait(seconds: 60) { watcher.background.error.contains("watching ") },
      "\(watcher.background.error)")
    return watcher
  }

  /// Verdict and reason of each entry that is a candidate.
  func list(_ keys: String, in scratch: Scratch) -> [String: String] {
    let listed = run(reapdBinary, ["list", "--json", "--config", rule(keys, in: scratch)])
    return Dictionary(
      decodeLines(listed.output, as: Finding.self).map {
        (($0.path! as NSString).lastPathComponent, $0.verdict + " " + $0.reason)
      }
    ) { $1 }
  }

  func sweep(
    _ keys: String, in scratch: Scratch, _ arguments: [String] = [],
    environment: [String: String] = [:]
  ) -> (lines: [SweptLine], summary: Summary?, error: String) {
    letPass(0.2, "the grace")
    let swept = run(
      reapdBinary,
      [
        "sweep", "--json", "--audit-log", scratch.path + "/sweep.jsonl", "--config",
        rule(keys, in: scratch),
      ] + arguments, environment: environment)
    let (lines, summary) = decodeSweep(swept.output)
    return (lines, summary, swept.error)
  }
}
