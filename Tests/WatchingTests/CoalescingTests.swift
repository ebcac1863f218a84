// Moves that were overtaken are left out of a batch, and nothing else is.

import Testing

@testable import Watching

@Suite("Coalescing")
struct CoalescingTests {
  private func entry(_ name: String, _ change: WatchMessage.Change, _ token: UInt64 = 1)
    -> WatchMessage
  {
    .entry(token: token, name: Array(name.utf8), isDirectory: true, change)
  }

  @Test("Of names that are exchanged many times, the last move of each is left, in order")
  func exchanges() {
    let round = [
      entry("a", .movedOut), entry("b", .movedIn), entry("b", .movedOut), entry("a", .movedIn),
    ]
    let flood = Array(repeating: round, count: 50).flatMap { $0 }
    #expect(flood.withoutOvertakenMoves() == [entry("b", .movedOut), entry("a", .movedIn)])
  }

  @Test("Creations, removals, other watches, closes and losses stay where they are")
  func others() {
    let told: [WatchMessage] = [
      entry("a", .created), entry("a", .removed), entry("a", .created), .closed(token: 7),
      entry("a", .movedOut, 2), .overflow, entry("a", .written), .closed(token: 7),
    ]
    let moves = Array(repeating: entry("a", .movedOut), count: 70)
    let end = entry("a", .movedIn)
    #expect((told + moves + [end]).withoutOvertakenMoves() == told + [end])
    #expect((moves + [entry("a", .removed)]).withoutOvertakenMoves() == [entry("a", .removed)])
  }

  @Test("A few are left as they are")
  func few() {
    let moves = [entry("a", .movedOut), entry("a", .movedIn)]
    #expect(moves.withoutOvertakenMoves() == moves)
  }

  @Test("What is written or given other attributes after it came has come all the same")
  func afterwards() {
    let flood = (0..<50).flatMap { number in
      [
        entry("\(number)", .movedIn), entry("\(number)", .modified), entry("\(number)", .written),
        entry("\(number)", .attributes),
      ]
    }
    #expect(flood.withoutOvertakenMoves() == flood)
  }
}
