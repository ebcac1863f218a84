import ReapRules
import Testing

@Suite struct CursorDocumentTests {
  @Test("Members that are not known stay what and where they are") func unknownMembers() throws {
    let old = """
      {"x":{"b":[1,2.5,"t"],"e":{}},"epoch":4,"compaction":{"previousEpoch":3,"writerGeneration":5}}
      """
    let document = try CursorDocument(parsing: Array(old.utf8))
    #expect(document.layout == .epoch && document.live == EntryName("epoch=4"))
    var next = CursorDocument.Successor(name: try #require(EntryName("epoch=6")), epoch: 6)
    next.compaction = .init(
      at: isoMilliseconds(1_795_216_876_855_999_999), filesBefore: 9, filesAfter: 2)
    #expect(
      String(decoding: document.text(naming: next), as: UTF8.self) == """
        {
          "x": {
            "b": [
              1,
              2.5,
              "t"
            ],
            "e": {}
          },
          "epoch": 6,
          "compaction": {
            "previousEpoch": 4,
            "compactedAt": "2026-11-20T23:21:16.855Z",
            "resettleBaselineFiles": 2,
            "dataFilesBefore": 9,
            "writerGeneration": 5
          }
        }
        """)
  }

  @Test("What the reaper would call unknown, a writer does not replace") func unknown() {
    for text in [
      "", "{", "[]", "{}", "{\"tableDir\":\"table\"}", "{\"epoch\":\"0\"}", "{\"epoch\":-1}",
      "{\"epoch\":0,\"tableDir\":\"../table\"}", "{\"epoch\":0,\"tableDir\":\"tables\"}",
      "{\"epoch\":0,\"tableDir\":null}", "{\"epoch\":9223372036854775807,\"tableDir\":\"table\"}",
    ] {
      #expect(throws: CursorProblem.self, "\(text)") {
        try CursorDocument(parsing: Array(text.utf8))
      }
    }
  }

  @Test("The first cursor names its generation") func first() throws {
    let name = try #require(EntryName("table-7"))
    let document = try CursorDocument(parsing: CursorDocument.first(naming: name, rowCount: 3))
    #expect(document.live == name && document.layout == .sourceTable)
  }
}
