// The table of outcomes, read from its other side.

import Testing

@testable import ReapRules

@Suite("Outcomes")
struct OutcomeTests {
  private func outcomes(where holds: (Consequences) -> Bool) -> Set<Outcome> {
    Set(Outcome.allCases.filter { holds($0.consequences) })
  }

  @Test("A file stays open only for what waits to be looked at again")
  func open() {
    #expect(outcomes { $0.staysOpen } == [.kept, .needsWalk])
  }

  @Test("What is forgotten has nothing under its name to come back to")
  func forgotten() {
    #expect(outcomes { $0.next == .isForgotten } == [.claimed, .putBack, .gone])
    #expect(outcomes { $0.next == .rootIsSought } == [.rootMoved])
  }

  @Test("A start counts as orphaned what is dead, whatever may be done about it")
  func orphans() {
    #expect(outcomes { $0.isOrphan } == [.wouldClaim, .condemned, .claimed])
  }

  @Test("Each audit line has the outcome that it tells of; what is gone or moved has none")
  func audited() {
    let actions = Dictionary(
      uniqueKeysWithValues: Outcome.allCases.map { ($0, $0.consequences.action) })
    #expect(
      actions == [
        .kept: .refused, .tidied: .reaped, .wouldClaim: .wouldReap, .condemned: .condemned,
        .claimed: .reaped, .putBack: .restored, .gone: nil, .failed: .failed, .rootMoved: nil,
        .needsWalk: nil,
      ])
  }

  @Test("A quarantine goes on only where nothing was found that ends it")
  func quarantine() {
    #expect(outcomes { $0.quarantine == .ends } == [.tidied, .gone, .failed])
    #expect(outcomes { $0.quarantine == .followsReason } == [.kept])
  }
}
