// What kind `spill` says of itself.

extension SpillSettings: KindPart {
  package var name: String { "spill" }
  package var ownersLock: EntryName? { lock }
  package var locksInside: Bool { true }
  package var searchesAlways: Bool { false }
  package var lastFile: EntryName { lock }
  package var quarantines: Bool { false }
  package var hasPlaces: Bool { false }
  package var remakesNames: Bool { false }
  package var pinsCountInside: Bool { false }
  package var ownerPidfile: OwnerPidfile? { nil }
  package var trustPids: Bool { false }
  package var room: Retention.RoomBounds { Retention.RoomBounds(minFree: nil, minFreeInodes: nil) }
  package var evidence: Evidence.OfKind { .spill }

  package func role(of name: EntryName, isDirectory: Bool?, in rule: Rule) -> EntryRole {
    rule.match.matches(name) ? .candidate : .nothing
  }
}
