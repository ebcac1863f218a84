import ReapRules

/// When which root has something to do, by its index. Noting one costs the same with any number of
/// roots, unless it was the earliest that moved.
struct RootDeadlines {
  private var instants: [Int: Nanoseconds] = [:]
  private(set) var earliest: Nanoseconds?

  mutating func note(_ index: Int, _ instant: Nanoseconds?) {
    let before = instants[index]
    guard instant != before else { return }
    instants[index] = instant
    if let instant, instant <= earliest ?? .max {
      earliest = instant
    } else if before == earliest {
      earliest = instants.values.min()
    }
  }

  /// The roots whose instant has come.
  func due(_ now: Nanoseconds) -> [Int] {
    guard let earliest, earliest <= now else { return [] }
    return instants.filter { $0.value <= now }.map(\.key).sorted()
  }
}
