// A followed path that leads elsewhere: directories replaced above it, mounts, modes, overlays; and logs
// with holes.

import Foundation
import Glibc
import Testing

@Suite("reapd tail and what changes under it", .live)
struct TailPlaceTests {
  private func follower(_ path: String, in scratch: Scratch) throws -> Follower {
    try Follower(["--from", "start"], in: scratch, log: scratch.path + "/" + path)
  }

  @Test("a directory that is replaced at once is watched anew: the rotation in it is seen")
  func replaced() throws {
    let scratch = Scratch()
    let directory = scratch.directory("srv/logs")
    append("a\n", to: directory + "/app.log")
    let tail = try follower("srv/logs/app.log", in: scratch)
    tail.expect("a\n")
    let next = scratch.directory("next")
    append("b\n", to: next + "/app.log")
    #expect(
      shell("mv '\(directory)' '\(directory).old' && mv '\(next)' '\(directory)'").status == 0)
    tail.expect("a\nb\n")
    append("c\n", to: directory + "/app.log")
    rename(directory + "/app.log", directory + "/app.log.1")
    append("d\n", to: directory + "/app.log")
    tail.expect("a\nb\nc\nd\n")
  }

  @Test("a volume that is mounted over the directory after the start brings its log")
  func mounted() throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    let volume = scratch.directory("vol")
    let tail = try follower("vol/app.log", in: scratch)
    #expect(wait { tail.background.error.contains("waiting for it") })
    #expect(shell("mount -t tmpfs tmpfs '\(volume)'").status == 0)
    defer { _ = shell("umount -l '\(volume)'") }
    append("one\n", to: volume + "/app.log")
    tail.expect("one\n")
    rename(volume + "/app.log", volume + "/app.log.1")
    append("two\n", to: volume + "/app.log")
    tail.expect("one\ntwo\n")
  }

  @Test(
    "a log, or a directory above it, that becomes readable is read",
    arguments: ["file", "directory"])
  func mode(what: String) throws {
    guard isRoot else { return skip("another user is needed who may not read") }
    let scratch = Scratch()
    #expect(chmod(scratch.path, 0o755) == 0)
    let directory = scratch.directory("logs")
    append("one\n", to: directory + "/app.log")
    let barred = what == "file" ? directory + "/app.log" : directory
    #expect(chmod(barred, 0) == 0)
    let tail = try Follower(
      ["--from", "start"], in: scratch, log: directory + "/app.log",
      through: ["/usr/bin/setpriv", "--reuid", "12345", "--clear-groups"])
    #expect(
      wait { tail.background.error.contains("Permission denied") }, "\(tail.background.error)")
    #expect(chmod(barred, 0o755) == 0)
    tail.expect("one\n")
  }

  @Test("NULs before a line are passed over, however many, and cost it nothing")
  func holes() throws {
    let scratch = Scratch()
    let log = scratch.path + "/app.log"
    append("one\n", to: log)
    let tail = try follower("app.log", in: scratch)
    tail.expect("one\n")
    // A writer that goes on at its old offset behind a truncation; then more than any line may have,
    // and more than any disk.
    var expected = "one\n"
    let file = open(log, O_WRONLY | O_CLOEXEC)
    defer { close(file) }
    for (number, offset) in [5000, 3 << 20, 6 << 30, 4 << 40].enumerated() {
      #expect(ftruncate(file, 0) == 0)
      let text = "line \(number)\nand its next\n"
      #expect(pwrite(file, text, text.utf8.count, offset) == text.utf8.count)
      expected += text
      tail.expect(expected)
    }
    // Room that was made beforehand is no run of NULs before a line: it may be filled yet.
    let end = 4 << 40 + 30
    #expect(ftruncate(file, off_t(end + 100_000)) == 0)
    append("behind it\n", to: log)
    tail.expect(expected + "behind it\n")
    #expect(!tail.output.utf8.contains(0))
  }

  @Test("a log that an overlay copies up is read on, and nothing twice")
  func copiedUp() throws {
    guard isRoot else { return skip("overlays need root") }
    let scratch = Scratch()
    for name in ["lower", "upper", "work", "merged"] { _ = scratch.directory("o/" + name) }
    let base = scratch.path + "/o"
    append("image\n", to: base + "/lower/app.log")
    #expect(mountOverlay(base) != nil)
    defer { _ = shell("umount -l '\(base)/merged'") }
    let tail = try follower("o/merged/app.log", in: scratch)
    tail.expect("image\n")
    append("one\n", to: tail.log)
    append("two\n", to: tail.log)
    tail.expect("image\none\ntwo\n")
    rename(tail.log, tail.log + ".1")
    append("three\n", to: tail.log)
    tail.expect("image\none\ntwo\nthree\n")
  }

  @Test(
    "a checkpoint that is no file of ours is refused at once",
    arguments: ["/dev/zero", "huge", "fifo"])
  func checkpoint(what: String) throws {
    let scratch = Scratch()
    let path = what == "/dev/zero" ? what : scratch.path + "/" + what
    if what == "fifo" { mkfifo(path, 0o600) }
    if what == "huge" { #expect(shell("truncate -s 3G '\(path)'").status == 0) }
    append("one\n", to: scratch.path + "/app.log")
    let tail = try Follower(["--checkpoint", path], in: scratch)
    #expect((tail.background.exitStatus(within: 20) ?? 0) > 0, "\(tail.background.error)")
    #expect(wait { tail.background.error.contains("checkpoint") }, "\(tail.background.error)")
  }
}
