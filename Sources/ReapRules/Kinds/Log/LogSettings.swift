/// Settings of kind `log`: a file that grows at its end, of which only the last lines are wanted.
package struct LogSettings: Sendable, Equatable {
  /// Whether its head may be taken out of the file itself.
  package enum InPlace: String, Sendable, CaseIterable {
    /// Where nobody is disturbed by it.
    case auto
    /// Or not at all; whoever reads it knows how to go on.
    case always
    case never
  }

  /// It is trimmed once it is larger.
  package var maxBytes: Int64
  package var keepLines: Int64?
  /// Nil: half of `maxBytes`, so that it does not have to be trimmed again at once.
  package var keepBytes: Int64?
  package var inPlace = InPlace.auto

  package init(maxBytes: Int64, keepLines: Int64? = nil, keepBytes: Int64? = nil) {
    self.maxBytes = maxBytes
    self.keepLines = keepLines
    self.keepBytes = keepBytes
  }

  package var kind: Rule.Kind { .log(self) }

  package var kept: KeptTail { KeptTail(lines: keepLines, bytes: keepBytes ?? maxBytes / 2) }

  /// Never used: `match` has to be written.
  package static let defaultGlob: Glob = {
    do { return try Glob("events.jsonl") } catch {
      preconditionFailure("the default pattern is right")
    }
  }()
}

// What the kind says of itself.

extension LogSettings: KindPart {
  package var name: String { "log" }
  package var ownersLock: EntryName? { nil }
  package var lockType: LockType { .auto }
  package var locksInside: Bool { false }
  package var searchesAlways: Bool { false }
  package var contents: String? { nil }
  /// Not asked of a file.
  package var lastFile: EntryName { EntryName(".lock")! }
  package var quarantines: Bool { false }
  package var hasPlaces: Bool { false }
  package var remakesNames: Bool { false }
  package var pinsCountInside: Bool { false }
  package var ownerPidfile: OwnerPidfile? { nil }
  package var trustPids: Bool { false }
  package var room: Retention.RoomBounds { Retention.RoomBounds(minFree: nil, minFreeInodes: nil) }
  package var retention: Retention? { nil }
  package var evidence: Evidence.OfKind { .log(LogEvidence()) }
  package var sharesRoots: Bool { true }
  package var takesFiles: Bool { true }
  package func outerLock(of name: EntryName) -> OuterLock? { nil }
  package func companions(of name: EntryName) -> [EntryName] { [] }
  package func companionBeginnings(of match: Glob) -> Set<[UInt8]> { [] }
  package func account(_ evidence: Evidence) -> [OwnersSign] {
    LogEvidence(evidence.ofKind)?.signs ?? []
  }

  package func role(of name: EntryName, isDirectory: Bool?, in rule: Rule) -> EntryRole {
    isDirectory != true && rule.match.matches(name) ? .candidate : .nothing
  }
}
