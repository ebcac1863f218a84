// Cursors in the exact bytes that hypaware writes, and everything that must not pass for one.

import Testing

@testable import ReapRules

@Suite("Reading a cursor")
struct CursorTests {
  static let fresh = """
    {
      "epoch": 0,
      "rowCount": 100,
      "compaction": null,
      "layout": "source-table",
      "tableDir": "table"
    }
    """
  static let compacted = """
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
  static let epoch = """
    {
      "epoch": 1,
      "rowCount": 30,
      "compaction": {
        "previousEpoch": 0,
        "compactedAt": "2026-11-20T23:21:16.855Z"
      },
      "retention": {
        "checkedAt": "2026-11-20T23:21:16.855Z"
      }
    }
    """

  func read(
    _ text: [UInt8], _ layouts: [CursorLayout] = [.hypaware],
    match: String = GenerationSettings.defaultMatch
  ) -> CursorReading {
    var settings = GenerationSettings()
    settings.layouts = layouts
    return readCursor(text, settings: settings, match: glob(match))
  }

  func isUnknown(_ reading: CursorReading) -> Bool { reading.name == nil }

  @Test(
    "The cursors of the protocol name their live generation",
    arguments: [
      (fresh, "table"), (compacted, "table-1795216876835"), (epoch, "epoch=1"),
      (fresh + "\n", "table"),
      (#"{"epoch":0,"rowCount":100,"compaction":null,"layout":"source-table"}"#, "table"),
      (#"{"epoch":12}"#, "epoch=12"), (#"{"epoch":3,"layout":"epoch"}"#, "epoch=3"),
      (#"{"epoch":7,"tableDir":"table-5"}"#, "table-5"),
    ])
  func known(text: String, name: String) {
    #expect(read(bytes(text)) == .known(entryName(name)))
  }

  @Test(
    "What is not positively known is unknown, and says why",
    arguments: [
      ("", "it is empty, at byte 0"), ("\n", "it is empty, at byte 1"),
      ("\0\0\0\0", "a value is expected, at byte 0"), ("null", "it is not a JSON object"),
      ("[]", "it is not a JSON object"), ("\"table\"", "it is not a JSON object"),
      ("7", "it is not a JSON object"), ("{}", "no layout of the rule applies to it"),
      (#"{"rowCount":1}"#, "no layout of the rule applies to it"),
      (#"{"layout":"source-table"}"#, "it has no numeric epoch"),
      (#"{"tableDir":"table"}"#, "it has no numeric epoch"),
      (#"{"epoch":"0","tableDir":"table"}"#, "it has no numeric epoch"),
      (#"{"epoch":null,"tableDir":"table"}"#, "it has no numeric epoch"),
      (#"{"epoch":1.5}"#, "it has no numeric epoch"),
      (#"{"epoch":1e0}"#, "it has no numeric epoch"),
      (#"{"epoch":true}"#, "it has no numeric epoch"),
      (
        #"{"epoch":-1}"#, "it names 'epoch=-1', which is no generation by the rule's match"
      ),
      (#"{"epoch":0,"tableDir":null}"#, "its tableDir is not a text"),
      (#"{"epoch":0,"tableDir":5}"#, "its tableDir is not a text"),
      (#"{"epoch":0,"layout":null}"#, "its layout is not a text"),
      (#"{"epoch":0,"tableDir":""}"#, "its tableDir gives '', which is no directory's name"),
      (#"{"epoch":0,"tableDir":"."}"#, "its tableDir gives '.', which is no directory's name"),
      (#"{"epoch":0,"tableDir":".."}"#, "its tableDir gives '..', which is no directory's name"),
      (
        #"{"epoch":0,"tableDir":"../table"}"#,
        "its tableDir gives '../table', which is no directory's name"
      ),
      (
        #"{"epoch":0,"tableDir":"table/"}"#,
        "its tableDir gives 'table/', which is no directory's name"
      ),
      (
        #"{"epoch":0,"tableDir":"table\u0000"}"#,
        #"its tableDir gives 'table\x00', which is no directory's name"#
      ),
      (
        #"{"epoch":0,"tableDir":"tables_backup"}"#,
        "it names 'tables_backup', which is no generation by the rule's match"
      ),
      (
        #"{"epoch":0,"tableDir":"table-"}"#,
        "it names 'table-', which is no generation by the rule's match"
      ),
      (
        #"{"epoch":0,"epoch":1}"#, "the member 'epoch' is there twice, at byte 11"
      ),
    ])
  func unknown(text: String, why: String) {
    #expect(read(bytes(text)) == .unknown(why))
  }

  @Test("A name too long for a directory, or for the screen, is unknown")
  func longNames() {
    let long = String(repeating: "1", count: 250)
    guard case .unknown(let why) = read(bytes(#"{"epoch":0,"tableDir":"table-\#(long)"}"#)) else {
      Issue.record("256 bytes are no name")
      return
    }
    #expect(why.utf8.count < 160)
    let longest = "table-" + long.dropLast()
    #expect(read(bytes(#"{"epoch":0,"tableDir":"\#(longest)"}"#)) == .known(entryName(longest)))
  }

  @Test("A cursor torn at any byte is unknown, and so is a huge one")
  func torn() {
    for whole in [Self.fresh, Self.compacted, Self.epoch].map(bytes) {
      for length in 0..<whole.count { #expect(isUnknown(read(Array(whole[..<length])))) }
    }
    let spaces = Array(repeating: UInt8(0x20), count: cursorSizeLimit)
    #expect(read(bytes(Self.fresh) + spaces) == .unknown("it is larger than 1 MiB"))
  }

  @Test("A pattern makes a directory of a member, a text or a whole number")
  func members() throws {
    let layout = CursorLayout.member(
      field: "current", pattern: try #require(CursorPattern("gen-{}")))
    func reading(_ text: String) -> CursorReading {
      read(bytes(text), [layout], match: "gen-+([0-9a-z])")
    }
    #expect(reading(#"{"current":7}"#) == .known(entryName("gen-7")))
    #expect(reading(#"{"current":"7a"}"#) == .known(entryName("gen-7a")))
    for bad in [
      #"{"current":""}"#, #"{"current":"../x"}"#, #"{"current":1.5}"#, #"{"current":null}"#,
      #"{"current":["7"]}"#, #"{"epoch":0}"#, #"{"current":"é"}"#,
    ] {
      #expect(isUnknown(reading(bad)), "\(bad)")
    }
  }

  @Test("The first layout that applies decides, also when it cannot tell")
  func order() throws {
    let layout = CursorLayout.member(field: "current", pattern: try #require(CursorPattern("{}")))
    let both = bytes(#"{"epoch":4,"current":"table-9"}"#)
    #expect(read(both, [.hypaware, layout]) == .known(entryName("epoch=4")))
    #expect(read(both, [layout, .hypaware]) == .known(entryName("table-9")))
    #expect(read(bytes(#"{"epoch":4}"#), [layout, .hypaware]) == .known(entryName("epoch=4")))
    #expect(isUnknown(read(bytes(#"{"epoch":4,"current":[]}"#), [layout, .hypaware])))
    #expect(isUnknown(read(bytes(#"{"epoch":"x","current":"table-9"}"#), [.hypaware, layout])))
  }

  @Test("A pattern has one place for the member, and no slash")
  func patterns() {
    for bad in ["", "gen", "{}{}", "a/{}", "{}\0", "{ }"] { #expect(CursorPattern(bad) == nil) }
    #expect(CursorPattern("a{}b")?.text == "a{}b" && CursorPattern("{{}}")?.prefix == "{")
  }

  @Test("Neither hidden directories nor the spool are entered")
  func entered() {
    for name in [".retired", ".reapd.1", "_hypaware_spool", ".x"] {
      #expect(!GenerationSettings.isEntered(entryName(name)))
    }
    for name in ["datasets", "source=x", "_hypaware", "_hypaware_spool2"] {
      #expect(GenerationSettings.isEntered(entryName(name)))
    }
  }
}
