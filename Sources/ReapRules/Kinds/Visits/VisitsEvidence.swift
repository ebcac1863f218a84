/// What is observed of an archive, besides what every kind looks at.
package struct VisitsEvidence: Sendable, Equatable {
  /// What is to become of an archive.
  package enum Purpose: String, Sendable {
    case slim, drop
    /// Slimmed where not all of it is on the disk.
    case dropOrSlim = "drop-or-slim"
  }

  /// What is known of it since it was read.
  package struct Known: Sendable, Equatable {
    package enum State: Sendable, Equatable {
      /// It waits for its turn, or is being read.
      case underWay
      /// Nothing more can leave it.
      case done
      /// Kept: a reason's code, its words, and when to try again (monotonic), if time may change it.
      case refused(code: String, why: String, retry: Nanoseconds?)
    }
    package var purpose: Purpose
    package var state: State

    package init(_ purpose: Purpose, _ state: State) {
      self.purpose = purpose
      self.state = state
    }
  }

  /// What lies beside it.
  package struct Siblings: Sendable, Equatable {
    /// Archives of the node that are newer.
    package var newer: Int64
    /// An archive that is being made in the node or run: its file is open, or may be.
    package var beingMade: String?

    package init(newer: Int64, beingMade: String? = nil) {
      self.newer = newer
      self.beingMade = beingMade
    }
  }

  package var place = VisitsPlace.runs
  package var size: Int64 = 0
  /// Wall clock; also moved by a rename, on the usual file systems.
  package var change: Nanoseconds = 0
  /// Nil until it was asked for.
  package var siblings: Siblings?
  /// Of its run; nil until it was asked for.
  package var owner: Evidence.Owner?
  package var known: Known?
  /// What was done to it.
  package var work: [Fact] = []
  /// Another archive was begun beside it before it was changed.
  package var isBegunMeanwhile = false

  package struct Fact: Sendable, Equatable {
    package let name: String
    package let value: JSONValue

    package init(_ name: String, _ value: JSONValue) {
      self.name = name
      self.value = value
    }
  }

  package init() {}

  var members: [(String, JSONValue)] {
    var members: [(String, JSONValue)] = [("size", .integer(size))]
    if let siblings {
      members.append(("newer_archives", .integer(siblings.newer)))
      if let made = siblings.beingMade { members.append(("being_made", .string(made))) }
    }
    if let owner { members.append(("owner_process", .string(owner.text))) }
    if case .refused(let code, let why, _)? = known?.state {
      members += [("refused_for", .string(code)), ("error", .string(why))]
    }
    return members + work.map { ($0.name, $0.value) }
  }

  /// For people.
  var signs: [OwnersSign] {
    var signs: [OwnersSign] = []
    if let owner { signs.append(OwnersSign(way: "owner", found: owner.text)) }
    if let siblings {
      signs.append(OwnersSign(way: "newer archives", found: "\(siblings.newer)"))
      if let made = siblings.beingMade { signs.append(OwnersSign(way: "being made", found: made)) }
    }
    switch known?.state {
    case .refused(let code, let why, _): signs.append(OwnersSign(way: code, found: why))
    case .underWay: signs.append(OwnersSign(way: "archive", found: "being read"))
    case .done, nil: break
    }
    return signs
  }
}
