// What is held for candidates, by slot: a slot may have become another candidate's.

import OwnedDirectories
import ReapRules
import Testing

@testable import ReapEngine
@testable import Watching

@Suite struct HoldingsTests {
  private let old = CandidateID(slot: 3, generation: 1)
  private let new = CandidateID(slot: 3, generation: 2)

  private func watched(by descriptor: Int32) -> Holding {
    var holding = Holding()
    holding.watch = WatchHandle(descriptor: descriptor)
    return holding
  }

  // Where the getter gives nil, optional chaining calls the setter with nil all the same.
  @Test func `what comes late for a forgotten candidate does not touch its successor`() {
    var holdings = Holdings()
    holdings[old] = Holding()
    holdings[old] = nil
    holdings[new] = Holding()
    holdings[old]?.watch = nil
    #expect(holdings[old] == nil && holdings[new] != nil)
    holdings[new]?.isSparse = true
    #expect(holdings[new]?.isSparse == true)
  }

  @Test func `what is set aside for its answer is found by it, once, whoever has the slot`() {
    var holdings = Holdings()
    holdings[old] = watched(by: 5)
    holdings.orphan(old)
    #expect(holdings[old] == nil)
    holdings[new] = watched(by: 6)
    #expect(holdings.adopt(new) == nil)
    #expect(holdings.adopt(old)?.watch == WatchHandle(descriptor: 5))
    #expect(holdings.adopt(old) == nil && holdings.orphans.isEmpty)
    #expect(holdings[new]?.watch == WatchHandle(descriptor: 6))
  }

  @Test func `an inode that was used again is another file`() {
    var holding = Holding()
    holding.setWatchedFile(FileIdentity(device: 1, inode: 9, birth: 100))
    #expect(holding.isFor(FileIdentity(device: 1, inode: 9, birth: 100)))
    #expect(!holding.isFor(FileIdentity(device: 1, inode: 9, birth: 101)))
    holding.setWatchedFile(nil)
    #expect(!holding.isWatchedFileKnown)
  }

  @Test func `only what is watched without a descriptor may lose its owner's lock`() {
    let inherited = InheritedLocks()
    var holding = watched(by: 5)
    holding.setWatchedFile(identity(9))
    #expect(holding.lostDirectory == nil)
    holding.isSparse = true
    #expect(!holding.isOfLostLock(inherited))
    inherited.noteLost(.init(identity(9)))
    #expect(holding.isOfLostLock(inherited))
    holding.watch = nil
    #expect(!holding.isOfLostLock(inherited))
  }
}
