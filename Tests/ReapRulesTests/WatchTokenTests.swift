// What a watch carries leads back to what it was made for, and to nothing else.

import Testing

@testable import ReapRules

@Suite("Tokens of watches")
struct WatchTokenTests {
  static func random(_ random: inout SeededRandom) -> WatchToken {
    let root = random.pick([0, 1, WatchToken.maximumRoots - 1, Int(random.below(4095))])
    let mask = CandidateID.generationMask
    let number = random.pick([0, 1, mask, UInt32(random.below(Nanoseconds(mask)))])
    let slot = random.pick([0, 1, CandidateID.slotMask - 5, UInt32(random.below(1 << 24 - 5))])
    return random.pick([
      .candidate(root: root, CandidateID(slot: slot, generation: number)),
      .directory(root: root, incarnation: number), .way(root: root, incarnation: number),
      .obstacle(root: root, number: number), .place(root: root, number: number),
      .owner(root: root, number: number),
    ])
  }

  @Test("A token comes back from its bits as it was, and no two share theirs")
  func roundTrip() {
    var byBits: [UInt64: WatchToken] = [:]
    for seed in UInt64(1)...20_000 {
      var random = SeededRandom(seed: seed)
      let token = Self.random(&random)
      #expect(WatchToken(bits: token.bits) == token, "seed \(seed)")
      #expect(WatchToken(bits: token.bits).root == token.root, "seed \(seed)")
      #expect(byBits.updateValue(token, forKey: token.bits) ?? token == token, "seed \(seed)")
    }
    #expect(byBits.count > 1000)
  }

  @Test("The bits are root, slot and number, in this order")
  func layout() {
    let id = CandidateID(slot: 2, generation: 3)
    #expect(WatchToken.candidate(root: 1, id).bits == 0x001_000002_0000003)
    #expect(WatchToken.directory(root: 1, incarnation: 3).bits == 0x001_FFFFFF_0000003)
    #expect(WatchToken.way(root: 1, incarnation: 3).bits == 0x001_FFFFFE_0000003)
    #expect(WatchToken.obstacle(root: 0, number: 3).bits == 0x000_FFFFFD_0000003)
    #expect(WatchToken.place(root: 4094, number: 3).bits == 0xFFE_FFFFFC_0000003)
    #expect(WatchToken.owner(root: 1, number: 3).bits == 0x001_FFFFFB_0000003)
  }

  @Test("A number that has outgrown its bits begins anew, and touches neither slot nor root")
  func overflow() {
    let outgrown = WatchToken.directory(root: 1, incarnation: CandidateID.generationMask + 4)
    #expect(outgrown.bits == WatchToken.directory(root: 1, incarnation: 3).bits)
    let slots = CandidateID(slot: CandidateID.slotMask + 3, generation: 1)
    #expect(WatchToken(bits: WatchToken.candidate(root: 6, slots).bits).root == 6)
  }
}
