// Which file of a log is read when: tables of events and actions, without a disk.

import Testing

@testable import Watching

private let second: Int64 = 1_000_000_000

@Suite("The order of a log's files")
struct TailMachineTests {
  private func machine(_ ids: [Int]) -> TailMachine {
    var machine = TailMachine()
    #expect(machine.handle(.appeared(ids), now: 0) == [.read(ids[0])])
    return machine
  }

  private func end(
    _ machine: inout TailMachine, _ id: Int, grew: Bool = false, at now: Int64 = 0
  ) -> [TailMachine.Action] {
    machine.handle(.ended(id, grew: grew, isDeleted: false), now: now)
  }

  @Test("a file that stands at the path is only read")
  func alone() {
    var tail = machine([1])
    #expect(end(&tail, 1, grew: true) == [])
    #expect(tail.handle(.changed(1), now: 1) == [.read(1)])
    #expect(tail.deadline == nil)
  }

  @Test("the next file begins after the end of the old one was read without writers")
  func rotation() {
    var tail = machine([1])
    #expect(tail.handle(.appeared([2]), now: 1) == [.read(1)])
    #expect(tail.handle(.changed(2), now: 1) == [], "it is not its turn")
    #expect(end(&tail, 1) == [.probe(1)])
    #expect(tail.handle(.writers(1, .none), now: 1) == [.read(1)], "once more, after knowing")
    #expect(end(&tail, 1, grew: true) == [.finish(1), .read(2)])
    #expect(tail.order == [2])
  }

  @Test("several files that came and went are read in their order")
  func several() {
    var tail = machine([1, 2, 3])
    for id in 1...2 {
      #expect(end(&tail, id) == [.probe(id)])
      #expect(tail.handle(.writers(id, .none), now: 0) == [.read(id)])
      #expect(end(&tail, id) == [.finish(id), .read(id + 1)])
    }
    #expect(end(&tail, 3) == [])
  }

  @Test("an old file with a writer holds the next one up until it was quiet, and is read on")
  func lingering() {
    var tail = machine([1])
    _ = tail.handle(.appeared([2]), now: 0)
    #expect(end(&tail, 1) == [.probe(1)])
    #expect(tail.handle(.writers(1, .some), now: 0) == [])
    #expect(tail.deadline == second)
    #expect(tail.handle(.changed(1), now: second / 2) == [.read(1)])
    #expect(end(&tail, 1, grew: true, at: second / 2) == [.probe(1)])
    #expect(tail.handle(.writers(1, .some), now: second / 2) == [])
    #expect(tail.deadline == second * 3 / 2, "counted from its last growth")
    #expect(tail.handle(.tick, now: second) == [])
    #expect(tail.handle(.tick, now: second * 3 / 2) == [.read(1)])
    #expect(end(&tail, 1, at: second * 3 / 2) == [.probe(1)])
    #expect(tail.handle(.writers(1, .some), now: second * 3 / 2) == [.read(2)])
    #expect(tail.deadline == nil, "idle costs nothing")
    #expect(tail.order == [1, 2], "a checkpoint holds both")
    #expect(tail.handle(.changed(1), now: 2 * second) == [.read(1)], "late lines still come")
    #expect(end(&tail, 1, grew: true, at: 2 * second) == [.probe(1)])
    #expect(tail.handle(.writers(1, .none), now: 2 * second) == [.read(1)])
    #expect(end(&tail, 1, at: 2 * second) == [.finish(1)])
  }

  @Test("an old file about whose writers nothing is known is let go of in the end")
  func blind() {
    var tail = machine([1])
    _ = tail.handle(.appeared([2]), now: 0)
    _ = end(&tail, 1)
    _ = tail.handle(.writers(1, .unknown), now: 0)
    _ = tail.handle(.tick, now: second)
    _ = end(&tail, 1, at: second)
    #expect(tail.handle(.writers(1, .unknown), now: second) == [.read(2)])
    #expect(tail.deadline == TailMachine.blindPatience)
    #expect(tail.handle(.tick, now: TailMachine.blindPatience) == [.finish(1)])
    #expect(tail.deadline == nil)
  }

  @Test("a file without a name is let go of with its last writer; one moved away is kept")
  func vanished() {
    var tail = machine([1])
    #expect(tail.handle(.vanished, now: 0) == [.read(1)])
    #expect(end(&tail, 1) == [], "it has another name")
    #expect(tail.handle(.ended(1, grew: false, isDeleted: true), now: 0) == [.probe(1)])
    #expect(tail.handle(.writers(1, .some), now: 0) == [])
    #expect(tail.deadline == nil)
    #expect(tail.handle(.writers(1, .none), now: 0) == [.read(1)])
    #expect(tail.handle(.ended(1, grew: true, isDeleted: true), now: 0) == [.finish(1)])
    #expect(tail.order == [])
    #expect(tail.handle(.appeared([2]), now: 0) == [.read(2)])
  }

  @Test("a file that stands at the path again is read after the one that stood there meanwhile")
  func returned() {
    var tail = machine([1])
    _ = tail.handle(.appeared([2]), now: 0)
    #expect(tail.handle(.returned(1), now: 0) == [.read(2)])
    #expect(tail.order == [2, 1])
    #expect(tail.handle(.returned(1), now: 0) == [])
  }

  @Test("what a file held before it was cut comes before what it holds now")
  func preceded() {
    var tail = machine([1, 2])
    #expect(tail.handle(.preceded(1, by: [3, 4]), now: 0) == [.read(3)])
    #expect(tail.order == [3, 4, 1, 2])
    #expect(tail.newest == 2)
    _ = end(&tail, 3)
    _ = tail.handle(.writers(3, .none), now: 0)
    #expect(end(&tail, 3) == [.finish(3), .read(4)])
  }

  @Test("old files with writers are kept open up to a number")
  func bounded() {
    var tail = machine([0])
    for id in 0...TailMachine.lingeringLimit {
      _ = tail.handle(.appeared([id + 1]), now: 0)
      _ = end(&tail, id)
      let actions = tail.handle(.writers(id, .some), now: second)
      let isOver = id == TailMachine.lingeringLimit
      #expect(actions == (isOver ? [.finish(0)] : []) + [.read(id + 1)])
    }
  }
}
