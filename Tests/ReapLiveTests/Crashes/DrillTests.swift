// `reapd drill`: it passes where reapd works, and fails where reapd was broken on purpose.

import Foundation
import Glibc
import Testing

@Suite(.serialized, .liveAndLong) struct DrillTests {
  /// `reapd drill --json`, on a place of its own, and what it found.
  private func drill(
    _ arguments: [String], at place: String, environment: [String: String] = [:]
  ) -> (status: Int32, findings: DrillFindings?, error: String) {
    let ours = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let result = run(
      reapdBinary, ["drill", "--json", "--root", place] + arguments, environment: ours)
    return (result.status, decode(result.output), result.error)
  }

  private func expectPassed(
    _ result: (status: Int32, findings: DrillFindings?, error: String), kills: Int,
    _ location: SourceLocation = #_sourceLocation
  ) {
    let found = result.findings
    #expect(
      result.status == 0, "\(found) \(result.error)", sourceLocation: location)
    #expect(found?.passed == true, sourceLocation: location)
    #expect(found?.kills == kills, "\(found)", sourceLocation: location)
    #expect(found?.liveLost == 0, "\(found)", sourceLocation: location)
    #expect(found?.leftOver == 0, "\(found)", sourceLocation: location)
    #expect(found?.backstopNeeded == 0, "\(found)", sourceLocation: location)
  }

  @Test(arguments: ["ext4", "xfs", "btrfs", "tmpfs"])
  func `2,000 kills lose nothing and leave nothing`(type: String) throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    guard let image = MountedImage(type, megabytes: 400, in: scratch) else {
      return skip("\(type) cannot be mounted here")
    }
    let result = drill(
      ["--kills", "2000", "--writers", "48", "--duration", "5m"], at: image.path)
    expectPassed(result, kills: 2000)
    let found = result.findings
    #expect(found?.reaped ?? 0 > 1000, "\(found)")
    print("drill on \(type): \(found, default: "nothing")")
    #expect(names(in: image.path).filter { $0.hasPrefix("reapd-drill") }.isEmpty)
  }

  @Test func `reapd itself is killed and started again`() throws {
    let scratch = Scratch()
    let result = drill(["--kills", "100", "--writers", "12", "--kill-reapd"], at: scratch.path)
    expectPassed(result, kills: 100)
    #expect(result.findings?.reapdKills ?? 0 > 0, "\(result.findings)")
  }

  @Test func `the kernel kills for want of memory`() throws {
    guard isRoot else { return skip("cgroups need root") }
    let scratch = Scratch()
    let result = drill(["--kills", "30", "--kill", "oom"], at: scratch.path)
    expectPassed(result, kills: 30)
    if result.error.contains("no memory cgroup can be made here") {
      #expect(result.findings?.kill == "sigkill")
      return skip("no memory cgroup can be made here")
    }
    #expect(result.findings?.kill == "oom")
  }

  private static let ownWriter = #"""
    n=$RANDOM$RANDOM$RANDOM
    while :; do
      d=$REAPD_DRILL_ROOT/spill_${EPOCHSECONDS}_$((n += 1))
      mkdir "$d" && exec 9>"$d/.lock" && flock --nonblock 9 || exit 1
      echo data >"$d/chunk"
      sleep 0.6
      rm -r "$d"
    done
    """#

  @Test func `a user's own writer is drilled`() throws {
    let scratch = Scratch()
    let command = ["--", "/bin/bash", "-c", Self.ownWriter]
    // Configuration would put something in for what is a part of this name.
    let place = scratch.directory("a ${HOME} \"b\"")
    let result = drill(["--kills", "40", "--writers", "6"] + command, at: place)
    expectPassed(result, kills: 40)
    #expect(result.findings?.reaped ?? 0 > 20, "\(result.findings)")
    #expect(result.findings?.latencyUs.p99 != nil, "\(result.findings)")
    // No name that reapd is to look at: it is judged as well.
    let careless = ["--", "/bin/bash", "-c", #"mkdir "$REAPD_DRILL_ROOT/other_$$"; sleep 9"#]
    let left = drill(
      ["--kills", "4", "--writers", "2", "--duration", "6s"] + careless, at: scratch.path)
    #expect(left.status == 1 && left.findings?.leftOver ?? 0 > 0, "\(left)")
    let ending = drill(["--", "/bin/false"], at: scratch.path)
    #expect(ending.status == 1)
    #expect(ending.findings?.problem?.contains("end before") == true, "\(ending)")
    let absent = drill(["--", "/no/such/program"], at: scratch.path)
    #expect(absent.status == 1)
    #expect(absent.findings?.problem?.contains("cannot be started") == true)
  }

  /// The debug build, which can be broken on purpose. Without a grace only what happens to be looked at
  /// while it is made is lost: it takes more kills.
  @Test(arguments: [
    ("grace", 200, []), ("lock", 40, []), ("deaf", 40, []),
    (
      "lock", 40,
      ["--", "/bin/bash", "-c", ownWriter.replacingOccurrences(of: "0.6", with: "9")]
    ),
  ])
  func `a reapd that breaks a promise fails the drill`(
    fault: String, kills: Int, command: [String]
  ) throws {
    let scratch = Scratch()
    // What nobody hears of is left over for as long as the drill may last; the others end it sooner.
    let duration = fault == "deaf" ? "10s" : "60s"
    let result = drill(
      ["--kills", "\(kills)", "--duration", duration] + command, at: scratch.path,
      environment: ["REAPD_DRILL_WATCHER": buildDirectory + "/reapd", "REAPD_FAULT": fault])
    #expect(result.status == 1, "\(result)")
    #expect(result.findings?.passed == false)
    #expect(result.findings?.kills ?? 0 >= kills, "\(result.findings)")
    let broken = fault == "deaf" ? result.findings?.leftOver : result.findings?.liveLost
    #expect(broken ?? 0 > 0, "\(result.findings)")
    let kept = result.findings?.keptAt ?? ""
    #expect(exists(kept + "/audit.jsonl"))
    // The same without the fault: it was not the debug build that failed.
    let sound = drill(
      ["--kills", "20"] + command, at: scratch.path,
      environment: ["REAPD_DRILL_WATCHER": buildDirectory + "/reapd"])
    expectPassed(sound, kills: 20)
  }

  @Test func `the released binary cannot be broken`() throws {
    let scratch = Scratch()
    for fault in ["grace", "lock", "deaf"] {
      expectPassed(
        drill(["--kills", "10"], at: scratch.path, environment: ["REAPD_FAULT": fault]), kills: 10)
    }
  }

  @Test func `a table for people, usage errors, and an early end`() throws {
    let scratch = Scratch()
    let table = run(
      reapdBinary, ["drill", "--kills", "10", "--seed", "7", "--root", scratch.path])
    #expect(table.status == 0, "\(table)")
    for word in ["kills", "orphans reaped", "(must be 0)", "seed", "7", "passed in"] {
      #expect(table.output.contains(word), "\(table.output)")
    }
    #expect(table.output.split(separator: "\n").allSatisfy { $0.utf8.count <= 80 })
    for wrong in [
      ["--writers", "0"], ["--kills", "0"], ["--grace", "soon"], ["--duration", "1"],
      ["--kill", "softly"], ["--kill", "oom", "--", "true"],
    ] {
      #expect(run(reapdBinary, ["drill"] + wrong).status == 64, "\(wrong)")
    }
    let place = scratch.directory("early")
    let early = try Background(
      reapdBinary, ["drill", "--json", "--kills", "100000", "--root", place], in: scratch)
    #expect(wait { !names(in: place).isEmpty })
    early.signal(SIGTERM)
    #expect(early.exitStatus(within: 30) == 1)
    #expect(early.output.contains("interrupted"), "\(early.output)\(early.error)")
    #expect(names(in: place).isEmpty)
  }
}
