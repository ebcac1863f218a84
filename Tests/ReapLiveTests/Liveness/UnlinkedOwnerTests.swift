// An owner that lives, though its lock file has no name any more: whatever reapd was told or came to
// see in between, it is known until it is killed, and its directory goes then without the backstop.

import Foundation
import Glibc
import Testing

@Suite("Owners without a name for their lock", .serialized, .live)
struct UnlinkedOwnerTests {
  private let scratch = Scratch()
  private var root: String { scratch.path + "/a/root" }
  private var directory: String { root + "/spill_1_1" }

  /// A process that holds the lock of a directory until it is killed.
  private func own(_ path: String) throws -> Background {
    makeOrphan(path, files: 1)
    return try hold(path + "/.lock")
  }

  private func hold(_ lock: String) throws -> Background {
    let owner = try Background(
      "/bin/bash",
      ["-c", "exec 9<\"$1\" && flock -n 9 && echo locked && exec sleep 1000", "bash", lock],
      in: scratch)
    #expect(wait { owner.output == "locked\n" }, "\(owner.error)")
    return owner
  }

  /// The same, seen by the watch; and then the lock file has no name.
  private func ownUnlinked(_ watcher: Watcher) throws -> Background {
    let owner = try own(directory)
    #expect(wait { watcher.holds(directory) })
    #expect(unlink(directory + "/.lock") == 0)
    return owner
  }

  /// Long after its grace it is there; and gone by the very lock, soon after its owner's end.
  private func expectKept(
    _ owner: Background, at path: String? = nil, _ watcher: Watcher,
    by reason: String = "lock-released"
  ) {
    let path = path ?? directory
    watcher.catchUp(in: root)
    letPass(1.2, "that it stays shows in nothing else")
    #expect(exists(path + "/file-0"), "\(watcher.audit) \(watcher.background.error)")
    owner.killHard()
    #expect(wait(seconds: 60) { !exists(path) }, "\(watcher.background.error)")
    #expect(wait { !watcher.audit(of: path, action: .reaped).isEmpty })
    #expect(watcher.audit(of: path, action: .reaped).map(\.reason) == [reason])
  }

  private func rule(_ keys: String = "", root: String? = nil) -> [String] {
    [
      "{name: s, kind: spill, root: \(root ?? self.root), grace: 200ms, missing_lock: reap\(keys)}",
      "{name: other, kind: spill, root: \(scratch.path)/a/other, grace: 200ms}",
    ]
  }

  /// Rereads a file with other rules, and then the one that was there at first.
  private func throughReload(_ others: [String]) throws {
    for name in ["root", "other", "third"] { _ = scratch.directory("a/" + name) }
    let configuration = Rereading(scratch)
    configuration.write(rule())
    let watcher = try configuration.watch(rules: 2)
    let owner = try ownUnlinked(watcher)
    for rules in [others, rule()] {
      configuration.write(rules)
      #expect(watcher.reread(), "\(watcher.background.error)")
      letPass(0.5, "looks by these rules, which change nothing")
    }
    expectKept(owner, watcher)
  }

  @Test("A rule that is disabled and enabled again knows it still")
  func disabled() throws { try throughReload(rule(", enabled: false")) }

  @Test("So does one whose root is changed and changed back")
  func rootChanged() throws { try throughReload(rule(root: scratch.path + "/a/third")) }

  @Test("So does one whose never named it for a while")
  func never() throws { try throughReload(rule(", never: [spill_1_1]")) }

  @Test("So does one whose owner excluded it for a while")
  func excluded() throws { try throughReload(rule(", owner: 12345")) }

  private func watch() throws -> Watcher {
    _ = scratch.directory("a/root")
    _ = scratch.directory("a/other")
    let configuration = Rereading(scratch)
    configuration.write(rule())
    return try configuration.watch(rules: 2)
  }

  @Test("Renamed to a claimed name it gets its own back, and is known")
  func claimedName() throws {
    let watcher = try watch()
    let owner = try ownUnlinked(watcher)
    #expect(rename(directory, root + "/.reapd.1795216876837000000.spill_1_1") == 0)
    #expect(wait { exists(directory) }, "\(names(in: root)) \(watcher.background.error)")
    expectKept(owner, watcher)
  }

  @Test("Given to another user and back it is known", .enabled(if: isRoot))
  func chowned() throws {
    _ = scratch.directory("a/root")
    _ = scratch.directory("a/other")
    let configuration = Rereading(scratch)
    configuration.write(rule(", owner: 0"))
    let watcher = try configuration.watch(rules: 2)
    let owner = try ownUnlinked(watcher)
    #expect(chown(directory, 12345, 12345) == 0)
    configuration.write(rule(", owner: 0, match: \"spill_*\""))  // brings a look
    #expect(watcher.reread(), "\(watcher.background.error)")
    #expect(wait { watcher.audit(of: directory).last?.reason == "foreign-owner" })
    #expect(chown(directory, 0, 0) == 0)
    expectKept(owner, watcher)
  }

  @Test(
    "A superseded generation's lock that was seen held is known, also after it was live for a while",
    arguments: [false, true])
  func generation(wasLiveAgain: Bool) throws {
    _ = scratch.directory("a/root")
    let partition = Partition(root + "/p")
    let old = partition.generation("table", lockFile: true)
    let new = partition.generation("table-2", lockFile: true)
    // Whichever of the two the cursor does not name would be dead with a free lock.
    let writer = try hold(new + "/.lock")
    partition.put("cursor.json", CursorText.naming("table"))
    let watcher = try GenerationRule(root, ["lock": ".lock"], in: scratch).watch()
    let owner = try hold(old + "/.lock")
    partition.flip(to: "table-2")
    #expect(wait { watcher.holds(old) })
    #expect(unlink(old + "/.lock") == 0)
    if wasLiveAgain {
      partition.flip(to: "table")
      // The other one is superseded then: it was looked at after the one that is live.
      #expect(wait { watcher.holds(new) })
      letPass(1, "further looks at a live generation come by the clock")
      partition.flip(to: "table-2")
    }
    letPass(2.5, "its `quiet` of a second would be over")
    watcher.catchUp(below: root, lockFile: true)
    #expect(partition.isWhole("table"), "\(watcher.audit)")
    owner.killHard()
    #expect(wait(seconds: 60) { !exists(old) }, "\(watcher.background.error)")
    #expect(wait { !watcher.audit(of: old, action: .reaped).isEmpty })
    #expect(watcher.audit(of: old, action: .reaped).map(\.reason) == ["lock-released"])
    #expect(writer.isRunning && partition.isWhole("table-2"))
  }

  // MARK: - Where no descriptor was kept

  /// Enough owned ones that the limit of open files is reached, one of them unlinked and renamed.
  @Test(
    "Without a descriptor to keep, another name does not make it another's", arguments: [128, 512])
  func renamedWithoutDescriptors(limit: Int) throws {
    _ = scratch.directory("a/root")
    let watcher = try Watcher(
      [root], in: scratch, environment: ["REAPD_BACKSTOP": "off"],
      wrapper: ["/usr/bin/prlimit", "--nofile=\(limit):\(limit)"])
    let owner = try own(directory)
    #expect(wait { explain(directory)?.reason == "lock-held" })
    watcher.catchUp(in: root)
    #expect(unlink(directory + "/.lock") == 0)
    let name = root + "/spill_2_2"
    #expect(rename(directory, name) == 0)
    #expect(wait { watcher.audit(of: name, action: .refused).last?.reason == "lock-unknown" })
    // What keeps it is told by another process as well.
    #expect(explain(name)?.verdict == "keep")
    #expect(explain(name)?.reason == "file-open")
    expectKept(owner, at: name, watcher, by: "lock-missing")
  }

  @Test("Unlinked before reapd came, it is alive while a process has it open, under any name")
  func unlinkedBefore() throws {
    _ = scratch.directory("a/root")
    let owner = try own(directory)
    #expect(unlink(directory + "/.lock") == 0)
    let name = root + "/spill_3_3"
    #expect(rename(directory, name) == 0)
    letPass(0.3, "its stamps grow older than a grace")
    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    expectKept(owner, at: name, watcher, by: "lock-missing")
  }

  @Test(
    "So it is where the process sees the path in a mount namespace of its own", .enabled(if: isRoot)
  )
  func unlinkedElsewhere() throws {
    _ = scratch.directory("a/root")
    makeOrphan(directory, files: 1)
    let inside = scratch.directory("inside")
    let owner = try Background(
      "/usr/bin/unshare",
      [
        "-m", "/bin/bash", "-c",
        "mount --bind \"$1\" \"$2\" && exec 9<\"$2/spill_1_1/.lock\" && flock -n 9 && echo locked "
          + "&& exec sleep 1000", "bash", root, inside,
      ], in: scratch)
    #expect(wait { owner.output == "locked\n" }, "\(owner.error)")
    #expect(unlink(directory + "/.lock") == 0)
    letPass(0.3, "its stamps grow older than a grace")
    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    expectKept(owner, watcher, by: "lock-missing")
  }
}
