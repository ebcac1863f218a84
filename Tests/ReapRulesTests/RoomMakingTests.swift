// Whose turn it is to leave for want of room: past events, and what follows.

import Testing

@testable import ReapRules

@Suite("Making room")
struct RoomMakingTests {
  private static let interval = RoomMaking<Int>.interval

  enum Event: Equatable {
    /// The clock, in tenths of the interval.
    case passed(Nanoseconds)
    case looked(Int, isClaimed: Bool)
    case removed(Int)
    /// Nothing is in quarantine any more.
    case emptied
  }

  struct Row: CustomTestStringConvertible, Sendable {
    let testDescription: String
    /// Those in quarantine, oldest first; as many of them as are lacking would give room.
    let waiting: [Int]
    let lacking: Int
    let events: [Event]
    /// Who is asked, in order.
    let asked: [Int]
  }

  static let rows = [
    Row(
      testDescription: "room is not looked at before its time", waiting: [1, 2], lacking: 1,
      events: [.passed(9)], asked: []),
    Row(
      testDescription: "one at a time", waiting: [1, 2, 3], lacking: 2,
      events: [.passed(10), .passed(11)], asked: [1]),
    Row(
      testDescription: "the next one after the removal, not after the claim",
      waiting: [1, 2, 3], lacking: 2, events: [.passed(10), .looked(1, isClaimed: true)], asked: [1]
    ),
    Row(
      testDescription: "until there is room", waiting: [1, 2, 3], lacking: 2,
      events: [
        .passed(10), .looked(1, isClaimed: true), .removed(1), .looked(2, isClaimed: true),
        .removed(2),
      ], asked: [1, 2]),
    Row(
      testDescription: "one that stays is passed over, and not asked twice", waiting: [1, 2],
      lacking: 1,
      events: [.passed(10), .looked(1, isClaimed: false), .looked(2, isClaimed: false)],
      asked: [1, 2]),
    Row(
      testDescription: "another's look or removal is no answer", waiting: [1, 2], lacking: 1,
      events: [.passed(10), .looked(2, isClaimed: false), .removed(1), .removed(2)], asked: [1]),
    Row(
      testDescription: "at the next look at room those that stayed are asked again",
      waiting: [1], lacking: 1,
      events: [.passed(10), .looked(1, isClaimed: false), .passed(19), .passed(20)], asked: [1, 1]),
    Row(
      testDescription: "one that never answers does not stop it for ever", waiting: [1, 2],
      lacking: 1, events: [.passed(10), .passed(20)], asked: [1, 1]),
    Row(
      testDescription: "with an empty quarantine nobody is asked, and nothing is awaited",
      waiting: [1], lacking: 1, events: [.passed(10), .emptied, .looked(1, isClaimed: false)],
      asked: [1]),
  ]

  @Test(arguments: rows)
  func `each is asked in its turn`(row: Row) {
    var making = RoomMaking<Int>()
    var (waiting, lacking) = (row.waiting, row.lacking)
    var asked: [Int] = []
    #expect(making.nextDeadline(hasWaiting: true, now: 0) == Self.interval)
    for event in row.events {
      let search: RoomMaking<Int>.Search?
      switch event {
      case .passed(let tenths):
        search = making.deadlinePassed(hasWaiting: true, now: tenths * Self.interval / 10)
      case .looked(let id, let isClaimed): search = making.looked(at: id, isClaimed: isClaimed)
      case .removed(let id):
        search = making.removed(id)
        if search != nil {
          waiting.removeAll { $0 == id }
          lacking -= 1
        }
      case .emptied:
        #expect(making.nextDeadline(hasWaiting: false, now: Self.interval) == nil)
        search = nil
      }
      guard let search else { continue }
      let next = lacking > 0 ? waiting.first { !search.tried.contains($0) } : nil
      making.chose(next, in: search)
      if let next { asked.append(next) }
    }
    #expect(asked == row.asked)
  }

  @Test func `while something could leave, room is looked at again and again, and else never`() {
    var making = RoomMaking<Int>()
    #expect(making.nextDeadline(hasWaiting: false, now: 0) == nil)
    #expect(making.nextDeadline(hasWaiting: true, now: 7) == 7 + Self.interval)
    #expect(making.nextDeadline(hasWaiting: true, now: 8) == 7 + Self.interval)
    #expect(making.deadlinePassed(hasWaiting: true, now: 6 + Self.interval) == nil)
    let search = making.deadlinePassed(hasWaiting: true, now: 9 + Self.interval)
    #expect(search?.tried == [])
    if let search { making.chose(nil, in: search) }
    #expect(making.nextDeadline(hasWaiting: true, now: 9) == 9 + 2 * Self.interval)
    #expect(making.deadlinePassed(hasWaiting: false, now: 99 * Self.interval) == nil)
  }
}
