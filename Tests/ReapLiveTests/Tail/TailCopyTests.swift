// What lies beside a log and is no part of it, or is, decided by content; and what is found again after
// a pause.

import Foundation
import Glibc
import Testing

@Suite("reapd tail and the files beside a log", .live)
struct TailCopyTests {
  private func follower(_ name: String = "app.log") throws -> Follower {
    let scratch = Scratch()
    return try Follower(
      ["--from", "start", "--checkpoint", scratch.path + "/checkpoint"], in: scratch,
      log: scratch.path + "/" + name)
  }

  private func lines(_ text: String, _ count: Int) -> String {
    (0..<count).map { "\(text) \($0) and more\n" }.joined()
  }

  private func copy(_ path: String, _ other: String) {
    #expect(shell("cp '\(path)' '\(other)'").status == 0)
  }

  @Test("a copy made by copytruncate is not given out when the log is renamed later")
  func truncated() throws {
    let tail = try follower()
    append(lines("early", 20), to: tail.log)
    tail.expect(lines("early", 20))
    copy(tail.log, tail.log + ".1")
    #expect(truncate(tail.log, 0) == 0)
    append(lines("middle", 5), to: tail.log)
    tail.expect(lines("early", 20) + lines("middle", 5))
    rename(tail.log + ".1", tail.log + ".2")
    rename(tail.log, tail.log + ".1")
    append("late\n", to: tail.log)
    tail.expect(lines("early", 20) + lines("middle", 5) + "late\n")
    waitQuiet()
    tail.expect(lines("early", 20) + lines("middle", 5) + "late\n")
  }

  @Test("nor is a copy of a log that goes on", arguments: ["app.log.1", "app.log.bak"])
  func copied(name: String) throws {
    let tail = try follower()
    append(lines("x", 30), to: tail.log)
    tail.expect(lines("x", 30))
    copy(tail.log, tail.scratch.path + "/" + name)
    append("y\n", to: tail.log)
    tail.expect(lines("x", 30) + "y\n")
    rename(tail.log, tail.log + ".20261127")
    append("z\n", to: tail.log)
    tail.expect(lines("x", 30) + "y\nz\n")
    waitQuiet()
    tail.expect(lines("x", 30) + "y\nz\n")
  }

  @Test("a numbered log of another process is none of it, also after a pause")
  func neighbour() throws {
    let tail = try follower("worker.log")
    append("mine 1\n", to: tail.log)
    let other = tail.scratch.path + "/worker-1.log"
    append("other 1\n", to: other)
    try tail.restart()
    tail.expect("mine 1\n")
    rename(tail.log, tail.log + ".1")
    append("mine 2\n", to: tail.log)
    append("other 2\n", to: other)
    tail.expect("mine 1\nmine 2\n")
    waitQuiet()
    #expect(tail.stop() == "mine 1\nmine 2\n")
    rename(tail.log, tail.log + ".1")
    append("mine 3\n", to: tail.log)
    append("other 3\n", to: other)
    try tail.restart()
    tail.expect("mine 3\n")
  }

  @Test("what copytruncate took away during a pause is read from the copies")
  func pause() throws {
    let tail = try follower()
    append(lines("a", 50), to: tail.log)
    tail.expect(lines("a", 50))
    _ = tail.stop()
    append("a51\n", to: tail.log)
    copy(tail.log, tail.log + ".1")
    #expect(truncate(tail.log, 0) == 0)
    append(lines("b", 3), to: tail.log)
    rename(tail.log + ".1", tail.log + ".2")
    copy(tail.log, tail.log + ".1")
    #expect(truncate(tail.log, 0) == 0)
    append("c\n", to: tail.log)
    try tail.restart()
    tail.expect("a51\n" + lines("b", 3) + "c\n")
  }

  @Test("copies that copytruncate made and that were compressed are unpacked as well")
  func compressedCopies() throws {
    let tail = try follower()
    append(lines("a", 50), to: tail.log)
    tail.expect(lines("a", 50))
    _ = tail.stop()
    append("a51\n", to: tail.log)
    copy(tail.log, tail.log + ".1")
    #expect(shell("gzip '\(tail.log).1'").status == 0)
    #expect(truncate(tail.log, 0) == 0)
    append("b\n", to: tail.log)
    try tail.restart()
    tail.expect("a51\nb\n")
  }

  @Test("what was compressed during a pause is unpacked, the oldest first; what is damaged is told")
  func compressed() throws {
    let tail = try follower()
    append(lines("a", 50), to: tail.log)
    tail.expect(lines("a", 50))
    _ = tail.stop()
    append("a51\n", to: tail.log)
    for number in 1...3 {
      for old in (1...3).reversed() {
        rename("\(tail.log).\(old).gz", "\(tail.log).\(old + 1).gz")
      }
      rename(tail.log, tail.log + ".1")
      waitQuiet(0.02)
      #expect(shell("gzip '\(tail.log).1'").status == 0)
      append(lines("b\(number)", 3), to: tail.log)
    }
    try tail.restart()
    let expected = "a51\n" + (1...3).map { lines("b\($0)", 3) }.joined()
    tail.expect(expected)
    #expect(tail.stop() == expected)
    append("c\n", to: tail.log)
    rename(tail.log + ".1.gz", tail.log + ".9.gz")
    rename(tail.log, tail.log + ".1")
    #expect(shell("gzip '\(tail.log).1' && truncate -s -9 '\(tail.log).1.gz'").status == 0)
    append("d\n", to: tail.log)
    try tail.restart()
    #expect(wait { tail.output.hasSuffix("d\n") })
    #expect(
      wait { tail.background.error.contains("app.log.1.gz (") }, "\(tail.background.error)")
    #expect(tail.background.error.contains("is damaged"), "\(tail.background.error)")
  }

  @Test("days that passed behind a dated link during a pause are read in their order")
  func dated() throws {
    let tail = try follower()
    func turn(_ day: Int, _ text: String) {
      let name = "app-2026-11-\(day).log"
      append(text, to: tail.scratch.path + "/" + name)
      symlink(name, tail.log + ".new")
      rename(tail.log + ".new", tail.log)
    }
    turn(20, "a1\n")
    tail.expect("a1\n")
    _ = tail.stop()
    append("a2\n", to: tail.scratch.path + "/app-2026-11-20.log")
    turn(21, "b1\n")
    turn(22, "c1\n")
    append("no part of it\n", to: tail.scratch.path + "/api-2026-11-21.log")
    try tail.restart()
    tail.expect("a2\nb1\nc1\n")
  }

  @Test("TAI64N names beside current, and names of the user's own, are read after a pause")
  func names() throws {
    let scratch = Scratch()
    for (base, rotated) in [
      ("current", { (n: Int) in "@40000000681234\(10 + n)1a2b3c4d.s" }),
      ("mine.log", { (n: Int) in "mine_\(n).done" }),
    ] as [(String, (Int) -> String)] {
      let tail = try Follower(
        [
          "--from", "start", "--checkpoint", scratch.path + "/check-" + base, "--rotated",
          "mine_*.done",
        ], in: scratch, log: scratch.path + "/" + base)
      append("a1\n", to: tail.log)
      tail.expect("a1\n")
      _ = tail.stop()
      append("a2\n", to: tail.log)
      for number in 0..<3 {
        rename(tail.log, scratch.path + "/" + rotated(number))
        append("\(number)\n", to: tail.log)
        // births and renames within one tick of the clock have no order of their own.
        waitQuiet(0.02)
      }
      try tail.restart()
      tail.expect("a2\n0\n1\n2\n")
      _ = tail.stop()
    }
  }
}
