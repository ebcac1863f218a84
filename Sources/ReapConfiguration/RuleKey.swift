import ReapRules

/// The keys of a rule, in the order in which they are printed.
enum RuleKey: String, CaseIterable {
  case name, kind, preset, root, enabled, match, never, grace, owner
  case allowShallow = "allow_shallow"
  case allowRemote = "allow_remote"
  case lock
  case lockType = "lock_type"
  case missingLock = "missing_lock"
  case contents
  case cursor, layouts, complete, marker
  case ownerPidfile = "owner_pidfile"
  case trustPids = "trust_pids"
  case quiet, quarantine
  case quarantineYields = "quarantine_yields"
  case minFree = "min_free"
  case minFreeInodes = "min_free_inodes"
  case compaction
  case retiredAfter = "retired_after"
  case staleTemporaries = "stale_temporaries"

  func belongs(to kind: KindName) -> Bool {
    switch self {
    case .name, .kind, .preset, .root, .enabled, .match, .never, .grace, .owner, .allowShallow,
      .allowRemote, .lock, .lockType:
      true
    case .missingLock, .contents: kind == .spill
    case .cursor, .layouts, .complete, .marker, .ownerPidfile, .trustPids, .quiet, .quarantine,
      .quarantineYields, .minFree, .minFreeInodes, .compaction, .retiredAfter, .staleTemporaries:
      kind == .generations
    }
  }

  /// Whether an environment variable may override the key. Those that tell which rule it is may not
  /// be.
  var canBeOverridden: Bool {
    switch self {
    case .name, .kind, .preset: false
    default: true
    }
  }
}

/// Kinds by the name they are written with.
enum KindName: String, CaseIterable {
  case spill, generations

  init(_ kind: Rule.Kind) {
    switch kind {
    case .spill: self = .spill
    case .generations: self = .generations
    }
  }
}
