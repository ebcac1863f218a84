// Who goes without a watch or a descriptor, and who is next when one becomes free.

import Glibc
import Logging
import OwnedDirectories
import ReapRules
import Testing

@testable import ReapEngine
@testable import Watching

@Suite struct ShortageTests {
  private let folder = Folder()
  private let shortage = Shortage(heldLimit: 2, logger: Logger(label: "test"))

  private func holding(watched: Bool) -> Holding {
    var holding = Holding()
    if watched { holding.watch = WatchHandle(descriptor: 5) }
    return holding
  }

  @Test func `nobody stands in line before the kernel has refused somebody`() {
    #expect(!shortage.standsInLine(1) && shortage.nextDeadline == nil)
    shortage.watchAnswered(1, refusedBy: EACCES)
    #expect(!shortage.standsInLine(2))
    shortage.watchAnswered(1, refusedBy: ENOSPC)
    #expect(shortage.standsInLine(2))
  }

  @Test func `a watch that becomes free lets the next one try at once`() {
    shortage.watchAnswered(1, refusedBy: ENOSPC)
    #expect(shortage.nextDeadline == nil)
    shortage.leave(2, holding(watched: false))
    #expect(shortage.nextDeadline == nil)
    shortage.leave(2, holding(watched: true))
    #expect(shortage.nextDeadline == 0)
  }

  @Test func `with the last one that waits the shortage is over`() {
    shortage.watchAnswered(1, refusedBy: ENOSPC)
    #expect(shortage.standsInLine(2))
    shortage.watchIsFree()
    shortage.watchAnswered(1, refusedBy: nil)
    #expect(shortage.standsInLine(3))
    shortage.leave(2, holding(watched: false))
    shortage.leave(3, holding(watched: false))
    #expect(!shortage.beginRound() && shortage.nextDeadline == nil && !shortage.standsInLine(4))
  }

  @Test func `one that may try and is gone makes way for the next`() {
    // No candidate's: nobody looks at it.
    let gone = [1, 2].map { WatchToken.owner(root: $0, number: 0).bits }
    for token in gone { shortage.watchAnswered(token, refusedBy: ENOSPC) }
    #expect(!shortage.letNextTry(), "no watch is free")
    shortage.watchIsFree()
    #expect(shortage.letNextTry() && shortage.letNextTry())
    #expect(!shortage.letNextTry() && !shortage.standsInLine(3))
  }

  @Test func `of those without a descriptor only whose owner's close is not seen deserves one`()
    throws
  {
    let read = try LockFile(folder, "read", of: identity(1))
    let written = try LockFile(folder, "written", of: identity(2))
    let writer = opened(written.path, O_RDWR)
    defer { for file in [writer, read.held.descriptor, written.held.descriptor] { file.close() } }
    shortage.goWithoutDescriptor(1, read.held)
    shortage.goWithoutDescriptor(2, written.held)
    #expect(shortage.deservesDescriptor(1) && !shortage.deservesDescriptor(2))
    shortage.held = 2
    #expect(!shortage.deservesDescriptor(1) && !shortage.isOverHeld)
    #expect(shortage.descriptorsLeft == 0)
    shortage.held = 1
    shortage.gotDescriptor(1)
    #expect(!shortage.deservesDescriptor(1))
    var sparse = holding(watched: true)
    sparse.isSparse = true
    shortage.leave(2, sparse)
    #expect(!shortage.beginRound())
  }
}
