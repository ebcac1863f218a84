// A slot of the reaper's table that has become another candidate's.

import ReapRules
import Testing

@testable import ReapEngine

@Suite struct HoldingsTests {
  // Where the getter gives nil, optional chaining calls the setter with nil all the same.
  @Test func `what comes late for a forgotten candidate does not touch its successor`() {
    var holdings = Holdings()
    let old = CandidateID(slot: 3, generation: 1)
    let new = CandidateID(slot: 3, generation: 2)
    holdings[old] = Holding()
    holdings[old] = nil
    holdings[new] = Holding()
    holdings[old]?.watch = nil
    #expect(holdings[old] == nil && holdings[new] != nil)
    holdings[new]?.isSparse = true
    #expect(holdings[new]?.isSparse == true)
  }
}
