// Lines, positions, names and checkpoints of a tail: pure functions, without a disk; and
// the files beside a log.

import Glibc
import OwnedDirectories
import ReapRules
import Testing

@testable import Watching

@Suite("A tail's pure parts")
struct TailPositionTests {
  @Test("whole lines are given out, torn ones waited for, long ones cut")
  func lines() {
    func scan(
      _ text: String, capacity: Int = 9, limit: Int = 8, isSkipping: Bool = false
    ) -> LineStep {
      let bytes = Array(text.utf8)
      return scanLines(
        count: bytes.count, capacity: capacity, first: bytes.firstIndex(of: 10),
        last: bytes.lastIndex(of: 10), limit: limit, isSkipping: isSkipping)
    }
    #expect(scan("") == .wait)
    #expect(scan("a\nbc\nd") == .lines(5))
    #expect(scan("torn") == .wait)
    #expect(scan("12345678\n") == .lines(9), "as long as the limit")
    #expect(scan("12345678") == .wait, "its newline may follow")
    #expect(scan("123456789") == .cut(8))
    #expect(scan("1234", capacity: 4) == .enlarge)
    #expect(scan("rest\nnext\n", isSkipping: true) == .pass(5))
    #expect(scan("rest", isSkipping: true) == .pass(4))
    #expect(scan("", isSkipping: true) == .wait)
  }

  /// Distinct lines, as logs have.
  private let log = Array((0..<2000).map { "line \($0) of the log\n" }.joined().utf8)

  private func place(_ offset: Int) -> ReadingPosition {
    ReadingPosition(
      offset: Int64(offset), window: Array(log[max(0, offset - 1024)..<offset]), isSkipping: false)
  }

  /// Where a position is in a file that was cut; nil where it is gone.
  private func relocated(_ position: ReadingPosition, in file: [UInt8]) throws -> Int64? {
    var template = Array("/tmp/reapd-search.XXXXXX".utf8CString)
    let number = mkstemp(&template)
    defer {
      close(number)
      unlink(template)
    }
    _ = write(number, file, file.count)
    let descriptor = Descriptor(number: number)
    let source = TailSource(
      descriptor, try status(of: descriptor).identity, at: position, log: 0, limit: 100)
    let buffer = ReadBuffer(capacity: TailSource.pieceSize)
    try source.beginSearch()
    while try !source.continueSearch(buffer) {}
    return source.cutRecord == nil ? source.position.offset : nil
  }

  @Test("what began otherwise when its neighbours were judged is not given out; its head is kept")
  func beginning() throws {
    var template = Array("/tmp/reapd-begin.XXXXXX".utf8CString)
    let number = mkstemp(&template)
    defer {
      close(number)
      unlink(template)
    }
    _ = write(number, "after the cut\n", 14)
    let descriptor = Descriptor(number: number)
    let source = TailSource(
      descriptor, try status(of: descriptor).identity, at: .start, log: 0, limit: 100)
    let buffer = ReadBuffer(capacity: TailSource.pieceSize)
    var given = 0
    source.beginning = .init(after: 0, packedSince: 0, head: FileHead("before it\n".utf8))
    let cut = try source.read(buffer) { piece in
      given += piece.range.count
      return piece.range.count
    }
    guard case .cutUnread = cut else { return #expect(Bool(false), "\(cut)") }
    #expect(given == 0 && source.position == .start)
    #expect(try source.longerHead(upTo: 256) == FileHead("after the cut\n".utf8))
    source.beginning?.head = FileHead("after".utf8)
    _ = try source.read(buffer) { piece in
      given += piece.range.count
      return piece.range.count
    }
    #expect(given == 14 && source.beginning == nil)
    _ = pwrite(number, "cut again\n", 10, 0)
    #expect(
      try source.longerHead(upTo: 256) == FileHead("after the cut\n".utf8), "that of what was read")
    #expect(try source.isCut(within: .max / 2) && source.cutRecord?.position.offset == 14)
  }

  @Test("a position is found again after any cut of whole blocks before it")
  func moved() throws {
    for cut in [512, 4096, 8192, 16384, 20480] {
      #expect(try relocated(place(20490), in: Array(log[cut...])) == Int64(20490 - cut))
    }
    let grown = Array(log[4096...]) + Array("and so on\n".utf8)
    #expect(try relocated(place(log.count), in: grown) == Int64(log.count - 4096))
  }

  @Test("a position that was cut off, or whose file was rewritten, is gone")
  func gone() throws {
    #expect(try relocated(place(20490), in: Array(log[24576...])) == nil)
    #expect(try relocated(place(20490), in: []) == nil)
    #expect(try relocated(place(20490), in: Array("new\n".utf8)) == nil)
    #expect(try relocated(place(700), in: Array(repeating: 0x78, count: 5000)) == nil)
  }

  @Test(
    "names that rotation gives are told from others",
    arguments: [
      ("app.log.1", true), ("app.log.12", true), ("app.log-20261120", true), ("app.1.log", true),
      ("app.log.2026-11-20T12:00", true), ("app.log.old", true), ("app-2026-11-20.log", true),
      ("app.log.1.gz", false), ("app-error.log", false), ("app.log", false), ("app.logger", false),
      ("app.log.err", false), ("app2.log", false), ("other.log.1", false), (".log", false),
      ("app.log.-", false), ("@400000006812340001a2b3c4d.s", false),
    ])
  func names(_ name: String, _ expected: Bool) {
    #expect(isRotatedName(Array(name.utf8), of: Array("app.log".utf8)) == expected)
  }

  @Test(
    "multilog and svlogd name what they rotate by TAI64N, beside current only",
    arguments: [
      ("@400000006812340a1a2b3c4d.s", true), ("@400000006812340a1a2b3c4d.u", true),
      ("@400000006812340a1a2b3c4d", true), ("@400000006812340a1a2b3c4d.gz", false),
      ("@400000006812340a", false), ("@400000006812340aXa2b3c4d.s", false), ("state", false),
      ("lock", false), ("current.1", true),
    ])
  func stamped(_ name: String, _ expected: Bool) {
    #expect(isRotatedName(Array(name.utf8), of: Array("current".utf8)) == expected)
  }

  @Test("files behind a dated link follow each other by their dates' digits alone")
  func dated() {
    func peers(_ name: String, _ base: String) -> Bool {
      isDatedPeer(Array(name.utf8), of: Array(base.utf8))
    }
    #expect(peers("app-2026-11-20.log", "app-2026-11-21.log"))
    #expect(peers("app.20261120", "app.20261121"))
    #expect(!peers("app-2026-11-21.log", "app-2026-11-21.log"), "itself")
    #expect(!peers("api-2026-11-20.log", "app-2026-11-21.log"))
    #expect(!peers("worker-1.log", "worker-2.log"), "a number is no date")
    let after = successors(
      of: Array("app-2026-11-22.log".utf8), after: 10,
      current: FileIdentity(device: 1, inode: 3, birth: 30),
      among: [
        sibling("app-2026-11-20.log", inode: 1, birth: 10),
        sibling("app-2026-11-21.log", inode: 2, birth: 20),
        sibling("app-2026-11-22.log", inode: 3, birth: 30),
      ], isLinked: true)
    #expect(after.map(\.identity.inode) == [1, 2])
  }

  @Test("names of the user's own count as well")
  func pattern() throws {
    let glob = try Glob("app_*.done")
    let found = successors(
      of: Array("app.log".utf8), after: 0, current: nil,
      among: [sibling("app_x.done", inode: 1, birth: 1), sibling("app_x.log", inode: 2, birth: 2)],
      pattern: glob)
    #expect(found.map(\.identity.inode) == [1])
  }

  @Test("compressed parts come in the order of their last lines; one in the making is not one yet")
  func packed() throws {
    let names = PartNames(base: Array("log".utf8), pattern: try Glob("kept_*"))
    func packed(_ files: [(String, Int64)]) -> [String] {
      let siblings = files.enumerated().map { index, file in
        sibling(file.0, inode: UInt64(index), birth: 1, modification: file.1, size: 1)
      }
      return names.packed(among: siblings).map { String(decoding: $0.name, as: UTF8.self) }
    }
    #expect(packed([("log.1.gz", 9), ("log.2.gz", 5)]) == ["log.2.gz", "log.1.gz"])
    #expect(packed([("log.9.gz", 5), ("log.10.gz", 5)]) == ["log.10.gz", "log.9.gz"], "one tick")
    #expect(packed([("log-20261121.gz", 5), ("log-20261120.gz", 5)]).first == "log-20261120.gz")
    #expect(packed([("log.1", 9), ("log.1.gz", 9), ("log.2.gz", 5)]) == ["log.2.gz"])
    #expect(
      packed([("log.1", 10), ("log.1.gz", 9)]) == ["log.1.gz"], "what it was made of is gone")
    #expect(packed([("kept_a.gz", 1), ("other.1.gz", 1), ("log.gz", 1)]) == ["kept_a.gz"])
    #expect(!names.matches(Array("kept_a.gz".utf8)), "never given out as it is")
  }

  @Test("Numbers and dates in names tell which part is older, where both have them")
  func namesTell() throws {
    let names = PartNames(base: Array("log".utf8))
    func isOlder(_ left: String, _ right: String) -> Bool? {
      names.isOlderByName(Array(left.utf8), than: Array(right.utf8))
    }
    #expect(isOlder("log.2.gz", "log.1") == true && isOlder("log.9", "log.10.gz") == false)
    #expect(isOlder("log-20261120.gz", "log-20261121") == true)
    #expect(isOlder("log.20261128-111352.gz", "log.20261128-111353") == true)
    #expect(isOlder("log.1.gz", "log.1") == nil)
    #expect(isOlder("log.1", "log-20261121") == nil && isOlder("log.old", "log.bak") == nil)
  }

  @Test("a copy comes before the log that was cut after it and renamed, which is older")
  func copies() {
    let found = successors(
      of: Array("log".utf8), after: 0, current: nil,
      among: [
        sibling("log.2", inode: 1, birth: 10, modification: 40),
        sibling("log.1", inode: 2, birth: 41, modification: 50),
        sibling("log.3", inode: 3, birth: 20, modification: 30),
      ])
    #expect(found.map(\.identity.inode) == [3, 1, 2])
  }

  private func sibling(
    _ name: String, inode: UInt64, birth: Int64?, change: Int64 = 0, modification: Int64 = 0,
    size: Int64 = 0
  ) -> LogSibling {
    LogSibling(
      name: Array(name.utf8), identity: FileIdentity(device: 1, inode: inode, birth: birth),
      change: change, modification: modification, size: size)
  }

  @Test("files between two others come in the order of their births, then of their renames")
  func successions() {
    let current = FileIdentity(device: 1, inode: 9, birth: 50)
    let found = successors(
      of: Array("log".utf8), after: 10, current: current,
      among: [
        sibling("log.1", inode: 4, birth: 30, change: 8), sibling("log", inode: 9, birth: 50),
        sibling("log.2", inode: 3, birth: 30, change: 7), sibling("log.3", inode: 2, birth: 20),
        sibling("log.4", inode: 1, birth: 9), sibling("log.5", inode: 7, birth: 60),
        sibling("log.6", inode: 8, birth: nil), sibling("other.1", inode: 5, birth: 20),
        sibling("log.9", inode: 12, birth: 40), sibling("log.10", inode: 11, birth: 40),
        sibling("log-20261121", inode: 22, birth: 45),
        sibling("log-20261120", inode: 21, birth: 45),
      ])
    #expect(found.map(\.identity.inode) == [2, 3, 4, 11, 12, 21, 22])
  }

  @Test("a checkpoint reads back as it was written, and nothing else reads")
  func checkpoints() {
    let checkpoint = TailCheckpoint(logs: [
      .init(
        path: Array("/var/log/a b\n\u{FF}".utf8) + [0xFF], since: 1_795_000_000_000_000_000,
        files: [
          .init(
            identity: FileIdentity(device: 1, inode: 2, birth: nil),
            head: FileHead(Array("head".utf8)), position: place(5000)),
          .init(
            identity: FileIdentity(device: .max, inode: .max, birth: .max),
            head: FileHead([]), position: .start),
        ]),
      .init(
        path: [0x2F], since: 0, files: [],
        neighbours: [FileIdentity(device: 1, inode: 3, birth: 4)],
        places: [Array("/srv/old logs/\n/".utf8)],
        done: [.init(head: FileHead(Array("done".utf8)), size: .max)]),
    ])
    let text = checkpoint.text
    #expect(TailCheckpoint(text) == checkpoint)
    for length in 0..<text.count { #expect(TailCheckpoint(Array(text[..<length])) == nil) }
    #expect(TailCheckpoint(text + [0x0A]) == nil)
    #expect(TailCheckpoint(Array("reapd-tail 2\nend\n".utf8)) == nil)
  }

  @Test("a reused inode is not taken for the file that had it")
  func identities() {
    func file(_ birth: Int64?, _ head: String) -> TailCheckpoint.File {
      .init(
        identity: FileIdentity(device: 1, inode: 2, birth: birth),
        head: FileHead(Array(head.utf8)), position: .start)
    }
    func isSame(
      _ saved: TailCheckpoint.File, _ birth: Int64?, _ head: String, device: UInt64 = 1
    ) -> Bool {
      saved.isSame(FileIdentity(device: device, inode: 2, birth: birth)) {
        FileHead(head.utf8.prefix($0))
      }
    }
    #expect(isSame(file(7, "abc"), 7, "cut at its head"))
    #expect(!isSame(file(7, "abc"), 8, "cut at its head"))
    #expect(isSame(file(7, "abc"), 8, "abcdef"), "copied up by an overlay")
    #expect(isSame(file(nil, "abc"), nil, "abcdef"))
    #expect(!isSame(file(nil, "abc"), nil, "abd"))
    #expect(!isSame(file(nil, ""), nil, "abd"), "an empty head says nothing")
    #expect(isSame(file(7, "abc"), 7, "abcdef", device: 5), "numbered anew by a boot")
    #expect(!isSame(file(7, "abc"), 7, "xyz", device: 5))
  }
}

@Test("a file beside a log is opened under the name that rotation has given it since")
func renamedSibling() throws {
  var template = Array("/var/tmp/reapd-test.XXXXXX".utf8CString)
  let directory = String(cString: mkdtemp(&template)) + "/"
  defer {
    unlink(directory + "app.log.2")
    rmdir(directory)
  }
  close(open(directory + "app.log.1", O_WRONLY | O_CREAT, 0o644))
  let sibling = try #require(logSiblings(in: Array(directory.utf8)).first)
  // Between two renames nothing has the old name.
  rename(directory + "app.log.1", directory + "app.log.2")
  guard case .opened(let file, let status) = openSibling(sibling) else {
    Issue.record("it has another name only")
    return
  }
  #expect(status.identity == sibling.identity)
  file.close()
  unlink(directory + "app.log.2")
  guard case .gone = openSibling(sibling) else {
    Issue.record("it has no name")
    return
  }
}
