import ReapRules
import Testing

/// Lines of a text that comes in pieces of that many bytes.
private func lines(_ text: String, pieces: Int) -> [LineKind] {
  let bytes = Array(text.utf8)
  var scan = RowScan()
  var kinds: [LineKind] = []
  for start in stride(from: 0, to: bytes.count, by: pieces) {
    let piece = Array(bytes[start..<min(start + pieces, bytes.count)])
    var index = 0
    while let line = scan.nextLine(in: piece.span, from: index) {
      kinds.append(line.kind)
      index = line.end
    }
  }
  if !bytes.isEmpty, bytes.last != 0x0A { kinds.append(scan.endLine()) }
  return kinds
}

@Suite struct RowScanTests {
  @Test("Each line is told, however the stream is cut") func kinds() {
    let cases: [(String, LineKind)] = [
      ("{}", .row), ("[]", .row), (" {\"a\":[1,{\"b\":\"}\"}]} \r", .row), ("{\"\\\"{\":1}", .row),
      ("{\"\\\\\":1}", .row), ("{\"é\":\"\u{1F600}\"}", .row), ("", .blank), (" \t\r", .blank),
      ("{", .malformed), ("{\"a", .malformed), ("{\"a\\", .malformed), ("{]", .malformed),
      ("[}", .malformed), ("{}}", .malformed), ("{}{}", .malformed), ("12", .malformed),
      ("\"text\"", .malformed), ("null", .malformed), ("\u{FEFF}{}", .malformed),
      ("{\"a\u{1}\":1}", .malformed), ("{\"a\":\"to{\"b\":1}", .malformed), ("}", .malformed),
      (String(repeating: "[{\"a\":", count: 80) + "1" + String(repeating: "}]", count: 80), .row),
      (String(repeating: "[", count: 100) + String(repeating: "]", count: 99), .malformed),
    ]
    let text = cases.map { $0.0 + "\n" }.joined()
    for pieces in [1, 2, 3, 7, 64, 100_000] {
      #expect(lines(text, pieces: pieces) == cases.map(\.1), "in pieces of \(pieces)")
    }
  }

  @Test("Of a row, no beginning is a row") func torn() {
    let row = "{\"a\":[1,{\"b\":\"x\\\"}\\\\\"}],\"c\":null}"
    for length in 1..<row.utf8.count {
      #expect(lines(String(row.prefix(length)), pieces: 5) == [.malformed])
    }
    #expect(lines(row, pieces: 5) == [.row])
  }
}

@Suite struct BatchingTests {
  @Test("A batch is flushed at its bytes or its rows, whichever is first, and holds a row")
  func flush() {
    var settings = CompactionSettings()
    (settings.batchBytes, settings.batchRows, settings.targetBytes) = (100, 3, 1000)
    var batching = Batching(settings)
    var batches: [Int64] = []
    for size: Int64 in [10, 10, 10, 99, 1, 5000, 10] where batching.add(lineOf: size) {
      batches.append(batching.flush())
    }
    #expect(batches == [3, 2, 1])
    #expect(batching.rows == 1 && batching.bytes == 10)
    #expect(!batching.closes(fileOf: 999) && batching.closes(fileOf: 1000))
  }
}
