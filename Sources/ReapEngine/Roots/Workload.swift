// What workers do for the reaper: looks that may take long, and removals.

import OwnedDirectories
import ReapRules

final class Workload {
  /// Claims that may wait for a worker, with their descriptors.
  static let maximumRemovals = 64
  /// Descriptors of a claim that waits to be removed: its partition, itself and its lock file; and
  /// one to spare.
  private static let openPerClaim = 4

  /// A look that waits for a worker, and for descriptors.
  private struct Waiting {
    let owner: WatchedRoot.Reference
    let root: OpenRoot
    let held: HeldFile?
    let work: WorkerPool.Work
  }

  let pool = WorkerPool()
  private let mailbox: LoopMailbox<ReaperMessage>
  private let inherited: InheritedLocks
  private let shortage: Shortage
  private var looksInFlight = 0
  private(set) var removalsInFlight = 0
  /// The newest goes first.
  private var waiting: [Waiting] = []

  init(mailbox: LoopMailbox<ReaperMessage>, inherited: InheritedLocks, shortage: Shortage) {
    self.mailbox = mailbox
    self.inherited = inherited
    self.shortage = shortage
  }

  /// A claim made now would wait with its descriptors open; made by a worker it goes next.
  var isFull: Bool { removalsInFlight >= Self.maximumRemovals }

  /// How many claims more could be made without that.
  var claimsLeft: Int { max(1, Self.maximumRemovals - removalsInFlight) }

  /// Whether there are descriptors for one more look: what workers look at they may claim, and claims
  /// wait behind whatever else the workers are given.
  private var mayLookMore: Bool {
    removalsInFlight + looksInFlight
      < max(Self.maximumRemovals, shortage.descriptorsLeft / Self.openPerClaim)
  }

  /// Has a worker look; its answer is a message.
  ///
  /// - Parameter isWatched: what is held is watched, so that closing it would be told.
  func look(
    _ examination: Examination, _ owner: WatchedRoot.Reference, _ id: CandidateID,
    _ examine: Schedule.Examine, _ known: KnownBefore, isWatched: Bool
  ) {
    examination.root.retain()
    // What has to wait does so without a descriptor.
    var given = known
    if !mayLookMore, !isWatched {
      if let held = known.held { inherited.leave(held) }
      (given.held, given.isLocked) = (nil, false)
    }
    let mailbox = mailbox
    waiting.append(
      Waiting(owner: owner, root: examination.root, held: given.held) { [given] in
        let examined = examination.run(LookRequest(examine, mayTakeTime: true), given)
        mailbox.post(.examined(owner, id, examine, examined, examination.root))
      })
    submit()
  }

  /// A worker has answered.
  func looked() { looksInFlight -= 1 }

  func submit() {
    while mayLookMore, let next = waiting.popLast() {
      looksInFlight += 1
      pool.submit(next.work)
    }
  }

  /// Drops the looks of a rule that ends.
  func drop(of owner: WatchedRoot.Reference) {
    for look in waiting where look.owner == owner {
      if let held = look.held { inherited.leave(held) }
      look.root.release()
    }
    waiting.removeAll { $0.owner == owner }
  }

  /// Begins to remove what was claimed; the answer is a message.
  ///
  /// - Parameter last: where nobody gives this one's workers anything any more.
  func remove(
    _ claimed: Claimed, of owner: WatchedRoot.Reference?, _ occasion: Occasion,
    on last: WorkerPool? = nil
  ) {
    let mailbox = mailbox
    removalsInFlight += 1
    Removal.start(claimed, on: last ?? pool) { claimed, result in
      mailbox.post(.removed(owner, claimed, result, occasion))
    }
  }

  func removed() { removalsInFlight -= 1 }

  /// Closes what an answer holds that nobody waits for; a claim stands, so it is finished all the same.
  func discard(_ examined: Examined) {
    if let held = examined.held { inherited.leave(held) }
    if let claimed = examined.claimed { remove(claimed, of: nil, Occasion(trigger: .rescan)) }
  }

  /// Waits for what the workers have in hand.
  func drain() { pool.drain() }
}

extension LookRequest {
  init(_ examine: Schedule.Examine, mayTakeTime: Bool) {
    self.init(
      examine.path, firstSeen: examine.firstSeen, sawCreation: examine.sawCreation,
      wokenAt: examine.wokenAt, mayTakeTime: mayTakeTime)
    trigger = examine.trigger
  }
}
