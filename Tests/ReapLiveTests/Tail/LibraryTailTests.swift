// The library's sequences in a program of a user's: lines, many logs, events with losses.

import Foundation
import Glibc
import Testing

@Suite("LogTail and WatchEvents", .live)
struct LibraryTailTests {
  private let program = buildDirectory + "/LogFollower"

  @Test(
    "lines go on from the last one that was consumed, not from the last one that was read",
    arguments: ["lines", "cancelled"])
  func lines(end: String) throws {
    let scratch = Scratch()
    let log = scratch.path + "/app.log"
    append((0..<100).map { "\($0)\n" }.joined(), to: log)
    let checkpoint = scratch.path + "/checkpoint"
    #expect(
      run("/usr/bin/timeout", ["20", program, end, log, checkpoint, "30"]).output
        == (0..<30).map { "\($0)\n" }.joined())
    rename(log, log + ".1")
    append("100\n", to: log)
    #expect(
      run("/usr/bin/timeout", ["20", program, end, log, checkpoint, "71"]).output
        == (30...100).map { "\($0)\n" }.joined())
  }

  @Test(
    "a tail or stream that has ended leaves no watch behind, however soon it ends",
    arguments: ["again", "dropped"])
  func watches(use: String) throws {
    let scratch = Scratch()
    let log = scratch.path + "/app.log"
    append("0\n", to: log)
    let follower = try Background(program, [use, log, "100"], in: scratch)
    #expect(wait { follower.lines.count == 101 }, "\(follower.error)")
    #expect(wait { inotifyWatches(of: follower.pid) == 0 }, "\(inotifyWatches(of: follower.pid))")
  }

  @Test("many tails share the one inotify instance")
  func many() throws {
    let scratch = Scratch()
    let logs = (0..<20).map { "\(scratch.path)/\($0).log" }
    let follower = try Background(program, ["many"] + logs, in: scratch)
    for round in 0..<3 {
      for log in logs { append("\(round)\n", to: log) }
      #expect(wait { follower.lines.count == (round + 1) * logs.count }, "\(follower.error)")
      for log in logs { rename(log, log + ".\(round)") }
    }
    #expect(openFiles(of: follower.pid).count { $0 == "anon_inode:inotify" } == 1)
    for log in logs {
      #expect(follower.lines.filter { $0.hasPrefix(log + " ") } == (0..<3).map { "\(log) \($0)" })
    }
  }

  @Test(
    "a tail and whoever stands where the reaper does share the thread, each with its own events")
  func tenant() throws {
    let scratch = Scratch()
    let (directory, log) = (scratch.directory("root"), scratch.path + "/app.log")
    append("0\n", to: log)
    let follower = try Background(program, ["tenant", directory, log], in: scratch)
    #expect(wait { Set(follower.lines) == ["armed", "line 0"] }, "\(follower.error)")
    var expected: Set = ["armed", "line 0"]
    for number in 1...5 {
      append("\(number)\n", to: log)
      mkdir(directory + "/d\(number)", 0o755)
      expected.formUnion(["line \(number)", "name d\(number)"])
      #expect(wait { Set(follower.lines) == expected }, "\(follower.lines)")
    }
    #expect(openFiles(of: follower.pid).count { $0 == "anon_inode:inotify" } == 1)
    #expect(follower.lines.count == expected.count)
  }

  @Test("events that a slow consumer loses arrive as a rescan in their place")
  func losses() throws {
    let scratch = Scratch()
    let directory = scratch.directory("spool")
    let pipe = Pipe()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = ["events", directory]
    let output = scratch.path + "/out"
    _ = FileManager.default.createFile(atPath: output, contents: nil)
    process.standardInput = pipe
    process.standardOutput = FileHandle(forWritingAtPath: output)
    try process.run()
    defer { if process.isRunning { process.terminate() } }
    func text() -> String {
      String(decoding: FileManager.default.contents(atPath: output) ?? Data(), as: UTF8.self)
    }
    #expect(wait { text() == "rescan\n" }, "the first event, once the watch is put")
    // More than the stream keeps, while nobody consumes.
    for number in 0..<40_000 {
      append("", to: "\(directory)/\(number)")
      unlink("\(directory)/\(number)")
    }
    try pipe.fileHandleForWriting.write(contentsOf: Data("\n".utf8))
    #expect(wait { text().contains("rescan after") }, "\(text())")
    // Again and again: what comes before the last loss was told is lost as well.
    #expect(
      wait {
        append("", to: "\(directory)/last")
        unlink("\(directory)/last")
        return text().contains("last after")
      }, "\(text())")
  }
}
