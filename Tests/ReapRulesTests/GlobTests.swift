// Shell patterns over the bytes of names.

import Testing

@testable import ReapRules

@Suite("Globs")
struct GlobTests {
  @Test(
    "A pattern matches what a shell's would",
    arguments: [
      ("spill_*", "spill_1_2", true), ("spill_*", "spill_", true), ("spill_*", "xspill_", false),
      ("*", "a", true), ("**a**", "bab", true), ("?", "ab", false), ("a?c", "abc", true),
      ("[a-c]x", "bx", true), ("[a-c]x", "dx", false), ("[!a-c]x", "dx", true),
      ("[^a-c]x", "bx", false), ("[]a]", "]", true), ("[a-]", "-", true), ("[-a]", "-", true),
      (#"\*"#, "*", true), (#"\*"#, "a", false), (#"\[a]"#, "[a]", true),
      ("*a*b*c", "xaxbxc", true),
      ("*a*b*c", "xaxbxcx", false), ("*.tmp.*", "x.tmp.1.tmp.2", true), ("*", ".hidden", true),
      ("a", "A", false),
    ])
  func matching(pattern: String, text: String, expected: Bool) {
    #expect(glob(pattern).matches(entryName(text)) == expected)
  }

  @Test(
    "Groups are one of several patterns, or one or more of them",
    arguments: [
      ("@(a|b)", "a", true), ("@(a|b)", "b", true), ("@(a|b)", "ab", false), ("@(a|b)", "c", false),
      ("x@(a|b)y", "xby", true), ("x@(a|b)y", "xy", false), ("x@(a|)y", "xy", true),
      ("+([0-9])", "7", true), ("+([0-9])", "123", true), ("+([0-9])", "12x", false),
      ("v+([0-9]).metadata.json", "v.metadata.json", false),
      ("v+([0-9]).metadata.json", "v10.metadata.json", true),
      ("+(ab|c)", "abcab", true), ("+(ab|c)", "aba", false), ("@(a*|b)c", "axxc", true),
      ("@(x+(a|b)|y)z", "xabbaz", true), ("@(x+(a|b)|y)z", "xz", false), ("+()a", "a", true),
      ("@", "@", true), ("a+b", "a+b", true), ("a|b", "a|b", true), ("(a)", "(a)", true),
      (#"@(\||\))"#, "|", true), (#"@(\||\))"#, ")", true), (#"\@(a)"#, "@(a)", true),
      ("@([|)])", ")", true),
    ])
  func groups(pattern: String, text: String, expected: Bool) {
    #expect(glob(pattern).matches(entryName(text)) == expected)
  }

  @Test("Names of generations are told from those that merely begin like one")
  func generations() {
    let pattern = glob(GenerationSettings.defaultMatch)
    let uuid = "3f2c7f0e-8d2b-4d57-9a51-0c7f6a1f2b33"
    for name in [
      "table", "table-1", "table-1795216876835", "epoch=0", "epoch=17", "table-7-\(uuid)",
      "table-1795794961000-\(uuid)",
    ] {
      #expect(pattern.matches(entryName(name)), "\(name)")
    }
    for name in [
      "tables_backup", "tables", "table-", "table-1x", "table--1", "xtable", "table1", "table-1-2",
      "epoch=", "epoch", "epoch=-1", "epoch=1.5", "Table", ".retired", "table\n", "table-１",
      "table-\(uuid)", "table-1-\(uuid)0", "table-1-\(uuid.dropLast())", "table-1\(uuid)",
      "table-1-\(uuid.uppercased())", "table-1-\(uuid.replacing("-", with: "0"))",
      "table-1-\(uuid)-\(uuid)", "epoch=1-\(uuid)", ".purge-cleanup", "table-1-\(uuid).tmp",
    ] {
      #expect(!pattern.matches(entryName(name)), "\(name)")
    }
  }

  @Test(
    "A group may be repeated a number of times, exactly",
    arguments: [
      ("{3}(a)", "aaa", true), ("{3}(a)", "aa", false), ("{3}(a)", "aaaa", false),
      ("x{2}(ab|c)y", "xabcy", true), ("x{2}(ab|c)y", "xccy", true), ("x{2}(ab|c)y", "xcy", false),
      ("{8}([0-9a-f])", "3480f633", true), ("{8}([0-9a-f])", "3480f63g", false),
      ("{2}({2}(a)b)", "aabaab", true), ("{2}({2}(a)b)", "aabab", false), ("{2}()a", "a", true),
      ("{2}", "{2}", true), ("{a}(b)", "{a}(b)", true), ("{2}a", "{2}a", true), ("{", "{", true),
      (#"\{2}(a)"#, "{2}(a)", true), ("{255}(a)", String(repeating: "a", count: 255), true),
    ])
  func repetitions(pattern: String, text: String, expected: Bool) {
    #expect(glob(pattern).matches(entryName(text)) == expected)
  }

  @Test(
    "A pattern tells how the names that fit it begin",
    arguments: [
      ("spill_+([0-9])_*", ["spill_"]), ("*", [""]), ("abc", ["abc"]), ("a?b", ["a"]),
      ("@(a|bc)d", ["ad", "bcd"]), ("x@(a|)y", ["xay", "xy"]), ("+(ab)c", ["ab", "abc"]),
      ("@(table|table-+([0-9])|epoch=+([0-9]))", ["table", "table-", "epoch="]),
      ("{2}(a|b)", ["aa", "ab", "ba", "bb"]), ("[a]b", [""]), (#"\**"#, ["*"]),
      ("{9}(a|b)", [""]),
    ])
  func beginnings(pattern: String, heads: [String]) {
    #expect(glob(pattern).beginnings == Set(heads.map(bytes)))
  }

  @Test("Patterns are apart if no name can begin like both", .timeLimit(.minutes(1)))
  func apart() {
    let generations = glob(GenerationSettings.defaultMatch)
    #expect(generations.isApart(from: glob("spill_+([0-9])_*")))
    #expect(generations.isApart(from: glob("v+([0-9])")))
    for same in ["*", "ta*", "table-5", "epoch", "?", "@(x|e*)"] {
      #expect(!generations.isApart(from: glob(same)) && !glob(same).isApart(from: generations))
    }
    // What begins with one of the heads begins with it, and what is said to be apart is.
    var random = SeededRandom(seed: 7)
    let parts = ["a", "b", "*", "?", "[ab]", "@(a|b)", "@(ab|)", "+(a)", "+(ab|b)", "{2}(a|b)"]
    for _ in 0..<300 {
      let pair = (0..<2).map { _ in
        glob((0..<3).map { _ in random.pick(parts) }.joined())
      }
      guard pair[0].isApart(from: pair[1]) else { continue }
      for _ in 0..<20 {
        let text = (0...Int(random.below(6))).map { _ in random.pick(["a", "b"]) }.joined()
        #expect(!pair[0].matches(entryName(text)) || !pair[1].matches(entryName(text)))
      }
    }
  }

  @Test("A pattern with too many states for a table matches like any other")
  func manyStates() {
    // Where the last `a` is may be any of 2^20 combinations of the twenty bytes before the end.
    let wide = glob("*a" + String(repeating: "[ab]", count: 20))
    let tail = String(repeating: "b", count: 20)
    #expect(wide.matches(entryName("bba" + tail)) && wide.matches(entryName("a" + tail)))
    #expect(!wide.matches(entryName("bbb" + tail)) && !wide.matches(entryName("a" + tail + "b")))
    let long = glob("{255}(@(a|b))")
    #expect(long.matches(entryName(String(repeating: "ab", count: 127) + "a")))
    #expect(!long.matches(entryName(String(repeating: "ab", count: 127))))
  }

  @Test("Groups within groups do not make matching slow, and too many are refused")
  func nestedGroups() {
    let name = entryName(String(repeating: "a", count: 254) + "b")
    #expect(!glob("+(+(+(+(a|aa)|a*)|+(a)))c").matches(name))
    func nested(_ depth: Int) -> String {
      String(repeating: "@(", count: depth) + "a" + String(repeating: ")", count: depth)
    }
    #expect(glob(nested(16)).matches(entryName("a")))
    #expect(throws: Glob.Malformed.self) { try Glob(nested(17)) }
    #expect(throws: Glob.Malformed.self) { try Glob(nested(100_000)) }
  }

  @Test("Names that are no text are matched byte by byte")
  func rawBytes() {
    let raw = EntryName(bytes("spill_") + [0xFF, 0x0A])!
    #expect(glob("spill_??").matches(raw) && glob("spill_*\n").matches(raw))
    #expect(!glob("spill_?").matches(raw) && !glob("?").matches(entryName("é")))
  }

  @Test(
    "A malformed pattern is refused",
    arguments: [
      "", "a/b", "[a", "[", "a\\", "[z-a]", "[]", "@(a", "+(a|b", "@(a|@(b)", "@(a/b)", "a\\/b",
      "{0}(a)", "{256}(a)", "{99999999999999999999}(a)", "{2}(a", "{200}({200}(a))",
    ])
  func malformed(pattern: String) {
    #expect(throws: Glob.Malformed.self) { try Glob(pattern) }
  }

  @Test("Patterns of more states than a word has bits are matched the same")
  func long() throws {
    let long = try Glob("@(" + (0..<20).map { "name-\($0)-?*" }.joined(separator: "|") + ")")
    let short = try Glob("name-@(7|19)-?*")
    for (name, fits) in [
      ("name-7-x", true), ("name-19-yy", true), ("name-7-", false), ("name-77-x", false),
      ("xname-7-x", false), ("name-", false),
    ] {
      #expect(long.matches(entryName(name)) == fits, "\(name)")
      #expect(short.matches(entryName(name)) == fits, "\(name)")
    }
    let literal = String(repeating: "a", count: 100)
    #expect(try Glob(literal).matches(entryName(literal)))
    #expect(try !Glob(literal).matches(entryName(literal + "a")))
    #expect(try Glob(literal + "*").matches(entryName(literal + "b")))
    #expect(try !Glob(literal + "*").matches(entryName(String(literal.dropLast()))))
  }

  @Test("Many stars do not make matching slow")
  func manyStars() {
    let pattern = glob(String(repeating: "a*", count: 60) + "b")
    #expect(!pattern.matches(entryName(String(repeating: "a", count: 255))))
  }
}
