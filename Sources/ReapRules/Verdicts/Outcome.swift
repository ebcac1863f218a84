// What one look at a candidate, and the act on its verdict, came to. The one table of what follows.

/// The word for what came of it.
package enum Outcome: String, Sendable, CaseIterable {
  /// It stays: kept, or unsure of.
  case kept
  /// Files of dead writers in it went; it stays.
  case tidied
  /// It would have been claimed, or condemned, by somebody who may.
  case wouldClaim
  /// Its quarantine has begun.
  case condemned
  /// It is claimed, and being removed.
  case claimed
  /// A claimed name that is not dead has its own name again.
  case putBack
  /// Nothing stands under its name any more.
  case gone
  /// Something that was asked of the system failed.
  case failed
  /// The root's path does not lead to the root any more.
  case rootMoved
  /// A walk through the tree is needed, which was not wanted there.
  case needsWalk
}

/// What follows from an outcome.
package struct Consequences: Sendable, Equatable {
  package enum Next: Sendable {
    /// The candidate waits for what ends the reason that it is kept for.
    case waits
    /// It is forgotten: under its name there is nothing more to do.
    case isForgotten
    /// Its root is looked for again.
    case rootIsSought
    /// It is looked at again, by a worker that may walk.
    case walks
  }

  package enum Quarantine: Sendable {
    /// Ends, unless what it is kept for says that it goes on.
    case followsReason
    case ends
    case goesOn
  }

  /// What the audit has; of what is kept only where that is a refusal.
  package let action: AuditRecord.Action?
  package let next: Next
  /// Whether a file of it stays open, to see it being closed.
  package let staysOpen: Bool
  package let quarantine: Quarantine
  /// Whether it is dead: the first scan counts those.
  package let isOrphan: Bool
}

extension Outcome {
  package var consequences: Consequences {
    switch self {
    case .kept: row(.refused, .waits, staysOpen: true, .followsReason)
    case .tidied: row(.reaped, .waits, .ends)
    case .wouldClaim: row(.wouldReap, .waits, .goesOn, isOrphan: true)
    case .condemned: row(.condemned, .waits, .goesOn, isOrphan: true)
    // Its audit line is written when its last byte is gone, and its quarantine's with it.
    case .claimed: row(.reaped, .isForgotten, .goesOn, isOrphan: true)
    case .putBack: row(.restored, .isForgotten, .goesOn)
    case .gone: row(nil, .isForgotten, .ends)
    case .failed: row(.failed, .waits, .ends)
    case .rootMoved: row(nil, .rootIsSought, .goesOn)
    case .needsWalk: row(nil, .walks, staysOpen: true, .goesOn)
    }
  }

  private func row(
    _ action: AuditRecord.Action?, _ next: Consequences.Next, staysOpen: Bool = false,
    _ quarantine: Consequences.Quarantine, isOrphan: Bool = false
  ) -> Consequences {
    Consequences(
      action: action, next: next, staysOpen: staysOpen, quarantine: quarantine, isOrphan: isOrphan)
  }
}
