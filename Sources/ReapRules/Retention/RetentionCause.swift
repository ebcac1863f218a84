// What a demand means: as a reason, and for how a pass carries it out.

extension Retention {
  /// What the bounds demand of a member, as it was when it was chosen.
  package struct Demand: Sendable, Equatable {
    package let cause: Cause
    /// What its age was counted from: whatever has another one is not what was chosen.
    package let since: Nanoseconds

    package init(_ cause: Cause, since: Nanoseconds) {
      self.cause = cause
      self.since = since
    }
  }
}

extension Retention.Cause {
  package var reason: Reason {
    switch self {
    case .age: .overAge
    case .count: .overCount
    case .bytes: .overBytes
    case .room: .roomNeeded
    case .pressure: .pressure
    }
  }

  /// Whether it rests on what is free just now.
  package var isOfRoom: Bool { self == .room || self == .pressure }

  /// Whether it rests on how many others there are, what they weigh, or what they could free.
  package var restsOnOthers: Bool { self == .count || self == .bytes || self == .room }

  /// What its audit line names as the trigger; nil where that is what brought the choice about.
  package var trigger: Trigger? {
    switch self {
    case .age: .age
    case .room, .pressure: .pressure
    case .count, .bytes: nil
    }
  }
}

extension Retention {
  /// Whether a demand still concerns a member, by what is known of it now: it may have been written to
  /// since the choice.
  func stillDemands(_ own: Expendable, _ cause: Cause, now: Nanoseconds) -> Bool {
    let age = saturatingDifference(now, own.since)
    return switch cause {
    case .age: own.yieldsToAge && maxAge.map { age >= $0 } ?? true
    case .pressure: room.pressure.map { age >= $0.minAge } ?? true
    case .count, .bytes, .room: true
    }
  }
}
