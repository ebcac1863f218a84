// Reading from an audit log what is in quarantine at its end.

import Testing

@testable import ReapRules

@Suite("Condemned records")
struct CondemnedRecordTests {
  private static func line(
    _ action: AuditRecord.Action, _ path: [UInt8], id: Nanoseconds?, deadline: Nanoseconds? = nil
  ) -> [UInt8] {
    var record = AuditRecord(
      wall: NameTests.stamp, action: action, rule: "tables", kind: "generations", path: path,
      reason: Reason.quiet.rawValue, trigger: .graceOver)
    record.id = id.map { "\($0)" }
    record.deadline = deadline
    return Array(record.json.text.utf8)
  }

  @Test("What is condemned and neither reprieved nor reaped by its id is in quarantine")
  func collected() {
    var records = CondemnedRecords()
    let odd: [UInt8] = bytes("/r/p/ta") + [0xFF]
    let lines = [
      Self.line(.condemned, bytes("/r/p/table-1"), id: 1, deadline: 7 * second),
      Self.line(.condemned, odd, id: 2),
      Self.line(.condemned, bytes("/r/p/table-3"), id: 3),
      Self.line(.condemned, bytes("/r/p/table-4"), id: 4),
      Self.line(.reaped, bytes("/r/p/table-3"), id: 3),
      Self.line(.reprieved, bytes("/r/p/table-4"), id: 4),
      Self.line(.condemned, bytes("/r/p/table-4"), id: 5),
      Self.line(.reaped, bytes("/r/spill"), id: nil),
      Self.line(.refused, bytes("/r/p/table-1"), id: 1),
    ]
    for line in lines { records.take(line[...]) }
    #expect(records.records.map(\.id) == [1, 2, 5])
    #expect(
      records.records.map(\.path) == [bytes("/r/p/table-1"), odd, bytes("/r/p/table-4")])
    #expect(records.records.first?.deadline == 7 * second)
    #expect(records.records.first?.reason == "quiet" && records.records.first?.rule == "tables")
  }

  @Test("Torn lines, and lines of others, say nothing")
  func torn() {
    var records = CondemnedRecords()
    let whole = Self.line(.condemned, bytes("/r/p/table-1"), id: 1)
    for length in 0..<whole.count { records.take(whole[..<length]) }
    for text in ["", "{}", #""action":"condemned""#, #"{"action":"condemned","id":"x"}"#] {
      records.take(bytes(text)[...])
    }
    #expect(records.records.isEmpty)
  }

  @Test("Base64 is read as it is written, and nothing else is")
  func base64RoundTrip() {
    for length in 0..<70 {
      let data = (0..<length).map { UInt8(truncatingIfNeeded: $0 * 37 + length) }
      #expect(decodeBase64(base64(data)) == data)
    }
    for text in ["a", "ab=", "a===", "====", "ab=c", "ab==abcd", "a b=", "ab-_"] {
      #expect(decodeBase64(text) == nil, "\(text)")
    }
  }
}
