import OwnedDirectories
import ReapRules

/// Where a candidate lies: the directory that holds it, open.
struct Spot: Sendable {
  let shared: SharedRule
  /// The rule's root, or a place below it.
  let directory: OpenRoot
  /// Where that is, below the rule's root.
  let place: [UInt8]
  /// What this process has decided about candidates of the rule.
  let claims: OwnClaims

  var rule: Rule { shared.rule }

  func path(_ name: EntryName) -> CandidatePath { CandidatePath(directory: place, name) }

  /// Whether something stands under a name.
  func has(_ name: EntryName) -> Bool { (try? status(of: name, at: directory.descriptor)) != nil }
}

/// Which candidate is to be looked at, and what is known of it.
struct LookRequest: Sendable {
  /// As it is below the root, its name perhaps a claimed one.
  var path: CandidatePath
  /// Monotonic.
  var firstSeen: Nanoseconds
  /// Monotonic; nil where reapd did not see it come.
  var sawCreation: Nanoseconds?
  /// Monotonic arrival of the event that this answers: whoever lets go is not searched for at once.
  var wokenAt: Nanoseconds?
  /// Whether this thread may take its time: walk through a large tree, look through all processes,
  /// and wait for a lock.
  var mayTakeTime: Bool
  /// What brought it about.
  var trigger = Trigger.manual

  init(
    _ path: CandidatePath, firstSeen: Nanoseconds, sawCreation: Nanoseconds? = nil,
    wokenAt: Nanoseconds? = nil, mayTakeTime: Bool
  ) {
    self.path = path
    self.firstSeen = firstSeen
    self.sawCreation = sawCreation
    self.wokenAt = wokenAt
    self.mayTakeTime = mayTakeTime
  }
}

/// What earlier looks at a name left.
struct KnownBefore: Sendable {
  /// What the last look left open; handed over.
  var held: HeldFile?
  /// Whether the owner's lock on it was taken already.
  var isLocked = false
  /// Whether its lock was held when last seen, and is not open any more.
  var isLockLost = false
  /// Another directory has the name by now.
  var isAnothers = false
  /// What the bounds of its group demand its end for.
  var demand: Retention.Demand?
}
