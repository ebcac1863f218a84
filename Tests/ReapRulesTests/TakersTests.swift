// Which of several rules are asked for a name.

import ReapRules
import Testing

@Suite struct TakersTests {
  private func rule(_ match: String) throws -> Rule {
    Rule(
      name: "r", root: "/d/e", match: try Glob(match), grace: 1, owners: .anyone,
      kind: .spill(SpillSettings()))
  }

  @Test func `no rule that takes a name goes unasked, and few are asked for most names`() throws {
    let rules = try [
      "spill_+([0-9])_*", "@(ab|cd)*", "[x-z]?", "*", ".org.*", "{2}(q)", "\\*a", "é*",
    ].map(rule)
    let takers = Takers(rules)
    let names = [
      "spill_1_2", "abx", "cd", "xy", "zz", "qq", "*a", "é1", ".org.x", ".reapd.x", "-", "spill",
      ".reapd.1795794961000000000.spill_1_2", ".reapd.1795794961000000000.cd",
    ]
    for name in names {
      let name = try #require(EntryName(name))
      let asked = takers.mayTake(name)
      for (index, rule) in rules.enumerated()
      where rule.role(of: name, isDirectory: true) == .candidate {
        #expect(asked.contains(index), "\(name.display) \(index)")
      }
    }
    // Of patterns with a beginning only those that begin so; the others are always asked.
    #expect(takers.mayTake(try #require(EntryName("b"))) == [2, 3])
    #expect(takers.mayTake(try #require(EntryName("spill_1_2"))) == [0, 2, 3])
  }
}
