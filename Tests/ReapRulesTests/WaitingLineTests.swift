// The line of those who wait for a watch, and the budget of refusals: against plain models.

import Testing

@testable import ReapRules

@Suite struct WaitingLineTests {
  @Test("first in, first out, whoever leaves in between", arguments: 0..<20)
  func order(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var line = WaitingLine()
    var model: [UInt64] = []
    for step in 0..<4000 {
      let token = UInt64(random.below(300))
      // Long phases of growing and of shrinking, so that gaps are closed at every size.
      if random.chance(step / 1000 % 2 == 0 ? 70 : 30) {
        line.enter(token)
        if !model.contains(token) { model.append(token) }
      } else {
        line.leave(token)
        model.removeAll { $0 == token }
      }
      #expect(line.first == model.first)
      #expect(line.count == model.count && line.isEmpty == model.isEmpty)
      #expect(line.contains(token) == model.contains(token))
    }
  }

  @Test("rounds come to everybody before anybody comes again, while others leave and enter")
  func rounds() {
    var line = WaitingLine()
    for token in UInt64(0)..<1000 { line.enter(token) }
    var seen: [UInt64] = []
    for start in stride(from: UInt64(0), to: 300, by: 3) {
      seen += line.round(of: 9)
      line.leave(start)
      line.enter(5000 + start)
    }
    #expect(Set(seen).count == seen.count)
    #expect(seen.count == 900)
    while seen.count < 1000 { seen += line.round(of: 9) }
    #expect(Set(0..<1000).subtracting(seen).isEmpty, "\(Set(0..<1000).subtracting(seen))")
  }

  @Test("an empty line has nobody in a round")
  func empty() {
    var line = WaitingLine()
    let before = line.round(of: 5)
    #expect(before.isEmpty && line.first == nil)
    line.enter(1)
    line.leave(1)
    let after = line.round(of: 5)
    #expect(after.isEmpty && line.first == nil)
  }
}

@Suite struct RefusalBudgetTests {
  @Test("beyond the budget of a minute refusals are counted, told once, and then told again")
  func budget() {
    var budget = RefusalBudget()
    let flood = 5000
    let told = (0..<flood).count { budget.spend(now: Nanoseconds($0)) }
    #expect(told == RefusalBudget.perWindow)
    #expect(budget.untold == flood - told)
    let early = budget.tell(now: 10 * second)
    #expect(early == nil)
    #expect(budget.due == 60 * second)
    let afterwards = budget.spend(now: 61 * second)
    #expect(!afterwards)  // the count is not forgotten when the minute is over
    let counted = budget.tell(now: 61 * second)
    #expect(counted == flood - told + 1)
    let again = budget.tell(now: 62 * second)
    #expect(budget.due == nil && again == nil)
    let fresh = budget.spend(now: 63 * second)
    #expect(fresh)
  }

  @Test("at the end the count is told before it is due")
  func end() {
    var budget = RefusalBudget()
    for _ in 0..<1001 { _ = budget.spend(now: 0) }
    let last = budget.tell(now: 1, isLast: true)
    #expect(last == 1)
  }
}
