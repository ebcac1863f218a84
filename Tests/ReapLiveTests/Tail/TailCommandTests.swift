// `reapd tail` on real files: what is given out when they are rotated, cut, replaced and removed.

import Foundation
import Glibc
import Testing

/// `reapd tail` in the background, and the log that it follows.
final class Follower {
  let scratch: Scratch
  let log: String
  private(set) var background: Background
  private let arguments: [String]
  private let command: [String]

  /// - Parameter command: what is put before `reapd`.
  init(
    _ arguments: [String] = [], in scratch: Scratch = Scratch(), log: String? = nil,
    through command: [String] = []
  ) throws {
    self.scratch = scratch
    self.command = command + [reapdBinary, "tail"]
    self.arguments = arguments
    self.log = log ?? scratch.path + "/app.log"
    background = try Self.start(self.command + arguments + [self.log], scratch)
  }

  private static func start(_ words: [String], _ scratch: Scratch) throws -> Background {
    try Background(words[0], Array(words.dropFirst()), in: scratch)
  }

  var output: String { background.output }

  /// Waits until exactly this was given out.
  func expect(
    _ text: String, _ location: SourceLocation = #_sourceLocation
  ) {
    let came = wait(seconds: 10) { output == text }
    #expect(came, "\(output.debugDescription) \(background.error)", sourceLocation: location)
  }

  /// SIGTERM; what was given out in all.
  func stop() -> String {
    background.signal(SIGTERM)
    #expect(background.exitStatus() == 0)
    return output
  }

  func restart() throws {
    background = try Self.start(command + arguments + [log], scratch)
  }
}

/// Appends to a file, made where it is missing.
func append(_ text: String, to path: String) { append(Array(text.utf8), to: path) }

func append(_ bytes: [UInt8], to path: String) {
  let file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
  #expect(write(file, bytes, bytes.count) == bytes.count)
  close(file)
}

/// Cuts whole blocks off a file's head, in place (fallocate(1); Glibc's module lacks the call).
func collapse(_ path: String, _ length: Int) -> Int32 {
  run("/usr/bin/fallocate", ["-c", "-o", "0", "-l", "\(length)", path]).status
}

@Suite("reapd tail", .live)
struct TailCommandTests {
  @Test("begins with the last lines, or all, or none, and gives a torn one out when it is whole")
  func beginnings() throws {
    let scratch = Scratch()
    let text = (1...30).map { "line \($0)\n" }.joined()
    append(text + "torn", to: scratch.path + "/app.log")
    let ten = try Follower(in: scratch)
    let two = try Follower(["-n", "2"], in: scratch)
    let all = try Follower(["--from", "start"], in: scratch)
    let mark = scratch.path + "/mark"
    let new = try Follower(["--from", "end", "--checkpoint", mark], in: scratch)
    #expect(wait { exists(mark) }, "it has chosen where to begin")
    let lastTen = (22...30).map { "line \($0)\n" }.joined()
    ten.expect(lastTen)
    two.expect("line 30\n")
    all.expect(text)
    append(" no more\nnext\n", to: ten.log)
    ten.expect(lastTen + "torn no more\nnext\n")
    two.expect("line 30\ntorn no more\nnext\n")
    all.expect(text + "torn no more\nnext\n")
    new.expect("torn no more\nnext\n")
    append("end", to: ten.log)
    #expect(ten.stop().hasSuffix("next\nend"), "given out on exit")
  }

  @Test("goes on with a file of the same name after renaming, replacing, truncating, removing")
  func changes() throws {
    let tail = try Follower(["--from", "start"])
    append("one\n", to: tail.log)
    tail.expect("one\n")
    append("two", to: tail.log)
    rename(tail.log, tail.log + ".1")
    append(" ends\nthree\n", to: tail.log + ".1")
    append("four\n", to: tail.log)
    tail.expect("one\ntwo ends\nthree\nfour\n")
    append("five\n", to: tail.log + ".new")
    rename(tail.log + ".new", tail.log)
    tail.expect("one\ntwo ends\nthree\nfour\nfive\n")
    truncate(tail.log, 0)
    append("six, longer than what stood there\n", to: tail.log)
    let six = "one\ntwo ends\nthree\nfour\nfive\nsix, longer than what stood there\n"
    tail.expect(six)
    unlink(tail.log)
    #expect(
      wait { !openFiles(of: tail.background.pid).contains { $0.contains("(deleted)") } },
      "a removed file must not be kept open: its space would stay taken")
    append("seven\n", to: tail.log)
    tail.expect(six + "seven\n")
    rename(tail.log, tail.log + ".away")
    rename(tail.log + ".away", tail.log)
    append("eight\n", to: tail.log)
    tail.expect(six + "seven\neight\n")
  }

  @Test("follows more logs than the soft limit of descriptors allows")
  func descriptors() throws {
    let scratch = Scratch()
    let logs = (0..<60).map { "\(scratch.path)/\($0).log" }
    for log in logs { append("old\n", to: log) }
    let tail = try Background(
      "/usr/bin/prlimit",
      ["--nofile=64:4096", reapdBinary, "tail", "--json", "--from", "start"] + logs, in: scratch)
    #expect(wait { tail.lines.count == logs.count }, "\(tail.error)")
    for log in logs { append("new\n", to: log) }
    #expect(wait { tail.lines.count == 2 * logs.count }, "\(tail.error)")
    #expect(tail.error == "")
  }

  @Test("reads what a writer goes on writing to the renamed file before the new one")
  func lateWriter() throws {
    let tail = try Follower(["--from", "start"])
    let writer = open(tail.log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
    write(writer, "a\n", 2)
    tail.expect("a\n")
    rename(tail.log, tail.log + ".1")
    append("new\n", to: tail.log)
    write(writer, "b\n", 2)
    tail.expect("a\nb\n")
    write(writer, "c\n", 2)
    close(writer)
    tail.expect("a\nb\nc\nnew\n")
    #expect(
      wait { !openFiles(of: tail.background.pid).contains(tail.log + ".1") },
      "let go of once it has no writer")
  }

  @Test("a writer that never lets go of the renamed file holds the new one up for a moment only")
  func stubbornWriter() throws {
    let tail = try Follower(["--from", "start"])
    let writer = open(tail.log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
    defer { close(writer) }
    write(writer, "a\n", 2)
    tail.expect("a\n")
    rename(tail.log, tail.log + ".1")
    append("new\n", to: tail.log)
    tail.expect("a\nnew\n")
    write(writer, "late\n", 5)
    tail.expect("a\nnew\nlate\n")
  }

  @Test("nothing is lost or repeated when blocks are cut off the head", arguments: ["ext4", "xfs"])
  func trimming(_ type: String) throws {
    guard isRoot else { return skip("mounting needs root") }
    let scratch = Scratch()
    let image = try #require(MountedImage(type, megabytes: 320, in: scratch))
    let tail = try Follower(["--from", "start"], in: scratch, log: image.path + "/app.log")
    var expected = ""
    for round in 0..<20 {
      let lines = (0..<2000).map { "round \(round) line \($0)\n" }.joined()
      expected += lines
      append(lines, to: tail.log)
      #expect(wait { tail.output.utf8.count == expected.utf8.count })
      // Cut, and grown again by more than that before anybody looks.
      #expect(collapse(tail.log, 4096 * (1 + round % 3)) == 0)
      let more = (0..<1000).map { "round \(round) after the cut \($0)\n" }.joined()
      expected += more
      append(more, to: tail.log)
    }
    tail.expect(expected)
    #expect(!tail.background.error.contains("truncated"))
    _ = tail.stop()
  }

  @Test("goes with symbolic links, of the file and of a directory above it")
  func links() throws {
    let scratch = Scratch()
    let first = scratch.directory("releases/1/log")
    let second = scratch.directory("releases/2/log")
    symlink("releases/1", scratch.path + "/current")
    symlink("1.log", first + "/app.log")
    let tail = try Follower(
      ["--from", "start"], in: scratch, log: scratch.path + "/current/log/app.log")
    append("first\n", to: first + "/1.log")
    tail.expect("first\n")
    append("second\n", to: first + "/2.log")
    symlink("2.log", first + "/new")
    rename(first + "/new", first + "/app.log")
    tail.expect("first\nsecond\n")
    append("third\n", to: second + "/app.log")
    symlink("releases/2", scratch.path + "/new")
    rename(scratch.path + "/new", scratch.path + "/current")
    tail.expect("first\nsecond\nthird\n")
    // Through a directory that is moved away, links and all.
    rename(scratch.path + "/releases", scratch.path + "/old")
    append("fourth\n", to: scratch.directory("releases/2/log") + "/app.log")
    tail.expect("first\nsecond\nthird\nfourth\n")
  }

  @Test("waits for a file whose directories are missing, and puts headings over several")
  func missing() throws {
    let scratch = Scratch()
    let late = scratch.path + "/not/yet/late.log"
    let tail = try Follower([late], in: scratch)
    #expect(wait { tail.background.error.components(separatedBy: "waiting for it").count == 3 })
    append("a\n", to: tail.log)
    tail.expect("==> \(tail.log) <==\na\n")
    append("b\n", to: scratch.directory("not/yet") + "/late.log")
    tail.expect("==> \(tail.log) <==\na\n\n==> \(late) <==\nb\n")
  }

  @Test("NULs and bytes that are no UTF-8 pass unharmed; a line over 1 MiB is cut, with a mark")
  func bytes() throws {
    let scratch = Scratch()
    let path = scratch.path + "/app.log"
    var bytes: [UInt8] = [0x61, 0, 0x62, 0xFF, 0xFE, 0x0A, 0x0A]
    append(bytes, to: path)
    append([UInt8](repeating: 0x78, count: 1 << 20) + [0x0A], to: path)
    append([UInt8](repeating: 0x79, count: 3 << 20), to: path)
    append("z\nlast\n", to: path)
    bytes += [UInt8](repeating: 0x78, count: 1 << 20) + [0x0A]
    bytes += [UInt8](repeating: 0x79, count: 1 << 20)
    bytes += Array(" [reapd: line cut after 1048576 bytes]\nlast\n".utf8)
    let tail = try Follower(["--from", "start"], in: scratch)
    let json = try Follower(["--json", "--from", "start"], in: scratch)
    func given() -> Data {
      FileManager.default.contents(atPath: tail.background.outputPath) ?? Data()
    }
    #expect(wait { given().count == bytes.count })
    #expect(given() == Data(bytes))
    #expect(wait { json.background.lines.count == 5 })
    let lines = decodeLines(json.background.output, as: TailLine.self)
    #expect(lines.map(\.offset) == [0, 6, 7, 1_048_584, 4_194_314])
    #expect(lines.first?.lineB64 == "YQBi//4=")
    #expect(lines.map { $0.cut == true } == [false, false, false, true, false])
    #expect(lines.last?.line == "last")
    #expect(lines.last?.path == path)
  }

  @Test("takes the options of tail(1) that ask for what it does anyway", arguments: ["-f", "-F"])
  func habits(option: String) throws {
    let scratch = Scratch()
    let log = scratch.path + "/app.log"
    append("one\ntwo\nthree\n", to: log)
    let tail = try Background(reapdBinary, ["tail", option, "-n2", log], in: scratch)
    #expect(wait { tail.output == "two\nthree\n" }, "\(tail.output) \(tail.error)")
    append("four\n", to: log)
    #expect(wait { tail.lines.last == "four" })
    tail.signal(SIGTERM)
    #expect(tail.exitStatus() == 0)
  }

  @Test("refuses what cannot be followed, with the code that says why")
  func refusals() {
    let scratch = Scratch()
    #expect(run(reapdBinary, ["tail"]).status == 64)
    #expect(run(reapdBinary, ["tail", "-n", "1", "--from", "end", "x"]).status == 64)
    #expect(run(reapdBinary, ["tail", scratch.path]).status == 65)
    // It means another thing to tail(1), and would quietly have meant one line here.
    let plus = run(reapdBinary, ["tail", "-n", "+1", "x"])
    #expect(plus.status == 64 && plus.error.contains("--from start"), "\(plus)")
    append("something else\n", to: scratch.path + "/checkpoint")
    let bad = run(reapdBinary, ["tail", "--checkpoint", scratch.path + "/checkpoint", "x"])
    #expect(bad.status == 65)
    #expect(bad.error.contains("remove it to begin anew"))
  }

  @Test("a second signal ends it though nobody reads what it has given out")
  func unread() throws {
    let scratch = Scratch()
    let log = scratch.path + "/app.log"
    append(String(repeating: "a line\n", count: 1 << 20), to: log)
    let tail = Process()
    tail.executableURL = URL(fileURLWithPath: reapdBinary)
    tail.arguments = ["tail", "--from", "start", log]
    let pipe = Pipe()
    tail.standardOutput = pipe
    try tail.run()
    defer { kill(tail.processIdentifier, SIGKILL) }
    let pid = tail.processIdentifier
    #expect(wait { isInWrite(pid) })
    kill(pid, SIGTERM)
    #expect(wait { !hasPendingSignal(pid) })
    #expect(isInWrite(pid))
    kill(pid, SIGTERM)
    #expect(wait { !tail.isRunning })
    #expect(tail.terminationReason == .exit && tail.terminationStatus == 128 + SIGTERM)
  }

  @Test("without events nothing wakes up")
  func idle() throws {
    let tail = try Follower(through: withoutOthersMounts)
    append("a\n", to: tail.log)
    tail.expect("a\n")
    rename(tail.log, tail.log + ".1")
    append("b\n", to: tail.log)
    tail.expect("a\nb\n")
    func switches() -> [String] {
      names(in: "/proc/\(tail.background.pid)/task").flatMap { task in
        let path = "/proc/\(tail.background.pid)/task/\(task)/status"
        let text = FileManager.default.contents(atPath: path) ?? Data()
        return String(decoding: text, as: UTF8.self).split(separator: "\n").filter {
          $0.hasPrefix("voluntary_ctxt")
        }.map { "\(task) \($0)" }
      }
    }
    #expect(comesToRest(tail.background.pid))
    // On a busy machine the last of what was done before may come after a rest: one time without anything
    // shows that nothing comes by itself.
    var seen: [[String]] = []
    for _ in 0..<4 {
      let quiet = switches()
      letPass(3, "idleness shows in nothing else")
      seen = [quiet, switches()]
      if seen[0] == seen[1] { break }
    }
    #expect(seen[0] == seen[1])
  }
}
