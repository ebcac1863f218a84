// What keeps the kinds apart.

import Testing

@testable import ReapRules

@Suite("Kinds")
struct KindTests {
  @Test("Evidence of another kind proves nothing, and does not become this one's")
  func otherKind() {
    var evidence = deadEvidence { $0.entry.name = entryName("table") }
    #expect(
      judge(evidence, rule: generationRule(), now: generationTime) == .unsure(.unreadable))
    evidence.generations = GenerationEvidence()
    evidence.generations?.condemned = .init(since: 0, newestChange: nil, id: 0)
    #expect(evidence.ofKind == .spill && evidence.generations == nil)
    #expect(generationRule().kind.evidence == .generations(GenerationEvidence()))
  }
}
