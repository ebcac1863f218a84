// The kinds there are. The one place of the pure core that tells them apart: what is particular to
// one lies in its folder beside this file.

extension Rule {
  /// Kinds of directory. A new one is a case here; the compiler names the rest.
  package enum Kind: Sendable, Equatable {
    case spill(SpillSettings)
    case generations(GenerationSettings)

    package var name: String {
      switch self {
      case .spill: "spill"
      case .generations: "generations"
      }
    }

    /// The owner's lock file, where there is one.
    package var lock: EntryName? {
      switch self {
      case .spill(let settings): settings.lock
      case .generations(let settings): settings.lock
      }
    }

    package var hasQuarantine: Bool {
      switch self {
      case .spill: false
      case .generations: true
      }
    }

    /// Whether candidates lie at any depth below the root.
    package var hasPartitions: Bool {
      switch self {
      case .spill: false
      case .generations: true
      }
    }

    /// Whether a symbolic link that is made tells of something, since nothing is written into it.
    package var readsLinks: Bool {
      switch self {
      case .spill: false
      case .generations(let settings): settings.readsLinks
      }
    }

    /// What its evidence begins with.
    package var evidence: Evidence.OfKind {
      switch self {
      case .spill: .spill
      case .generations: .generations(GenerationEvidence())
      }
    }

    func judge(_ evidence: Evidence, rule: Rule, now: Now) -> Judgement {
      switch self {
      case .spill(let settings): settings.judge(evidence, rule: rule, now: now)
      case .generations(let settings): settings.judge(evidence, rule: rule, now: now)
      }
    }
  }
}

extension Evidence {
  /// What is observed of a candidate of one kind only.
  package enum OfKind: Sendable, Equatable {
    case spill
    case generations(GenerationEvidence)

    var members: [(String, JSONValue)] {
      switch self {
      case .spill: []
      case .generations(let own): own.members
      }
    }
  }
}
