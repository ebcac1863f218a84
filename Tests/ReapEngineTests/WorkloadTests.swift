// How much workers are given: as much as there are descriptors for, the newest first.

import Glibc
import Logging
import OwnedDirectories
import Testing

@testable import ReapEngine
@testable import ReapRules

@Suite struct WorkloadTests {
  private let folder = Folder()
  private let mailbox = LoopMailbox<ReaperMessage>(limit: 1000)
  private let inherited = InheritedLocks()
  private let workload: Workload
  private let examination: Examination
  private let owner: WatchedRoot.Reference

  init() throws {
    workload = Workload(
      mailbox: mailbox, inherited: inherited,
      shortage: Shortage(heldLimit: 0, logger: Logger(label: "test")))
    let directory = opened(folder.path, O_RDONLY | O_DIRECTORY)
    let facts = try status(of: directory)
    let root = OpenRoot(
      path: Array(folder.path.utf8), descriptor: directory, identity: facts.identity,
      owner: facts.owner)
    let rule = Rule(
      name: "r", root: FilePath(Array(folder.path.utf8)), match: try Glob("*"), grace: 0,
      owners: .anyone, kind: .spill(SpillSettings()))
    examination = Examination(
      rule: SharedRule(rule), kind: SpillEdge(), root: root,
      surroundings: SurroundingsView(mounts: MountView(), roots: []), claims: OwnClaims())
    owner = WatchedRoot.Reference(index: 0, object: ObjectIdentifier(mailbox))
  }

  /// Asks for looks at names that are not there.
  private func look(
    at numbers: Range<Int>, held: HeldFile? = nil, isWatched: Bool = false
  ) {
    for number in numbers {
      workload.look(
        examination, owner, CandidateID(slot: UInt32(number), generation: 1),
        Schedule.Examine(path: path("spill_1_\(number)"), firstSeen: 0, trigger: .rescan),
        KnownBefore(held: held), isWatched: isWatched)
    }
  }

  /// The slots of the next answers, as many as are waited for.
  private func answers(_ count: Int) -> [UInt32] {
    var slots: [UInt32] = []
    let end = readMonotonic() + 30 * nanosecondsPerSecond
    while slots.count < count, readMonotonic() < end {
      for case .examined(_, let id, _, _, let root) in mailbox.take(until: end).messages {
        slots.append(id.slot)
        root.release()
      }
    }
    return slots
  }

  @Test func `without descriptors to spare so many looks are under way, and no more`() {
    look(at: 0..<70)
    #expect(Set(answers(64)) == Set(0..<64))
    workload.drain()
    #expect(mailbox.take(until: 0).messages.isEmpty)
    workload.drop(of: owner)
    examination.root.release()
  }

  @Test func `an answer makes room for the newest of those that wait`() {
    look(at: 0..<70)
    _ = answers(64)
    for slot in [UInt32(69), 68] {
      workload.looked()
      workload.submit()
      #expect(answers(1) == [slot])
    }
    workload.drain()
    workload.drop(of: owner)
    examination.root.release()
  }

  @Test func `what has to wait does so without a descriptor, unless its closing would be told`()
    throws
  {
    look(at: 0..<64)
    _ = answers(64)
    let lock = try LockFile(folder, "lock", of: identity(1))
    let watched = try LockFile(folder, "watched", of: identity(2))
    let owners = [lock.locked(), watched.locked()]
    look(at: 64..<65, held: lock.held)
    look(at: 65..<66, held: watched.held, isWatched: true)
    // A living owner's lock stays known all the same.
    if case .file(let file)? = inherited.take(identity(1)) {
      #expect(file === lock.held)
    } else {
      Issue.record("the lock is not left for the next look")
    }
    #expect(inherited.isEmpty && lock.isOpen && watched.isOpen)
    // A rule that ends leaves the other's, too.
    workload.drop(of: owner)
    #expect(!inherited.isEmpty && watched.isOpen)
    workload.drain()
    for owner in owners { LockFile.end(owner) }
    #expect(inherited.lapse() && !watched.isOpen)
    lock.held.descriptor.close()
    examination.root.release()
  }
}
