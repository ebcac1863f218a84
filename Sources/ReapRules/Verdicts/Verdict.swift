/// The outcome of judging: unsure is never disposed of.
package enum Verdict: Sendable, Equatable {
  /// `recheckAfter`: when time alone may change the verdict.
  case keep(Reason, recheckAfter: Nanoseconds?)
  case dispose(Reason)
  /// Dead, but nothing proves it: to be left where it is for so long, and then judged again.
  case condemn(Reason, for: Nanoseconds)
  /// It may go, and stays unless the bounds of its group demand that it goes.
  case expendable(Expendable)
  case unsure(Reason)

  package var reason: Reason {
    switch self {
    case .keep(let reason, _), .dispose(let reason), .condemn(let reason, _), .unsure(let reason):
      reason
    case .expendable: .withinBounds
    }
  }

  package var word: String {
    switch self {
    case .keep: "keep"
    case .dispose: "dispose"
    case .condemn: "condemn"
    case .expendable: "expendable"
    case .unsure: "unsure"
    }
  }

  /// Whether this is a refusal that an operator should hear of, and no part of normal life.
  package var isRefusal: Bool {
    switch self {
    case .dispose, .condemn, .expendable: false
    case .keep(let reason, _), .unsure(let reason): reason.traits.hearing.isOfRefusals
    }
  }
}

/// What is known of something that may go, for the choice among its like.
package struct Expendable: Sendable, Equatable {
  /// All of a lower rank go before any of a higher.
  package var rank: UInt8 = 0
  /// What its age is counted from, wall clock. Of one rank, the oldest goes first.
  package var since: Nanoseconds
  /// What its end frees; nil where nobody knows.
  package var bytes: Int64?
  package var inodes: Int64?
  /// Whether age alone may demand its end.
  package var yieldsToAge: Bool

  package init(
    rank: UInt8 = 0, since: Nanoseconds, bytes: Int64? = nil, inodes: Int64? = nil,
    yieldsToAge: Bool = true
  ) {
    self.rank = rank
    self.yieldsToAge = yieldsToAge
    self.since = since
    self.bytes = bytes
    self.inodes = inodes
  }
}

extension Verdict {
  /// What the audit says of it where nothing may be changed.
  package var wouldAction: AuditRecord.Action {
    if reason.isOfTrim { return .wouldTrim }
    return reason.isOfSlimming ? .wouldSlim : .wouldReap
  }
}

/// What a judge says on the evidence so far.
package enum Judgement: Sendable, Equatable {
  /// Nothing can be said before this was gathered too.
  case gather(Stage)
  case verdict(Verdict)

  package enum Stage: Sendable, Equatable {
    case lock, surroundings, inside, partition, owner, life, files, weight, copy
  }
}

extension Judgement {
  static func keep(_ reason: Reason, recheckAfter: Nanoseconds? = nil) -> Judgement {
    .verdict(.keep(reason, recheckAfter: recheckAfter))
  }

  static func unsure(_ reason: Reason) -> Judgement { .verdict(.unsure(reason)) }
}
