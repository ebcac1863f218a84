// What root finds in a user's dead directory and that user could not have removed.

import Foundation
import Glibc
import Testing

@Suite("Others' directories in a dead one", .serialized, .live)
struct ForeignInsideTests {
  /// An orphan of nobody's that holds a tree made by a script; `$d` is the orphan.
  private func plant(_ script: String, in root: String) -> String {
    let orphan = makeOrphan(root + "/spill_1_0", files: 3)
    let made = shell(
      "set -e; d=\(orphan); mkdir -p $d/own/deep; touch $d/own/deep/file; "
        + "chown -R 65534:65534 \(root); \(script)")
    #expect(made.status == 0, "\(made.error)")
    return orphan
  }

  private func rule(_ root: String, in scratch: Scratch) -> [String] {
    let path = scratch.path + "/rule.yaml"
    let text = "rules: [{name: s, kind: spill, root: \(root), grace: 200ms, owner: [nobody]}]\n"
    _ = FileManager.default.createFile(atPath: path, contents: Data(text.utf8))
    return ["--config", path]
  }

  private func watch(_ root: String, in scratch: Scratch) throws -> Watcher {
    let watcher = try Watcher(
      [], grace: nil, in: scratch, arguments: rule(root, in: scratch),
      environment: ["REAPD_BACKSTOP": "off"], waitForStart: false)
    #expect(wait(seconds: 60) { watcher.background.error.contains("watching ") })
    return watcher
  }

  private func catchUp(_ root: String) {
    let later = makeOrphan(root + "/spill_2_\(UInt32.random(in: 0 ... .max))")
    chown(later, 65534, 65534)
    #expect(wait(seconds: 60) { !exists(later) })
  }

  static let outOfReach = [
    // Made by root beneath what anybody may write to, and moved in with that.
    "mkdir -p $d/own/share/private; touch $d/own/share/private/thesis; chmod 777 $d/own/share; "
      + "chmod 700 $d/own/share/private",
    "mkdir $d/mount; touch $d/mount/file",
    // The owner's own directory within: it could not have got rid of what holds it.
    "mkdir -p $d/mount/theirs; chown nobody $d/mount/theirs",
    // A sticky one, as /tmp, with an entry that is not the owner's.
    "mkdir $d/tmp; chmod 1777 $d/tmp; touch $d/tmp/roots",
    "mkdir -p $d/shared; chown 12345:65534 $d/shared; chmod 770 $d/shared; touch $d/shared/file",
  ]

  @Test("Are kept whole, told once, and it goes when they have gone", arguments: outOfReach)
  func kept(_ script: String) throws {
    guard isRoot else { return skip("other users' directories need root") }
    let scratch = Scratch()
    let root = scratch.directory("root")
    let orphan = plant(script, in: root)
    let before = shell("find \(orphan) | sort").output
    let watcher = try watch(root, in: scratch)
    func refusals() -> Int {
      watcher.audit(of: orphan, action: .refused).count {
        $0.reason == "foreign-inside"
      }
    }
    #expect(wait(seconds: 60) { refusals() == 1 }, "\(watcher.audit) \(watcher.background.error)")
    #expect(wait { names(in: root) == ["spill_1_0"] })
    #expect(shell("find \(orphan) | sort").output == before, "nothing of it is gone")
    let dry = run(
      reapdBinary,
      ["sweep", "--json", "-n"] + rule(root, in: scratch)
        + ["--audit-log", scratch.path + "/dry.jsonl"])
    #expect(dry.output.contains("foreign-inside"), "a dry run tells: \(dry)")
    // Looked at again it is not claimed again.
    for _ in 0..<3 { _ = shell("cat \(orphan)/.lock") }
    catchUp(root)
    #expect(refusals() == 1)
    #expect(watcher.audit(of: orphan, action: .restored).count == 1)
    #expect(shell("find \(orphan) | sort").output == before)

    // Once its administrator has taken it away, an event has reapd look again.
    #expect(shell("cd \(orphan) && rm -rf own/share/private mount tmp shared").status == 0)
    #expect(wait(seconds: 60) { !exists(orphan) }, "\(watcher.audit)")
    #expect(wait { watcher.audit(of: orphan, action: .reaped).count == 1 })
  }

  static let withinReach = [
    // A file in a directory of the owner's just loses that name.
    "touch $d/own/roots; chmod 600 $d/own/roots", "mkdir $d/own/empty; chmod 700 $d/own/empty",
    // The owner of a directory may remove whatever is in it, sticky or not.
    "chmod 1777 $d/own; touch $d/own/roots",
    "mkdir $d/open; touch $d/open/file; chmod 777 $d/open",
    "mkdir $d/tmp; chmod 1777 $d/tmp; touch $d/tmp/theirs; chown nobody $d/tmp/theirs",
  ]

  @Test("Go where the owner could have removed them", arguments: withinReach)
  func removed(_ script: String) throws {
    guard isRoot else { return skip("other users' directories need root") }
    let scratch = Scratch()
    let root = scratch.directory("root")
    let orphan = plant(script, in: root)
    let watcher = try watch(root, in: scratch)
    #expect(wait(seconds: 60) { !exists(orphan) }, "\(watcher.audit)")
    #expect(wait { watcher.audit(of: orphan, action: .reaped).count == 1 })
  }

  @Test("A sweep leaves such a one alone as well, and says so")
  func sweep() throws {
    guard isRoot else { return skip("other users' directories need root") }
    let scratch = Scratch()
    let root = scratch.directory("root")
    let orphan = plant(Self.outOfReach[1], in: root)
    wait { false == exists(root + "/spill_1_0/.lock") || age(of: orphan) > 0.3 }
    let audit = scratch.path + "/sweep.jsonl"
    let result = run(
      reapdBinary, ["sweep", "--json", "--audit-log", audit] + rule(root, in: scratch))
    #expect(names(in: root) == ["spill_1_0"])
    #expect(exists(orphan + "/mount/file") && exists(orphan + "/own/deep/file"))
    #expect(result.output.contains("\"foreign-inside\""), "\(result)")
    #expect(decodeSweep(result.output).summary?.reaped == 0)
  }

  private func age(of path: String) -> Double {
    var facts = stat()
    guard lstat(path, &facts) == 0 else { return 0 }
    return Date().timeIntervalSince1970
      - (Double(facts.st_ctim.tv_sec) + Double(facts.st_ctim.tv_nsec) / 1e9)
  }
}
