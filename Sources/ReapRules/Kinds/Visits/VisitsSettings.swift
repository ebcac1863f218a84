/// Settings of kind `visits`: archives of a node that is entered again and again, each of which holds
/// those of the visits before.
package struct VisitsSettings: Sendable, Equatable {
  /// What becomes of the archive of an earlier visit.
  package enum Superseded: String, Sendable, CaseIterable {
    /// What the disk has anyway goes out of it.
    case slim
    /// It goes as a whole, once all of it is proved to be on the disk.
    case drop
    case keep
  }

  /// The file in a run, or in a restart of it, that names the process at work.
  package struct OwnerNote: Sendable, Equatable {
    package var name: EntryName
    package var pidField: String
    package var startField: String?

    package init(name: EntryName, pidField: String = "pid", startField: String? = nil) {
      self.name = name
      self.pidField = pidField
      self.startField = startField
    }
  }

  package var owner: OwnerNote?
  /// Runs share reapd's PID namespace: "no such process" proves death.
  package var trustPids = false
  /// Without change for so long, nobody is taken to be at work, where no death is proved.
  package var quiet: Nanoseconds = 3600 * nanosecondsPerSecond
  package var onSuperseded = Superseded.slim
  /// How many archives of a node are kept, the newest; nil: all.
  package var keepArchives: Int64?

  package init() {}

  package static let defaultGlob = try! Glob("@(stage|run).tgz")

  /// What an entry of a directory below the root is.
  package func role(
    of name: EntryName, isDirectory: Bool?, in directory: [UInt8], of rule: Rule
  ) -> EntryRole {
    guard let place = VisitsPlace(directory) else { return .nothing }
    if isDirectory != true {
      if let archive = place.archive, Self.stem(of: name) == archive {
        return rule.match.matches(archive) ? .candidate : .nothing
      }
      if place == .run, name == owner?.name { return .signal(isNewsWhenMade: true) }
    }
    guard isDirectory != false, !rule.neverTakes(name),
      VisitsPlace(CandidatePath(directory: directory, name).bytes) != nil
    else { return .nothing }
    return .place
  }

  /// The name that an archive has once it is whole.
  static func stem(of name: EntryName) -> EntryName {
    guard isTemporary(name) else { return name }
    return EntryName(name.bytes.dropLast(VisitsPlace.temporarySuffix.count)) ?? name
  }

  package static func isTemporary(_ name: EntryName) -> Bool {
    name.bytes.suffix(VisitsPlace.temporarySuffix.count).elementsEqual(VisitsPlace.temporarySuffix)
  }
}

// What the kind says of itself.

extension VisitsSettings: KindPart {
  package var name: String { "visits" }
  package var ownersLock: EntryName? { nil }
  package var lockType: LockType { .auto }
  package var locksInside: Bool { false }
  package var searchesAlways: Bool { false }
  package var contents: String? { nil }
  /// Not asked of a file.
  package var lastFile: EntryName { EntryName(".lock")! }
  package var quarantines: Bool { false }
  package var hasPlaces: Bool { true }
  package var remakesNames: Bool { false }
  package var pinsCountInside: Bool { false }
  /// Each run has its own.
  package var ownerPidfile: OwnerPidfile? { nil }
  package var room: Retention.RoomBounds { Retention.RoomBounds(minFree: nil, minFreeInodes: nil) }
  package var retention: Retention? { nil }
  package var evidence: Evidence.OfKind { .visits(VisitsEvidence()) }
  package var sharesRoots: Bool { false }
  package var takesFiles: Bool { true }
  package func outerLock(of name: EntryName) -> OuterLock? { nil }
  package func companions(of name: EntryName) -> [EntryName] { [] }
  package func companionBeginnings(of match: Glob) -> Set<[UInt8]> { [] }
  package func account(_ evidence: Evidence) -> [OwnersSign] {
    evidence.ofKind.visits?.signs ?? []
  }

  package func role(of name: EntryName, isDirectory: Bool?, in rule: Rule) -> EntryRole {
    role(of: name, isDirectory: isDirectory, in: [], of: rule)
  }
}
