// What a tree weighs, deeper than the levels of a walk that stay open: those above are listed again on the
// way back, and what comes again does not count again.

import Foundation
import OwnedDirectories
import ReapRules
import Testing

@testable import ReapEngine

@Suite struct TreeSizeTests {
  @Test(arguments: [1, 17, 40])
  func `each entry counts once, however deep the tree is`(depth: Int) throws {
    let scratch = FileManager.default.temporaryDirectory.appending(path: "reapd-\(UUID())")
    defer { try? FileManager.default.removeItem(at: scratch) }
    var directory = scratch.appending(path: "tree")
    var entries: Int64 = 0
    for _ in 0..<depth {
      try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
      for number in 0..<8 {
        try Data(count: 5000).write(to: directory.appending(path: "file-\(number)"))
      }
      // Those that wait when the walk goes down are listed again, with what lies between them.
      for number in 0..<4 {
        try FileManager.default.createDirectory(
          at: directory.appending(path: "side-\(number)"), withIntermediateDirectories: true)
      }
      entries += 13
      directory.append(path: "down")
    }
    let opened = try openForReading(FilePath(scratch.path))
    defer { opened.close() }
    let facts = try status(of: opened)
    let root = OpenRoot(
      path: Array(scratch.path.utf8), descriptor: opened, identity: facts.identity,
      owner: facts.owner)
    let weight = weigh(CandidatePath(EntryName("tree")!), below: root)
    #expect(weight?.inodes == entries)
    let bytes = try #require(allocatedBytes(of: CandidatePath(EntryName("tree")!), below: root))
    let top = try status(of: EntryName("tree")!, at: opened).allocated
    #expect(weight?.bytes == bytes + top)
  }
}
