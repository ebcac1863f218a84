// What the live tests of kind generations stand on: a rule in a file, partitions as hypaware writes
// them, and flips of their cursors.

import Foundation
import Glibc
import Testing

/// A configuration file with one rule of kind generations, all of whose waits are short.
struct GenerationRule {
  let path: String
  private let audit: String
  private let scratch: Scratch

  /// - Parameter keys: wins over the short waits; an empty text leaves the key out.
  init(_ root: String, _ keys: [String: String] = [:], in scratch: Scratch) {
    self.scratch = scratch
    path = scratch.path + "/rule-\(UUID().uuidString).yaml"
    audit = scratch.path + "/one-shot.jsonl"
    let short = [
      "grace": "100ms", "quiet": "1s", "quarantine": "0s", "retired_after": "0s",
      "stale_temporaries": "1s",
    ]
    let lines = short.merging(keys) { $1 }.filter { !$0.value.isEmpty }
      .sorted { $0.key < $1.key }.map { "    \($0.key): \($0.value)\n" }
    let text =
      "backstop: off\nrules:\n  - name: tables\n    kind: generations\n    root: \(root)\n"
      + lines.joined()
    _ = FileManager.default.createFile(atPath: path, contents: Data(text.utf8))
  }

  /// A watcher that has said that it watches.
  func watch(environment: [String: String] = [:], wrapper: [String] = []) throws -> Watcher {
    let watcher = try Watcher(
      [], grace: nil, in: scratch, arguments: ["--config", path], environment: environment,
      waitForStart: false, wrapper: wrapper)
    #expect(
      wait(seconds: 60) { watcher.background.error.contains("watching ") },
      "no start line: \(watcher.background.error)")
    return watcher
  }

  /// A sweep's candidates, by path, and its summary.
  @discardableResult
  func sweep(_ arguments: [String] = []) -> (lines: [String: SweptLine], summary: Summary?) {
    let result = run(
      reapdBinary,
      ["sweep", "--json", "--config", path, "--audit-log", audit] + arguments)
    #expect(result.status == 0, "\(result.error)")
    let (lines, summary) = decodeSweep(result.output)
    return (Dictionary(lines.map { ($0.path ?? "", $0) }) { $1 }, summary)
  }

  func list() -> [String: Finding] {
    let result = run(reapdBinary, ["list", "--json", "--config", path])
    #expect(result.status == 0, "\(result.error)")
    return Dictionary(decodeLines(result.output).map { ($0.path ?? "", $0) }) { $1 }
  }

  func explain(_ directory: String) -> Finding? { decodeFinding(explanation(of: directory)) }

  func explain(_ partition: Partition) -> PartitionFinding? {
    decode(explanation(of: partition.path))
  }

  private func explanation(of path: String) -> String {
    run(reapdBinary, ["explain", "--json", "--config", self.path, path]).output
  }
}

/// Cursors in the very format of hypaware.
enum CursorText {
  static func table(_ name: String, previous: String? = nil) -> String {
    let compaction =
      previous.map {
        """
        {
            "previousTableDir": "\($0)",
            "compactedAt": "2026-11-20T23:21:16.855Z",
            "resettleBaselineFiles": 1,
            "dataFilesBefore": 4,
            "writerGeneration": 2
          }
        """
      } ?? "null"
    return """
      {
        "epoch": 0,
        "rowCount": 100,
        "compaction": \(compaction),
        "layout": "source-table",
        "tableDir": "\(name)"
      }
      """
  }

  static func epoch(_ number: Int) -> String {
    let compaction = number == 0 ? "null" : "{\n    \"previousEpoch\": \(number - 1)\n  }"
    return "{\n  \"epoch\": \(number),\n  \"rowCount\": 30,\n  \"compaction\": \(compaction)\n}"
  }

  /// The one that names a generation.
  static func naming(_ generation: String) -> String {
    generation.hasPrefix("epoch=")
      ? epoch(Int(generation.dropFirst("epoch=".count)) ?? 0) : table(generation)
  }
}

/// A cursor read back.
struct CursorFile: Decodable {
  let tableDir: String?
  let epoch: Int?

  /// Nil where it is no cursor, or not whole.
  init?(_ data: Data) {
    guard let cursor = try? JSONDecoder().decode(CursorFile.self, from: data) else { return nil }
    self = cursor
  }

  /// The generation that it names.
  var live: String? { tableDir ?? epoch.map { "epoch=\($0)" } }
}

/// A directory that holds a cursor and generations.
struct Partition {
  let path: String
  /// What every complete generation holds.
  static let rows = "{\"id\":1}\n{\"id\":2}\n"

  /// One that is there already, or comes by a rename.
  init(at path: String) { self.path = path }

  /// - Parameter cursor: its text; nil makes none.
  init(_ path: String, cursor: String?) {
    self.path = path
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    if let cursor { put("cursor.json", cursor) }
  }

  /// One whose live generation is complete.
  init(_ path: String, live: String = "table") {
    self.init(path, cursor: nil)
    generation(live)
    put("cursor.json", CursorText.naming(live))
  }

  subscript(_ name: String) -> String { path + "/" + name }

  func put(_ name: String, _ text: String) {
    try? FileManager.default.createDirectory(
      atPath: (self[name] as NSString).deletingLastPathComponent,
      withIntermediateDirectories: true)
    #expect(FileManager.default.createFile(atPath: self[name], contents: Data(text.utf8)))
  }

  /// Makes a generation; returns its path.
  ///
  /// - Parameters:
  ///   - committed: with its metadata; otherwise its writer died before.
  ///   - lockFile: with a lock file that nobody holds.
  @discardableResult
  func generation(
    _ name: String, committed: Bool = true, retired: Bool = false, lockFile: Bool = false
  ) -> String {
    if lockFile { put(name + "/.lock", "") }
    put(name + "/data/rows.jsonl", Self.rows)
    mkdir(self[name + "/metadata"], 0o755)
    if committed { put(name + "/metadata/v1.metadata.json", "{}\n") }
    if retired { put(name + "/.retired", "2026-11-20T23:21:16.855Z") }
    return self[name]
  }

  /// Makes the cursor name another generation, as hypaware does.
  func flip(to generation: String) {
    let digits = String(UInt64.random(in: 0..<(1 << 48)), radix: 16)
    let hex = String(repeating: "0", count: 12 - digits.count) + digits
    let temporary = self["cursor.json.\(getpid()).\(hex).tmp"]
    let text = Data(CursorText.naming(generation).utf8)
    #expect(FileManager.default.createFile(atPath: temporary, contents: text))
    #expect(rename(temporary, self["cursor.json"]) == 0)
  }

  /// Claimed names of one generation.
  func claims(of name: String) -> [String] {
    names(in: path).filter { $0.hasPrefix(".reapd.") && $0.hasSuffix("." + name) }
  }

  /// Whether a generation stands under its name, complete and with all rows.
  func isWhole(_ name: String) -> Bool {
    exists(self[name + "/metadata/v1.metadata.json"])
      && FileManager.default.contents(atPath: self[name + "/data/rows.jsonl"])
        == Data(Self.rows.utf8)
  }
}

extension Watcher {
  /// Waits until it has disposed of an orphan in a partition made only now: what was due before,
  /// it has done. Needs a rule whose quarantine is nothing, or a lock file as the proof.
  func catchUp(below root: String, lockFile: Bool = false) {
    // Made under a hidden name, which is not looked into: on a busy machine a grace may be over before
    // all of it is there.
    let name = "later-\(UUID().uuidString)"
    let aside = root + "/." + name
    Partition(aside).generation("table-7", lockFile: lockFile)
    #expect(rename(aside, root + "/" + name) == 0)
    let orphan = Partition(at: root + "/" + name)["table-7"]
    #expect(wait(seconds: 60) { !exists(orphan) }, "reapd does not work: \(background.error)")
  }

  /// Waits until a generation is in quarantine, in its place.
  func expectCondemned(_ name: String, of partition: Partition, times: Int = 1) {
    #expect(
      wait(seconds: 60) { audit(of: partition[name], action: .condemned).count >= times },
      "\(names(in: partition.path)) \(audit(of: partition[name])) \(background.error)")
    #expect(partition.claims(of: name).isEmpty && exists(partition[name]))
  }
}

/// Waits until everything made so far has been left alone for so long.
func waitQuiet(_ seconds: Double = 1.3) {
  let start = Date()
  wait(seconds: seconds + 20) { Date().timeIntervalSince(start) > seconds }
}
