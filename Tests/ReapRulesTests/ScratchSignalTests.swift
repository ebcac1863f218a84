// Which entry a file beside it belongs to: the way back from the path that a rule says.

import Testing

@testable import ReapRules

@Suite("Files beside scratch")
struct ScratchSignalTests {
  private func concern(
    _ path: String, of name: String, match: String = "*"
  ) throws -> ScratchSignal.Concern? {
    let path = try #require(ScratchPath(path))
    return try path.signal?.concern(of: #require(EntryName(name)), GlobStem(match))
  }

  @Test(
    "A name leads to its entry, and no other name does",
    arguments: [
      ("../{name}.lock", "work-1.lock", "work-1"), ("../.{name}.lock", ".work-1.lock", "work-1"),
      ("../{name}.lock", "work-1.lock.lock", "work-1.lock"), ("../locks/{name}", "x", "x"),
      ("../{name}.lock", "work-1.lok", nil), ("../{name}.lock", ".lock", nil),
      ("../{name}.lock", "lock", nil), ("../a{name}a", "a", nil), ("../a{name}a", "aa", nil),
      ("../a{name}a", "aba", "b"),
    ])
  func names(path: String, name: String, entry: String?) throws {
    #expect(try concern(path, of: name) == entry.flatMap { EntryName($0) }.map { .entry($0) })
  }

  @Test("A stem leads to the whole name")
  func stems() throws {
    let working = try #require(EntryName("s-abc-working"))
    let match = "s-{stem}-working"
    #expect(try concern("../s-{stem}.lock", of: "s-abc.lock", match: match) == .entry(working))
    #expect(try concern("../s-{stem}.lock", of: "abc.lock", match: match) == nil)
  }

  @Test("One file for all concerns all")
  func all() throws {
    #expect(try concern("../global.lock", of: "global.lock") == .all)
    #expect(try concern("../global.lock", of: "global.lock2") == nil)
  }

  @Test("Where it lies, or nothing where each entry has a directory of its own for it")
  func directories() {
    func directories(_ path: String) -> [String]? {
      ScratchPath(path)?.signal?.directories.map(\.display)
    }
    #expect(directories("../{name}.lock") == [])
    #expect(directories("../a/b/{name}") == ["a", "b"])
    #expect(directories("../{name}.d/lock") == nil)
    #expect(directories("../{name}-{name}") == nil)
    #expect(directories("{name}.lock") == nil)
    #expect(directories(".") == nil)
  }

  @Test("The way there and the way back are one, whatever the name")
  func roundTrip() throws {
    for seed in UInt64(1)...2000 {
      var random = SeededRandom(seed: seed)
      let alphabet: [UInt8] = Array("ab.{}n\u{7}".utf8) + [0xFF]
      func some(_ least: Nanoseconds) -> [UInt8] {
        (0..<least + random.below(5)).map { _ in random.pick(alphabet) }
      }
      let text =
        "../" + random.pick(["", "a", ".", "b.b"]) + "{name}" + random.pick(["", "b", ".a"])
      guard let name = EntryName(some(1)), let path = ScratchPath(text),
        let file = EntryName(path.path(for: name, nil))
      else { continue }
      #expect(path.signal?.concern(of: file, nil) == .entry(name), "seed \(seed)")
    }
  }
}
