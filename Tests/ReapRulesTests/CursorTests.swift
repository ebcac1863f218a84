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
    match: String? = nil
  ) -> CursorReading {
    var settings = GenerationSettings()
    settings.layouts = layouts
    return readCursor(
      text, settings: settings, match: match.map(glob) ?? GenerationSettings.defaultGlob)
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
      (
        #"{"epoch":0,"rowCount":1,"layout":"source-table","tableDir":"table-1795794961000-"#
          + #"3f2c7f0e-8d2b-4d57-9a51-0c7f6a1f2b33","pendingFallbacks":2}"#,
        "table-1795794961000-3f2c7f0e-8d2b-4d57-9a51-0c7f6a1f2b33"
      ),
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

  @Test(
    "Dots lead into objects, unless there is a member of just that name",
    arguments: [
      (#"{"current":{"dir":"gen-1"}}"#, "gen-1"), (#"{"current.dir":"gen-1"}"#, "gen-1"),
      (#"{"current":7,"current.dir":"gen-1"}"#, "gen-1"),
      (#"{"current":{},"current.dir":"gen-1"}"#, "gen-1"),
      (#"{"current":{"dir":"gen-1"},"current.dir":"gen-1"}"#, nil),
      (#"{"current":{}}"#, nil), (#"{"current":"gen-1"}"#, nil), (#"{"current":null}"#, nil),
      (#"{"current":{"dir":{"dir":"gen-1"}}}"#, nil), (#"{"current":[{"dir":"gen-1"}]}"#, nil),
      (#"{"dir":"gen-1"}"#, nil), (#"{"current":{"dir":"gen-1","dir":"gen-2"}}"#, nil),
    ] as [(String, String?)])
  func dotted(text: String, name: String?) throws {
    let layout = CursorLayout.member(
      field: "current.dir", pattern: try #require(CursorPattern("{}")))
    #expect(read(bytes(text), [layout], match: "gen-*").name == name.map(entryName), "\(text)")
    // One that is not to be read must not make way for the next layout where it says something.
    let both = read(
      bytes(text), [layout, .text(try #require(CursorPattern("gen-{}")))], match: "*")
    if text.contains("null") || text.contains(":[") { #expect(both.name == nil) }
  }

  @Test(
    "A cursor of plain text is one line",
    arguments: [
      ("3", "v3"), ("3\n", "v3"), ("007", "v007"), ("a b", "va b"), ("é", "vé"), ("", nil),
      ("\n", nil), ("3\n\n", nil), ("3\n4", nil), ("\n3", nil), ("3\r\n", nil), ("3\0", nil),
      ("3\t", nil), ("a/b", nil), ("../v3", nil), (String(repeating: "9", count: 255), nil),
    ] as [(String, String?)])
  func plainText(text: String, name: String?) throws {
    let layout = CursorLayout.text(try #require(CursorPattern("v{}")))
    #expect(read(bytes(text), [layout], match: "*").name == name.map(entryName))
    #expect(isUnknown(read(bytes(text), [layout], match: "w*")))
  }

  @Test("Names in plain text are bytes, and neither dots nor nothing are a name")
  func plainNames() throws {
    let layout = CursorLayout.text(try #require(CursorPattern("{}")))
    let raw: [UInt8] = [0x67, 0xFF, 0x80]
    #expect(read(raw + [10], [layout], match: "g*") == .known(EntryName(raw)!))
    for bad in ["", ".", "..", "a/", "/a"] {
      #expect(isUnknown(read(bytes(bad), [layout], match: "*")))
    }
  }

  @Test("Plain text comes after JSON: a document that no layout reads is one line, too")
  func textAfterJSON() throws {
    let text = CursorLayout.text(try #require(CursorPattern("{}")))
    #expect(read(bytes(#"{"epoch":4}"#), [.hypaware, text]) == .known(entryName("epoch=4")))
    #expect(read(bytes("table-4\n"), [.hypaware, text]) == .known(entryName("table-4")))
    #expect(isUnknown(read(bytes(#"{"epoch":"#), [.hypaware, text])))
    #expect(isUnknown(read(bytes(#"{"rows":1}"#), [.hypaware, text])))
  }

  @Test(
    "A link names what lies beside it",
    arguments: [
      ("gen-3", "gen-3"), ("./gen-3", "gen-3"), ("gen-3/", nil), ("././gen-3", nil), ("", nil),
      ("/data/gen-3", nil), ("../p/gen-3", nil), ("sub/gen-3", nil), (".", nil), ("..", nil),
      ("./", nil), ("other", nil),
    ] as [(String, String?)])
  func link(target: String, name: String?) throws {
    var settings = GenerationSettings()
    settings.layouts = [.hypaware, .link(try #require(CursorPattern("{}")))]
    let reading = readCursorLink(bytes(target), settings: settings, match: glob("gen-*"))
    #expect(reading.name == name.map(entryName))
    settings.layouts = [.link(try #require(CursorPattern("gen-{}")))]
    #expect(
      readCursorLink(bytes("3"), settings: settings, match: glob("gen-*")).name
        == entryName("gen-3"))
    // A file is no link, and a link is none where no layout reads one.
    #expect(isUnknown(read(bytes("gen-3"), settings.layouts, match: "gen-*")))
    settings.layouts = [.hypaware]
    #expect(isUnknown(readCursorLink(bytes("table"), settings: settings, match: glob("*"))))
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

  @Test("Neither hidden directories nor the spool or a backup are entered")
  func entered() {
    for name in [
      ".retired", ".reapd.1", "_hypaware_spool", ".x", ".purge-cleanup", "tables_backup",
    ] {
      #expect(!GenerationSettings.isEntered(entryName(name)))
    }
    for name in ["datasets", "source=x", "_hypaware", "_hypaware_spool2"] {
      #expect(GenerationSettings.isEntered(entryName(name)))
    }
  }
}
