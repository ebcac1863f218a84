// The kinds there are. The one place of the pure core that tells them apart: what is particular to
// one lies in its folder beside this file.

extension Rule {
  /// Kinds of directory. A new one is a case here; the compiler names the rest.
  package enum Kind: Sendable, Equatable {
    case spill(SpillSettings)
    case generations(GenerationSettings)
    case scratch(ScratchSettings)
    case instances(InstanceSettings)
    case log(LogSettings)
    case files(FilesSettings)
    case visits(VisitsSettings)

    /// What the kind says of itself.
    package var part: any KindPart {
      switch self {
      case .spill(let settings): settings
      case .generations(let settings): settings
      case .scratch(let settings): settings
      case .instances(let settings): settings
      case .log(let settings): settings
      case .files(let settings): settings
      case .visits(let settings): settings
      }
    }

    // Asked for each candidate: without a box around the settings.

    func judge(_ evidence: Evidence, rule: Rule, now: Now) -> Judgement {
      switch self {
      case .spill(let settings): settings.judge(evidence, rule: rule, now: now)
      case .generations(let settings): settings.judge(evidence, rule: rule, now: now)
      case .scratch(let settings): settings.judge(evidence, rule: rule, now: now)
      case .instances(let settings): settings.judge(evidence, rule: rule, now: now)
      case .log(let settings): settings.judge(evidence, rule: rule, now: now)
      case .files(let settings): settings.judge(evidence, rule: rule, now: now)
      case .visits(let settings): settings.judge(evidence, rule: rule, now: now)
      }
    }

    func role(
      of name: EntryName, isDirectory: Bool?, in directory: [UInt8], of rule: Rule
    ) -> EntryRole {
      switch self {
      case .spill(let settings): settings.role(of: name, isDirectory: isDirectory, in: rule)
      case .generations(let settings): settings.role(of: name, isDirectory: isDirectory, in: rule)
      case .scratch(let settings): settings.role(of: name, isDirectory: isDirectory, in: rule)
      case .instances(let settings): settings.role(of: name, isDirectory: isDirectory, in: rule)
      case .log(let settings): settings.role(of: name, isDirectory: isDirectory, in: rule)
      case .files(let settings):
        settings.role(of: name, isDirectory: isDirectory, in: directory, of: rule)
      case .visits(let settings):
        settings.role(of: name, isDirectory: isDirectory, in: directory, of: rule)
      }
    }

    /// Whether, on one root, no directory holds candidates of both.
    func areInOtherDirectories(than other: Self) -> Bool {
      let (mine, theirs) = (part.candidateDirectories, other.part.candidateDirectories)
      guard let mine, let theirs else { return false }
      return mine.isDisjoint(with: theirs)
    }

    /// Whether a claimed name in a directory below the root may be one of the rule's.
    func takesClaim(of original: EntryName, in directory: [UInt8], of rule: Rule) -> Bool {
      switch self {
      case .spill, .generations, .scratch, .instances, .log: rule.match.matches(original)
      case .files(let settings):
        settings.role(of: original, isDirectory: false, in: directory, of: rule) == .candidate
      // Nothing is ever renamed there.
      case .visits: false
      }
    }

    package var name: String { part.name }
    /// The owner's lock file, where there is one.
    package var lock: EntryName? { part.ownersLock }
    package var quarantines: Bool { part.quarantines }
    /// Whether candidates lie at any depth below the root.
    package var hasPlaces: Bool { part.hasPlaces }
    /// What its evidence begins with.
    package var evidence: Evidence.OfKind { part.evidence }
  }
}

/// All that is particular to a kind and needs nothing but values. No member has a default: a new
/// kind answers each of them.
package protocol KindPart: Sendable {
  var name: String { get }
  /// The owner's lock file; nil where owners lock nothing.
  var ownersLock: EntryName? { get }
  var lockType: LockType { get }
  /// The lock file lies in the candidate, and nowhere else.
  var locksInside: Bool { get }
  /// Change times and open files tell of a candidate's use, whatever its lock does.
  var searchesAlways: Bool { get }
  /// POSIX extended regular expression that every entry's name must match, the lock file apart.
  var contents: String? { get }
  /// Goes last of all files, so that whoever has to finish a removal can look at it first.
  var lastFile: EntryName { get }
  /// A candidate may be condemned; and what is being removed is marked, for whoever finds it.
  var quarantines: Bool { get }
  /// Candidates lie at any depth below the root.
  var hasPlaces: Bool { get }
  /// The directories below the root that hold its candidates; nil where any of them may.
  var candidateDirectories: Set<[UInt8]>? { get }
  /// An owner that comes back may make a claimed name anew.
  var remakesNames: Bool { get }
  /// Files in a candidate may go by themselves, unless a pin is on them or around them.
  var pinsCountInside: Bool { get }
  /// The file that names the owners' process; nil where none does.
  var ownerPidfile: OwnerPidfile? { get }
  var trustPids: Bool { get }
  /// Free room below which candidates leave their quarantine early.
  var room: Retention.RoomBounds { get }
  /// The bounds of what its judge finds expendable; nil where it finds nothing so.
  var retention: Retention? { get }
  /// What evidence begins with.
  var evidence: Evidence.OfKind { get }

  /// Its root may be a directory that many share.
  var sharesRoots: Bool { get }
  /// A single file may be a candidate.
  var takesFiles: Bool { get }
  /// The owner's lock file where it does not stand in each candidate under one name.
  func outerLock(of name: EntryName) -> OuterLock?
  /// Entries beside a candidate that go with it.
  func companions(of name: EntryName) -> [EntryName]
  /// What the names of those begin with.
  func companionBeginnings(of match: Glob) -> Set<[UInt8]>

  /// What came of each way in which the rule says that an owner shows itself; none where all candidates
  /// of the kind have the same ones.
  func account(_ evidence: Evidence) -> [OwnersSign]

  /// What an entry that the rule's match or another of its globs did not decide is.
  ///
  /// - Parameter isDirectory: nil where that is not known.
  func role(of name: EntryName, isDirectory: Bool?, in rule: Rule) -> EntryRole

  func judge(_ evidence: Evidence, rule: Rule, now: Now) -> Judgement
}

extension KindPart {
  /// The directories below the root that hold its candidates; nil where any of them may.
  package var candidateDirectories: Set<[UInt8]>? { hasPlaces ? nil : [[]] }
}

/// A lock file that is found otherwise than by its name in the candidate.
package enum OuterLock: Sendable, Equatable {
  /// The candidate itself.
  case candidate
  /// By its path in the candidate.
  case inside([UInt8])
  /// By its path from the directory that holds the candidate.
  case beside([UInt8])
}

/// One way in which an owner may show that it lives, and what came of it: for people.
package struct OwnersSign: Sendable, Equatable {
  package let way: String
  package let found: String
}

/// What an entry of a directory is to a rule.
package enum EntryRole: Sendable, Equatable {
  case candidate
  /// A file that tells of the candidates beside it, such as a cursor. `isNewsWhenMade`: nothing is
  /// written into it, so that its coming says what it says.
  case signal(isNewsWhenMade: Bool)
  /// A directory in which candidates may lie.
  case place
  case nothing
}

extension Evidence {
  /// What is observed of a candidate of one kind only.
  package enum OfKind: Sendable, Equatable {
    case spill
    case generations(GenerationEvidence)
    case scratch(ScratchEvidence)
    case instances(InstanceEvidence)
    case files(FilesEvidence)
    case visits(VisitsEvidence)

    // Nil for evidence of another kind, which no assignment makes one of that.

    package var scratch: ScratchEvidence? {
      get { if case .scratch(let own) = self { own } else { nil } }
      set { if case .scratch = self, let newValue { self = .scratch(newValue) } }
    }

    package var instances: InstanceEvidence? {
      get { if case .instances(let own) = self { own } else { nil } }
      set { if case .instances = self, let newValue { self = .instances(newValue) } }
    }
    case log(LogEvidence)

    package var files: FilesEvidence? {
      get { if case .files(let own) = self { own } else { nil } }
      set { if case .files = self, let newValue { self = .files(newValue) } }
    }

    package var visits: VisitsEvidence? {
      get { if case .visits(let own) = self { own } else { nil } }
      set { if case .visits = self, let newValue { self = .visits(newValue) } }
    }

    var members: [(String, JSONValue)] {
      switch self {
      case .spill: []
      case .generations(let own): own.members
      case .scratch(let own): own.members
      case .instances(let own): own.members
      case .log(let own): own.members
      case .files(let own): own.members
      case .visits(let own): own.members
      }
    }
  }
}
