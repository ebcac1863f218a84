import ReapRules

/// What is due later, each no sooner than the one before it: one that should be waits for that one.
/// Taking one out costs the same with any number of them.
struct RingOfInstants<Element> {
  private var waiting: [(instant: Nanoseconds, element: Element)] = []
  private var taken = 0

  /// When the first one is due.
  var first: Nanoseconds? { taken < waiting.count ? waiting[taken].instant : nil }

  mutating func append(_ element: Element, at instant: Nanoseconds) {
    waiting.append((max(instant, waiting.last?.instant ?? instant), element))
  }

  /// The first one, if it is due by now.
  mutating func popFirst(dueAt now: Nanoseconds) -> Element? {
    guard let first, first <= now else { return nil }
    defer {
      taken += 1
      if taken == waiting.count || taken >= 1024 && 2 * taken > waiting.count {
        waiting.removeFirst(taken)
        taken = 0
      }
    }
    return waiting[taken].element
  }
}
