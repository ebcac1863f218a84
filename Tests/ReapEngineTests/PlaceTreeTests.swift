// The directories below a root, as a scan, their watches and their ends leave them.

import Glibc
import OwnedDirectories
import ReapRules
import Testing

@testable import ReapEngine
@testable import Watching

@Suite struct PlaceTreeTests {
  private let folder = Folder()

  /// A place whose watch is asked for, and whether its descriptor is open still.
  private func add(
    _ text: String, below parent: UInt32 = PlaceTree.root, _ tree: inout PlaceTree
  ) throws -> (number: UInt32, isOpen: () -> Bool) {
    let descriptor = opened(folder.directory(text), O_RDONLY | O_DIRECTORY)
    let identity = try status(of: descriptor).identity
    let number = tree.add(Array(text.utf8), below: parent, opened: descriptor)
    return (number, { (try? status(of: descriptor))?.identity == identity })
  }

  @Test func `a place is found by its path, and its descriptor closed once it is watched`() throws {
    var tree = PlaceTree()
    let place = try add("a", &tree)
    #expect(tree.number(of: Array("a".utf8)) == place.number && tree.arming == 1)
    #expect(place.isOpen())
    #expect(tree.armed(place.number, WatchHandle(descriptor: 5)) == true)
    #expect(!place.isOpen() && tree.arming == 0)
    #expect(tree[place.number]?.watch == WatchHandle(descriptor: 5))
    #expect(tree[PlaceTree.root]?.children == [place.number])
  }

  @Test func `a scan tells those that it did not come to`() throws {
    var tree = PlaceTree()
    let (seen, gone) = (try add("a", &tree).number, try add("b", &tree).number)
    #expect(tree.unseen.isEmpty)
    tree.beginScan()
    #expect(tree.unseen == [seen, gone].sorted())
    tree.noteSeen(seen)
    let new = try add("c", &tree).number
    #expect(tree.unseen == [gone])
    for number in [seen, gone, new] { _ = tree.armed(number, nil) }
  }

  @Test
  func `all below a place goes with it, and what is being watched stays open until the answer`()
    throws
  {
    var tree = PlaceTree()
    let outer = try add("a", &tree)
    let inner = try add("a/b", below: outer.number, &tree)
    let beside = try add("c", &tree)
    #expect(tree.armed(outer.number, WatchHandle(descriptor: 5)) == true)
    let removed = tree.remove(outer.number)
    #expect(removed.map(\.number) == [outer.number, inner.number])
    #expect(removed.first?.place.watch == WatchHandle(descriptor: 5))
    #expect(tree.number(of: Array("a/b".utf8)) == nil && inner.isOpen())
    #expect(tree[PlaceTree.root]?.children == [beside.number])
    // The caller ends the watch that it is told of.
    #expect(tree.armed(inner.number, WatchHandle(descriptor: 6)) == false)
    #expect(!inner.isOpen() && tree[inner.number] == nil)
    #expect(tree.armed(beside.number, nil) && tree.arming == 0)
  }

  @Test func `the root loses what it knew, and stays`() throws {
    var tree = PlaceTree()
    let place = try add("a", &tree)
    tree.noteCandidate(name("x"), in: PlaceTree.root)
    tree.beginScan()
    let epoch = tree.epoch
    #expect(Set(tree.remove(PlaceTree.root).map(\.number)) == [PlaceTree.root, place.number])
    #expect(tree.places.count == 1 && tree[PlaceTree.root]?.candidates.isEmpty == true)
    #expect(tree.number(of: []) == PlaceTree.root && tree.epoch == epoch && tree.unseen.isEmpty)
    #expect(tree.armed(place.number, nil) == false)
  }

  @Test func `candidates, a conflict and a path too long are noted once for each place`() throws {
    var tree = PlaceTree()
    let number = try add("a", &tree).number
    tree.noteCandidate(name("x"), in: number)
    tree.noteCandidate(name("y"), in: number)
    tree.forgetCandidate(name("x"), in: number)
    #expect(tree[number]?.candidates == [name("y")])
    #expect(tree.noteConflict(in: number) && !tree.noteConflict(in: number))
    tree.forgetConflict(in: number)
    #expect(tree.noteConflict(in: number) == true)
    #expect(tree.noteTooDeep(below: number) && !tree.noteTooDeep(below: number))
    _ = tree.remove(number)
    #expect(!tree.noteConflict(in: number) && !tree.noteTooDeep(below: number))
    _ = tree.armed(number, nil)
  }
}
