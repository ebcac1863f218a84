// What is known of living owners when what knew it ends.

import Glibc
import OwnedDirectories
import ReapRules
import Testing

@testable import ReapEngine

@Suite struct InheritedLocksTests {
  private let folder = Folder()
  private let inherited = InheritedLocks()
  private let directory = identity(5)

  @Test func `a lock that nobody holds is not kept`() throws {
    let lock = try LockFile(folder, "lock", of: directory)
    inherited.leave(lock.held)
    #expect(!lock.isOpen && inherited.isEmpty && inherited.nextLapse == nil)
  }

  @Test func `a file that is no lock is not kept, whoever has it open`() throws {
    let lock = try LockFile(folder, "data", of: directory)
    let owner = lock.locked()
    defer { LockFile.end(owner) }
    inherited.leave(
      HeldFile(
        descriptor: lock.held.descriptor, directory: directory, identity: lock.held.identity,
        isLock: false))
    #expect(!lock.isOpen && inherited.isEmpty)
  }

  @Test func `a lock that is held goes to the next look at its directory, and to no other`() throws
  {
    let lock = try LockFile(folder, "lock", of: directory)
    let owner = lock.locked()
    defer { LockFile.end(owner) }
    #expect(unlink(lock.path) == 0)
    inherited.leave(lock.held)
    #expect(lock.isOpen && !inherited.isEmpty)
    var known = KnownBefore()
    inherited.claim(&known, of: identity(6))
    #expect(known.held == nil)
    inherited.claim(&known, of: directory)
    #expect(known.held === lock.held && inherited.isEmpty && lock.isOpen)
    lock.held.descriptor.close()
  }

  @Test func `under a name that another directory has, each finds its own lock`() throws {
    let (mine, others) = (
      try LockFile(folder, "mine", of: directory), try LockFile(folder, "others", of: identity(6))
    )
    let owners = [mine.locked(), others.locked()]
    defer { for owner in owners { LockFile.end(owner) } }
    inherited.leave(mine.held)
    // The name was the other's at the last look.
    var known = KnownBefore(held: others.held)
    inherited.claim(&known, of: directory)
    #expect(known.isAnothers && known.held === mine.held && others.isOpen)
    var next = KnownBefore()
    inherited.claim(&next, of: identity(6))
    #expect(next.held === others.held && !next.isAnothers)
    for held in [mine.held, others.held] { held.descriptor.close() }
  }

  @Test func `it is closed once its owner has ended, looked for ever more seldom`() throws {
    let lock = try LockFile(folder, "lock", of: directory)
    let owner = lock.locked()
    inherited.leave(lock.held)
    let first = try #require(inherited.nextLapse)
    #expect(!inherited.lapse() && lock.isOpen)
    let second = try #require(inherited.nextLapse)
    #expect(second - readMonotonic() > nanosecondsPerSecond && second > first)
    LockFile.end(owner)
    #expect(inherited.lapse() && !lock.isOpen && inherited.isEmpty && inherited.nextLapse == nil)
  }

  @Test func `those whose owners have ended go when many have come`() throws {
    let locks = try (0..<64).map {
      try LockFile(folder, "lock-\($0)", of: identity(UInt64($0)))
    }
    let owners = locks.map { $0.locked() }
    for lock in locks.dropLast() { inherited.leave(lock.held) }
    for owner in owners.dropLast() { LockFile.end(owner) }
    #expect(!locks.contains { !$0.isOpen })
    inherited.leave(locks[63].held)
    #expect(locks.map(\.isOpen) == Array(repeating: false, count: 63) + [true])
    LockFile.end(owners[63])
    inherited.lapse()
  }

  // MARK: - Without a descriptor

  @Test func `a lock that was lost is known of its directory until a lock is seen`() {
    var known = KnownBefore()
    inherited.noteLost(.init(directory))
    inherited.claim(&known, of: identity(6))
    #expect(!known.isLockLost)
    inherited.claim(&known, of: directory)
    #expect(known.isLockLost && inherited.isLost(.init(directory)))
    inherited.noteLoss(known, .unknown("as before"), directory)
    #expect(inherited.isLost(.init(directory)))
    inherited.noteLoss(known, .held, directory)
    #expect(inherited.isEmpty)
  }

  @Test func `an owner that was never seen has not ended; one that was, has`() {
    let lost = InheritedLocks.Directory(directory)
    inherited.noteLost(lost)
    #expect(!inherited.hasEnded(lost, isSeen: false))
    #expect(!inherited.hasEnded(lost, isSeen: true))
    inherited.noteLost(lost)  // another look that found no descriptor
    #expect(inherited.hasEnded(lost, isSeen: false))
    inherited.forgetLost(lost)
    #expect(inherited.isEmpty && inherited.nextLapse == nil)
  }
}
