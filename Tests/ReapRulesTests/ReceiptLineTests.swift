import Testing

@testable import ReapRules

@Suite("Receipts and stores, as text")
struct ReceiptLineTests {
  private let settings: FilesSettings = {
    var settings = FilesSettings()
    settings.directories = [EntryName("images")!]
    return settings
  }()

  @Test(
    "A name is an exact path that lies flat in one of the directories",
    arguments: [
      "", "a.png", "/images/a.png", "images//a.png", "./images/a.png", "images/../images/a.png",
      "images/..", "images/.", "images/", "videos/a.png", "images/x/a.png", "images/a\0.png",
    ])
  func names(_ name: String) {
    #expect(Receipt(name: name.utf8, size: 1, in: settings) == nil)
  }

  @Test("A size is digits, and fits 63 bits")
  func sizes() {
    for (text, size) in [
      ("0", 0 as Int64?), ("007", 7), ("9223372036854775807", .max), ("9223372036854775808", nil),
      ("", nil), ("-1", nil), ("+1", nil), ("1 ", nil), ("1.0", nil), ("00000000000000000001", nil),
    ] {
      #expect(Receipt.size(text.utf8) == size, "\(text)")
    }
  }

  @Test(
    "A JSON line has a name and a size, each once",
    arguments: [
      (#"{"name":"images/a","size":3}"#, true), (#" {"size":3,"x":[],"name":"images/a"} "#, true),
      (#"{"name":"images/a","size":3.5}"#, false), (#"{"name":"images/a","size":-3}"#, false),
      (#"{"name":"images/a","size":"3"}"#, false), (#"{"name":"images/a"}"#, false),
      (#"{"name":"images/a","size":3,"size":3}"#, false), (#"{"name":"images/a","size":3"#, false),
      (#"[{"name":"images/a","size":3}]"#, false), (#"{"name":"images/a","size":3}}"#, false),
    ])
  func json(_ line: String, _ isOne: Bool) {
    let receipt = Receipt(json: Array(line.utf8), in: settings)
    #expect((receipt != nil) == isOne)
    if let receipt { #expect(receipt.path.bytes == Array("images/a".utf8) && receipt.size == 3) }
  }

  @Test("A proof is read back from its line, and no torn line is one")
  func journal() throws {
    let proof = CopyProof(
      path: try #require(CandidatePath(bytes: Array("images/a \u{e9}\n".utf8))), inode: .max,
      change: 5, size: 6, arrival: 7)
    let line = proof.line
    #expect(line.count { $0 == 10 } == 1)
    #expect(CopyProof(line: line.dropLast()) == proof)
    for count in 0..<line.count - 3 {
      let torn = CopyProof(line: line.prefix(count))
      #expect(torn == nil || torn?.path == proof.path && torn != proof)
    }
    #expect(proof.fits(inode: .max, change: 5, size: 6))
    #expect(!proof.fits(inode: 1, change: 5, size: 6))
    #expect(!proof.fits(inode: .max, change: 6, size: 6))
    #expect(!proof.fits(inode: .max, change: 5, size: 5))
  }

  private func edited(_ text: String, file: String = "images/a.png") throws -> String? {
    let path = try #require(CandidatePath(bytes: Array(file.utf8)))
    return try StoreEdit.removing(["imageUrl"], naming: path, from: Array(text.utf8))
      .map { String(decoding: $0, as: UTF8.self) }
  }

  @Test(
    "A member that names the file is taken out, and no other byte",
    arguments: [
      (#"{"imageUrl":"/images/a.png"}"#, "{}"),
      (#"{"imageUrl":"/images/a.png","n":1e5}"#, #"{"n":1e5}"#),
      (#"{"n":1.0,"imageUrl":"/images/a.png"}"#, #"{"n":1.0}"#),
      (#"{"a":1 , "imageUrl" : "/images/a.png" , "b":2 }"#, #"{"a":1 , "b":2 }"#),
      (
        #"{"a":[{"imageUrl":"https://h:8/images/a.png","x":"\u00e9\/"}]}"#,
        #"{"a":[{"x":"\u00e9\/"}]}"#
      ),
      (#"{"imageUrl":"\/images\/a.png"}"#, "{}"), (#"{"image\u0055rl":"//h/images/a.png"}"#, "{}"),
      (#"{"imageUrl":"/images/%61.png"}"#, "{}"),
      (
        "[\n  {\n    \"a\": 1,\n    \"imageUrl\": \"/images/a.png\"\n  }\n]",
        "[\n  {\n    \"a\": 1\n  }\n]"
      ),
    ])
  func removed(_ text: String, _ expected: String) throws { #expect(try edited(text) == expected) }

  @Test(
    "What names another file, stands elsewhere or is no address stays",
    arguments: [
      #"{"imageUrl":"/videos/a.png"}"#, #"{"imageUrl":"/images/a.png2"}"#, #"["/images/a.png"]"#,
      #"{"imageUrl":"images/a.png"}"#, #"{"url":"/images/a.png"}"#, #"{"imageUrl":null}"#,
      #"{"imageUrl":["/images/a.png"]}"#, #"{"imageUrl":"https://h/x/images/a.png"}"#,
      #"{"imageUrl":"https:///images/b.png"}"#, #"{"x":"imageUrl\":\"/images/a.png"}"#, "[]", "1",
    ])
  func stays(_ text: String) throws { #expect(try edited(text) == nil) }

  @Test(
    "What two readers could understand differently is given up",
    arguments: ["", "{", #"{"imageUrl":"/images/a.png",}"#, #"{"a":1,"a":2}"#, "\u{feff}{}"])
  func refused(_ text: String) { #expect(throws: JSONProblem.self) { try edited(text) } }

  @Test("Whatever is cut out, what is left is the same JSON without it")
  func property() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = Seeded(state: seed)
    func value(_ depth: Int) -> JSONValue {
      switch Int.random(in: 0..<(depth > 3 ? 3 : 5), using: &random) {
      case 0: return .integer(.random(in: -5...5, using: &random))
      case 1:
        return .string(["/images/a.png", "/images/b.png", "é\"\\"].randomElement(using: &random)!)
      case 2: return .null
      case 3:
        return .array((0..<Int.random(in: 0..<4, using: &random)).map { _ in value(depth + 1) })
      default:
        let names = ["imageUrl", "a", "b", "c"].shuffled(using: &random)
        return .object(
          names.prefix(Int.random(in: 0...4, using: &random)).map { ($0, value(depth + 1)) })
      }
    }
    func without(_ value: JSONValue) -> JSONValue {
      switch value {
      case .array(let values): .array(values.map(without))
      case .object(let members):
        .object(
          members.filter { $0.0 != "imageUrl" || $0.1 != .string("/images/a.png") }
            .map { ($0.0, without($0.1)) })
      default: value
      }
    }
    for _ in 0..<2000 {
      let whole = value(0)
      let text = try edited(whole.text) ?? whole.text
      #expect(try JSONValue(parsing: Array(text.utf8)) == without(whole), "seed \(seed)")
    }
  }

  private struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 29
    }
  }
}
