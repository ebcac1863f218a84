// Roots that come late, go, come back changed, or lie in each other.

import Foundation
import Glibc
import Testing

@Suite("Roots", .serialized, .live)
struct RootTests {
  private let scratch = Scratch()

  @Test("A link named as root is resolved once, at the start")
  func linkAtStart() throws {
    let real = scratch.directory("real")
    let other = scratch.directory("other")
    leaveOrphan(real + "/spill_1_1")
    leaveOrphan(other + "/spill_1_other")
    let link = scratch.path + "/link"
    symlink(real, link)
    let watcher = try Watcher([link], in: scratch)
    #expect(wait(seconds: 60) { !exists(real + "/spill_1_1") })
    #expect(wait { watcher.audit(of: real + "/spill_1_1", action: .reaped).count == 1 })
    unlink(link)
    symlink(other, link)
    leaveOrphan(real + "/spill_2_1")
    #expect(wait(seconds: 60) { !exists(real + "/spill_2_1") })
    #expect(exists(other + "/spill_1_other/.lock"))
  }

  @Test("A root two levels of which are missing is waited for")
  func absent() throws {
    let root = scratch.path + "/a/b/root"
    let watcher = try start([root])
    #expect(wait(seconds: 60) { watcher.background.error.contains("waiting for \(root)") })
    // One level at a time, and back again, before it is whole.
    mkdir(scratch.path + "/a", 0o755)
    mkdir(scratch.path + "/a/b", 0o755)
    rmdir(scratch.path + "/a/b")
    mkdir(scratch.path + "/a/b", 0o755)
    mkdir(root, 0o755)
    #expect(wait(seconds: 60) { watcher.background.error.contains("watching \(root)") })
    leaveOrphan(root + "/spill_1_1")
    #expect(wait(seconds: 60) { !exists(root + "/spill_1_1") })
  }

  @Test("A root made with its parents and an orphan in one stroke is found as it is")
  func absentThenWhole() throws {
    let root = scratch.path + "/a/b/root"
    _ = scratch.directory("aside/b/root")
    leaveOrphan(scratch.path + "/aside/b/root/spill_1_1")
    let watcher = try start([root])
    #expect(wait(seconds: 60) { watcher.background.error.contains("waiting for \(root)") })
    #expect(rename(scratch.path + "/aside", scratch.path + "/a") == 0)
    #expect(wait(seconds: 60) { names(in: root).isEmpty }, "\(watcher.background.error)")
  }

  @Test(
    "A root that vanished and is made again is picked up again",
    arguments: ["rm -rf $R", "mv $R $R.away", "rm -rf $P", "mv $P $P.away"])
  func vanished(_ command: String) throws {
    let parent = scratch.directory("parent")
    let root = scratch.directory("parent/root")
    let watcher = try start([root])
    #expect(wait(seconds: 60) { watcher.background.error.contains("watching \(root)") })
    for round in 1...2 {
      leaveOrphan(root + "/spill_\(round)_1")
      #expect(
        wait(seconds: 60) { !exists(root + "/spill_\(round)_1") }, "\(watcher.background.error)")
      let owner = try startWriter(
        root, ["--name", "spill_1_live", "--stop-at", "chunks"], in: scratch)
      #expect(wait { owner.output.contains("chunk spill_1_live 2") })
      #expect(shell("P=\(parent); R=\(root); \(command)").status == 0)
      // What was moved away is no longer inside the root.
      owner.killHard()
      let noticed = wait(seconds: 30) {
        watcher.background.error.components(separatedBy: "\(root) is gone").count > round
      }
      #expect(noticed, "\(watcher.background.error)")
      guard noticed else { return }
      #expect(shell("mkdir -p \(root)").status == 0)
      leaveOrphan(root + "/spill_1_back\(round)")
      #expect(
        wait(seconds: 60) { !exists(root + "/spill_1_back\(round)") }, "\(watcher.background.error)"
      )
      for away in [root + ".away", parent + ".away/root"] where exists(away) {
        #expect(exists(away + "/spill_1_live/.lock"), "reaped outside of the root")
      }
      _ = shell("rm -rf \(parent).away \(root).away")
    }
  }

  @Test("A link in the root's place is not followed")
  func replacedByLink() throws {
    let root = scratch.directory("root")
    let other = scratch.directory("other")
    leaveOrphan(other + "/spill_1_1")
    let watcher = try start([root])
    #expect(wait(seconds: 60) { watcher.background.error.contains("watching \(root)") })
    #expect(rmdir(root) == 0)
    #expect(symlink(other, root) == 0)
    #expect(wait(seconds: 60) { watcher.background.error.contains("is a link") })
    #expect(!wait(seconds: 2) { !exists(other + "/spill_1_1/.lock") })
    unlink(root)
    mkdir(root, 0o755)
    leaveOrphan(root + "/spill_2_1")
    #expect(wait(seconds: 60) { !exists(root + "/spill_2_1") }, "\(watcher.background.error)")
    #expect(exists(other + "/spill_1_1/.lock"))
  }

  @Test("A root that comes back with another owner is refused and left alone")
  func otherOwner() throws {
    guard isRoot else { return skip("chown needs root") }
    let root = scratch.directory("root")
    let other = scratch.directory("aside")
    leaveOrphan(other + "/spill_1_1")
    chown(other, 12345, 12345)
    let watcher = try start([root])
    #expect(wait(seconds: 60) { watcher.background.error.contains("watching \(root)") })
    #expect(rmdir(root) == 0)
    #expect(rename(other, root) == 0)
    #expect(
      wait(seconds: 60) { watcher.background.error.contains("now belongs to uid 12345") },
      "\(watcher.background.error)")
    #expect(!wait(seconds: 2) { !exists(root + "/spill_1_1/.lock") })
  }

  @Test("Several roots are watched at once, each with its own audit lines")
  func several() throws {
    let roots = (1...3).map { scratch.directory("root\($0)") }
    let watcher = try Watcher(roots, in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    let owners = try roots.map {
      try startWriter($0, ["--name", "spill_1_1", "--stop-at", "chunks"], in: scratch)
    }
    for owner in owners { #expect(wait { owner.output.contains("chunk spill_1_1 2") }) }
    owners[0].killHard()
    owners[2].killHard()
    #expect(wait(seconds: 60) { names(in: roots[0]).isEmpty && names(in: roots[2]).isEmpty })
    #expect(names(in: roots[1] + "/spill_1_1").count == 4)
    #expect(wait { watcher.audit.count == 2 })
    for root in [roots[0], roots[2]] {
      #expect(watcher.audit(of: root + "/spill_1_1", action: .reaped).count == 1)
    }
  }

  @Test("A candidate in which another root lies is kept, and that root is reaped")
  func nested() throws {
    let outer = scratch.directory("outer")
    leaveOrphan(outer + "/spill_1_holder")
    let inner = scratch.directory("outer/spill_1_holder/deep/inner")
    leaveOrphan(inner + "/job_1")
    leaveOrphan(outer + "/spill_1_neighbour")
    let watcher = try Watcher(
      [], grace: nil, in: scratch, arguments: ["--config", nestedRules(outer, inner)],
      environment: ["REAPD_BACKSTOP": "200ms"], waitForStart: false)
    #expect(wait(seconds: 60) { names(in: inner).isEmpty })
    #expect(wait(seconds: 60) { names(in: outer) == ["spill_1_holder"] })
    #expect(wait(seconds: 60) { !watcher.audit(of: outer + "/spill_1_holder").isEmpty })
    #expect(!wait(seconds: 1) { watcher.audit(of: outer + "/spill_1_holder").count > 1 })
    let line = watcher.audit(of: outer + "/spill_1_holder").first
    #expect(line?.action == .refused)
    #expect(line?.reason == "root-inside")
  }

  @Test(
    "Every command keeps a candidate in which another root of the configuration lies",
    arguments: [["explain"], ["sweep"], ["sweep", "--dry-run"], ["list"]], [true, false])
  func nestedByCommand(_ command: [String], namesOuter: Bool) throws {
    let outer = scratch.directory("outer")
    let holder = outer + "/spill_1_holder"
    leaveOrphan(holder)
    let inner = scratch.directory("outer/spill_1_holder/deep/inner")
    var arguments = command + ["--json", "--config", nestedRules(outer, inner)]
    if command == ["explain"] {
      arguments.append(holder)
    } else if namesOuter {
      arguments.append(outer)
    }
    let result = run(reapdBinary, arguments)
    #expect(result.output.contains("\"reason\":\"root-inside\""), "\(result)")
    #expect(exists(inner))
  }

  /// A configuration of two rules that take different names.
  private func nestedRules(_ outer: String, _ inner: String) -> String {
    let config = scratch.path + "/nested.yaml"
    let rules = [(outer, ""), (inner, ", match: 'job_*'")].map {
      "  - {kind: spill, grace: 1ms, root: \($0)\($1)}\n"
    }
    let text = "audit_log: \(scratch.path)/audit.jsonl\nrules:\n\(rules.joined())"
    _ = FileManager.default.createFile(atPath: config, contents: Data(text.utf8))
    return config
  }

  /// A watcher whose roots need not be there yet.
  private func start(_ roots: [String]) throws -> Watcher {
    try Watcher(
      roots, in: scratch, environment: ["REAPD_BACKSTOP": "off"], waitForStart: false)
  }
}

// MARK: - Helpers

private func leaveOrphan(_ path: String) {
  let building = (path as NSString).deletingLastPathComponent + "/building"
  #expect(mkdir(building, 0o755) == 0)
  for name in [".lock", "chunk"] {
    close(open(building + "/" + name, O_CREAT | O_WRONLY, 0o644))
  }
  #expect(rename(building, path) == 0)
}
