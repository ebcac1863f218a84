// A directory without a lock file: quiet for a grace and nothing open, or it stays.

import Foundation
import Glibc
import Testing

@Suite("Missing lock", .serialized, .live)
struct MissingLockTests {
  @Test("Changes keep it; it goes no sooner than a grace after the last one")
  func recentChanges() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let directory = scratch.directory("root/spill_1_busy")
    let last = scratch.path + "/last"
    // The instant before each change is noted once that is made: never later than the last one.
    let writer = try Background(
      "/bin/bash",
      [
        "-c",
        "i=0; while :; do date +%s.%N > \(last).new; echo x >> \(directory)/f$((i++ % 5)); "
          + "mv \(last).new \(last); sleep 0.1; done",
      ], in: scratch)
    #expect(wait { exists(directory + "/f4") })
    let watcher = try Watcher(
      [root], grace: "3s", in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    #expect(!wait(seconds: 7) { !exists(directory + "/f0") }, "reaped while it was written to")
    writer.killHard()
    #expect(wait(seconds: 60) { !exists(directory) })
    #expect(wait { !watcher.audit(of: directory, action: .reaped).isEmpty })
    let line = try #require(watcher.audit(of: directory).first)
    #expect(line.reason == "lock-missing")
    #expect(line.trigger == .graceOver)
    let text = try String(contentsOfFile: last, encoding: .utf8)
    let changed = try #require(Double(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    let reaped = try #require(instant(line.time))
    #expect(reaped >= changed + 3 - 0.01)
  }

  @Test(
    "An open file keeps it, and the close of that file ends it",
    arguments: ["<", ">>", "<>"], ["chunk", "sub/deep/chunk"])
  func openFile(_ mode: String, _ file: String) throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let directory = scratch.directory("root/spill_1_open")
    _ = scratch.directory("root/spill_1_open/sub/deep")
    _ = FileManager.default.createFile(atPath: directory + "/chunk", contents: nil)
    _ = FileManager.default.createFile(atPath: directory + "/sub/deep/chunk", contents: nil)
    let user = try Background(
      "/bin/bash", ["-c", "exec 9\(mode) \(directory)/\(file); echo open; exec sleep 1000"],
      in: scratch)
    #expect(wait { user.output == "open\n" })
    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    // A neighbour that came later and went shows that this one was looked at.
    _ = scratch.directory("root/spill_1_neighbour")
    #expect(wait(seconds: 60) { !exists(root + "/spill_1_neighbour") })
    #expect(!wait(seconds: 1) { !exists(directory + "/" + file) })
    let explained = run(reapdBinary, ["explain", "--json", "--grace", "1ms", directory]).output
    #expect(explained.contains("\"reason\":\"file-open\""), "\(explained)")
    #expect(explained.contains("\"pid\":\(user.pid),"), "the process is not named: \(explained)")
    user.killHard()
    #expect(wait(seconds: 60) { !exists(directory) })
    #expect(wait { !watcher.audit(of: directory, action: .reaped).isEmpty })
    #expect(watcher.audit(of: directory).first?.trigger == .closeEvent)
  }

  @Test("A creator stopped before it could lock keeps its directory")
  func stoppedCreator() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    let writer = try startWriter(root, ["--name", "spill_1_1", "--stop-at", "open"], in: scratch)
    #expect(wait { writer.output.contains("open") })
    writer.signal(SIGSTOP)
    let neighbour = try startWriter(
      root, ["--name", "spill_2_1", "--stop-at", "open"], in: scratch)
    #expect(wait { neighbour.output.contains("open") })
    neighbour.killHard()
    #expect(wait(seconds: 60) { !exists(root + "/spill_2_1") })
    #expect(!wait(seconds: 1) { !exists(root + "/spill_1_1") })
    writer.killHard()
    #expect(wait(seconds: 60) { !exists(root + "/spill_1_1") })
    #expect(watcher.background.isRunning)
  }

  @Test("missing_lock: keep keeps it, and says so once")
  func keep() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let directory = scratch.directory("root/spill_1_1")
    let watcher = try Watcher(
      [], grace: nil, in: scratch,
      arguments: ["--config", configuration(root, "missing_lock: keep", in: scratch)])
    #expect(wait(seconds: 60) { !watcher.audit(of: directory).isEmpty })
    #expect(!wait(seconds: 1) { watcher.audit(of: directory).count > 1 })
    #expect(watcher.audit(of: directory).first?.reason == "missing-lock-kept")
    #expect(exists(directory))
  }

  @Test("With contents a directory that holds any other name is kept", arguments: [true, false])
  func contents(hasLock: Bool) throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let chunk = String(repeating: "0123456789abcdef", count: 4)
    func make(_ directory: String, _ names: [String]) {
      _ = scratch.directory("root/" + directory)
      for name in names + (hasLock ? [".lock"] : []) {
        _ = FileManager.default.createFile(atPath: "\(root)/\(directory)/\(name)", contents: nil)
      }
    }
    make("spill_1_own", [chunk])
    make("spill_1_foreign", [chunk, "thesis.tex"])
    make("spill_1_longer", [chunk + "0"])
    _ = scratch.directory("root/spill_1_nested/sub")
    make("spill_1_nested", [chunk])
    let watcher = try Watcher(
      [], grace: nil, in: scratch,
      arguments: [
        "--config", configuration(root, "contents: '^[0-9a-f]{64}$'", in: scratch),
      ])
    #expect(wait(seconds: 60) { !exists(root + "/spill_1_own") }, "\(watcher.background.error)")
    for name in ["spill_1_foreign", "spill_1_longer", "spill_1_nested"] {
      #expect(wait(seconds: 60) { !watcher.audit(of: root + "/" + name).isEmpty })
      #expect(!wait(seconds: 1) { watcher.audit(of: root + "/" + name).count > 1 })
      let line = try #require(watcher.audit(of: root + "/" + name).first)
      #expect(line.reason == "foreign-contents")
      #expect(exists(root + "/" + name))
    }
  }
}

// MARK: - Helpers

/// A file with one rule, its backstop frequent: what is kept must be kept again and again.
private func configuration(_ root: String, _ line: String, in scratch: Scratch) -> String {
  let path = scratch.path + "/reapd.yaml"
  let text = """
    backstop: 200ms
    rules:
      - kind: spill
        root: \(root)
        grace: 200ms
        \(line)

    """
  _ = FileManager.default.createFile(atPath: path, contents: Data(text.utf8))
  return path
}

/// Seconds since 1970 of an audit line's time.
private func instant(_ time: String?) -> Double? {
  guard let time else { return nil }
  let parts = time.dropLast().split(separator: ".")
  guard parts.count == 2, let date = ISO8601DateFormatter().date(from: parts[0] + "Z"),
    let fraction = Double("0." + parts[1])
  else { return nil }
  return date.timeIntervalSince1970 + fraction
}
