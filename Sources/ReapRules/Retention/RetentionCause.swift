// What a demand means: as a reason, and for how a pass carries it out.

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
