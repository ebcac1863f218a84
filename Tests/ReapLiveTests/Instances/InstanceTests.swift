// Which instances go, by `sweep`, `list` and `explain` alike: trees in the format of their spawner.

import Foundation
import Glibc
import Testing

@Suite("Instances are kept by count, age, bytes and room", .live)
struct InstanceTests {
  private let scratch = Scratch()
  private let instances: Instances

  init() { instances = Instances(scratch.path + "/spica/instances") }

  /// Those with a manifest that tells no time, and names that are none of the rule's.
  private func makeOddTree() -> ([Int], [String]) {
    for number in 1...12 { instances.make(number, age: Double(13 - number) * 3600) }
    instances.make(13, age: 4 * 86400)  // older than three days
    let manifests = [
      20: "null", 21: "[1]", 22: #"{"spawned_at":"2025-10-27T03:19:26.653761"}"#, 23: "{\"spawn",
      24: #"{"spawned_at":null}"#, 25: #"{"spawned_at":"\#(Instances.stamp(-86400))"}"#,
    ]
    for (number, text) in manifests {
      instances.begin(number)
      instances.write("manifest.json", of: number, text)
    }
    instances.begin(30)  // being made
    instances.begin(31)
    symlink("../spica-00000001/manifest.json", instances.path(31) + "/manifest.json")
    instances.make(32, age: 86400)
    instances.write(".tournament_lock", of: 32, #"{"started_at":"\#(Instances.stamp(60))"}"#)
    instances.make(33, age: 86400)
    instances.write(".tournament_lock", of: 33, "no JSON")
    instances.make(34, age: 86400)
    mkfifo(instances.begin(35) + "/manifest.json", 0o600)
    // None of its own.
    Instances(instances.root + "/nested/instances").make(1, age: 90 * 86400)
    symlink("spica-00000001", instances.root + "/spica-000000f1")
    _ = FileManager.default.createFile(atPath: instances.root + "/spica-000000f2", contents: nil)
    instances.make(0xAAAA_AAAA_A, age: 90 * 86400)  // nine digits
    let others = ["nested", "spica-000000f1", "spica-000000f2", "spica-aaaaaaaaa"]
    return (Array(manifests.keys), others)
  }

  @Test("Every entry of an odd tree has its verdict, in every command")
  func oddTree() throws {
    let (badManifests, others) = makeOddTree()
    let held = open(instances.path(34) + "/src/a/data", O_RDONLY | O_CLOEXEC)
    defer { close(held) }

    var expected: [String: String] = [:]
    for number in 3...12 { expected[Instances.name(number)] = "expendable within-bounds" }
    for number in [1, 2] { expected[Instances.name(number)] = "dispose over-count" }
    expected[Instances.name(13)] = "dispose over-age"
    for number in badManifests { expected[Instances.name(number)] = "unsure time-unknown" }
    for number in [31, 35] { expected[Instances.name(number)] = "unsure time-unknown" }
    for number in [30] { expected[Instances.name(number)] = "keep incomplete" }
    for number in [32, 33] { expected[Instances.name(number)] = "keep protected" }
    expected[Instances.name(34)] = "keep file-open"
    letPass(0.2, "the grace")
    let found = instances.list("", in: scratch).filter { !others.contains($0.key) }
    #expect(found == expected)

    let config = instances.rule("", in: scratch)
    for number in [1, 4, 13, 20, 30, 32, 34] {
      let explained = decodeFinding(
        run(reapdBinary, ["explain", "--json", "--config", config, instances.path(number)]).output)
      #expect(
        explained.map { $0.verdict + " " + $0.reason } == expected[Instances.name(number)])
    }
    let dry = instances.sweep("", in: scratch, ["-n"])
    let would = Set(dry.lines.filter { $0.action == "would-reap" }.compactMap(\.path))
    #expect(would == Set([1, 2, 13].map { instances.path($0) }))
    let swept = instances.sweep("", in: scratch)
    #expect(Set(swept.lines.filter { $0.action == "reaped" }.compactMap(\.path)) == would)
    #expect(swept.summary?.pruned == 3 && swept.summary?.protected == 12, "\(swept)")
    #expect(swept.summary.map { $0.reclaimed > 0 && $0.reclaimed == $0.bytes } == true)
    #expect(instances.left.count == expected.count - 3 + 3)  // and f1, f2, the nine digits
    for name in others { #expect(exists(instances.root + "/" + name), "\(name)") }
    #expect(exists(instances.root + "/nested/instances/spica-00000001/manifest.json"))
    let again = instances.sweep("", in: scratch)
    #expect(again.summary?.reaped == 0 && again.summary?.pruned == 0)
  }

  @Test(
    "Each key changes what goes",
    arguments: [
      // Ages in hours of 1 … 5: 5, 4, 3, 2, 1; 6 has no manifest and 7 a bad one.
      ("max_count: 3", [1, 2]), ("max_count: 0", [1, 2, 3, 4, 5]), ("max_age: 210m", [1, 2]),
      ("max_count: 3, max_age: 5m", [1, 2, 3, 4, 5]), ("max_bytes: 700kB", [1, 2, 3]),
      ("min_free: 99.99%", []), ("min_free: 1kB, prune_to_min_free: true", []),
      // All together could not reach it.
      ("min_free: 99.99%, prune_to_min_free: true", []),
      ("max_count: 4, bad_timestamp: oldest", [1, 7]),
      ("abandoned_after: 150ms", [6]), ("abandoned_after: off", []),
      ("complete: [other.json], abandoned_after: 1h", []),
      ("complete: [other.json], abandoned_after: 150ms", [1, 2, 3, 4, 5, 6, 7]),
      ("manifest: lineage.json", []), ("manifest: lineage.json, max_count: 3", []),
      ("time_field: spica_id, max_count: 3", []),
      ("max_count: 3, protect: [src]", []), ("max_count: 3, protect: [absent]", [1, 2]),
      ("max_count: 3, never: [spica-00000001]", [2]),
      ("max_count: 3, enabled: false", []), ("max_count: 3, lock: .lock", [1, 2]),
    ] as [(String, Set<Int>)])
  func keys(keys: String, going: Set<Int>) throws {
    for number in 1...5 {
      instances.make(number, age: Double(6 - number) * 3600, bytes: 300_000)
    }
    instances.begin(6)
    instances.begin(7)
    instances.write("manifest.json", of: 7, "null")
    letPass(0.3, "what abandoned_after says in some")
    let swept = instances.sweep(keys, in: scratch)
    #expect(Set(1...7).subtracting(instances.left) == going, "\(swept)")
    if keys.contains("max_count: 3, never") { #expect(instances.left.contains(1)) }
  }

  @Test("Variables that the operators know are obeyed where they are set, and ours win")
  func environment() throws {
    func left(_ environment: [String: String]) -> [Int] {
      for number in 1...5 { instances.make(number, age: Double(6 - number) * 86400 - 3600) }
      _ = instances.sweep("", in: scratch, environment: environment)
      return instances.left
    }
    #expect(left([:]) == [3, 4, 5])
    #expect(left(["SPICA_RETENTION_MAX_AGE_DAYS": "30"]) == [1, 2, 3, 4, 5])
    #expect(
      left(["SPICA_RETENTION_MAX_AGE_DAYS": "30", "SPICA_RETENTION_MAX_INSTANCES": "4"])
        == [2, 3, 4, 5])
    #expect(
      left(["SPICA_RETENTION_MAX_INSTANCES": "1", "REAPD_SPICA_MAX_COUNT": "999999"]) == [3, 4, 5])
    let printed = run(
      reapdBinary, ["check-config", "--config", instances.rule("", in: scratch)],
      environment: ["SPICA_RETENTION_MAX_INSTANCES": "77"])
    #expect(printed.output.contains("max_count: 77"), "\(printed)")
    #expect(printed.output.contains("SPICA_RETENTION_MAX_INSTANCES"), "\(printed)")
    let bad = run(
      reapdBinary, ["check-config", "--config", instances.rule("", in: scratch)],
      environment: ["SPICA_RETENTION_MAX_INSTANCES": "many"])
    #expect(bad.status == 78 && bad.error.contains("SPICA_RETENTION_MAX_INSTANCES"), "\(bad)")
  }

  @Test("What may not go and alone is more than the bound is told of once, and goes by no bound")
  func crowd() throws {
    for number in 1...4 {
      instances.make(number, age: 3600)
      instances.write(".tournament_lock", of: number, "x")
    }
    instances.make(5, age: 7200)
    let watcher = try instances.watch("max_count: 2", in: scratch)
    instances.make(6, age: 0)
    instances.make(7, age: 0)
    #expect(wait { !exists(instances.path(5)) }, "\(watcher.background.error)")
    #expect(instances.left == [1, 2, 3, 4, 6, 7])
    #expect(wait { watcher.said("4 that may not go").count == 1 }, "\(watcher.background.error)")
  }
}
