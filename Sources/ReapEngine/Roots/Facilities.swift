// What every rule at work shares, and what may be asked of the reaper from other threads.

import Logging
import OwnedDirectories
package import ReapRules
import Watching

/// What `reapd watch` is asked to do.
package struct ReaperOptions: Sendable {
  package var rules: [Rule]
  /// Every root that is known, watched here or not: none may lie in what is removed.
  package var roots: [FilePath]
  /// How often everything is looked at again; nil means never.
  package var backstop: Nanoseconds?
  package var dryRun: Bool
  /// Roots that nobody has named: what lies in the place of one, perhaps put there by a stranger, keeps
  /// it from none of the others.
  package var sharesPlaces = false
  /// Whether each rule tells once what its root holds.
  package var tellsUsage = false
  /// Of a file system that is used so far is told, in hundredths of a percent; nil: of none.
  package var warnUsed: Int64?

  package init(rules: [Rule], roots: [FilePath], backstop: Nanoseconds?, dryRun: Bool) {
    self.rules = rules
    self.roots = roots
    self.backstop = backstop
    self.dryRun = dryRun
  }
}

/// What the reaper's loop takes from its mailbox.
enum ReaperMessage: Sendable {
  case watched([WatchMessage], at: Nanoseconds)
  /// From a worker, which kept the open root for it.
  case examined(WatchedRoot.Reference, CandidateID, Schedule.Examine, Examined, OpenRoot)
  /// `root`: whose claim it was; nil where its rule had ended by then.
  case removed(WatchedRoot.Reference?, Claimed, RemovalResult, Occasion)
  /// Nil: of all that the root has.
  case ownerExited(root: Int, CandidatePath?)
  /// Something is known of a candidate that was not, when it was looked at last.
  case news(root: Int, CandidatePath, Trigger)
  case reload(ReaperOptions)
  /// After a time in which nothing could be removed.
  case auditWritable
  case stop
}

/// One of each in a reaper. Used, as all that hangs on it, by whoever works the loop: the reaper's
/// thread or, while that waits, the inotify thread with few messages; never by both (`Mailbox.lend`).
final class Facilities {
  let reporter: Reporter
  let inotify: INotifyThread
  let mailbox: LoopMailbox<ReaperMessage>
  let workload: Workload
  let agenda = Agenda()
  let inherited = InheritedLocks()
  let mounts = MountView()
  let obstacles = ObstacleWatches()
  let shortage: Shortage
  private let useMarks: UseMarks
  private let startUsage: StartUsage
  /// Makes the edge of a rule's kind.
  let kindEdge: (Rule, @escaping OwnerExited) -> any RootKind
  /// The mounts and roots that no candidate may have in it: shared by every rule.
  private(set) var surroundings: SurroundingsView
  var options: ReaperOptions {
    didSet { lookForRoots() }
  }
  /// The inotify thread takes no command any more.
  var isStopping = false
  /// Set once: what it belongs to holds it.
  unowned var roster: Roster!

  var logger: Logger { reporter.logger }

  init(
    _ options: ReaperOptions, reporter: Reporter, inotify: INotifyThread,
    mailbox: LoopMailbox<ReaperMessage>, heldLimit: Int,
    kindEdge: @escaping (Rule, @escaping OwnerExited) -> any RootKind
  ) {
    self.options = options
    self.reporter = reporter
    self.inotify = inotify
    self.mailbox = mailbox
    self.kindEdge = kindEdge
    useMarks = UseMarks(logger: reporter.logger)
    startUsage = StartUsage(logger: reporter.logger)
    shortage = Shortage(heldLimit: heldLimit, logger: reporter.logger)
    workload = Workload(mailbox: mailbox, inherited: inherited, shortage: shortage)
    surroundings = SurroundingsView(mounts: mounts, roots: options.roots.map(resolveRoot))
  }

  /// Something has begun or ended in a root that says how full its file system is.
  func lookAtUse(of root: WatchedRoot) {
    if let open = root.root { useMarks.look(at: open, mark: options.warnUsed) }
  }

  /// The first scan of a root is over.
  func hasBegun(_ root: WatchedRoot) {
    lookAtUse(of: root)
    if options.tellsUsage, let open = root.root { startUsage.tell(open, rule: root.rule.name) }
  }

  /// Ends what goes on beside the loop.
  func stopBeside() { startUsage.stop() }

  func isPresent(_ root: WatchedRoot) -> Bool { roster.isPresent(root) }

  /// The others are to know where the roots lie now.
  func examineAnew(except root: WatchedRoot) {
    for other in roster.sorted where other !== root { other.access.examineAnew() }
  }

  /// Where every root lies now; one that was absent may have come as a link.
  func lookForRoots() {
    surroundings = SurroundingsView(mounts: mounts, roots: options.roots.map(resolveRoot))
  }
}
