// Where what belongs to an entry lies, and which names say whose it is.

import Testing

@testable import ReapRules

@Suite("Patterns of scratch")
struct ScratchPatternTests {
  @Test("A path is in the entry, beside it, or the entry itself, and nowhere else")
  func paths() {
    let name = EntryName("w-1")!
    #expect(ScratchPath(".")?.place == .itself)
    #expect(ScratchPath("sub/own.lock")?.place == .inside)
    #expect(ScratchPath("../{name}.lock")?.path(for: name, nil) == Array("w-1.lock".utf8))
    #expect(ScratchPath("../{name}.lock")?.sibling(of: name, nil) == EntryName("w-1.lock"))
    #expect(ScratchPath("../locks/{name}")?.isSibling == false)
    #expect(ScratchPath("../lock")?.isSibling == false)
    #expect(ScratchPath("../{name}")?.sibling(of: name, nil) == nil)
    for wrong in ["", "/run/x", "..", "../", "../../x", "a/../b", "a//b", "./a", "../.", "a/"] {
      #expect(ScratchPath(wrong) == nil, "\(wrong)")
    }
  }

  @Test("A number is read whole, wherever it stands")
  func pids() {
    func pid(_ pattern: String, _ name: String) -> Int32? {
      PidPattern(pattern)?.match(Array(name.utf8))?.pid
    }
    #expect(pid("x-{pid}", "x-123") == 123)
    #expect(pid("*{pid}", "a12b345") == 345)
    #expect(pid("duck_{pid}_*", "duck_77_1") == 77)
    #expect(pid("x-{pid}5", "x-125") == nil)
    for name in ["x-0", "x-1", "x-01", "x-", "x-12a", "y-12", "x-99999999999"] {
      #expect(pid("x-{pid}", name) == nil, "\(name)")
    }
    let link = PidPattern("{host}-{pid}")?.match(Array("my-host-42".utf8))
    #expect(link == .init(pid: 42, host: Array("my-host".utf8)))
    #expect(PidPattern("x") == nil && PidPattern("{pid}{pid}") == nil)
  }

  @Test("A stem is what the entry shares with the files that belong to it")
  func stems() throws {
    let match = try Glob("s-{stem}-working", takesStem: true)
    let name = EntryName("s-ab-1-working")!
    #expect(match.matches(name) && !match.matches(EntryName("s-ab-1")!))
    let stem = try #require(match.stem)
    #expect(stem.part(of: name) == Array("ab-1".utf8))
    #expect(stem.part(of: EntryName("s-working")!) == nil)
    #expect(ScratchPath("../s-{stem}.lock")?.path(for: name, stem) == Array("s-ab-1.lock".utf8))
    #expect(ScratchPath("../{stem}")?.isSibling == true)
    #expect(
      ScratchPath("../{stem}-{name}")?.sibling(of: name, stem)
        == EntryName("ab-1-s-ab-1-working"))
    #expect(throws: Glob.Malformed.self) { try Glob("{stem}-x") }
    for wrong in ["{stem}{stem}", "*-{stem}", "{stem}[ab]", "@(a|b){stem}", "{stem}\\*"] {
      #expect(throws: Glob.Malformed.self, "\(wrong)") { try Glob(wrong, takesStem: true) }
    }
  }

  @Test("A pid file holds a number in its first line, or in a member of an object")
  func pidFiles() throws {
    let path = try #require(ScratchPath("x.pid"))
    func pid(_ text: String, _ field: String? = nil, _ start: String? = nil) -> Int32? {
      PidFile(path: path, field: field, startField: start).content(Array(text.utf8))?.pid
    }
    #expect(pid("42") == 42 && pid(" 42 \r\n/home/x\n") == 42)
    for wrong in ["", "\n42", "42 x", "0x42", "1", "0", "-5", "99999999999", "4 2"] {
      #expect(pid(wrong) == nil, "\(wrong)")
    }
    #expect(pid(#"{"p": 42}"#, "p") == 42)
    #expect(pid(#"{"p": 42, "s": 7}"#, "p", "s") == 42)
    for wrong in ["42", "{}", #"{"p": "42"}"#, #"{"p": 4.5}"#, #"{"p": 42"#] {
      #expect(pid(wrong, "p") == nil, "\(wrong)")
    }
    #expect(pid(#"{"p": 42}"#, "p", "s") == nil)
  }

  @Test("A boot is known where the kernel's devices are as old as its count")
  func boots() {
    #expect(Boot(counted: 1_000 * second, devicesBorn: 1_003 * second) == .at(998 * second))
    #expect(Boot(counted: 1_000 * second, devicesBorn: 950 * second) == .at(948 * second))
    for (counted, born) in [(nil, 5), (1_000 * second, nil), (1_000 * second, 900 * second)]
      as [(Nanoseconds?, Nanoseconds?)]
    {
      guard case .unknown = Boot(counted: counted, devicesBorn: born) else {
        Issue.record("\(String(describing: counted)) \(String(describing: born))")
        continue
      }
    }
  }
}
