// JSON, base64 and the audit line, byte for byte.

import Testing

@testable import ReapRules

@Suite("Formats")
struct FormatTests {
  @Test("JSON is one line, in the order given, with all that acts on a terminal escaped")
  func json() {
    let value = JSONValue.object([
      ("b", .array([.null, .bool(true), .bool(false), .integer(.min)])),
      ("a\"", .string("q\" b\\ /\n\r\t\u{0}\u{1F}\u{7F} é漢😀\u{85}\u{9B}\u{202E}\u{2028}\u{E0041}")),
      ("e", .object([])),
    ])
    #expect(
      value.text == #"{"b":[null,true,false,-9223372036854775808],"a\"":"q\" b\\ /"#
        + #"\n\r\t\u0000\u001f\u007f é漢😀\u0085\u009b\u202e\u2028\udb40\udc41","e":{}}"#)
  }

  @Test(
    "Base64 is that of RFC 4648, section 10",
    arguments: [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
      ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ])
  func rfc4648(text: String, expected: String) { #expect(base64(bytes(text)) == expected) }

  @Test("Base64 uses both of its last letters")
  func lastLetters() { #expect(base64([0xFB, 0xEF, 0xFF]) == "++//") }

  @Test("A path that is UTF-8 is text, any other is base64 under another key")
  func paths() {
    #expect(JSONValue.object([JSONValue.pathMember(bytes("/a\n"))]).text == #"{"path":"/a\n"}"#)
    #expect(JSONValue.object([JSONValue.pathMember([0x2F, 0xFF])]).text == #"{"path_b64":"L/8="}"#)
  }

  @Test("An audit line has the keys of the contract, in its order")
  func auditLine() {
    var record = AuditRecord(
      wall: 1_795_216_264_123_456_789, action: .reaped, rule: "ant", kind: "spill",
      path: bytes("/d/spill_1_2"), reason: Reason.lockReleased.rawValue, trigger: .closeEvent,
      bytes: 52_428_800, files: 801, latencyMicroseconds: 410)
    let head = #"{"v":1,"time":"2026-11-20T23:11:04.123456Z","action":"reaped","rule":"ant","#
    let middle = #""reason":"lock-released","trigger":"close-event","bytes":52428800,"files":801,"#
    #expect(
      record.json.text == head + #""kind":"spill","path":"/d/spill_1_2","# + middle
        + #""latency_us":410,"dry_run":false,"evidence":{}}"#)
    record.latencyMicroseconds = nil
    (record.action, record.dryRun, record.path) = (.wouldReap, true, [0x2F, 0xFF])
    let text = record.json.text
    #expect(text.contains(#""action":"would-reap""#) && text.contains(#""path_b64":"L/8=""#))
    #expect(text.contains(#""files":801,"dry_run":true,"#) && !text.contains(#""path""#))
  }

  static let instants: [(Nanoseconds, String)] = [
    (0, "1970-01-01T00:00:00.000000Z"), (-1, "1969-12-31T23:59:59.999999Z"),
    (-second, "1969-12-31T23:59:59.000000Z"), (-86400 * second, "1969-12-31T00:00:00.000000Z"),
    (1_709_164_800 * second, "2024-02-29T00:00:00.000000Z"),
    (1_709_251_199 * second + 999, "2024-02-29T23:59:59.000000Z"),
    (1_709_251_200 * second, "2024-03-01T00:00:00.000000Z"),
    (951_782_400 * second, "2000-02-29T00:00:00.000000Z"),
    (4_107_542_400 * second, "2100-03-01T00:00:00.000000Z"),
    (.max, "2262-04-11T23:47:16.854775Z"),
  ]

  @Test("An instant is written in UTC, microseconds rounded down", arguments: instants)
  func times(wall: Nanoseconds, expected: String) { #expect(formatTime(wall) == expected) }

  @Test("The earliest instant of all does not trap")
  func earliestInstant() { #expect(formatTime(.min) == "1677-09-21T00:12:43.145224Z") }

  @Test("Evidence that was not gathered is left out of its JSON")
  func evidence() {
    var evidence = deadEvidence()
    (evidence.lock, evidence.surroundings, evidence.inside, evidence.life) = (nil, nil, nil, nil)
    evidence.clocks.name = nil
    #expect(
      evidence.json.text
        == #"{"type":"directory","owner":1000,"birth_time":"1970-01-01T00:00:01.000000Z"}"#)
  }

  @Test("Evidence on a generation tells of its partition, claim and owner")
  func generationEvidence() {
    var evidence = deadGeneration {
      $0.claim = .unfinished
      $0.marker = second
      $0.owner = .exited(pid: 7, at: .max)
      $0.shortage = RoomShortage(bytes: 1)
      $0.inside?.isPinned = true
      $0.inside?.writer = 9
      $0.partition?.conflict = "table"
    }
    let expected = [
      #"{"type":"directory","owner":1000,"birth_time":"1970-01-01T00:00:01.000000Z","#,
      #""claim":"removal has begun","live_generation":"table-1","live_state":"complete","#,
      #""cursor_time":"1970-01-01T00:00:01.000000Z","conflict":"table","#,
      #""marker_time":"1970-01-01T00:00:01.000000Z","#,
      #""condemned_time":"1970-01-01T00:00:01.000000Z","short_of_room":true,"#,
      #""owner_process":"7 was seen to exit","surroundings":"clear","#,
      #""open_files":"none","newest_change":"1970-01-01T00:00:01.000000Z","#,
      #""pinned":true,"writer":9,"processes":"none"}"#,
    ]
    #expect(evidence.json.text == expected.joined())
    evidence = deadGeneration {
      $0.claim = .found
      $0.partition = .init(cursor: .unknown("it is empty"), live: .unknown("no cursor"))
    }
    let text = evidence.json.text
    #expect(text.contains(#""claim":"whole","cursor":"unknown: it is empty","#))
    #expect(text.contains(#""live_state":"unknown: no cursor","#))
  }

  @Test("An audit line of a quarantine that begins names it, and when it will be over")
  func condemnedLine() {
    var record = AuditRecord(
      wall: 0, action: .condemned, rule: "hypaware", kind: "generations", path: bytes("/d/table"),
      reason: Reason.quiet.rawValue, trigger: .cursorChange, id: "x1")
    record.deadline = second
    #expect(record.json.text.contains(#""action":"condemned""#))
    #expect(record.json.text.contains(#""trigger":"cursor-change","bytes":0,"files":0,"id":"x1","#))
    #expect(record.json.text.contains(#""id":"x1","deadline":"1970-01-01T00:00:01.000000Z","#))
    #expect(
      [Trigger.ownerExit, .pressure, .age].map(\.rawValue) == ["owner-exit", "pressure", "age"])
  }

  @Test("What belongs to the normal life of a generation is no refusal, doubt is one")
  func refusals() {
    for reason in [Reason.live, .recentlySuperseded, .quarantined, .claimFound, .recentlyChanged] {
      #expect(!Verdict.keep(reason, recheckAfter: nil).isRefusal)
    }
    #expect(!Verdict.keep(.keptByHand, recheckAfter: nil).isRefusal)
    #expect(!Verdict.condemn(.quiet, for: 1).isRefusal)
    #expect(Verdict.unsure(.cursorUnknown).isRefusal)
  }
}
