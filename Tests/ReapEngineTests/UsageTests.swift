// The parts of a walk that adds up: its rows, and files with several names.

import Glibc
import OwnedDirectories
import ReapRules
import Testing

@testable import ReapEngine

@Suite struct UsageRowTests {
  private func block(_ names: String...) -> [UInt8] { names.flatMap { Array($0.utf8) + [0] } }

  private func sum(_ bytes: Int64) -> UsageSum { UsageSum(bytes: bytes, files: 1) }

  @Test func `a row holds what lies below it, and has a path`() {
    var rows = UsageRows()
    let first = rows.add(block("a", "b", "c"), in: 0)
    let inner = rows.add(block("x"), in: first + 1)
    rows.add(sum(1), to: first)
    rows.add(sum(2), to: first + 1)
    rows.add(sum(4), to: inner)
    rows.add(sum(8), to: 0)
    rows.addUp()
    rows.addUp()
    #expect(rows.sum(0).bytes == 15 && rows.sum(first + 1).bytes == 6)
    #expect(rows.path(inner) == Array("b/x".utf8) && rows.path(first) == Array("a".utf8))
    #expect(rows.isTop(first) && !rows.isTop(inner))
    // What vanished before it was opened holds nothing, and is left out.
    #expect(rows.sorted() == [first + 1, inner, first])
  }

  @Test func `where only the largest rows stay, the sum of all does`() {
    var rows = UsageRows()
    let first = rows.add(block("a", "b", "c", "d"), in: 0)
    for (index, bytes) in [Int64(5), 9, 1, 7].enumerated() {
      rows.add(sum(bytes), to: first + index)
    }
    rows.add(sum(100), to: 0)
    rows.keepLargest(2)
    let next = rows.add(block("e"), in: 0)
    rows.add(sum(6), to: next)
    rows.keepLargest(2)
    rows.addUp()
    #expect(rows.sum(0) == UsageSum(bytes: 128, files: 6))
    #expect(rows.sorted().map { rows.path($0) } == [Array("b".utf8), Array("d".utf8)])
    #expect(rows.sorted().map { rows.sum($0).bytes } == [9, 7] && rows.count == 2)
  }

  @Test func `the order by name is that of the tree, whatever order they came in`() {
    var rows = UsageRows()
    let first = rows.add(block("b", "a", "a-"), in: 0)
    let (b, a, dashed) = (first, first + 1, first + 2)
    let inA = rows.add(block("z"), in: a)
    let inB = rows.add(block("a"), in: b)
    let ordered = [0, a, inA, dashed, b, inB]
    for (index, row) in ordered.enumerated() {
      for (other, second) in ordered.enumerated() {
        #expect(rows.precedes(row, second) == (index < other), "\(row) \(second)")
      }
    }
  }
}

@Suite struct LinkLedgerTests {
  @Test func `a file with several names counts once, for the first row by name that has one`()
    throws
  {
    let folder = Folder()
    let path = folder.file("one")
    for name in ["two", "three"] { try link(path, folder, name) }
    let facts = Occupied(try status(ofPath: FilePath(path)))
    #expect(facts.links == 3)
    for order in [[1, 2, 3], [3, 2, 1], [2, 1, 3], [3, 1, 2]] {
      var ledger = LinkLedger()
      let meanings = order.map { ledger.meet(facts, in: $0) { $0 < $1 } }
      #expect(meanings[0] == .first)
      var row = order[0]
      for case .moved(let old) in meanings {
        #expect(old == row)
        row = order[meanings.firstIndex(of: .moved(from: old))!]
      }
      #expect(row == 1, "\(order): \(meanings)")
      // All its names were met: the next one is another run's.
      #expect(ledger.meet(facts, in: 5) { $0 < $1 } == .first)
    }
  }

  private func link(_ path: String, _ folder: Folder, _ name: String) throws {
    let other = folder.file(name)
    _ = Glibc.unlink(other)
    try #require(Glibc.link(path, other) == 0)
  }
}
