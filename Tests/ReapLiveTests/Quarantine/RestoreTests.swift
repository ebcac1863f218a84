// `reapd restore`: the way out of quarantine by hand, beside a reapd that is at work.

import Foundation
import Glibc
import Testing

@Suite("Restore", .serialized, .live)
struct RestoreTests {
  private let scratch = Scratch()
  private let root: String
  private let audited: AuditFile
  private let partition: Partition

  init() {
    root = scratch.directory("root")
    audited = AuditFile(scratch.path + "/by-hand.jsonl")
    partition = Partition(root + "/datasets/a/source=x")
  }

  private func rule(_ keys: [String: String] = [:]) -> GenerationRule {
    GenerationRule(root, ["quarantine": "1h"].merging(keys) { $1 }, in: scratch)
  }

  private var audit: String { audited.path }

  @discardableResult
  private func restore(
    _ words: String..., by rule: GenerationRule
  ) -> (status: Int32, output: String, error: String) {
    run(reapdBinary, ["restore", "--config", rule.path, "--audit-log", audit] + words)
  }

  private func list(_ rule: GenerationRule) -> [ClaimLine] {
    let result = restore("--list", "--json", by: rule)
    #expect(result.status == 0, "\(result.error)")
    return decodeLines(result.output)
  }

  private static let stamp = ".reapd.1763000000000000001."

  // MARK: - Beside a reapd that is at work

  @Test("Restored by id or path it is pinned, and stays, also after the next start")
  func ways() throws {
    let names = ["table-2", "table-3"]
    for name in names { partition.generation(name) }
    let rule = rule()
    let watcher = try rule.watch()
    for name in names { watcher.expectCondemned(name, of: partition) }
    let rows = list(rule)
    #expect(Set(rows.compactMap(\.path)) == Set(names.map { partition[$0] }))
    for name in names {
      let row = try #require(rows.first { $0.path == partition[name] })
      let id = row.id
      let condemned = watcher.audit(of: partition[name], action: .condemned).first
      #expect(id == condemned?.id)
      #expect(row.name == name && row.state == "condemned")
      #expect((row.bytes ?? 0) >= 8192)
      let since = try #require(time(row.since))
      let deadline = try #require(row.deadline.text.flatMap(time))
      #expect(abs(deadline.timeIntervalSince(since) - 3600) < 0.01)
      let word = name == "table-2" ? id : partition[name] + "/"
      let result = restore(word, "--json", by: rule)
      #expect(result.status == 0, "\(result)")
      let restored = decodeLines(result.output, as: RestoredLine.self).first
      #expect(restored?.path == partition[name] && restored?.pinned == true)
      let told = audited.of(partition[name])
      #expect(told.count == 1 && told[0].action == .restored, "\(told)")
      #expect(told.first?.trigger == .manual && told.first?.id == id)
      let reprieved = { watcher.audit(of: partition[name], action: .reprieved).last }
      #expect(wait { reprieved()?.reason == "kept-by-hand" })
    }
    #expect(restore("--list", by: rule).output == "nothing is in quarantine\n")
    expectLeftAlone(names, by: watcher)
    // A flip to it and away again is what would have it condemned; the operator's word still counts.
    partition.flip(to: "table-2")
    partition.flip(to: "table")
    expectLeftAlone(names, by: watcher)
    watcher.background.killHard()
    let next = try rule.watch()
    expectLeftAlone(names, by: next)
  }

  @Test("Restored while reapd was stopped past the end of the quarantine: seen, and left alone")
  func stopped() throws {
    partition.generation("table-2")
    let rule = rule(["quarantine": "3s"])
    let watcher = try rule.watch()
    watcher.expectCondemned("table-2", of: partition)
    let id = try #require(
      watcher.audit(of: partition["table-2"], action: .condemned).first?.id)
    watcher.background.signal(SIGSTOP)
    #expect(wait { isStopped(watcher.background.pid) })
    #expect(wait(seconds: 60) { self.restLeft(of: id, 3) < -0.2 })
    #expect(restore(id, by: rule).status == 0)
    watcher.background.signal(SIGCONT)
    expectLeftAlone(["table-2"], by: watcher)
    #expect(watcher.audit(of: partition["table-2"], action: .reaped).isEmpty)
  }

  @Test("Racing with the end of the quarantine, a restore wins wholly or loses wholly")
  func race() throws {
    let count = 24
    let partitions = (0..<count).map { Partition(root + "/race/p\($0)") }
    for partition in partitions {
      partition.generation("table-2")
      for file in 0..<300 { partition.put("table-2/data/part-\(file).jsonl", "{}\n") }
    }
    let rule = rule(["quarantine": "2s"])
    let watcher = try rule.watch()
    for partition in partitions { watcher.expectCondemned("table-2", of: partition) }
    // Begun around the deadline of each, from a little before to a little after.
    var script = "cd '\(scratch.path)'\n"
    for (index, partition) in partitions.enumerated() {
      let condemned = watcher.audit(of: partition["table-2"], action: .condemned).first
      guard let id = condemned?.id else { continue }
      let pause = max(0, restLeft(of: id, 2) - 0.06 + 0.004 * Double(index))
      script += "(sleep \(pause); '\(reapdBinary)' restore --config '\(rule.path)'"
      script += " --audit-log '\(audit)' '\(partition["table-2"])' 2>err.\(index)"
      script += "; echo $? >status.\(index)) &\n"
    }
    #expect(shell(script + "wait\n").status == 0)
    var won = 0
    for (index, partition) in partitions.enumerated() {
      let text = FileManager.default.contents(atPath: scratch.path + "/status.\(index)") ?? Data()
      let isWon = String(decoding: text, as: UTF8.self) == "0\n"
      won += isWon ? 1 : 0
      if !isWon {
        let error = FileManager.default.contents(atPath: scratch.path + "/err.\(index)") ?? Data()
        #expect(String(decoding: error, as: UTF8.self).hasPrefix("reapd: \(partition.path)"))
        #expect(
          wait(seconds: 60) {
            watcher.audit(of: partition["table-2"], action: .reaped).count == 1
          }, "\(watcher.audit(of: partition["table-2"]))")
        #expect(names(in: partition.path) == ["cursor.json", "table"])
      }
    }
    let later = Partition(root + "/later")
    later.generation("table-2")
    watcher.expectCondemned("table-2", of: later)
    for partition in partitions where exists(partition["table-2"]) {
      #expect(partition.isWhole("table-2"))
      #expect(names(in: partition["table-2/data"]).count == 301)
      #expect(watcher.audit(of: partition["table-2"], action: .reaped).isEmpty)
    }
    #expect(partitions.count { exists($0["table-2"]) } == won)
    print("restores that raced with the end of the quarantine: \(won) of \(count) won")
  }

  @Test("What is half removed has no way back, by hand, at an end or at the next start")
  func halfRemoved() throws {
    let orphan = partition.generation("table-2")
    let stuck = "/data/stuck.jsonl"
    partition.put("table-2" + stuck, "{}\n")
    guard shell("chattr +i '\(orphan + stuck)'").status == 0 else {
      return skip("chattr +i does not work on \(scratch.path)")
    }
    defer { _ = shell("chattr -R -f -i '\(partition.path)'") }
    let rule = rule(["quarantine": "2s"])
    var watcher = try rule.watch()
    #expect(
      wait(seconds: 60) { watcher.audit(of: orphan, action: .failed).count == 1 },
      "\(watcher.background.error)")
    let claim = partition[try #require(partition.claims(of: "table-2").first)]
    #expect(!exists(claim + "/data/rows.jsonl") && exists(claim + stuck))
    #expect(list(rule).first?.state == "removing")
    #expect(list(rule).first?.deadline == .null)
    let result = restore(orphan, by: rule)
    #expect(result.status == 1 && result.error.contains("its removal has begun"), "\(result)")
    #expect(audited.lines.last?.action == .refused)
    for signal in [SIGTERM, SIGKILL] {
      watcher.background.signal(signal)
      #expect(watcher.background.exitStatus(within: 60) != nil)
      #expect(exists(claim) && !exists(orphan))
      watcher = try rule.watch()
      let other = Partition(root + "/other-\(signal)")
      other.generation("table-2")
      watcher.expectCondemned("table-2", of: other)
      #expect(exists(claim) && !exists(orphan), "\(names(in: partition.path))")
    }
    #expect(shell("chattr -i '\(claim + stuck)'").status == 0)
    #expect(wait(seconds: 60) { !exists(claim) }, "\(watcher.background.error)")
    #expect(!exists(orphan) && watcher.audit(of: orphan, action: .restored).isEmpty)
  }

  @Test("Over a name that exists again nothing is restored, and both stay as they are")
  func conflict() throws {
    let id = "1795216876835000001"
    let orphan = partition.generation("table-2")
    let claim = partition[".reapd.\(id).table-2"]
    #expect(rename(orphan, claim) == 0)
    let rule = rule()
    partition.put("table-2/mine", "newer")
    let before = portrait(claim) + portrait(orphan)
    for word in [orphan, claim, id] {
      let result = restore(word, by: rule)
      #expect(result.status == 1 && result.error.contains("something has its old name"))
      #expect(restore(word, "--dry-run", by: rule).status == 1)
    }
    #expect(portrait(claim) + portrait(orphan) == before)
    #expect(audited.lines.count == 3 && audited.lines.allSatisfy { $0.reason == "name-taken" })
    #expect(shell("rm -r '\(orphan)'").status == 0)
    let dry = restore(id, "-n", by: rule)
    #expect(dry.status == 0 && exists(claim) && !exists(orphan), "\(dry)")
    #expect(restore(id, by: rule).status == 0 && partition.isWhole("table-2"))
  }

  @Test("While somebody else holds a lock on the directory, neither side touches it")
  func locked() throws {
    let orphan = partition.generation("table-2")
    let rule = rule(["quarantine": "2s"])
    let watcher = try rule.watch()
    watcher.expectCondemned("table-2", of: partition)
    let holder = try Background("/usr/bin/flock", [orphan, "sleep", "1000"], in: scratch)
    #expect(wait { shell("flock -n '\(orphan)' true").status != 0 })
    let result = restore(orphan, by: rule)
    #expect(result.status == 1 && result.error.contains("holds a lock"), "\(result)")
    let other = Partition(root + "/other")
    other.generation("table-2")
    #expect(wait(seconds: 60) { watcher.audit(of: other["table-2"], action: .reaped).count == 1 })
    #expect(partition.isWhole("table-2"))
    #expect(shell("kill -KILL $(pgrep -P \(holder.pid)) \(holder.pid)").status == 0)
    #expect(wait(seconds: 60) { !exists(orphan) }, "\(watcher.background.error)")
  }

  // MARK: - Without one

  @Test("Only a claim of a rule is restored: no link, no file, no foreign owner, no other place")
  func refused() throws {
    let rule = rule()
    let outside = scratch.directory("outside")
    let canary = Partition(outside + "/p").generation(Self.stamp + "table-2")
    symlink(canary, partition[Self.stamp + "table-2"])
    symlink(outside + "/p", root + "/linked")
    partition.put(Self.stamp + "table-3", "a file")
    partition.generation(Self.stamp + "tables_backup")
    partition.generation("_hypaware_spool/" + Self.stamp + "table-4")
    partition.generation(".retired/" + Self.stamp + "table-5")
    partition.generation("table-6")
    let before = shell("ls -lAR '\(scratch.path)'/root '\(outside)'").output
    #expect(list(rule).isEmpty)
    let words: [(String, Int32)] = [
      (partition[Self.stamp + "table-2"], 65), (partition["table-2"], 65),
      ("1763000000000000001", 64), ("1763000000000000002", 65), ("12", 65),
      (partition[Self.stamp + "table-3"], 65), (partition[Self.stamp + "tables_backup"], 65),
      (partition["_hypaware_spool/table-4"], 65), (partition[".retired/table-5"], 65),
      (partition["table-6"], 65), (partition["cursor.json"], 65), (partition["table-9"], 65),
      (canary, 64), (outside + "/p/table-2", 64), (root + "/linked/table-2", 64), (root, 64),
      ("/", 64), ("..", 64), ("", 64),
    ]
    for (word, status) in words {
      let result = restore(word, by: rule)
      #expect(result.status == status, "\(word): \(result)")
      // An empty one is refused before it is a path.
      #expect(result.error.hasPrefix(word.isEmpty ? "Error: " : "reapd: "), "\(word): \(result)")
    }
    #expect(restore(by: rule).status == 64)
    #expect(run(reapdBinary, ["restore", "--kind", "spill", "--list", root]).status == 0)
    #expect(shell("ls -lAR '\(scratch.path)'/root '\(outside)'").output == before)
    guard isRoot else { return skip("foreign owners need root") }
    let foreign = partition.generation(Self.stamp + "table-8")
    #expect(chown(foreign, 12345, 12345) == 0)
    #expect(list(rule).first?.state == "foreign-owner")
    let result = restore(foreign, by: rule)
    #expect(result.status == 77 && exists(foreign), "\(result)")
    #expect(restore(foreign, by: self.rule(["owner": "any"])).status == 0)
    #expect(partition.isWhole("table-8"))
  }

  @Test("Without a reapd there is no deadline; several claims of one path are told apart by id")
  func ambiguous() throws {
    let rule = rule()
    let ids = ["1763000000000000001", "1763000000000000002"]
    for id in ids { partition.generation(".reapd.\(id).table-2") }
    #expect(list(rule).map(\.id) == ids)
    #expect(list(rule).allSatisfy { $0.deadline == .null })
    let result = restore(partition["table-2"], by: rule)
    #expect(result.status == 64 && ids.allSatisfy { result.error.contains($0) }, "\(result)")
    // Roots on the command line, as with the other commands.
    let words = ["restore", ids[1], root, "--audit-log", audit]
    #expect(run(reapdBinary, words + ["--kind", "generations"]).status == 0)
    #expect(partition.isWhole("table-2") && partition.claims(of: "table-2").count == 1)
    #expect(
      run(reapdBinary, ["restore", "--list", "--kind", "generations", root]).output.contains(ids[0])
    )
  }

  // MARK: - What they share

  /// Of what was restored nothing is condemned while something made later is.
  private func expectLeftAlone(_ names: [String], by watcher: Watcher) {
    let before = names.map { watcher.audit(of: partition[$0], action: .condemned).count }
    waitQuiet()
    let other = Partition(root + "/other-\(UUID().uuidString)")
    other.generation("table-2")
    watcher.expectCondemned("table-2", of: other)
    for (name, count) in zip(names, before) {
      #expect(partition.isWhole(name), "\(name) was claimed")
      #expect(watcher.audit(of: partition[name], action: .condemned).count == count)
    }
  }

  private func restLeft(of id: String, _ seconds: Double) -> Double {
    (Double(id) ?? 0) / 1e9 + seconds - Date().timeIntervalSince1970
  }

  private func time(_ text: String) -> Date? {
    let format = ISO8601DateFormatter()
    format.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
    return format.date(from: text)
  }
}
