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

  @Test("Names that are no text are matched byte by byte")
  func rawBytes() {
    let raw = EntryName(bytes("spill_") + [0xFF, 0x0A])!
    #expect(glob("spill_??").matches(raw) && glob("spill_*\n").matches(raw))
    #expect(!glob("spill_?").matches(raw) && !glob("?").matches(entryName("é")))
  }

  @Test("A malformed pattern is refused", arguments: ["", "a/b", "[a", "[", "a\\", "[z-a]", "[]"])
  func malformed(pattern: String) {
    #expect(throws: Glob.Malformed.self) { try Glob(pattern) }
  }

  @Test("Many stars do not make matching slow")
  func manyStars() {
    let pattern = glob(String(repeating: "a*", count: 60) + "b")
    #expect(!pattern.matches(entryName(String(repeating: "a", count: 255))))
  }
}
