/// Settings of kind `instances`: directories of which so many are kept, by count, age and bytes.
package struct InstanceSettings: Sendable, Equatable {
  /// What is done with a complete one whose manifest tells no time.
  package enum BadTimestamp: String, Sendable, CaseIterable {
    case keep
    /// It counts as the oldest.
    case oldest
  }

  package var maxCount: Int?
  package var maxAge: Nanoseconds?
  /// Allocated bytes of all that is complete.
  package var maxBytes: Int64?
  package var minFree: FreeSpace?
  package var minFreeInodes: FreeSpace?
  /// Whether more goes than the other bounds say, to reach `minFree` and `minFreeInodes`.
  package var prunesToMinFree = false
  /// So many stay then.
  package var minCount = 1
  /// The file, a JSON object, that tells when an instance was made, and the member that does.
  package var manifest = EntryName("manifest.json")!
  package var timeField = "spawned_at"
  package var badTimestamp = BadTimestamp.keep
  /// Files that exist once an instance is complete.
  package var complete = [EntryName("manifest.json")!]
  /// Files that protect an instance while they are there and something happens in it.
  package var protect: [EntryName] = []
  package var protectStaleAfter: Nanoseconds = 3600 * nanosecondsPerSecond
  /// How long nothing may have changed in one that is not complete before it goes; nil for ever.
  package var abandonedAfter: Nanoseconds? = 3600 * nanosecondsPerSecond
  /// Nil where owners lock nothing.
  package var lock: EntryName?
  package var lockType = LockType.auto

  package init() {}

  package static let defaultGlob = try! Glob("*")

  /// What its end would free has to be known for some bounds only.
  package var weighs: Bool {
    maxBytes != nil || prunesToMinFree && (minFree != nil || minFreeInodes != nil)
  }

  /// Files in an instance that tell something of it.
  package var signals: Set<EntryName> { Set(complete + protect + [manifest]) }
}

// What the kind says of itself.

extension InstanceSettings: KindPart {
  package var name: String { "instances" }
  package var ownersLock: EntryName? { lock }
  package var locksInside: Bool { lock != nil }
  package var searchesAlways: Bool { true }
  package var contents: String? { nil }
  package var lastFile: EntryName { lock ?? manifest }
  package var quarantines: Bool { true }
  package var hasPlaces: Bool { false }
  package var remakesNames: Bool { false }
  package var pinsCountInside: Bool { false }
  package var ownerPidfile: OwnerPidfile? { nil }
  package var trustPids: Bool { false }
  package var evidence: Evidence.OfKind { .instances(InstanceEvidence()) }
  package var sharesRoots: Bool { false }
  package var takesFiles: Bool { false }

  package var room: Retention.RoomBounds {
    var room = Retention.RoomBounds(minFree: minFree, minFreeInodes: minFreeInodes)
    room.minCount = minCount
    room.isAllOrNothing = true
    return room
  }

  package var retention: Retention? {
    Retention(
      maxCount: maxCount, maxAge: maxAge, maxBytes: maxBytes,
      room: prunesToMinFree ? room : Retention.RoomBounds())
  }

  package func outerLock(of name: EntryName) -> OuterLock? { nil }
  package func companions(of name: EntryName) -> [EntryName] { [] }
  package func companionBeginnings(of match: Glob) -> Set<[UInt8]> { [] }
  package func account(_ evidence: Evidence) -> [OwnersSign] { [] }

  package func role(of name: EntryName, isDirectory: Bool?, in rule: Rule) -> EntryRole {
    isDirectory != false && rule.match.matches(name) ? .candidate : .nothing
  }
}
