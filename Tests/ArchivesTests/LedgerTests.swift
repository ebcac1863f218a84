// What stays of an archive, by what was found of its members.

import Testing

@testable import Archives

private func plan(
  _ members: [(name: UInt64, length: Int64, global: Int64, isProved: Bool)], links: [UInt64] = [],
  tail: Int64 = 0
) -> (SlimPlan, end: Int64) {
  var ledger = Ledger(nameLimit: 1 << 20)
  var offset: Int64 = 0
  for member in members {
    ledger.add(name: member.name, at: offset, global: member.global, isProved: member.isProved)
    offset += member.length
  }
  for link in links { ledger.addLink(to: link) }
  ledger.finish(tail: offset, end: offset + tail)
  return (ledger.plan(), offset + tail)
}

@Suite struct LedgerTests {
  @Test func whatIsProvedGoesAndTheRestStaysInOrder() {
    let (plan, _) = plan([(1, 1024, 0, false), (2, 2048, 0, true), (3, 512, 0, false)])
    #expect(plan.kept == [0..<1024, 3072..<3584])
    #expect(plan.starts == [0, 1024])
    #expect(plan.leftOut == 1)
    #expect(plan.length == 1536)
  }

  @Test("A name that occurs twice stays both times, and so does what a hard link names")
  func namesThatOthersNeed() {
    let (twice, end) = plan([(1, 512, 0, true), (1, 512, 0, true)])
    #expect(twice.kept == [0..<end])
    let (linked, _) = plan([(1, 512, 0, true), (2, 512, 0, true)], links: [1])
    #expect(linked.kept == [0..<512])
  }

  @Test("A global header stays when the member behind it goes, and begins what stays next")
  func globalHeaders() {
    let (first, _) = plan([(1, 2048, 1024, true), (2, 512, 0, true), (3, 512, 0, false)])
    #expect(first.kept == [0..<1024, 2560..<3072])
    #expect(first.starts == [0])
    let (last, end) = plan([(1, 512, 0, true)], tail: 1024)
    #expect(last.kept == [512..<end])
    #expect(last.starts.isEmpty)
  }

  @Test("Each byte is kept, or belongs to a member that goes; what stays is where the plan says")
  func property() {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SplitMix(seed: seed)
    for _ in 0..<500 {
      let members = (0..<Int.random(in: 0..<12, using: &random)).map { _ in
        let global: Int64 = Int.random(in: 0..<4, using: &random) == 0 ? 1024 : 0
        return (
          name: UInt64.random(in: 0..<20, using: &random),
          length: global + 512 * Int64.random(in: 1..<5, using: &random), global: global,
          isProved: Bool.random(using: &random)
        )
      }
      let (plan, end) = plan(members)
      let kept = plan.kept.reduce(0) { $0 + $1.upperBound - $1.lowerBound }
      #expect(kept == plan.length, "seed \(seed)")
      #expect(kept + plan.leftOutBytes == end, "seed \(seed)")
      #expect(plan.starts.count + plan.leftOut == members.count, "seed \(seed)")
      #expect(zip(plan.kept, plan.kept.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
    }
  }
}

@Suite struct ProvingFilesTests {
  @Test("Each file comes back as it was put in, whatever its path shares with the one before")
  func property() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SplitMix(seed: seed)
    for _ in 0..<200 {
      var files = ProvingFiles(limit: 1 << 20)
      var put: [ProvingFile] = []
      for _ in 0..<Int.random(in: 0..<30, using: &random) {
        let kept = put.last?.path.prefix(Int.random(in: 0..<400, using: &random)) ?? []
        let rest = (0..<Int.random(in: 0..<300, using: &random)).map { _ in
          UInt8.random(in: 0x61...0x62, using: &random)
        }
        put.append(ProvingFile(path: kept + rest, stamp: random.next()))
        try files.add(kept + rest, stamp: put[put.count - 1].stamp)
      }
      #expect(files.first(1000) == put, "seed \(seed)")
      #expect(files.first(3) == Array(put.prefix(3)), "seed \(seed)")
      #expect(files.count == put.count)
    }
  }

  @Test(
    "A million files of one tree are within the limit, and one more name than there is room for is not"
  )
  func limit() throws {
    var files = ProvingFiles(limit: SlimLimits().nameBytes)
    for number in 0..<100_000 {
      let path =
        "visit_1/attempt_1/worktree/directory-\(number / 1000)/file-\(number + 1_000_000).txt"
      try files.add(Array(path.utf8), stamp: 1)
    }
    #expect(files.bytes * 10 <= SlimLimits().nameBytes)
    var small = ProvingFiles(limit: 1000)
    let problem = #expect(throws: SlimProblem.self) {
      for number in 0..<1000 { try small.add(Array("\(number)".utf8), stamp: 1) }
    }
    #expect(problem?.description == "more than 1000 bytes of names")
  }
}

@Suite struct HeaderChainTests {
  private func block(_ type: Character, size: String = "00000000000\0") -> [UInt8] {
    var block = [UInt8](repeating: 0x61, count: 512)
    block.replaceSubrange(124..<136, with: Array(size.utf8))
    block[156] = type.asciiValue ?? 0
    return block
  }

  private func chain(_ blocks: [[UInt8]]) -> HeaderChain? {
    HeaderChain(at: 0) { offset in
      let index = Int(offset / 512)
      return index < blocks.count ? blocks[index] : nil
    }
  }

  @Test func globalHeadersInFrontAreCounted() {
    let data = [UInt8](repeating: 0, count: 512)
    let size = "00000000064\0"
    #expect(chain([block("0")])?.globalLength == 0)
    let both = chain([block("g", size: size), data, block("x", size: size), data, block("0")])
    #expect(both?.globalLength == 1024)
    #expect(both?.isPlainFile == true)
    #expect(chain([block("x", size: size), data, block("g", size: size), data, block("0")]) == nil)
    #expect(chain([block("x", size: size), data]) == nil)
    #expect(chain([block("V"), block("0")])?.isPlainFile == false)
    #expect(chain([block("x", size: "7777777777777"), data, block("0")]) == nil)
  }

  @Test("Numbers in octal and binary", .timeLimit(.minutes(1))) func numbers() {
    #expect(tarNumber(Array("0000644 ".utf8)[...]) == 0o644)
    #expect(tarNumber(Array("   12\0".utf8)[...]) == 0o12)
    #expect(tarNumber([0x80, 0, 0, 2, 0, 0, 0, 0, 0][...]) == 2 << 40)
    #expect(tarNumber([0xFF, 0xFF, 0xFF][...]) == nil)
    #expect(tarNumber(Array("12x4\0".utf8)[...]) == nil)
    #expect(tarNumber([][...]) == nil)
    #expect(tarNumber([0, 0][...]) == nil)
    var random = SplitMix(seed: 1)
    for _ in 0..<20_000 {
      let field = (0..<12).map { _ in UInt8.random(in: 0...255, using: &random) }
      if let value = tarNumber(field[...]) { #expect(value >= 0) }
    }
  }
}
