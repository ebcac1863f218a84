// `reapd pack`: a node's own files, and no more.

import Foundation
import Glibc
import Testing

@Suite(.live) struct PackTests {
  @Test("Visits, archives and secrets are left out, at their places only") func contents() throws {
    let scratch = Scratch()
    let node = makeNode(scratch.path + "/node", visits: 3)
    let made = shell(
      "set -e; cd \(node); mkdir -p codex-home-1 a/.codex b/codex-home a/visit_9; "
        + "touch codex-home-1/x a/.codex/auth.json a/.codex/config.toml a/.codex/other auth.json "
        + "a/visit_9/stage.tgz run.tgz.tmp b/codex-home/y; ln -s /etc/passwd link")
    #expect(made.status == 0)
    let packed = reapd(["pack", node, "-o", scratch.path + "/out.tgz", "--json"])
    #expect(packed.status == 0, "\(packed.error)")
    let listed = shell("tar -tzf \(scratch.path)/out.tgz").output.split(separator: "\n")
    #expect(
      listed == [
        "a/", "a/.codex/", "a/.codex/other", "a/visit_9/", "a/visit_9/stage.tgz", "attempt_1/",
        "attempt_1/out", "auth.json", "b/", "events.json", "link", "prompt.md", "status.json",
        "stdout.log",
      ])
    // What is packed right is slimmed right.
    #expect(shell("cp \(scratch.path)/out.tgz \(node)/stage.tgz").status == 0)
    #expect(slim(node + "/stage.tgz").lines.first?["action"]?.text == "slimmed")
  }

  @Test("The same files make the same bytes, wherever the archive goes") func reproducible() throws
  {
    let scratch = Scratch()
    let node = makeNode(scratch.path + "/node", visits: 1)
    let long = String(repeating: "é", count: 100)
    #expect(
      shell(
        "cd \(node) && mkdir \(long) && echo x > \(long)/\(long) && touch -d '1950-01-01 00:00:00' prompt.md; touch -d '2020-01-01 00:00:00.25' status.json "
          + "&& cp -a \(node) \(scratch.path)/copy"
      ).status == 0)
    #expect(reapd(["pack", node, "-o", node + "/stage.tgz", "--json"]).status == 0)
    #expect(
      reapd(["pack", scratch.path + "/copy", "-o", scratch.path + "/other.tgz", "--json"]).status
        == 0)
    #expect(shell("cmp \(node)/stage.tgz \(scratch.path)/other.tgz").status == 0)
    for tool in ["tar", "bsdtar"] {
      let place = scratch.directory(tool)
      #expect(shell("\(tool) -xzf \(node)/stage.tgz -C \(place)").status == 0)
      let facts = "find . ! -name '*.tgz' ! -name . -printf '%p %m %s %T@\\n' | sort"
      #expect(shell("cd \(place) && \(facts)").output == shell("cd \(node) && \(facts)").output)
    }
  }

  @Test("On an error nothing is left, and what was there stays") func errors() throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    let image = try #require(MountedImage("tmpfs", megabytes: 2, in: scratch))
    let node = makeNode(scratch.path + "/node", visits: 1, bytes: 4 << 20)
    try Data("old".utf8).write(to: URL(fileURLWithPath: image.path + "/out.tgz"))
    let result = reapd(["pack", node, "-o", image.path + "/out.tgz", "--json"])
    #expect(result.status == 1)
    #expect(names(in: image.path) == ["out.tgz"])
    #expect(FileManager.default.contents(atPath: image.path + "/out.tgz") == Data("old".utf8))
    #expect(
      reapd(["pack", node + "/nothing", "-o", image.path + "/out.tgz", "--json"]).status == 65)
  }
}
