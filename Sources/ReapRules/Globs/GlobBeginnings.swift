// How the names that a pattern takes begin: by this two rules on one tree are told apart.

extension Glob {
  /// More heads than this are no pattern that a person wrote.
  private static let beginningsLimit = 256

  /// The literal heads of the pattern: every name that fits begins with one of these. The head of
  /// `spill_+([0-9])_*` is `spill_`; a group at the front has one for each alternative.
  package var beginnings: Set<[UInt8]> {
    var found: Set<[UInt8]> = []
    var pending: [(place: Int, head: [UInt8])] = [(0, [])]
    while let (start, head) = pending.popLast() {
      guard found.count + pending.count <= Self.beginningsLimit else { return [[]] }
      switch step(from: start) {
      case .literal(let byte): pending.append((start + 1, head + [byte]))
      case .places(let next):
        // What leads back repeats a group: the head ends there.
        if next.contains(where: { $0 <= start }) { found.insert(head) }
        pending += next.filter { $0 > start }.map { ($0, head) }
      case .anything: found.insert(head)
      }
    }
    return found
  }

  /// Whether no name can fit both, as their heads tell.
  package func isApart(from other: Glob) -> Bool { areApart(beginnings, other.beginnings) }
}

/// Whether no name can begin in both ways: none of the heads begins with one of the others.
func areApart(_ heads: Set<[UInt8]>, _ others: Set<[UInt8]>) -> Bool {
  heads.allSatisfy { mine in
    others.allSatisfy { !mine.starts(with: $0) && !$0.starts(with: mine) }
  }
}
