/// The outcome of judging: unsure is never disposed of.
package enum Verdict: Sendable, Equatable {
  /// `recheckAfter`: when time alone may change the verdict.
  case keep(Reason, recheckAfter: Nanoseconds?)
  case dispose(Reason)
  /// Dead, but nothing proves it: to be left where it is for so long, and then judged again.
  case condemn(Reason, for: Nanoseconds)
  case unsure(Reason)

  package var reason: Reason {
    switch self {
    case .keep(let reason, _), .dispose(let reason), .condemn(let reason, _), .unsure(let reason):
      reason
    }
  }

  package var word: String {
    switch self {
    case .keep: "keep"
    case .dispose: "dispose"
    case .condemn: "condemn"
    case .unsure: "unsure"
    }
  }

  /// Whether this is a refusal that an operator should hear of, and no part of normal life.
  package var isRefusal: Bool {
    switch self {
    case .dispose, .condemn: false
    case .keep(let reason, _), .unsure(let reason): reason.traits.hearing.isOfRefusals
    }
  }
}

extension Verdict {
  /// What the audit says of it where nothing may be changed.
  package var wouldAction: AuditRecord.Action { reason.isOfTrim ? .wouldTrim : .wouldReap }
}

/// What a judge says on the evidence so far.
package enum Judgement: Sendable, Equatable {
  /// Nothing can be said before this was gathered too.
  case gather(Stage)
  case verdict(Verdict)

  package enum Stage: Sendable, Equatable {
    case lock, surroundings, inside, partition, owner, life
  }
}

extension Judgement {
  static func keep(_ reason: Reason, recheckAfter: Nanoseconds? = nil) -> Judgement {
    .verdict(.keep(reason, recheckAfter: recheckAfter))
  }

  static func unsure(_ reason: Reason) -> Judgement { .verdict(.unsure(reason)) }
}
