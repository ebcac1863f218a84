// Kind `visits` at work: runs as the program makes them, with a watch beside them.

import Foundation
import Glibc
import Testing

@Suite("Visits", .live)
struct VisitsTests {
  private let scratch = Scratch()
  private var runs: String { scratch.directory("state/runs") }

  private func watcher(_ keys: String = "") throws -> Watcher {
    let file = rules(keys)
    let watcher = try Watcher(
      [], grace: nil, in: scratch, arguments: ["--config", file],
      environment: ["REAPD_BACKSTOP": "off"])
    #expect(wait { watcher.background.error.contains("watching ") }, "\(watcher.background.error)")
    return watcher
  }

  private func rules(_ keys: String, grace: String = "150ms") -> String {
    let file = scratch.path + "/rules.yaml"
    let text = "rules:\n  - {preset: kilroy, grace: \(grace), root: \(runs)\(keys)}\n"
    #expect(FileManager.default.createFile(atPath: file, contents: Data(text.utf8)))
    return file
  }

  /// Enters a node again as the program does: all but the visits moves into the next one.
  private func enter(_ node: String) {
    let entered = shell(
      """
      set -e; mkdir -p \(node); cd \(node); next=visit_$(( $(ls -d visit_* 2>/dev/null | wc -l) + 1 ))
      [ -z "$(ls -A | grep -v '^visit_')" ] && exit; mkdir $next
      for entry in *; do case $entry in visit_*) ;; *) mv $entry $next/;; esac; done
      """)
    #expect(entered.status == 0, "\(entered.error)")
  }

  /// The work of one visit, and its archive: of all that the node holds.
  private func work(_ node: String, bytes: Int, by maker: ArchiveMaker) {
    let worked = shell(
      """
      set -e; cd \(node); mkdir attempt_1; echo prompt > prompt.md; echo '{"ok":true}' > status.json
      head -c \(bytes) /dev/urandom > events.json; echo out > attempt_1/out
      OUT=\(scratch.path)/made.tmp; \(maker.command); cp $OUT stage.tgz.tmp; rm $OUT
      mv stage.tgz.tmp stage.tgz
      """)
    #expect(worked.status == 0, "\(worked.error)")
  }

  private func size(of path: String, _ filter: String = "") -> Int {
    let sum = shell(
      "find \(path) -type f \(filter) -printf '%s\\n' | awk '{s+=$1} END {print s+0}'"
    ).output
    return Int(sum.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
  }

  private func makeRun(_ name: String) -> String {
    let run = scratch.directory("state/runs/\(name)")
    _ = shell(
      """
      cd \(run); for file in manifest.json checkpoint.json graph.dot run_config.json run.pid \
        inputs_manifest.json; do echo $file > $file; done
      for part in worktree modeldb input_snapshot; do mkdir $part; echo x > $part/f; \
        (cd $part; tar -czf stage.tgz f); done
      """)
    return run
  }

  private func lock(_ run: String, _ pid: pid_t) {
    let start =
      processText(pid, "stat").components(separatedBy: ") ").last?
      .split(separator: " ").dropFirst(19).first.map(String.init) ?? "0"
    let text = "{\"pid\":\(pid),\"pid_start_time\":\(start),\"run_id\":\"r\"}"
    #expect(
      FileManager.default.createFile(atPath: run + "/run.lock.json", contents: Data(text.utf8)))
  }

  @Test(
    "While a node is entered twelve times its size grows linearly, and all else stays as it was",
    arguments: [ArchiveMaker.gnu, .go])
  func endToEnd(_ maker: ArchiveMaker) throws {
    guard maker.isThere else { return skip("there is no Go") }
    let run = makeRun("one")
    let watcher = try watcher()
    let node = run + "/node"
    let bytes = 40_000
    var sizes: [Int] = []
    for visit in 1...12 {
      enter(node)
      if visit > 1 {
        let old = "\(node)/visit_\(visit - 1)/stage.tgz"
        #expect(wait { fileSize(old) < bytes / 2 }, "\(visit): \(watcher.background.error)")
      }
      work(node, bytes: bytes, by: maker)
      sizes.append(size(of: node))
    }
    // The last archive holds the content of all visits once; each of the others next to nothing.
    #expect(sizes[11] < 12 * bytes * 5 / 2, "\(sizes)")
    for (earlier, later) in zip(sizes.dropFirst(), sizes.dropFirst(2)) {
      #expect(later - earlier < bytes * 5 / 2, "\(sizes)")
    }
    #expect(watcher.audit.count { $0.action == .slimmed } == 11)
    #expect(watcher.audit.allSatisfy { $0.kind == "visits" && $0.reason == "superseded" })
    #expect(names(in: node).filter { $0.hasPrefix("visit_") }.count == 11)
    #expect(shell("tar -tzf \(node)/stage.tgz").status == 0)
    #expect(watcher.stop().status == 0)
  }

  @Test(
    "What a run has besides its archives is never touched, and no visit goes, whatever is dropped")
  func numberingHazard() throws {
    let run = makeRun("one")
    let node = makeNode(run + "/node", visits: 6, logsOn: false)
    let before = allButArchives(in: run)
    let needed = archives(in: run).filter { !$0.key.hasPrefix("./node/") }
    let result = reapd([
      "sweep", "--json", "--audit-log", "none", "--config",
      rules(", on_superseded: drop, quiet: 1ms", grace: "1ms"),
    ])
    #expect(result.status == 0, "\(result.error)")
    let left = archives(in: run)
    #expect(Set(left.keys) == Set(needed.keys).union(["./node/stage.tgz"]))
    for (path, digest) in needed { #expect(left[path] == digest, "\(path)") }
    // The next visit's number is their count and one: with one of them gone it would be another's.
    #expect(
      names(in: node).filter { $0.hasPrefix("visit_") }.sorted() == (1...5).map { "visit_\($0)" })
    #expect(allButArchives(in: run) == before)
  }

  @Test("A sweep does what it said it would, the newest first, and the second finds nothing to do")
  func sweep() throws {
    let node = makeNode(makeRun("one") + "/node", visits: 5)
    let configuration = rules(", quiet: 1ms", grace: "1ms")
    let before = archives(in: node)
    let dry = reapd(["sweep", "-n", "--json", "--audit-log", "none", "--config", configuration])
    #expect(dry.lines.dropLast().allSatisfy { $0["action"]?.text == "would-slim" }, "\(dry.lines)")
    #expect(archives(in: node) == before)
    let swept = reapd(["sweep", "--json", "--audit-log", "none", "--config", configuration])
    #expect(swept.status == 0 && swept.lines.last?["slimmed"] == .int(5), "\(swept.lines)")
    #expect(size(of: node, "-name stage.tgz") < 5000)
    let again = reapd(["sweep", "--json", "--audit-log", "none", "--config", configuration])
    #expect(again.lines.dropLast().allSatisfy { $0["reason"]?.text == "as-small-as-it-gets" })
  }

  @Test("Of the archives of a node the newest are kept, and the others go once they are proved")
  func keepArchives() throws {
    let node = makeNode(makeRun("one") + "/node", visits: 5, logsOn: false)
    let before = archives(in: node)
    let watcher = try watcher(", on_superseded: keep, keep_archives: 3")
    let left = ["./stage.tgz", "./visit_3/stage.tgz", "./visit_4/stage.tgz"]
    #expect(wait { archives(in: node).keys.sorted() == left }, "\(archives(in: node))")
    // The newest are as they were; the next visit brings the next one down.
    #expect(archives(in: node) == before.filter { left.contains($0.key) })
    enter(node)
    work(node, bytes: 1000, by: .gnu)
    #expect(wait { !exists(node + "/visit_3/stage.tgz") }, "\(watcher.background.error)")
    #expect(exists(node + "/visit_4/stage.tgz") && exists(node + "/visit_3/events.json"))
    let told = watcher.audit.filter { $0.action != .warned }
    #expect(told.allSatisfy { $0.action == .reaped && $0.reason == "over-count" })
  }

  @Test("A node is left alone while its archive is being made, and slimmed once that is over")
  func beingMade() throws {
    let node = makeRun("one") + "/node"
    enter(node)
    work(node, bytes: 20_000, by: .gnu)
    let watcher = try watcher()
    let writer = try Background(
      "/bin/bash",
      [
        "-c",
        "exec 9>\(node)/visit_9.tmp; mv \(node)/visit_9.tmp \(node)/stage.tgz.tmp; exec sleep 100",
      ],
      in: scratch)
    #expect(wait { exists(node + "/stage.tgz.tmp") })
    _ = shell("cd \(node); mkdir visit_1; mv attempt_1 *.md *.json stage.tgz visit_1")
    let old = node + "/visit_1/stage.tgz"
    // Another node's is slimmed meanwhile.
    let other = makeRun("two") + "/node"
    enter(other)
    work(other, bytes: 20_000, by: .gnu)
    enter(other)
    #expect(wait { fileSize(other + "/visit_1/stage.tgz") < 5000 }, "\(watcher.background.error)")
    #expect(fileSize(old) > 20_000)
    writer.signal(SIGKILL)
    #expect(wait { fileSize(old) < 5000 }, "\(watcher.background.error)")
    #expect(exists(node + "/stage.tgz.tmp"), "nothing proves its owner dead")
  }

  @Test("What a killed run leaves half made goes with it, and its last archives are slimmed then")
  func ownerKilled() throws {
    let run = makeRun("one")
    let node = makeNode(run + "/node", visits: 1)
    _ = shell("cd \(run); tar -czf run.tgz node; echo torn > run.tgz.tmp; mkdir restart-1 other")
    _ = shell("echo torn > \(node)/stage.tgz.tmp; echo torn > \(run)/other/stage.tgz.tmp")
    let before = allButArchives(in: run)
    let owner = try Background("/bin/sleep", ["100"], in: scratch)
    lock(run + "/restart-1", owner.pid)
    let other = makeRun("two")
    _ = shell("mkdir \(other)/node; echo torn > \(other)/node/stage.tgz.tmp")
    let watcher = try watcher()
    // It has seen the process, and all of it is looked at.
    #expect(wait { watchedProcesses(of: watcher.background.pid).contains(owner.pid) })
    #expect(fileSize(run + "/run.tgz") > 20_000 && exists(run + "/run.tgz.tmp"))
    owner.signal(SIGKILL)
    for path in [run + "/run.tgz.tmp", node + "/stage.tgz.tmp", run + "/other/stage.tgz.tmp"] {
      #expect(wait { !exists(path) }, "\(path): \(watcher.background.error)")
      #expect(wait { watcher.audit(of: path).first?.reason == "owner-dead" })
    }
    #expect(wait { fileSize(run + "/run.tgz") < 5000 && fileSize(node + "/stage.tgz") < 5000 })
    #expect(exists(run + "/restart-1/run.lock.json"), "it is no archive")
    #expect(exists(other + "/node/stage.tgz.tmp"), "nothing is known of its run")
    let after = allButArchives(in: run).split(separator: "\n")
    #expect(
      before.split(separator: "\n").filter { !$0.contains(".tmp") && !$0.contains("restart") }
        .allSatisfy(after.contains))
  }

  @Test("What nobody has open and nothing changes for long goes without a proof of death")
  func quiet() throws {
    let run = makeRun("one")
    _ = shell("mkdir \(run)/node; echo torn > \(run)/node/stage.tgz.tmp")
    let path = run + "/node/stage.tgz.tmp"
    let reader = try Background("/bin/bash", ["-c", "exec 9<\(path); exec sleep 100"], in: scratch)
    #expect(wait { openFiles(of: reader.pid).contains(path) })
    let watcher = try watcher(", quiet: 300ms")
    let asked = ["explain", "--json", "--config", scratch.path + "/rules.yaml", path]
    #expect(wait { reapd(asked).lines.first?["reason"]?.text == "file-open" })
    reader.signal(SIGKILL)
    #expect(wait { !exists(path) }, "\(watcher.background.error)")
    #expect(wait { watcher.audit(of: path).first?.reason == "stale-temporary" })
  }

  /// A node whose first visit's archive takes a while to be read.
  private func makeLargeNode() -> (node: String, archive: String) {
    let node = makeRun("one") + "/node"
    enter(node)
    work(node, bytes: 40_000_000, by: .gnu)
    enter(node)
    return (node, node + "/visit_1/stage.tgz")
  }

  @Test("An archive that is begun while another one is read keeps that from being changed")
  func begunMeanwhile() throws {
    let (node, archive) = makeLargeNode()
    let watcher = try watcher()
    #expect(wait { openFiles(of: watcher.background.pid).contains(archive) })
    let writer = try Background(
      "/bin/bash", ["-c", "exec 9>\(node)/stage.tgz.tmp; exec sleep 100"], in: scratch)
    let asked = ["explain", "--json", "--config", scratch.path + "/rules.yaml", archive]
    #expect(wait { reapd(asked).lines.first?["reason"]?.text == "archive-being-made" })
    #expect(wait { !openFiles(of: watcher.background.pid).contains(archive) })
    #expect(fileSize(archive) > 30_000_000, "\(watcher.audit)")
    writer.signal(SIGKILL)
    #expect(wait(seconds: 40) { fileSize(archive) < 5000 }, "\(watcher.background.error)")
  }

  @Test("One that came and was given up meanwhile is told of: it may have failed")
  func mayHaveFailed() throws {
    let (node, archive) = makeLargeNode()
    let watcher = try watcher()
    #expect(wait { openFiles(of: watcher.background.pid).contains(archive) })
    _ = shell("echo torn > \(node)/stage.tgz.tmp")
    #expect(wait { fileSize(archive) < 5000 }, "\(watcher.background.error)")
    #expect(wait { watcher.audit(of: node, action: .warned).first?.reason == "begun-meanwhile" })
    // The words take another way than the audit.
    #expect(wait { watcher.said("may have failed").count == 1 })
  }

  @Test("Archives that double are warned of: in the log, in the audit, and by usage")
  func growth() throws {
    let node = makeNode(makeRun("one") + "/node", visits: 4)
    let watcher = try watcher(", on_superseded: keep")
    #expect(wait { watcher.audit(of: node, action: .warned).count == 1 }, "\(watcher.audit)")
    let line = try #require(watcher.audit(of: node, action: .warned).first)
    #expect(line.reason == "archives-grow" && line.evidence["archives_left"] != nil)
    #expect(wait { watcher.said("grow by each other").count == 1 })
    let usage = reapd(["usage", "--json", "--config", scratch.path + "/rules.yaml", runs])
    let told = usage.lines.filter { $0["type"]?.text == "archives-grow" }
    #expect(told.map { $0["path"]?.text } == [node], "\(usage.error)")
    // Once for each that is made.
    enter(node)
    work(node, bytes: 30_000, by: .gnu)
    #expect(wait { watcher.audit(of: node, action: .warned).count == 2 }, "\(watcher.audit)")
  }

  @Test("A damaged archive stays whole, and that is said once")
  func damaged() throws {
    let node = makeNode(makeRun("one") + "/node", visits: 3)
    let path = node + "/visit_1/stage.tgz"
    _ = shell("printf xx | dd of=\(path) bs=1 seek=200 conv=notrunc 2>/dev/null")
    let before = archives(in: node)["./visit_1/stage.tgz"]
    let watcher = try watcher()
    #expect(wait { watcher.audit(of: path, action: .refused).count == 1 }, "\(watcher.audit)")
    #expect(wait { fileSize(node + "/visit_2/stage.tgz") < 50_000 })
    let line = try #require(watcher.audit(of: path).first)
    #expect(line.reason == "cannot-slim" && line.evidence["refused_for"]?.text == "damaged")
    #expect(archives(in: node)["./visit_1/stage.tgz"] == before)
  }

  @Test("Killed at any time, reapd leaves each archive as it was or slimmed, whole")
  func kills() throws {
    let node = makeNode(makeRun("one") + "/node", visits: 7, bytes: 60_000)
    let files = allButArchives(in: node)
    let configuration = rules("")
    let seed =
      ProcessInfo.processInfo.environment["REAPD_SEED"].flatMap(UInt64.init)
      ?? UInt64.random(in: 0 ... .max)
    print("REAPD_SEED=\(seed)")
    var state = seed
    _ = shell("cp -a \(node) \(scratch.path)/whole")
    var isOver = 0
    for _ in 0..<12 {
      let background = try Background(
        reapdBinary, ["watch", "--audit-log", "none", "--config", configuration], in: scratch)
      // From its start to its end takes some hundred milliseconds.
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      usleep(useconds_t((state >> 33) % 400_000))
      background.signal(SIGKILL)
      _ = background.exitStatus(within: 10)
      #expect(allButArchives(in: node) == files, "seed \(seed)")
      for visit in 1...6 {
        let path = "\(node)/visit_\(visit)/stage.tgz"
        #expect(shell("tar -tzf \(path)").status == 0, "seed \(seed): \(path)")
        let isWhole =
          shell("cmp -s \(path) \(scratch.path)/whole/visit_\(visit)/stage.tgz").status == 0
        #expect(isWhole || fileSize(path) < 2000, "seed \(seed): \(path) has \(fileSize(path))")
        if !isWhole { isOver += 1 }
      }
      if isOver > 0 {
        _ = shell(
          "for v in 1 2 3 4 5 6; do cp -a \(scratch.path)/whole/visit_$v/stage.tgz \(node)/visit_$v/; done"
        )
        isOver = 0
      }
    }
  }
}
