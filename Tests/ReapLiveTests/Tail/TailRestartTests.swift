// A tail that ends and begins again from its checkpoint: nothing lost, nothing repeated.

import Foundation
import Glibc
import Testing

@Suite("reapd tail goes on from a checkpoint", .live)
struct TailRestartTests {
  private func follower() throws -> Follower {
    let scratch = Scratch()
    return try Follower(
      ["--from", "start", "--checkpoint", scratch.path + "/checkpoint"], in: scratch)
  }

  @Test("where it ended, also within a line")
  func plainly() throws {
    let tail = try follower()
    append("one\ntwo\ntor", to: tail.log)
    tail.expect("one\ntwo\n")
    #expect(tail.stop() == "one\ntwo\ntor")
    append("n\nthree\n", to: tail.log)
    try tail.restart()
    tail.expect("n\nthree\n")
    #expect(tail.stop() == "n\nthree\n")
    try tail.restart()
    append("four\n", to: tail.log)
    tail.expect("four\n")
  }

  @Test("over several rotations meanwhile, numbered and compressed ones beside")
  func rotations() throws {
    let tail = try follower()
    append("0\n", to: tail.log)
    tail.expect("0\n")
    _ = tail.stop()
    append("0 ends\n", to: tail.log)
    var expected = "0 ends\n"
    for round in 1...4 {
      for number in (1...4).reversed() {
        rename("\(tail.log).\(number)", "\(tail.log).\(number + 1)")
      }
      append("no part of it\n", to: "\(tail.log).\(round).gz")
      rename(tail.log, tail.log + ".1")
      append("\(round)\n", to: tail.log)
      append("no part of it\n", to: "\(tail.log).err")
      expected += "\(round)\n"
    }
    try tail.restart()
    tail.expect(expected)
  }

  @Test("where the head was cut off meanwhile, and where everything was")
  func trimmed() throws {
    let tail = try follower()
    let lines = (0..<3000).map { "line \($0)\n" }.joined()
    append(lines, to: tail.log)
    #expect(wait { tail.output == lines })
    _ = tail.stop()
    guard collapse(tail.log, 8192) == 0 else { return skip("no collapse range here") }
    append("after the cut\n", to: tail.log)
    try tail.restart()
    tail.expect("after the cut\n")
    _ = tail.stop()
    truncate(tail.log, 0)
    append("anew\n", to: tail.log)
    try tail.restart()
    tail.expect("anew\n")
  }

  @Test("through nothing that somebody put where the checkpoint is written")
  func planted() throws {
    let tail = try follower()
    let checkpoint = tail.scratch.path + "/checkpoint"
    #expect(wait { exists(checkpoint) })
    let temporary = "\(checkpoint).\(tail.background.pid).tmp"
    // Opening that would wait for a reader.
    #expect(mkfifo(temporary, 0o666) == 0)
    append("one\n", to: tail.log)
    tail.expect("one\n")
    #expect(wait { !exists(temporary) }, "it is not in the way")
    append("two\n", to: tail.log)
    tail.expect("one\ntwo\n")
    #expect(tail.stop() == "one\ntwo\n")
    try tail.restart()
    append("three\n", to: tail.log)
    tail.expect("three\n")
  }

  @Test("says what it cannot know when the old file is gone")
  func gone() throws {
    let tail = try follower()
    append("old\n", to: tail.log)
    tail.expect("old\n")
    _ = tail.stop()
    unlink(tail.log)
    append("new\n", to: tail.log)
    try tail.restart()
    tail.expect("new\n")
    #expect(wait { tail.background.error.contains("is not beside it any more") })
  }

  @Test("killed at any time, it loses nothing, and repeats at most a second")
  func killed() throws {
    let tail = try follower()
    var given: [String] = []
    var written = 0
    // Before, it does not know that it has begun.
    #expect(wait { exists(tail.scratch.path + "/checkpoint") })
    for _ in 0..<8 {
      for _ in 0..<200 {
        append("\(written)\n", to: tail.log)
        written += 1
        if written % 170 == 0 { rename(tail.log, "\(tail.log).\(written)") }
      }
      letPass(.random(in: 0...0.2), "killed at any moment")
      tail.background.killHard()
      given += tail.background.lines
      try tail.restart()
    }
    // All others may have been given out before the last kill, and be in the checkpoint.
    append("\(written)\n", to: tail.log)
    written += 1
    #expect(wait { tail.background.lines.last == "\(written - 1)" }, "\(tail.background.error)")
    given += tail.background.lines
    let lost = Set(0..<written).subtracting(given.compactMap { Int($0) }).sorted()
    #expect(lost == [], "of \(written) \(tail.background.error)")
    // Each run's lines are consecutive: what is repeated is the beginning of a run.
    let runs = tail.background.lines.compactMap { Int($0) }
    #expect(runs == Array((runs.first ?? 0)..<written))
  }
}
