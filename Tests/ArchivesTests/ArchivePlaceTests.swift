// Which file a member was made from, and which paths no member may have.

import Testing

@testable import Archives

private func name(_ text: String) throws -> MemberName { try MemberName(parsing: Array(text.utf8)) }

@Suite struct ArchivePlaceTests {
  @Test(
    "A member is looked up where its file has gone when the node was entered again",
    arguments: [
      ("visit_3/stage.tgz", "prompt.md", "visit_3/prompt.md"),
      ("visit_3/stage.tgz", "./attempt_1/out.log", "visit_3/attempt_1/out.log"),
      ("visit_3/stage.tgz", "visit_2/stage.tgz", "visit_2/stage.tgz"),
      ("visit_3/stage.tgz", "visit_2/", "visit_2"),
      ("visit_12/stage.tgz", "visit_x/a", "visit_12/visit_x/a"),
      ("stage.tgz", "visit_2/a", "visit_2/a"), ("stage.tgz", "a//b/", "a/b"),
      ("visit_3/stage.tgz", "./", "visit_3"),
      ("run.tgz", "node/visit_1/a", "node/visit_1/a"),
      ("node/visit_2/stage.tgz", "visit_1/a", "node/visit_1/a"),
      ("node/visit_2/stage.tgz", "a", "node/visit_2/a"),
    ])
  func mapping(_ archive: String, _ member: String, _ file: String) throws {
    let place = ArchivePlace(try name(archive))
    #expect(String(decoding: place.provingPath(of: try name(member)).bytes, as: UTF8.self) == file)
  }

  @Test(
    "A path that leads out is refused",
    arguments: [
      ("/etc/passwd", MemberName.Fault.isAbsolute), ("//x", .isAbsolute), ("../x", .leadsOut),
      ("a/../../x", .leadsOut), ("a/..", .leadsOut), ("./..", .leadsOut), ("", .isEmpty),
      ("a\0b", .hasNUL),
    ])
  func refused(_ path: String, _ fault: MemberName.Fault) {
    #expect(throws: fault) { try name(path) }
  }

  @Test(
    "Whatever bytes a path has, what is made of it stays below the top", .timeLimit(.minutes(1)))
  func fuzzing() {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SplitMix(seed: seed)
    let pool = Array("../a\0\u{FF}visit_1".utf8)
    for _ in 0..<20_000 {
      let path = (0..<Int.random(in: 0..<12, using: &random)).map { _ in
        pool.randomElement(using: &random)!
      }
      guard let parsed = try? MemberName(parsing: path) else { continue }
      for place in ["visit_2/stage.tgz", "n/visit_2/stage.tgz", "stage.tgz"] {
        guard let archive = try? name(place) else { continue }
        let found = ArchivePlace(archive).provingPath(of: parsed).components
        #expect(
          found.allSatisfy {
            !$0.isEmpty && $0 != [0x2E] && $0 != [0x2E, 0x2E] && !$0.contains(0x2F)
          },
          "\(path), seed \(seed)")
      }
    }
  }
}

/// A generator that a seed repeats (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", 2014).
struct SplitMix: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
