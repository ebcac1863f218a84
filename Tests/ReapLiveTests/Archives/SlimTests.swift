// What slimming takes out of archives and what it leaves in them, whoever has made them.

import Foundation
import Glibc
import Testing

@Suite(.live) struct SlimTests {
  /// A tree of everything that a tar archive can hold and a tool may spell in a way of its own.
  private func makeTree(_ path: String, sparse: Bool) {
    let long = String(repeating: "n", count: 120)
    let made = shell(
      """
      set -e; mkdir -p \(path)/deep/\(long)/\(long) && cd \(path)
      echo same > same; : > empty; echo gone > gone; echo before > differs
      echo long > deep/\(long)/\(long)/\(long); echo é > é; echo long > deep/\(long)/short
      head -c 700000 /dev/urandom > large
      touch -d '2020-02-02 02:02:02.123456789' same; touch -d '1960-01-01 00:00:00.5' empty
      ln -s same link; echo one > one; ln one two; mkdir empty-dir
      \(isRoot ? "mknod device c 1 3; mkfifo fifo" : "")
      \(sparse ? "truncate -s 9G hole; echo end >> hole" : "")
      """)
    #expect(made.status == 0, "\(made.error)")
  }

  @Test("What stays of an archive is there byte for byte", arguments: ArchiveMaker.allCases)
  func keptBytes(_ maker: ArchiveMaker) throws {
    guard maker.isThere else { return skip("there is no Go") }
    let scratch = Scratch()
    let visit = scratch.directory("node/visit_1")
    makeTree(visit, sparse: maker == .sparse)
    // Go's walk and git know no devices in a way that matters here.
    if maker == .git || maker == .go { unlink(visit + "/fifo") }
    let archive = visit + "/stage.tgz"
    let made = shell(
      "set -e; cd \(visit); OUT=\(scratch.path)/made.tgz; \(maker.command); "
        + "cp $OUT \(archive); cp $OUT \(scratch.path)/old.tgz; "
        + "rm gone; echo after > differs; touch -d @1600000000 stage.tgz")
    #expect(made.status == 0, "\(made.error)")
    let result = slim(archive)
    #expect(result.status == 0, "\(result.error)")
    #expect(result.lines.first?["action"]?.text == "slimmed", "\(result.lines)")
    let check = checkSlimmed(scratch.path + "/old.tgz", archive, files: visit)
    #expect(check.status == 0, "\(check.said)")
    let counts = [result.lines.first?["left_out"], result.lines.first?["stayed"]]
    let words = check.said.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
    #expect(counts == words.map { JSON.int($0) })
    // The tools that read such archives find in it what they should.
    #expect(shell("tar -tzf \(archive)").status == 0)
    #expect(shell("bsdtar -tzf \(archive)").status == 0)
    // Once more finds nothing to do, and leaves the very file.
    let before = portrait(visit)
    #expect(slim(archive).lines.first?["reason"]?.text == "nothing-to-leave-out")
    #expect(portrait(visit) == before)
  }

  @Test(
    "Nested visits end at their own content, and nothing else is touched",
    arguments: [ArchiveMaker.gnu, .go])
  func nestedVisits(_ maker: ArchiveMaker) throws {
    guard maker.isThere else { return skip("there is no Go") }
    let scratch = Scratch()
    let run = scratch.directory("run")
    for name in ["manifest.json", "checkpoint.json", "graph.dot", "run.pid"] {
      try Data("needed".utf8).write(to: URL(fileURLWithPath: "\(run)/\(name)"))
    }
    let node = makeNode(run + "/node", visits: 12, bytes: 3000, by: maker)
    let before = allButArchives(in: run)
    let dry = slim(run, ["--dry-run"])
    #expect(archives(in: node).count == 12)
    let result = slim(run)
    #expect(result.status == 0, "\(result.error)")
    #expect(result.lines.count == 13)
    #expect(dry.lines.last?["bytes_after"] == result.lines.last?["bytes_after"])
    #expect(allButArchives(in: run) == before)
    #expect(names(in: node).filter { $0.hasPrefix("visit_") }.count == 11)
    // Newest first: each of the older ones was whole when it proved what the newer ones hold.
    #expect(result.lines.first?["path"]?.text == node + "/stage.tgz")
    #expect(result.lines.dropFirst().first?["path"]?.text == node + "/visit_11/stage.tgz")
    #expect(result.lines.dropLast().allSatisfy { $0["action"]?.text == "slimmed" })
    // The log that went on after the archive was made stays in each.
    #expect(
      shell("tar -xOzf \(node)/visit_11/stage.tgz stdout.log ./stdout.log").output == "begun\n")
  }

  @Test("Eight nested visits take their unique content and five percent") func uniqueContent()
    throws
  {
    let scratch = Scratch()
    let node = makeNode(scratch.path + "/node", visits: 8, bytes: 50_000)
    #expect(slim(node).status == 0)
    let sum = { (filter: String) in
      Int(
        shell("find \(node) -type f \(filter) -printf '%s\\n' | awk '{s+=$1} END {print s+0}'")
          .output.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
    }
    let (own, all) = (sum("! -name '*.tgz'"), sum(""))
    #expect(own > 400_000)
    #expect(Double(all) <= Double(own) * 1.05, "\(all) of \(own)")
  }

  @Test("An archive in an archive that the disk has no longer as it was goes by what is in it")
  func inside() throws {
    let scratch = Scratch()
    let node = makeNode(scratch.path + "/node", visits: 4, logsOn: false)
    // The oldest first, by hand: what the newer ones hold of them is nowhere else.
    for visit in 1...2 {
      #expect(slim("\(node)/visit_\(visit)/stage.tgz").status == 0)
    }
    let result = slim("\(node)/visit_3/stage.tgz")
    let listed = shell("tar -tzf \(node)/visit_3/stage.tgz").output
    #expect(result.lines.first?["action"]?.text == "slimmed")
    #expect(!listed.contains("visit_1/stage.tgz"))
    #expect(!listed.contains("visit_2/stage.tgz"))
    // One file in the innermost that is nowhere else keeps every archive that it is in.
    let other = makeNode(scratch.path + "/other", visits: 4, logsOn: false)
    #expect(
      shell("cd \(other) && cp visit_1/stage.tgz old && echo x > visit_1/events.json").status == 0)
    #expect(slim(other + "/visit_1/stage.tgz").status == 0)
    #expect(slim(other + "/visit_3/stage.tgz").status == 0)
    #expect(shell("tar -tzf \(other)/visit_3/stage.tgz").output.contains("visit_1/stage.tgz"))
  }

  @Test("Dropping needs all of it on the disk, and no free block") func dropping() throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    let image = try #require(MountedImage("tmpfs", megabytes: 6, in: scratch))
    let visit = image.path + "/node/visit_1"
    #expect(
      shell(
        "set -e; mkdir -p \(visit); cd \(visit); head -c 1500000 /dev/urandom > big; "
          + "head -c 1000000 /dev/urandom > log; tar -czf ../t . && mv ../t stage.tgz; "
          + "head -c 10M /dev/zero > ../../filler || true"
      ).status == 0)
    let archive = visit + "/stage.tgz"
    let old = shell("cp -p \(visit)/log \(scratch.path)/log; sha256sum < \(archive)").output
    #expect(shell("printf x | dd of=\(visit)/log conv=notrunc bs=1 2>/dev/null").status == 0)
    let slimmed = slim(archive)
    #expect(slimmed.status == 1)
    #expect(slimmed.lines.first?["reason"]?.text == "no-room", "\(slimmed.lines)")
    guard case .int(let needed)? = slimmed.lines.first?["bytes_needed"] else {
      Issue.record("no size")
      return
    }
    #expect((1_000_000..<1_010_000).contains(needed))
    let kept = slim(archive, ["--drop"])
    #expect(kept.lines.first?["reason"]?.text == "not-proved")
    #expect(kept.lines.first?["member"]?.text == "./log")
    #expect(shell("sha256sum < \(archive)").output == old)
    #expect(
      shell("cat \(scratch.path)/log | dd of=\(visit)/log conv=notrunc bs=64k 2>/dev/null").status
        == 0)
    #expect(slim(archive, ["--drop", "--dry-run"]).lines.first?["action"]?.text == "dropped")
    #expect(exists(archive))
    #expect(slim(archive, ["--drop"]).lines.first?["action"]?.text == "dropped")
    #expect(names(in: visit) == ["big", "log"])
  }

  @Test("Owner, mode, times and attributes stay") func attributes() throws {
    let scratch = Scratch()
    let node = makeNode(scratch.path + "/node", visits: 2)
    let archive = node + "/visit_1/stage.tgz"
    let attribute = "import os; os.setxattr('\(archive)', 'user.note', b'kept')"
    #expect(run("/usr/bin/env", ["python3", "-c", attribute]).status == 0)
    #expect(chmod(archive, 0o640) == 0)
    if isRoot { #expect(chown(archive, 1234, 4321) == 0) }
    #expect(shell("touch -d '2001-02-03 04:05:06.789012345' \(archive)").status == 0)
    let facts =
      "stat -c '%a %u %g %y' \(archive); python3 -c \"import os; print(os.getxattr('\(archive)', 'user.note'))\""
    let before = shell(facts).output
    #expect(slim(archive).lines.first?["action"]?.text == "slimmed")
    #expect(shell(facts).output == before)
  }

  @Test("A run that goes on is left alone, and one that has ended is not") func liveRuns() throws {
    let scratch = Scratch()
    let run = scratch.directory("run")
    let node = makeNode(run + "/node", visits: 3)
    let before = archives(in: node)
    let temporary = node + "/stage.tgz.tmp"
    let descriptor = open(temporary, O_CREAT | O_WRONLY, 0o644)
    let open = slim(run)
    #expect(open.status == 0)
    #expect(open.lines.dropLast().allSatisfy { $0["reason"]?.text == "run-alive" })
    close(descriptor)
    unlink(temporary)
    let start = shell("cut -d' ' -f22 /proc/\(getpid())/stat").output
      .trimmingCharacters(in: .whitespacesAndNewlines)
    for place in [run, run + "/restart-1"] {
      mkdir(place, 0o777)
      let lock = place + "/run.lock.json"
      let text = "{\"pid\":\(getpid()),\"pid_start_time\":\(start),\"run_id\":\"x\"}"
      try Data(text.utf8).write(to: URL(fileURLWithPath: lock))
      #expect(slim(place == run ? node : run).lines.first?["reason"]?.text == "run-alive")
      #expect(archives(in: node) == before)
      // Another process of that number, later: the run has ended.
      let other = "{\"pid\":\(getpid()),\"pid_start_time\":1,\"run_id\":\"x\"}"
      try Data(other.utf8).write(to: URL(fileURLWithPath: lock))
    }
    #expect(slim(run).lines.first?["action"]?.text == "slimmed")
  }

  @Test("Killed at any time: each archive is the old one or the new one", .timeLimit(.minutes(3)))
  func killed() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = Seeded(seed: seed)
    let scratch = Scratch()
    let node = makeNode(scratch.path + "/node", visits: 7, bytes: 60_000)
    let old = archives(in: node)
    #expect(
      shell("cp -a \(node) \(scratch.path)/pristine && cp -a \(node) \(scratch.path)/new").status
        == 0)
    let begun = Date()
    #expect(slim(scratch.path + "/new").status == 0)
    let span = Date().timeIntervalSince(begun)
    let new = archives(in: scratch.path + "/new")
    var (untouched, finished) = (0, 0)
    for _ in 0..<100 {
      #expect(shell("rm -rf \(node) && cp -a \(scratch.path)/pristine \(node)").status == 0)
      let process = try Background(
        reapdBinary, ["slim", node, "--audit-log", "none"], in: scratch,
        environment: ["HOME": "/nowhere"])
      letPass(Double.random(in: 0..<span * 1.1, using: &random), "the moment of the blow")
      process.killHard()
      let now = archives(in: node)
      #expect(now.keys == old.keys, "seed \(seed)")
      for (path, digest) in now {
        #expect(digest == old[path] || digest == new[path], "\(path), seed \(seed)")
      }
      if now == old { untouched += 1 }
      if now == new { finished += 1 }
    }
    #expect(untouched < 100 && finished < 100, "never in between: \(untouched), \(finished)")
    // The next one finishes it, and takes away what was left.
    try Data("left".utf8).write(to: URL(fileURLWithPath: node + "/visit_1/.reapd-slim.stage.tgz"))
    #expect(slim(node).status == 0)
    #expect(archives(in: node) == new)
    #expect(shell("find \(node) -name '.reapd*'").output == "")
  }
}

/// A generator that a seed repeats.
private struct Seeded: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ (state >> 29)
  }
}
