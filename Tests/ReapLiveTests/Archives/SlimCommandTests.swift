// `reapd slim` as a command: which archives it finds, how many at a time, and what it shows.

import Foundation
import Glibc
import Testing

@Suite(.live) struct SlimCommandTests {
  @Test("A run is slimmed with its restarts and its own archive, alone or two nodes at a time")
  func runs() throws {
    let scratch = Scratch()
    let run = scratch.directory("run")
    for place in ["first", "second", "restart-1/third", "restart-2/fourth"] {
      makeNode(scratch.directory("run/" + place), visits: 3, bytes: 5000)
    }
    for place in [".", "restart-1"] {
      #expect(
        shell("cd \(run)/\(place) && tar -czf ../run.new . && mv ../run.new run.tgz").status == 0)
    }
    let copy = scratch.path + "/copy"
    #expect(shell("cp -a \(run) \(copy)").status == 0)
    let before = allButArchives(in: run)
    let alone = slim(run)
    #expect(alone.status == 0, "\(alone.error)")
    #expect(alone.lines.count == 4 * 3 + 2 + 1)
    #expect(alone.lines.dropLast().allSatisfy { $0["action"]?.text == "slimmed" }, "\(alone.lines)")
    // What is in a run's archive is on the disk as long as the nodes' are as they were.
    #expect(alone.lines.first?["path"]?.text == run + "/run.tgz")
    let together = slim(copy, ["--jobs", "3"])
    #expect(together.lines.last == alone.lines.last)
    #expect(archives(in: copy) == archives(in: run))
    #expect(allButArchives(in: run) == before)
    #expect(slim(copy, ["--jobs", "0"]).status == 64)
  }

  @Test("The bar is on a terminal only, and leaves its line clean") func bar() throws {
    let scratch = Scratch()
    let node = makeNode(scratch.path + "/node", visits: 9, bytes: 100_000)
    let script = """
      import os, pty, sys
      sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))
      """
    let words = ["slim", node, "--dry-run", "--audit-log", "none"]
    let plain = run(reapdBinary, words, environment: ["HOME": "/nowhere"])
    #expect(plain.status == 0)
    #expect(plain.error == "")
    #expect(!plain.output.contains("\r"))
    let shown = run(
      "/usr/bin/env", ["python3", "-c", script, reapdBinary] + words,
      environment: ["HOME": "/nowhere", "PATH": "/usr/bin:/bin", "TERM": "xterm"])
    #expect(shown.status == 0, "\(shown.error)")
    #expect(shown.output.contains(" % "), "\(shown.output)")
    #expect(shown.output.contains("\r" + String(repeating: " ", count: 79) + "\r"))
    let silent = run(
      "/usr/bin/env", ["python3", "-c", script, reapdBinary] + words + ["--json"],
      environment: ["HOME": "/nowhere", "PATH": "/usr/bin:/bin", "TERM": "xterm"])
    #expect(!silent.output.contains(" % "))
  }

  @Test("On a full disk archives can still be dropped", arguments: ["ext4", "xfs"])
  func fullDisk(_ type: String) throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    let options = type == "ext4" ? ["-m", "0"] : []
    let image = try #require(
      MountedImage(type, megabytes: type == "xfs" ? 320 : 24, in: scratch, options: options))
    let node = makeNode(image.path + "/node", visits: 4, bytes: 200_000, logsOn: false)
    #expect(
      shell(
        "cd \(image.path); for b in 1M 4k 1; do dd if=/dev/zero of=fill-$b bs=$b 2>/dev/null; done; "
          + "sync; ! head -c 5000 /dev/zero > more 2>/dev/null"
      ).status == 0)
    let before = allButArchives(in: node)
    let result = slim(node, ["--drop"])
    #expect(
      result.lines.dropLast().allSatisfy { $0["action"]?.text == "dropped" }, "\(result.lines)")
    #expect(result.lines.count == 5)
    #expect(archives(in: node).isEmpty)
    #expect(allButArchives(in: node) == before)
  }

  @Test(
    "On FUSE, which knows neither files without names nor an exchange of names, a rename does it")
  func fuse() throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    let (source, point) = (scratch.directory("source"), scratch.directory("point"))
    let node = makeNode(source + "/node", visits: 3, bytes: 20_000)
    let server = try Background("/usr/bin/bindfs", ["-f", source, point], in: scratch)
    guard wait(until: { exists(point + "/node") }) else {
      return skip("no bindfs: \(server.error)")
    }
    defer { umount2(point, Int32(MNT_DETACH)) }
    let before = allButArchives(in: node)
    let result = slim(point + "/node")
    #expect(
      result.lines.dropLast().allSatisfy { $0["action"]?.text == "slimmed" }, "\(result.lines)")
    #expect(allButArchives(in: node) == before)
    #expect(shell("find \(node) -name '.reapd*'").output == "")
  }
}
