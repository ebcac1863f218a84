// A configuration that is reread again and again while there is work: no answer that comes late finds
// its rule ended and takes that for a fault, and nothing of an ended rule stays open, watched or running.

import Foundation
import Glibc
import Testing

@Suite("Reload storm", .serialized, .liveAndLong)
struct ReloadStormTests {
  private static let reloads = 1000
  private static let partitions = 10

  /// What a process holds; equal where nothing was left over.
  private struct Held: Equatable {
    let files: [String]
    let watches: Int
    let threads: Int

    init(_ pid: pid_t) {
      files = openFiles(of: pid).sorted()
      watches = inotifyWatches(of: pid)
      threads = statusNumber("Threads", of: pid)
    }
  }

  private let scratch = Scratch()

  private func root(_ name: String) -> String { scratch.directory("a/" + name) }

  private func spill(_ name: String, grace: Int = 200, root: String? = nil) -> String {
    "{name: \(name), kind: spill, root: \(root ?? self.root(name)), grace: \(grace)ms}"
  }

  /// What is condemned waits for room, and there is never enough.
  private func tables(_ name: String, grace: Int = 100) -> String {
    "{name: \(name), kind: generations, root: \(root(name)), grace: \(grace)ms, quiet: 500ms, "
      + "retired_after: 0s, quarantine: 1h, min_free: 100%, quarantine_yields: true}"
  }

  private let first: [(name: String, isSpill: Bool)] = [
    ("stays", true), ("changes", true), ("comes", true), ("tables", false),
    ("other-tables", false),
  ]

  private var atFirst: [String] { first.map { $0.isSpill ? spill($0.name) : tables($0.name) } }

  /// The rules of one round: each of them stays, changes, goes or comes back in its own measure.
  private func rules(_ round: Int) -> [String] {
    var rules = [spill("stays"), spill("changes", grace: 200 + round % 7)]
    if round % 2 == 0 { rules.append(spill("comes")) }
    rules.append(tables("tables", grace: 100 + round / 200))
    if round % 4 != 3 { rules.append(tables("other-tables", grace: 100 + round % 5)) }
    if round % 3 == 0 { rules.append(spill("absent", root: scratch.path + "/a/no/such/root")) }
    return rules
  }

  /// Makes orphans and superseded generations, each moved into its place whole, until it is killed;
  /// never more than a busy machine gets rid of, or the end would be a matter of its speed.
  private func work() throws -> Background {
    try Background(
      "/usr/bin/python3",
      [
        "-c",
        """
        import os, sys, time
        base, partitions = sys.argv[1], int(sys.argv[2])
        n = 0
        def file(path, text=""):
            with open(path, "w") as f: f.write(text)
        while True:
            n += 1
            for root in "stays", "changes", "comes":
                if len(os.listdir(f"{base}/a/{root}")) > 100: continue
                made = f"{base}/aside/spill_1_{n}"
                os.mkdir(made)
                for name in ".lock", "a", "b": file(f"{made}/{name}")
                os.rename(made, f"{base}/a/{root}/spill_1_{n}")
            for root in "tables", "other-tables":
                if len(os.listdir(f"{base}/a/{root}/p{n % partitions}")) > 20: continue
                made = f"{base}/aside/table-{n + 1}"
                for inner in "data", "metadata": os.makedirs(f"{made}/{inner}")
                file(f"{made}/data/rows.jsonl", "{}")
                file(f"{made}/metadata/v1.metadata.json", "{}")
                os.rename(made, f"{base}/a/{root}/p{n % partitions}/table-{n + 1}")
            if n == 1: print("works", flush=True)
            time.sleep(0.02)
        """, scratch.path, "\(Self.partitions)",
      ], in: scratch)
  }

  private var orphans: [String] {
    first.flatMap { rule in
      let root = root(rule.name)
      guard !rule.isSpill else {
        return names(in: root).filter { !$0.hasPrefix("spill_2_") }.map { root + "/" + $0 }
      }
      return (0..<Self.partitions).flatMap { number in
        names(in: root + "/p\(number)").filter { $0 != "table" && $0 != "cursor.json" }
          .map { "\(root)/p\(number)/\($0)" }
      }
    }
  }

  /// Partitions, and directories whose locks are held by this process.
  private func furnish() -> [(path: String, lock: Int32)] {
    var owned: [(path: String, lock: Int32)] = []
    for rule in first {
      let root = root(rule.name)
      guard rule.isSpill else {
        for number in 0..<Self.partitions { _ = Partition(root + "/p\(number)") }
        continue
      }
      for number in 0..<20 {
        let path = makeOrphan(root + "/spill_2_\(number)", files: 1)
        let lock = open(path + "/.lock", O_RDWR | O_CLOEXEC)
        #expect(flock(lock, LOCK_EX | LOCK_NB) == 0)
        owned.append((path, lock))
      }
    }
    return owned
  }

  @Test("A thousand reloads under load leave nothing behind, and every rule at work")
  func storm() throws {
    _ = scratch.directory("aside")
    var owned = furnish()
    defer { for owned in owned where owned.lock >= 0 { close(owned.lock) } }
    let configuration = Rereading(scratch)
    configuration.write(atFirst)
    let watcher = try configuration.watch(rules: first.count)
    #expect(wait { owned.allSatisfy { watcher.holds($0.path) } })
    // A rule that was changed has two descriptors of its root, one with the lock of the rule before: so
    // the last steps are the same here and at the end. The audit is open from the first removal on.
    for rules in [rules(Self.reloads - 1), rules(Self.reloads), atFirst] {
      configuration.write(rules)
      #expect(watcher.reread())
    }
    watcher.catchUp(in: root("stays"))
    #expect(comesToRest(watcher.background.pid))
    let before = Held(watcher.background.pid)

    let worker = try work()
    #expect(wait { worker.output == "works\n" }, "\(worker.error)")
    var log = GrowingText(watcher.background.errorPath)
    for round in 1...Self.reloads {
      configuration.write(rules(round))
      watcher.background.signal(SIGHUP)
      // A second signal before the first was answered would be none.
      guard wait(until: { log.hasGrown(by: "configuration reread") }) else {
        Issue.record("round \(round) is not answered: \(watcher.background.error.suffix(2000))")
        return
      }
    }
    #expect(worker.isRunning, "\(worker.error)")
    worker.killHard()
    configuration.write(atFirst)
    #expect(watcher.reread())

    #expect(wait(seconds: 120) { orphans.isEmpty }, "\(orphans.prefix(9)) \(orphans.count)")
    #expect(comesToRest(watcher.background.pid))
    wait { Held(watcher.background.pid) == before }
    #expect(Held(watcher.background.pid) == before)
    #expect(owned.allSatisfy { exists($0.path + "/file-0") }, "one whose owner lives is gone")
    let actions = Set(watcher.audit.map(\.action))
    #expect(actions.isSuperset(of: [.reaped, .condemned]), "no room was made: \(actions)")
    // No rule is dead: what each holds still goes with its owner, and no backstop looks.
    for index in owned.indices {
      close(owned[index].lock)
      owned[index].lock = -1
    }
    #expect(wait(seconds: 60) { !owned.contains { exists($0.path) } }, "\(orphans)")
    #expect(watcher.stop().status == 0)
  }
}

/// A file that others append to, of which only what is new is read.
private struct GrowingText {
  private let file: FileHandle?
  private var rest = Data()

  init(_ path: String) {
    file = FileHandle(forReadingAtPath: path)
    _ = try? file?.seekToEnd()
  }

  /// Whether a text has come once more since it was last found.
  mutating func hasGrown(by text: String) -> Bool {
    if let more = try? file?.readToEnd() { rest += more }
    guard let found = rest.range(of: Data(text.utf8)) else { return false }
    rest = Data(rest[found.upperBound...])
    return true
  }
}
