// What was rotated, cut or compressed before it was read: read all the same where it is still there, told in
// one line where it is not.

import Foundation
import Glibc
import Testing

@Suite("reapd tail and what it had not read yet", .live)
struct TailLossTests {
  private func follower() throws -> Follower {
    let scratch = Scratch()
    let logs = scratch.directory("logs")
    return try Follower(
      ["--from", "start", "--checkpoint", scratch.path + "/checkpoint"], in: scratch,
      log: logs + "/app.log")
  }

  private func lines(_ text: String, _ count: Int) -> String {
    (0..<count).map { "\(text) \($0) and more\n" }.joined()
  }

  private func gzip(_ path: String) { #expect(shell("gzip '\(path)'").status == 0) }

  /// The tail stands still meanwhile, as one whose reader is slow.
  private func standingStill(_ tail: Follower, _ body: () -> Void) {
    tail.background.signal(SIGSTOP)
    #expect(wait { isStopped(tail.background.pid) })
    body()
    tail.background.signal(SIGCONT)
  }

  @Test("what copytruncate cut away before it was read comes from the copies, in order")
  func cut() throws {
    let tail = try follower()
    append(lines("a", 40), to: tail.log)
    tail.expect(lines("a", 40))
    standingStill(tail) {
      append(lines("b", 9), to: tail.log)
      #expect(shell("cp '\(tail.log)' '\(tail.log).1'").status == 0)
      #expect(truncate(tail.log, 0) == 0)
      append(lines("c", 7), to: tail.log)
      rename(tail.log + ".1", tail.log + ".2")
      #expect(shell("cp '\(tail.log)' '\(tail.log).1'").status == 0)
      #expect(truncate(tail.log, 0) == 0)
      append("d\n", to: tail.log)
    }
    tail.expect(lines("a", 40) + lines("b", 9) + lines("c", 7) + "d\n")
    #expect(wait { tail.background.error.contains("app.log.2 (") }, "\(tail.background.error)")
    append("e\n", to: tail.log)
    #expect(tail.stop() == lines("a", 40) + lines("b", 9) + lines("c", 7) + "d\ne\n")
  }

  @Test("what was rotated and compressed while it stood still is unpacked; nothing comes twice")
  func compressed() throws {
    let tail = try follower()
    append(lines("a", 40), to: tail.log)
    tail.expect(lines("a", 40))
    var expected = lines("a", 40)
    standingStill(tail) {
      for number in 1...3 {
        append(lines("b\(number)", 9), to: tail.log)
        expected += lines("b\(number)", 9)
        rename(tail.log, "\(tail.log)-2026112\(number)")
        gzip("\(tail.log)-2026112\(number)")
        // births within one tick of the clock have no order of their own.
        waitQuiet(0.02)
      }
      append("c\n", to: tail.log)
    }
    expected += "c\n"
    tail.expect(expected)
    #expect(tail.stop() == expected)
    try tail.restart()
    append("d\n", to: tail.log)
    rename(tail.log, tail.log + "-20261125")
    append("e\n", to: tail.log)
    tail.expect("d\ne\n")
  }

  @Test("a log of a few bytes is found again as well where it was compressed")
  func small() throws {
    let tail = try follower()
    append("a1\n", to: tail.log)
    tail.expect("a1\n")
    _ = tail.stop()
    append("a2\n", to: tail.log)
    rename(tail.log, tail.log + ".1")
    gzip(tail.log + ".1")
    waitQuiet(0.02)
    append("b1\n", to: tail.log)
    try tail.restart()
    tail.expect("a2\nb1\n")
    #expect(tail.background.error == "")
  }

  @Test("olddir below the log is found, also compressed, without having been seen before")
  func olddir() throws {
    let tail = try follower()
    append(lines("a", 40), to: tail.log)
    tail.expect(lines("a", 40))
    _ = tail.stop()
    append("a40\n", to: tail.log)
    let old = tail.scratch.directory("logs/old")
    for number in 1...3 {
      rename(tail.log, "\(old)/app.log-2026112\(number)")
      if number < 3 { gzip("\(old)/app.log-2026112\(number)") }
      waitQuiet(0.02)
      append(lines("b\(number)", 3), to: tail.log)
    }
    try tail.restart()
    tail.expect("a40\n" + (1...3).map { lines("b\($0)", 3) }.joined())
    #expect(tail.background.error == "")
  }

  @Test("one elsewhere is found once a file was seen to go there")
  func seen() throws {
    let tail = try follower()
    let old = tail.scratch.directory("elsewhere")
    append(lines("a", 40), to: tail.log)
    tail.expect(lines("a", 40))
    rename(tail.log, old + "/app.log-20261120")
    append(lines("b", 40), to: tail.log)
    tail.expect(lines("a", 40) + lines("b", 40))
    _ = tail.stop()
    rename(tail.log, old + "/app.log-20261121")
    gzip(old + "/app.log-20261121")
    waitQuiet(0.02)
    append("c\n", to: tail.log)
    rename(tail.log, old + "/app.log-20261122")
    append("d\n", to: tail.log)
    try tail.restart()
    tail.expect("c\nd\n")
    #expect(tail.background.error == "")
  }

  @Test(
    "one elsewhere that was never seen is told in one line, with how much was read and what follows"
  )
  func unseen() throws {
    let tail = try follower()
    append(lines("a", 40), to: tail.log)
    tail.expect(lines("a", 40))
    _ = tail.stop()
    let read = lines("a", 40).utf8.count
    rename(tail.log, tail.scratch.directory("elsewhere") + "/app.log.1")
    append(lines("b", 2), to: tail.log)
    rename(tail.log, tail.log + ".1")
    append("c\n", to: tail.log)
    try tail.restart()
    tail.expect(lines("b", 2) + "c\n")
    #expect(wait { tail.background.error.hasSuffix("\n") })
    let said = tail.background.error
    #expect(said.split(separator: "\n").count == 1, "\(said)")
    #expect(said.contains("read up to byte \(read) "), "\(said)")
    #expect(
      said.contains("going on with \(tail.log).1 (\(lines("b", 2).utf8.count) bytes)"), "\(said)")
  }

  @Test("an archive that is damaged is told with its name and sizes; what comes after it is read")
  func damaged() throws {
    let tail = try follower()
    append(lines("a", 40), to: tail.log)
    tail.expect(lines("a", 40))
    _ = tail.stop()
    for number in 1...2 {
      rename(tail.log, "\(tail.log)-2026112\(number)")
      gzip("\(tail.log)-2026112\(number)")
      waitQuiet(0.02)
      append(lines("b\(number)", 5), to: tail.log)
    }
    let archive = tail.log + "-20261122.gz"
    // The data are whole, their checksum and size are not.
    #expect(shell("truncate -s -4 '\(archive)'").status == 0)
    try tail.restart()
    tail.expect(lines("b1", 5) + lines("b2", 5))
    func expectOneLine(_ name: String) {
      #expect(wait { tail.background.error.hasSuffix("\n") })
      let said = tail.background.error
      #expect(said.split(separator: "\n").count == 1, "\(said)")
      #expect(said.contains("\(name) (") && said.contains(" is damaged"), "\(said)")
    }
    expectOneLine("app.log-20261122.gz")
    _ = tail.stop()
    rename(tail.log, tail.log + "-20261123")
    gzip(tail.log + "-20261123")
    waitQuiet(0.02)
    append("c\n", to: tail.log)
    rename(tail.log, tail.log + "-20261124")
    gzip(tail.log + "-20261124")
    waitQuiet(0.02)
    let broken = tail.log + "-20261124.gz"
    // The checksum: four bytes before the size at the end.
    let place = "$(($(stat -c %s '\(broken)') - 8))"
    #expect(shell("printf xxxx | dd of='\(broken)' bs=1 seek=\(place) conv=notrunc").status == 0)
    append("d\n", to: tail.log)
    try tail.restart()
    tail.expect("d\n")
    expectOneLine("app.log-20261124.gz")
  }

  @Test(
    "SIGTERM while an archive is unpacked ends it, and the next start gives everything out once")
  func stopped() throws {
    let tail = try follower()
    let text = lines("a", 1000)
    append(text, to: tail.log)
    tail.expect(text)
    _ = tail.stop()
    #expect(shell("yes 'line after line' | head -c 64M >> '\(tail.log)'").status == 0)
    rename(tail.log, tail.log + ".1")
    gzip(tail.log + ".1")
    waitQuiet(0.02)
    append("b\n", to: tail.log)
    var given = 0
    for _ in 0..<3 {
      try tail.restart()
      #expect(
        wait {
          size(tail.background.outputPath) > 0
            || openFiles(of: tail.background.pid).contains { $0.contains("(deleted)") }
        }, "\(tail.background.error)")
      tail.background.signal(SIGTERM)
      #expect(tail.background.exitStatus() == 0)
      given += size(tail.background.outputPath)
    }
    try tail.restart()
    let wanted = (64 << 20) + 2
    let came = wait(seconds: 60) { given + size(tail.background.outputPath) >= wanted }
    #expect(came, "\(tail.background.error)")
    #expect(tail.stop().hasSuffix("line after line\nb\n"))
    #expect(given + size(tail.background.outputPath) == wanted)
  }

  @Test("an archive is not given out for lacking what a late writer added after it was made")
  func late() throws {
    let tail = try follower()
    append(lines("a", 40), to: tail.log)
    let writer = open(tail.log, O_WRONLY | O_APPEND | O_CLOEXEC)
    defer { close(writer) }
    func writeLate(_ text: String) { #expect(write(writer, text, text.utf8.count) > 0) }
    tail.expect(lines("a", 40))
    rename(tail.log, tail.log + ".1")
    append("b\n", to: tail.log)
    tail.expect(lines("a", 40) + "b\n")
    waitQuiet(0.02)
    writeLate("late\n")
    gzip(tail.log + ".1")
    writeLate("later\n")
    tail.expect(lines("a", 40) + "b\nlate\nlater\n")
    append("c\n", to: tail.log)
    rename(tail.log + ".1.gz", tail.log + ".2.gz")
    rename(tail.log, tail.log + ".1")
    append("d\n", to: tail.log)
    tail.expect(lines("a", 40) + "b\nlate\nlater\nc\nd\n")
    #expect(tail.stop() == lines("a", 40) + "b\nlate\nlater\nc\nd\n")
    append("e\n", to: tail.log)
    rename(tail.log, tail.log + ".0")
    append("f\n", to: tail.log)
    try tail.restart()
    tail.expect("e\nf\n")
  }

  @Test("archives are unpacked one after the other")
  func one() throws {
    let tail = try follower()
    append(lines("a", 40), to: tail.log)
    tail.expect(lines("a", 40))
    _ = tail.stop()
    for number in 1...4 {
      #expect(shell("yes 'line after lin\(number)' | head -c 2M >> '\(tail.log)'").status == 0)
      rename(tail.log, "\(tail.log)-2026112\(number)")
      gzip("\(tail.log)-2026112\(number)")
      waitQuiet(0.02)
    }
    append("b\n", to: tail.log)
    try tail.restart()
    var most = 0
    #expect(
      wait {
        let unpacked = openFiles(of: tail.background.pid).filter { $0.hasSuffix("(deleted)") }
        // It is open for writing and for reading; and the old one while the next one begins.
        most = max(most, Set(unpacked).count)
        return size(tail.background.outputPath) == (8 << 20) + 2
      }, "\(tail.background.error)")
    #expect(most <= 2)
  }

  private func size(_ path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_size : 0
  }
}
