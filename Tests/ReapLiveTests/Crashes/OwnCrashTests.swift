// reapd killed at every step: whatever it leaves is whole, and the next one finishes it.

import Foundation
import Glibc
import Testing

@Suite(.serialized, .live) struct OwnCrashTests {
  private static let strace = "/usr/bin/strace"
  private static let files = [".lock", "file-0", "file-1", "file-2", "file-3", "sub"]

  /// Where one killed run left the orphan.
  private enum Left: Hashable, CustomStringConvertible {
    case untouched
    case claimed(entries: Int)
    case nothing

    var description: String {
      switch self {
      case .untouched: "untouched"
      case .claimed(let entries): "claimed with \(entries) entries"
      case .nothing: "gone"
      }
    }
  }

  private struct Drill {
    let scratch = Scratch()
    let root: String
    let live: LiveWriters

    init() throws {
      root = scratch.directory("root")
      live = try LiveWriters(root, in: scratch)
    }

    func makeTree(_ name: String) {
      let path = makeOrphan("\(root)/\(name)", files: 4)
      mkdir(path + "/sub", 0o777)
      for number in 0..<2 { close(open("\(path)/sub/\(number)", O_WRONLY | O_CREAT, 0o666)) }
    }

    /// Runs reapd so that it is killed when one of its threads enters a system call for the
    /// `when`-th time; false where it got to its end.
    func kill(_ command: String, calls: String, when: Int) throws -> Bool {
      let reapd = try Background(
        OwnCrashTests.strace,
        ["-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=\(calls)"]
          + ["-e", "inject=\(calls):signal=KILL:when=\(when)", reapdBinary, command]
          + ["--grace", "1ms", "--audit-log", scratch.path + "/killed.jsonl", root],
        in: scratch, environment: noBackstop)
      #expect(
        wait(seconds: 60) {
          !reapd.isRunning || command == "watch" && names(in: root) == live.names
        }, "\(reapd.error)")
      // Past the last removal a watch goes on for ever, and there is nothing left to kill it at.
      let isOver = names(in: root) == live.names
      if isOver, command == "watch" { reapd.signal(SIGKILL) }
      let status = reapd.exitStatus(within: 60)
      #expect(status == (isOver && command == "sweep" ? 0 : -SIGKILL), "\(reapd.error)")
      return !isOver
    }

    func look(_ name: String) -> Left {
      let rest = names(in: root).filter { !live.names.contains($0) }
      #expect(rest.count <= 1, "\(rest)")
      guard let left = rest.first else { return .nothing }
      let entries = names(in: "\(root)/\(left)")
      if left == name {
        #expect(entries == OwnCrashTests.files, "half empty under its own name")
        #expect(names(in: "\(root)/\(left)/sub") == ["0", "1"])
        return .untouched
      }
      #expect(left.hasPrefix(".reapd.") && left.dropFirst(26) == "." + name)
      #expect(entries.isEmpty || entries.contains(".lock"), "the lock file is the last to go")
      return .claimed(entries: entries.count)
    }

    func finish(_ command: String, _ name: String) throws {
      if command == "sweep" {
        let result = run(
          reapdBinary, ["sweep", "--grace", "1ms", "--audit-log", scratch.path + "/s.jsonl", root])
        #expect(result.status == 0, "\(result.error)")
        #expect(names(in: root) == live.names)
      } else {
        let watcher = try Watcher([root], in: scratch, environment: noBackstop)
        #expect(wait(seconds: 60) { names(in: root) == live.names })
        let (status, summary) = watcher.stop()
        #expect(status == 0)
        #expect(summary?.failed == 0)
        #expect(watcher.audit(of: "\(root)/\(name)", action: .reaped).count == 1)
      }
      live.expectUntouched()
    }
  }

  // strace counts by thread: with the renames left out, the first unlink is a point of its own.
  @Test(arguments: ["sweep", "watch"], ["renameat2,unlinkat", "unlinkat"])
  func `killed at any step, it leaves a whole directory or a claim that the next one finishes`(
    command: String, calls: String
  ) throws {
    guard FileManager.default.isExecutableFile(atPath: Self.strace) else {
      return skip("strace is not installed")
    }
    let drill = try Drill()
    var seen: [Left: Int] = [:]
    var number = 0
    for when in 1...30 {
      var hasDied = false
      for finisher in ["sweep", "watch"] {
        number += 1
        let name = "spill_1_\(number)"
        drill.makeTree(name)
        let died = try drill.kill(command, calls: calls, when: when)
        let left = drill.look(name)
        drill.live.expectUntouched()
        #expect(died || left == .nothing)
        seen[left, default: 0] += 1
        if left != .nothing { try drill.finish(finisher, name) }
        hasDied = hasDied || died
      }
      guard hasDied else { break }
    }
    let counts = seen.map { "\($0.key): \($0.value)" }.sorted().joined(separator: ", ")
    print("reapd \(command) killed at \(calls): \(counts)")
    #expect(seen[.nothing, default: 0] >= 2, "the last round was to get to its end")
    #expect(seen.keys.contains(calls == "unlinkat" ? .claimed(entries: 6) : .untouched))
    #expect(seen.keys.contains { if case .claimed(1...5) = $0 { true } else { false } })
    drill.live.kill()
  }
}
