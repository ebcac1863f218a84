/// The outcome of judging: unsure is never disposed of.
package enum Verdict: Sendable, Equatable {
  /// `recheckAfter`: when time alone may change the verdict.
  case keep(Reason, recheckAfter: Nanoseconds?)
  case dispose(Reason)
  case unsure(Reason)

  package var reason: Reason {
    switch self {
    case .keep(let reason, _), .dispose(let reason), .unsure(let reason): reason
    }
  }

  package var word: String {
    switch self {
    case .keep: "keep"
    case .dispose: "dispose"
    case .unsure: "unsure"
    }
  }
}

/// What a judge says on the evidence so far.
package enum Judgement: Sendable, Equatable {
  /// Nothing can be said before this was gathered too.
  case gather(Stage)
  case verdict(Verdict)

  package enum Stage: Sendable, Equatable {
    case lock, surroundings, inside
  }
}

/// Why. The code goes into audit and JSON and keeps its name; `explanation` is for people.
package enum Reason: String, Sendable, CaseIterable {
  case notMatched = "not-matched"
  case notADirectory = "not-a-directory"
  case mountPoint = "mount-point"
  case foreignOwner = "foreign-owner"
  case young
  case lockHeld = "lock-held"
  case lockOpen = "lock-open"
  case missingLockKept = "missing-lock-kept"
  case mountInside = "mount-inside"
  case rootInside = "root-inside"
  case recentlyChanged = "recently-changed"
  case fileOpen = "file-open"
  case foreignContents = "foreign-contents"

  case lockReleased = "lock-released"
  case lockMissing = "lock-missing"

  case lockNotAFile = "lock-not-a-file"
  case lockUnreadable = "lock-unreadable"
  case lockUnknown = "lock-unknown"
  case useUnknown = "use-unknown"
  case surroundingsUnknown = "surroundings-unknown"
  case unreadable
  case replaced
  case removalFailed = "removal-failed"

  package var explanation: String {
    switch self {
    case .notMatched: "its name does not fit the rule's match"
    case .notADirectory: "it is not a directory; links and files are never followed or removed"
    case .mountPoint: "something is mounted here"
    case .foreignOwner: "it belongs to a user whose directories this rule may not remove"
    case .young: "its grace is not over; nothing inside it was touched"
    case .lockHeld: "a process holds its lock: it is in use"
    case .lockOpen:
      "the lock is free, but a process has the lock file open and may be about to lock"
    case .missingLockKept: "it has no lock file, and the rule says missing_lock: keep"
    case .mountInside: "something is mounted inside it"
    case .rootInside: "another watched root lies in it"
    case .recentlyChanged: "it has no lock file, and something in it changed within the grace"
    case .fileOpen: "it has no lock file, but a process has a file in it open"
    case .foreignContents: "it holds an entry that the rule's contents does not allow"
    case .lockReleased: "its owner is gone: the lock could be taken"
    case .lockMissing: "it has no lock file, nothing changed for a grace, and nothing in it is open"
    case .lockNotAFile: "its lock file is not a regular file"
    case .lockUnreadable: "its lock file cannot be opened"
    case .lockUnknown: "asking for the lock failed with something else than 'held'"
    case .useUnknown: "it could not be found out whether its files are open"
    case .surroundingsUnknown: "the mount table could not be read or understood"
    case .unreadable: "the directory cannot be examined"
    case .replaced: "it changed its identity while it was being judged"
    case .removalFailed: "it was claimed, but its removal failed"
    }
  }
}

/// What brought a decision about.
package enum Trigger: String, Sendable {
  case closeEvent = "close-event"
  case graceOver = "grace-over"
  case created, startup, rescan, backstop, manual
}
