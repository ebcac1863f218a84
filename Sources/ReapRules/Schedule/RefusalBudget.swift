/// How many refusals of one rule are told one by one: an attacker who may create names could
/// otherwise fill the audit's disk with them. What is over the budget is counted.
package struct RefusalBudget: Sendable {
  /// A thousand a minute is 0.5 MB of audit lines a minute at most.
  package static let perWindow = 1000
  package static let window: Nanoseconds = 60 * nanosecondsPerSecond

  private var windowEnd = Nanoseconds.min
  private var spent = 0
  /// How many were only counted in the window under way.
  package private(set) var untold = 0

  package init() {}

  /// Monotonic; when the count is to be told. Nil while nothing was left out.
  package var due: Nanoseconds? { untold > 0 ? windowEnd : nil }

  /// Whether one more may be told at this instant; if not, it is counted.
  package mutating func spend(now: Nanoseconds) -> Bool {
    // A window with a count in it stays open until that was told.
    if now >= windowEnd, untold == 0 {
      windowEnd = now + Self.window
      spent = 0
    }
    guard spent < Self.perWindow else {
      untold += 1
      return false
    }
    spent += 1
    return true
  }

  /// The count, once it is due (or at the end, at once); nil where there is none.
  package mutating func tell(now: Nanoseconds, isLast: Bool = false) -> Int? {
    guard untold > 0, isLast || now >= windowEnd else { return nil }
    defer {
      untold = 0
      windowEnd = .min
    }
    return untold
  }
}
