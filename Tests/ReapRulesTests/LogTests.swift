// Where a log is cut, by which way, and when: tables, and a search compared with a naive one.

import Testing

@testable import ReapRules

@Suite("The cut of a log")
struct LogCutTests {
  /// All line starts, the plain way.
  private static func naive(_ text: [UInt8], _ tail: KeptTail) -> Int64 {
    var starts: [Int64] = text.isEmpty ? [] : [0]
    for (index, byte) in text.enumerated() where byte == 0x0A && index + 1 < text.count {
      starts.append(Int64(index + 1))
    }
    let floor = tail.bytes.map { Int64(text.count) - $0 } ?? 0
    let lines = tail.lines.map { max(1, Int($0)) } ?? starts.count
    let kept = starts.suffix(lines).filter { $0 >= floor }
    return kept.first ?? starts.last ?? 0
  }

  /// Told piece by piece from the end, as the edge does.
  private static func search(_ text: [UInt8], _ tail: KeptTail, piece: Int) -> (Int64, read: Int) {
    var search = CutSearch(size: Int64(text.count), keeping: tail)
    var end = text.count
    while search.cut == nil, end > 0 {
      let start = max(0, end - piece)
      for index in (start..<end).reversed() where text[index] == 0x0A {
        search.foundNewline(at: Int64(index))
      }
      search.passed(Int64(start))
      end = start
    }
    return (search.cut ?? 0, text.count - end)
  }

  @Test("Searched from the end in pieces it is where the plain search has it", arguments: 0..<40)
  func property(round: UInt64) {
    var random = SeededRandom(seed: 0x10_6000 + round)
    for _ in 0..<200 {
      var text: [UInt8] = []
      for _ in 0..<random.below(12) {
        text += [UInt8](repeating: 0x61, count: Int(random.below(9)))
        if !random.chance(10) { text.append(0x0A) }
      }
      let tail = KeptTail(
        lines: random.chance(50) ? random.below(8) + 1 : nil,
        bytes: random.chance(50) ? random.below(30) : nil)
      let piece = Int(random.below(20)) + 1
      #expect(
        Self.search(text, tail, piece: piece).0 == Self.naive(text, tail),
        "seed \(0x10_6000 + round): \(text), \(tail), \(piece)")
    }
  }

  @Test("No more is read than is kept, and a piece")
  func economy() {
    let text = [UInt8](repeatElement(bytes("123456789\n"), count: 10_000).joined())
    for tail in [KeptTail(lines: 100), KeptTail(bytes: 1000), KeptTail(lines: 100, bytes: 5000)] {
      let found = Self.search(text, tail, piece: 64)
      #expect(found.0 == 99_000)
      #expect(found.read <= 1000 + 2 * 64)
    }
  }

  @Test("The last line stays, however long")
  func lastLine() {
    #expect(Self.search(bytes("a\nbbbbbbbb\n"), KeptTail(bytes: 3), piece: 4).0 == 2)
    #expect(Self.search(bytes("bbbbbbbb\n"), KeptTail(lines: 1, bytes: 0), piece: 4).0 == 0)
    #expect(Self.search(bytes("a\nb"), KeptTail(lines: 1), piece: 4).0 == 2)
    #expect(CutSearch(size: 0, keeping: KeptTail()).cut == nil)
    var search = CutSearch(size: 100, keeping: KeptTail(lines: 5))
    search.passed(50)
    #expect(search.isBarren)
    search.foundNewline(at: 40)
    #expect(!search.isBarren && search.cut == nil)
  }

  @Test("Whole blocks go; the rest of the line that they split is blanked")
  func blanking() {
    #expect(Blanking.head(cut: 10_000, block: 4096) == 8192)
    #expect(Blanking.head(cut: 4095, block: 4096) == 0 && Blanking.head(cut: 5, block: -1) == 0)
    #expect(Blanking(head: 8192, firstNewline: 8191).rest == nil)
    #expect(Blanking(head: 8192, firstNewline: 8192).rest == 8192..<8193)
    #expect(Blanking(head: 8192, firstNewline: 8300).rest == 8192..<8301)
  }
}

@Suite("What a trim writes on its files")
struct TrimMarkTests {
  private let file = MarkedFile(inode: .max - 5, birth: 1_795_216_876_835_123_456)

  @Test("Both marks are read back as they were written")
  func roundTrip() {
    let mark = TrimMark(of: file, own: nil, cut: 5, end: 17)
    #expect(TrimMark(mark.text) == mark && mark.text.utf8.count <= 100)
    let placing = PlacingMark(claimedAt: 1_795_216_876_835_123_456, size: 7)
    #expect(PlacingMark(placing.text) == placing)
    for record in [
      DrainRecord(upTo: 9), DrainRecord(upTo: 0, piece: .init(to: file, at: 0, length: 3)),
    ] {
      #expect(DrainRecord(record.text) == record)
      #expect(PlacingMark(record.text) == nil)
      // An inode of ext4 has no room for more.
      #expect(record.text.utf8.count <= 100)
    }
  }

  @Test(
    "What is not of that form is no mark",
    arguments: [
      "", "1", "2 5", "1 -1", "1 5 ", "1 5 6", "1 x", "1 5 6 7 8 0", "1 5 6 7 -1 4", " 1 5",
    ])
  func malformed(text: String) {
    #expect(DrainRecord(text) == nil)
    #expect(TrimMark(text) == nil, "\(text)")
  }

  @Test(
    "Offsets that nobody wrote in good faith are no mark, and nothing overflows",
    arguments: [.max, .max - 5, (1 << 60) + 1] as [Int64])
  func forged(number: Int64) {
    for text in ["1 1 1 \(number) 0", "1 1 1 0 \(number)"] { #expect(TrimMark(text) == nil) }
    for text in [
      "1 \(number)", "1 \(number) 1 1 0 5", "1 0 1 1 \(number) 5", "1 0 1 1 0 \(number)",
    ] {
      #expect(DrainRecord(text) == nil, "\(text)")
    }
    #expect(PlacingMark("1 5 \(number)") == nil)
    // The largest that may be, and a file of any size.
    let mark = TrimMark("1 1 1 \(Int64(1) << 60) \(Int64(1) << 60)")
    #expect(mark?.withoutHead(number) != nil)
    #expect(TrimMark(of: file, own: mark, cut: number, end: .max).origins.count == 2)
  }

  @Test("Trimmed again, a file knows where it is in each of those before it")
  func chain() {
    // Lines are numbers; each file is a part of the one before, and lines of its own.
    var random = SeededRandom(seed: 0x7123)
    var files: [[Int]] = [Array(0..<100)]
    var marks: [TrimMark?] = [nil]
    var number = 100
    for _ in 0..<20 {
      let old = files.last!
      let cut = Int(random.below(Nanoseconds(old.count)))
      let end = cut + Int(random.below(Nanoseconds(old.count - cut)))
      var new = Array(old[cut..<end])
      var mark = TrimMark(
        of: MarkedFile(inode: UInt64(files.count), birth: 0), own: marks.last!, cut: Int64(cut),
        end: Int64(end))
      number += 30
      new += Array((number - 30)..<number)
      if random.chance(30) {
        let head = Int(random.below(10))
        new.removeFirst(head)
        mark = mark.withoutHead(Int64(head))
      }
      files.append(new)
      marks.append(mark)
      for (index, file) in files.dropLast().enumerated() {
        guard let origin = mark[MarkedFile(inode: UInt64(index + 1), birth: 0)] else {
          #expect(index < files.count - 1 - mark.origins.count)
          continue
        }
        for offset in Int(origin.cut)..<max(Int(origin.cut), Int(origin.end)) {
          #expect(new[offset - Int(origin.shift)] == file[offset], "\(index), \(offset)")
        }
      }
    }
    #expect(marks.last!!.origins.count == 8)
  }
}

@Suite("The judge of kind log")
struct LogJudgeTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let expected: Judgement
    var way: TrimWay?
    var evidence: Evidence
    var settings: LogSettings
  }

  static let now = Now(wall: 1_000 * second, monotonic: 1_000 * second)
  static let backOff = Evidence.Clocks(birth: 0, firstSeen: 0).backOff(now: now)
  static let trims = Judgement.verdict(.dispose(.overLimit))

  private static func example(
    _ title: String, _ expected: Judgement, _ way: TrimWay? = nil,
    spoil: (inout Evidence, inout LogEvidence, inout LogSettings) -> Void
  ) -> Case {
    var own = LogEvidence()
    own.size = 200
    own.cut = 150
    own.head = 128
    own.mayCollapse = true
    own.holders = .nobody
    var evidence = Evidence(
      entry: .init(name: entryName("e.log"), type: .regularFile, owner: 0, isMountPoint: false),
      clocks: .init(birth: 0, firstSeen: 0), ofKind: .log(own),
      inside: .init(openness: .nothingOpen))
    var settings = LogSettings(maxBytes: 100)
    spoil(&evidence, &own, &settings)
    evidence.ofKind = .log(own)
    return Case(
      testDescription: title, expected: expected, way: way, evidence: evidence, settings: settings)
  }

  private static func holders(_ uses: LogHolders.Use..., isWhole: Bool = true) -> LogHolders {
    LogHolders(
      found: uses.enumerated().map { .init(pid: Int32($0.offset + 2), use: $0.element) },
      isWhole: isWhole)
  }

  static let cases: [Case] = [
    example("too large, open nowhere", trims, .inPlace) { _, _, _ in },
    example("not larger than it may be", .keep(.withinBounds)) { _, own, _ in own.size = 100 },
    example("not opened yet", .gather(.inside)) { evidence, _, _ in evidence.inside = nil },
    example("its holders are not known", .gather(.life)) { _, own, _ in own.holders = nil },
    example("appenders have it open", trims, .inPlace) { _, own, _ in
      own.holders = holders(.appends, .appends)
    },
    example("somebody may not be seen", trims, .newFile) { _, own, _ in
      own.holders = holders(.appends, isWhole: false)
    },
    example("somebody reads it", trims, .newFile) { _, own, _ in
      own.holders = holders(.appends, .reads)
    },
    example("somebody writes at an offset", trims, .newFile) { _, own, _ in
      own.holders = holders(.writesAtOffset)
    },
    example("it has another name", trims, .newFile) { _, own, _ in own.links = 2 },
    example("its file system cannot", trims, .newFile) { _, own, _ in own.mayCollapse = false },
    example("never in place", trims, .newFile) { _, own, settings in
      settings.inPlace = .never
      own.holders = nil
    },
    example("always in place, under readers and unseen ones", trims, .inPlace) { _, own, settings in
      settings.inPlace = .always
      own.holders = holders(.reads, .appends, isWhole: false)
    },
    example(
      "always in place, and somebody writes at an offset", .keep(.notInPlace, recheckAfter: backOff)
    ) {
      _, own, settings in
      settings.inPlace = .always
      own.holders = holders(.writesAtOffset)
    },
    example(
      "always in place, and the file system cannot", .keep(.notInPlace, recheckAfter: backOff)
    ) {
      _, own, settings in
      settings.inPlace = .always
      own.mayCollapse = false
    },
    example("always in place, and it has another name", .keep(.notInPlace, recheckAfter: backOff)) {
      _, own, settings in
      settings.inPlace = .always
      own.links = 2
    },
    example("one line is all that it holds", .keep(.nothingToCut)) { _, own, _ in own.cut = 0 },
    example("all that it holds is kept", .keep(.withinBounds)) { _, own, settings in
      own.cut = 0
      (settings.maxBytes, settings.keepLines, settings.keepBytes) = (0, 5, .max)
    },
    example("less than a block would go", trims, .newFile) { _, own, _ in own.head = 0 },
    example("less than a block would go, always in place", .keep(.nothingToCut)) {
      _, own, settings in
      settings.inPlace = .always
      own.head = 0
    },
    example("pinned", .keep(.keptByHand)) { evidence, _, _ in evidence.inside?.isPinned = true },
    example("just made", .keep(.young, recheckAfter: 10 * second)) { evidence, _, _ in
      evidence.clocks.birth = 980 * second
    },
    example("just made by a trim", trims, .inPlace) { evidence, own, _ in
      evidence.clocks.birth = 980 * second
      own.isFromTrim = true
    },
    example("a directory", .keep(.notAFile)) { evidence, _, _ in evidence.entry.type = .directory },
    example("a link", .keep(.notAFile)) { evidence, _, _ in evidence.entry.type = .symbolicLink },
    example("mounted", .keep(.mountPoint)) { evidence, _, _ in evidence.entry.isMountPoint = true },
    example("another user's", .keep(.foreignOwner)) { evidence, _, _ in evidence.entry.owner = 7 },
    example("another name", .keep(.notMatched)) { evidence, _, _ in
      evidence.entry.name = entryName("f.log")
    },
    example("an old file, open", .keep(.draining, recheckAfter: backOff)) { evidence, own, _ in
      evidence.claim = .found
      own.old = .drained(upTo: 5, isOpen: true)
    },
    example("an old file that nobody has open", .verdict(.dispose(.drained))) { evidence, own, _ in
      evidence.claim = .found
      own.old = .drained(upTo: 5, isOpen: false)
    },
    example("an old file, pinned", .keep(.keptByHand)) { evidence, own, _ in
      evidence.claim = .found
      own.old = .drained(upTo: 5, isOpen: false)
      evidence.inside?.isPinned = true
    },
    example("a copy that was begun", .verdict(.dispose(.abandonedCopy))) { evidence, own, _ in
      evidence.claim = .found
      own.old = .unfinishedCopy(isOpen: false)
    },
    example("a copy that somebody looks into", .keep(.fileOpen, recheckAfter: backOff)) {
      evidence, own, _ in
      evidence.claim = .found
      own.old = .unfinishedCopy(isOpen: true)
    },
    example("such a name that no trim gave", .keep(.claimFound)) { evidence, own, _ in
      evidence.claim = .found
      own.old = .unknown
    },
  ]

  @Test(arguments: cases)
  func verdict(example: Case) {
    let rule = Rule(
      name: "l", root: "/data/l", match: glob("e.log"), grace: 30 * second, owners: .users([0]),
      kind: .log(example.settings))
    #expect(judge(example.evidence, rule: rule, now: Self.now) == example.expected)
    guard example.expected == Self.trims, let own = LogEvidence(example.evidence.ofKind) else {
      return
    }
    #expect(TrimWay(for: own, by: example.settings) == example.way)
  }

  @Test("Half of what it may have stays, unless the rule says how much")
  func kept() {
    #expect(LogSettings(maxBytes: 100).kept == KeptTail(bytes: 50))
    #expect(
      LogSettings(maxBytes: 100, keepLines: 3, keepBytes: 9).kept == KeptTail(lines: 3, bytes: 9))
  }
}
