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
  case foreignInside = "foreign-inside"
  case cannotClaim = "cannot-claim"
  case claimFound = "claim-found"
  case live
  case keptByHand = "kept-by-hand"
  case directoryLocked = "directory-locked"
  case workingDirectory = "working-directory"
  case directoryOpen = "directory-open"
  case fifoOpen = "fifo-open"
  case socketBound = "socket-bound"
  case ownerAlive = "owner-alive"
  case recentlySuperseded = "recently-superseded"
  case quarantined
  case needsQuarantine = "needs-quarantine"
  case notAFile = "not-a-file"
  case unproved
  case protected
  case incomplete
  case nothingToCut = "nothing-to-cut"
  case notInPlace = "not-in-place"
  case draining
  case noCopy = "no-copy"
  case archiveBeingMade = "archive-being-made"
  case slimming
  case slimmingWaits = "slimming-waits"
  case cannotSlim = "cannot-slim"
  case asSmallAsItGets = "as-small-as-it-gets"

  case lockReleased = "lock-released"
  case lockMissing = "lock-missing"
  case ownerDead = "owner-dead"
  case beforeBoot = "before-boot"
  case quiet
  case staleTemporary = "stale-temporary"
  case abandoned
  case copied
  case withinBounds = "within-bounds"
  case overAge = "over-age"
  case overCount = "over-count"
  case overBytes = "over-bytes"
  case roomNeeded = "room-needed"
  case pressure
  case overLimit = "over-limit"
  case drained
  case abandonedCopy = "abandoned-copy"
  case superseded
  case supersededWhole = "superseded-whole"
  case runOver = "run-over"

  case lockNotAFile = "lock-not-a-file"
  case lockUnreadable = "lock-unreadable"
  case lockUnknown = "lock-unknown"
  case lockNamesProcess = "lock-names-process"
  case useUnknown = "use-unknown"
  case ownerUnknown = "owner-unknown"
  case bootUnknown = "boot-unknown"
  case processesUnknown = "processes-unknown"
  case surroundingsUnknown = "surroundings-unknown"
  case unreadable
  case replaced
  case removalFailed = "removal-failed"
  case auditUnwritable = "audit-unwritable"
  case claimConflict = "claim-conflict"
  case cursorUnknown = "cursor-unknown"
  case liveAbsent = "live-absent"
  case liveIncomplete = "live-incomplete"
  case liveUnknown = "live-unknown"
  case timeUnknown = "time-unknown"

  package var explanation: String {
    explanationOfDoubt ?? explanationOfEnd ?? explanationOfLogs ?? explanationOfArchives
      ?? explanationOfKeeping
  }

  private var explanationOfDoubt: String? {
    switch self {
    case .lockNotAFile: "its lock file is not a regular file"
    case .lockUnreadable: "its lock file cannot be opened"
    case .lockUnknown: "asking for the lock failed with something else than 'held'"
    case .lockNamesProcess:
      "its lock file is free, and holds the number of a living process: its owner may not lock"
    case .ownerUnknown: "whether the process that it names lives cannot be told from here"
    case .bootUnknown:
      "whether it is older than the machine's boot cannot be told: the clock was set, or a time is missing"
    case .useUnknown: "it could not be found out whether its files are open"
    case .processesUnknown: "there are processes that cannot be looked at, and may be in it"
    case .surroundingsUnknown:
      "the mount table could not be read or understood, or an overlay hides its owner's locks"
    case .unreadable: "it cannot be examined"
    case .replaced: "it changed its identity while it was being judged"
    case .removalFailed: "it was claimed, but its removal failed"
    case .auditUnwritable: "it may go, but the audit cannot be written, and nothing goes without"
    case .claimConflict:
      "the live generation's name exists both claimed and unclaimed, and the two cannot be joined"
    case .cursorUnknown: "the cursor does not tell which generation is live"
    case .liveAbsent: "the generation that the cursor names does not exist"
    case .liveIncomplete: "the generation that the cursor names is not complete"
    case .liveUnknown: "the generation that the cursor names cannot be examined"
    case .timeUnknown: "its manifest does not tell when it was made, or tells a time to come"
    default: nil
    }
  }

  /// Why it goes, or may.
  private var explanationOfEnd: String? {
    switch self {
    case .beforeBoot: "it was made, and last changed, before the machine was booted"
    case .ownerDead: "its owner is gone: the process that is named as it has ended"
    case .quiet:
      "nothing says that it is in use, nothing in it changed for long, and nothing is open"
    case .abandoned:
      "it was never completed, or half removed; nothing in it changed for long, and nothing uses it"
    case .withinBounds:
      "no bound of its rule asks for it: of count, age, bytes or free room, or of a log's size"
    case .copied: "nothing uses it, and a copy elsewhere is proved"
    case .overAge: "nothing uses it, and it is older than the rule keeps such"
    case .overCount: "nothing uses it, and there are more of them than the rule keeps"
    case .overBytes: "nothing uses it, and all of them are larger than the rule allows"
    case .roomNeeded: "nothing uses it, and less is free than the rule demands"
    case .pressure: "nothing uses it, and more of the file system is in use than the rule allows"
    case .staleTemporary: "a temporary file, unchanged for long and not open"
    case .lockReleased: "its owner is gone: the lock could be taken"
    case .lockMissing: "it has no lock file, nothing changed for a grace, and nothing in it is open"
    default: nil
    }
  }

  /// Of a log, or of what a trim has left of it.
  private var explanationOfLogs: String? {
    switch self {
    case .nothingToCut:
      "it is larger than it may be, and its last line, or less than a block, is all that could go"
    case .notInPlace:
      "it may be cut in place only, and cannot: its file system takes no heads out, it has several names, or somebody writes at an offset"
    case .draining:
      "the old file of a trimmed log, which somebody has open: late lines are carried over"
    case .overLimit: "it is larger than its rule allows"
    case .drained:
      "the old file of a trimmed log: nobody has it open, and every line of it is carried over"
    case .abandonedCopy: "the unfinished copy of a log's tail, by a reapd that was killed"
    default: nil
    }
  }

  /// Of an archive that earlier visits, or a run that is over, have left.
  private var explanationOfArchives: String? {
    switch self {
    case .archiveBeingMade: "an archive is being made beside it, which may be reading it"
    case .slimming:
      "it waits for one that holds it, or is being read, to leave out what the disk has anyway"
    case .slimmingWaits: "what keeps it from being slimmed may pass: it is tried again"
    case .cannotSlim: "it cannot be slimmed or dropped as it is, and stays whole"
    case .asSmallAsItGets: "nothing more of it can be left out"
    case .superseded: "the archive of an earlier visit: what the disk has anyway goes out of it"
    case .supersededWhole: "the archive of an earlier visit, which goes if the disk has all of it"
    case .runOver: "its run is over: what the disk has anyway goes out of it"
    default: nil
    }
  }

  private var explanationOfKeeping: String {
    switch self {
    case .notMatched: "its name does not fit the rule's match"
    case .notADirectory:
      "it is neither a directory nor what else the rule takes; links are never followed or removed"
    case .mountPoint: "something is mounted here"
    case .foreignOwner: "it belongs to a user whose entries this rule may not remove"
    case .young: "its grace is not over; nothing inside it was touched"
    case .lockHeld: "a process holds its lock: it is in use"
    case .lockOpen:
      "the lock is free, but a process has the lock file open and may be about to lock"
    case .missingLockKept: "it has no lock file, and the rule says missing_lock: keep"
    case .mountInside: "something is mounted inside it, or a mounted overlay shows what it holds"
    case .rootInside: "another watched root lies in it"
    case .recentlyChanged:
      "something in it changed a short time ago, and no free lock proves it dead"
    case .fileOpen: "a process has it open, or a file in it"
    case .foreignContents: "it holds an entry that the rule's contents does not allow"
    case .foreignInside:
      "it holds a directory of another user's that its own user could not have emptied"
    case .cannotClaim:
      "it cannot be renamed (a name over 228 bytes, or an overlay's lower layer), and no lock proves it dead"
    case .needsQuarantine:
      "it would go by way of a quarantine, for which a reapd must stay: use watch"
    case .claimFound: "it was claimed by a reapd that has ended; its own name is given back"
    case .live: "the cursor names it: it is the live generation"
    case .keptByHand:
      "it was pinned by hand, which `reapd keep --undo` ends, or the rule's never names it"
    case .directoryLocked: "a process holds a lock on the entry itself"
    case .workingDirectory: "a process has its working or root directory in it"
    case .directoryOpen: "a process has a directory in it open"
    case .fifoOpen: "a process has a FIFO in it open"
    case .socketBound: "a process has a socket in it bound"
    case .ownerAlive: "a process that may be at work in it is alive"
    case .recentlySuperseded: "the cursor moved on a short time ago: readers may still be in it"
    case .quarantined:
      "it is condemned, and its quarantine is not over: a change in it, something open, or a cursor that names it ends that"
    case .unproved:
      "nothing shows that its owner lives, and nothing proves that it is dead; with `quiet` in the rule, time would decide"
    case .protected: "a file in it protects it, and something happened in it not long ago"
    case .noCopy: "no copy elsewhere is proved, and the rule takes no last copy"
    case .incomplete: "it is not complete: it is being made, or was abandoned a short time ago"
    case .notAFile: "it is not a regular file; links are never followed or removed"
    // Explained above.
    default: ""
    }
  }
}
