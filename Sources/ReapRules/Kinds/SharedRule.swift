/// A rule, by reference: each of a hundred thousand candidates is looked at by it, and a copy costs
/// more than what is asked of it.
package final class SharedRule: Sendable {
  package let rule: Rule
  package let part: any KindPart

  package init(_ rule: Rule) {
    self.rule = rule
    part = rule.kind.part
  }

  /// As `judge(_:rule:now:)`, without a copy of the rule.
  package func judge(_ evidence: Evidence, now: Now) -> Judgement {
    ReapRules.judge(evidence, rule: rule, now: now)
  }
}
