// Reading JSON: what RFC 8259 allows is understood, everything else is refused with its place.

import Testing

@testable import ReapRules

@Suite("The JSON parser")
struct JSONParserTests {
  static let cursor = """
    {
      "epoch": 0,
      "rowCount": 100,
      "compaction": {
        "previousTableDir": "table",
        "compactedAt": "2026-11-20T23:21:16.855Z",
        "resettleBaselineFiles": 1,
        "dataFilesBefore": 4,
        "writerGeneration": 2
      },
      "layout": "source-table",
      "tableDir": "table-1795216876835"
    }
    """

  func problem(_ text: [UInt8]) -> JSONProblem? {
    do {
      _ = try JSONValue(parsing: text)
      return nil
    } catch { return error }
  }

  @Test("A cursor is read member by member")
  func cursorIsRead() throws {
    let value = try JSONValue(parsing: bytes(Self.cursor))
    #expect(value["epoch"]?.integer == 0 && value["layout"]?.string == "source-table")
    #expect(value["compaction"]?["previousTableDir"]?.string == "table")
    #expect(value["tableDir"]?.string == "table-1795216876835")
    #expect(value["absent"] == nil && value["epoch"]?["x"] == nil && value.string == nil)
    #expect(try JSONValue(parsing: bytes(value.text)) == value)
  }

  @Test("A cursor torn at any byte is refused")
  func torn() {
    let whole = bytes(Self.cursor)
    for length in 0..<whole.count {
      #expect(problem(Array(whole[..<length])) != nil, "\(length) bytes")
    }
    #expect(problem(whole) == nil)
  }

  @Test(
    "What the RFC allows is read",
    arguments: [
      (" \t\r\n{ } \n", "{}"), ("[ ]", "[]"), ("[1 , [ 2 ] ]", "[1,[2]]"), ("null", "null"),
      ("true", "true"), ("-0", "0"), ("9223372036854775807", "9223372036854775807"),
      ("-9223372036854775808", "-9223372036854775808"), ("0.5", "0.5"), ("-0.5E+2", "-50.0"),
      ("1e-999", "0.0"), ("9223372036854775808", "9.223372036854776e+18"), ("1e308", "1e+308"),
      (#""\"\\\/\b\f\n\r\t""#, #""\"\\/\u0008\u000c\n\r\t""#), (#""\u00e9\uD83D\ude00""#, "\"é😀\""),
      (#""\u0000""#, #""\u0000""#), ("\"\u{7F}\"", #""\u007f""#),
      ("{\"é\":1,\"e\u{301}\":2}", "{\"é\":1,\"e\u{301}\":2}"),
    ])
  func allowed(text: String, expected: String) throws {
    let value = try JSONValue(parsing: bytes(text))
    #expect(bytes(value.text) == bytes(expected))
  }

  @Test(
    "What it does not is refused, with the place",
    arguments: [
      ("", 0, "it is empty"), (" \n", 2, "it is empty"), ("\u{FEFF}{}", 0, "a byte order mark"),
      ("{}x", 2, "something follows the value"), ("{} {}", 3, "something follows the value"),
      ("{", 1, "it ends where a member's name is expected"),
      ("{a:1}", 1, "a member's name is expected"),
      (#"{"a" 1}"#, 5, "':' is expected"), (#"{"a":1,}"#, 7, "a member's name is expected"),
      ("[1,]", 3, "a value is expected"), ("[1 2]", 3, "',' or ']' is expected"),
      ("[1}", 2, "',' or ']' is expected"), ("nul", 0, "'null' is expected"),
      ("True", 0, "a value is expected"), ("NaN", 0, "a value is expected"),
      ("01", 1, "something follows the value"), ("-", 1, "it ends where a digit is expected"),
      ("+1", 0, "a value is expected"), (".5", 0, "a value is expected"),
      ("1.", 2, "it ends where a digit is expected"), ("1.e5", 2, "a digit is expected"),
      ("1e", 2, "it ends where a digit is expected"), ("0x10", 1, "something follows the value"),
      ("[1e999]", 1, "a number beyond the range of a double"),
      ("-1e99999999999999999999", 0, "a number beyond the range of a double"),
      (#"{"a":1,"\u0061":2}"#, 7, "the member 'a' is there twice"),
      ("\"a", 2, "it ends where the end of a string is expected"),
      ("\"a\nb\"", 2, "a control character in a string"), ("'a'", 0, "a value is expected"),
      (#""\x""#, 1, "an unknown escape"), (#""\u12g4""#, 5, "a hexadecimal digit is expected"),
      (#""\uD800""#, 1, "half a surrogate pair"), (#""\uDC00""#, 1, "half a surrogate pair"),
      (#""\uD800\u0041""#, 1, "half a surrogate pair"), (#""\uD800x""#, 1, "half a surrogate pair"),
      ("// x\n1", 0, "a value is expected"), ("\u{A0}1", 0, "a value is expected"),
    ])
  func refused(text: String, offset: Int, what: String) {
    #expect(problem(bytes(text)) == JSONProblem(offset: offset, what: what))
  }

  @Test(
    "Bytes that are not UTF-8 are refused, in and outside of strings",
    arguments: [
      [0xFF], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xE2, 0x82], [0xF4, 0x90, 0x80, 0x80],
    ])
  func notUTF8(raw: [UInt8]) {
    #expect(
      problem([0x20, 0x22] + raw + [0x22])
        == JSONProblem(offset: 1, what: "a string that is not UTF-8"))
    #expect(problem(raw) == JSONProblem(offset: 0, what: "a value is expected"))
  }

  @Test("Nesting is read 64 deep, and a million brackets are refused without harm")
  func nesting() {
    func nested(_ depth: Int) -> [UInt8] {
      Array(repeating: 0x5B, count: depth) + Array(repeating: 0x5D, count: depth)
    }
    #expect(problem(nested(64)) == nil)
    let tooDeep = JSONProblem(offset: 64, what: "it is nested more than 64 deep")
    #expect(problem(nested(65)) == tooDeep && problem(nested(1_000_000)) == tooDeep)
    #expect(problem(Array(repeating: 0x5B, count: 1_000_000)) == tooDeep)
    let wide = "[" + Array(repeating: "[]", count: 1000).joined(separator: ",") + "]"
    #expect(problem(bytes(wide)) == nil, "leaving a list counts")
  }

  @Test("Damage to a cursor is read or refused, and what is read can be written and read again")
  func noise() throws {
    for seed in UInt64(1)...5000 {
      var random = SeededRandom(seed: seed)
      var text = bytes(Self.cursor)
      for _ in 0...random.below(4) {
        text[Int(random.below(Nanoseconds(text.count)))] = UInt8(random.below(256))
      }
      guard let value = try? JSONValue(parsing: text) else { continue }
      #expect(try JSONValue(parsing: bytes(value.text)) == value, "seed \(seed)")
    }
  }
}
