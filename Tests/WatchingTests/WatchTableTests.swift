// Whose watch a descriptor is, and that what ended is forgotten; checked against a dictionary.

import Testing

@testable import Watching

@Suite("The table of watches")
struct WatchTableTests {
  @Test("knows each watch, and forgets it when it is ended or removed")
  func oneByOne() {
    var table = WatchTable()
    #expect(table[1] == nil)
    table.add(1, 0, isDirectory: false)
    table.add(17, .max, isDirectory: true)
    #expect(table[1] == WatchTable.Watch(token: 0, isDirectory: false))
    #expect(table[17] == WatchTable.Watch(token: .max, isDirectory: true))
    #expect(table[2] == nil && table[16] == nil && table[33] == nil)
    table.end(17)
    table.end(17)
    #expect(table[17] == nil && table[1] != nil)
    // A number that comes a second time says nothing about what it was.
    table.add(17, 5, isDirectory: false)
    #expect(table[17] == WatchTable.Watch(token: 5, isDirectory: false))
    #expect(table.remove(17, 4) == .unknown)
    #expect(table.remove(17, 5) == .last)
    #expect(table.remove(17, 5) == .unknown)
  }

  @Test("an inode with several watches keeps its own until the last is removed")
  func shared() {
    var table = WatchTable()
    for token in UInt64(1)...3 { table.add(9, token, isDirectory: token == 2) }
    #expect(table[9] == WatchTable.Watch(token: 1, isDirectory: true))
    #expect(table.further(9) == [2, 3])
    #expect(table.remove(9, 7) == .shared)
    #expect(table.remove(9, 1) == .shared)
    #expect(Set([table[9]!.token] + table.further(9)) == [2, 3])
    #expect(table.remove(9, 2) == .shared)
    #expect(table[9]?.token == 3 && table.further(9).isEmpty)
    #expect(table.remove(9, 3) == .last)
    #expect(table[9] == nil && table.pageCount == 0)
    for token in UInt64(1)...3 { table.add(9, token, isDirectory: false) }
    table.end(9)
    #expect(table[9] == nil && table.further(9).isEmpty && table.pageCount == 0)
  }

  @Test("pages go with their last watch, wherever the numbers have got to")
  func pages() {
    var table = WatchTable()
    table.add(1, 1, isDirectory: false)
    for number in Int32(2)...100_000 {
      table.add(number, UInt64(number), isDirectory: false)
      if number > 100 { #expect(table.remove(number - 99, UInt64(number - 99)) == .last) }
      guard table.pageCount <= 9 else { return #expect(table.pageCount <= 9, "at \(number)") }
    }
    // The kernel begins anew after the largest one.
    table.add(.max, 7, isDirectory: true)
    #expect(table[.max] == WatchTable.Watch(token: 7, isDirectory: true))
    #expect(table[1]?.token == 1)
  }

  @Test("agrees with a dictionary after any order of changes", arguments: [1, 2, 3] as [UInt64])
  func model(seed: UInt64) {
    var state = seed
    func random(_ count: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 33 % count
    }
    var table = WatchTable()
    var model: [Int32: UInt64] = [:]
    for step in UInt64(0)..<20_000 {
      let number = Int32(random(400))
      switch random(3) {
      case 0 where model[number] == nil:
        table.add(number, step, isDirectory: false)
        model[number] = step
      case 1:
        table.end(number)
        model[number] = nil
      default:
        #expect(table.remove(number, step) == .unknown)
      }
      guard table[number]?.token == model[number] else {
        return #expect(table[number]?.token == model[number], "step \(step)")
      }
    }
    #expect((0..<400).allSatisfy { table[$0]?.token == model[$0] })
    #expect(table.pageCount == Set(model.keys.map { $0 >> 4 }).count)
  }
}
