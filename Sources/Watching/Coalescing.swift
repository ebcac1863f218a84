// A flood of renames says little: of names that go to and fro, only where they end matters.

extension [WatchMessage] {
  private struct Entry: Hashable {
    let token: UInt64
    let name: [UInt8]
  }

  /// Without the moves of names that a later message of the same batch speaks of. What remains keeps
  /// its order.
  package func withoutOvertakenMoves() -> [WatchMessage] {
    guard count > 64 else { return self }  // so few are handled as fast as compared
    var later: Set<Entry> = []
    var kept: [WatchMessage] = []
    for message in reversed() {
      // What is written or given other attributes says nothing of whether it came or went.
      if case .entry(let token, let name, _, let change) = message,
        ![.attributes, .modified, .written].contains(change)
      {
        let isLast = later.insert(Entry(token: token, name: name)).inserted
        if !isLast, change == .movedIn || change == .movedOut { continue }
      }
      kept.append(message)
    }
    return kept.reversed()
  }
}
