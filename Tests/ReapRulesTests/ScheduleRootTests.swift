// The schedule's events that concern a whole root: scans, losses, mounts, and the deadline heap.

import Testing

@testable import ReapRules

@Suite("The schedule of a whole root")
struct ScheduleRootTests {
  @Test("A scan forgets exactly what it did not see")
  func scanForgets() {
    var driven = Driven()
    let gone = driven.examined(by: .appeared(candidatePath("spill_a"), created: false, .startup))!
    driven.examined(by: .appeared(candidatePath("spill_b"), created: false, .startup))
    driven.feed(.scanBegan)
    driven.feed(.appeared(candidatePath("spill_b"), created: false, .rescan))
    driven.feed(.appeared(candidatePath("spill_c"), created: true, .created))
    #expect(driven.feed(.scanEnded) == [.forget(gone)])
    #expect(driven.schedule.count == 2)
  }

  @Test("Lost events and the backstop ask for a scan")
  func scans() {
    var driven = Driven()
    #expect(driven.feed(.desynced) == [.scan(.rescan)])
    #expect(driven.feed(.backstopDue) == [.scan(.backstop)])
  }

  @Test("A backstop that a deadline would have followed anyway has found nothing")
  func backstopBeforeDeadline() {
    var driven = Driven()
    let id = driven.examined(by: .appeared(driven.first, created: false, .cursorChange))!
    driven.feed(.examined(id, .kept(.recentlySuperseded, recheckAfter: second, .none)))
    let again = driven.feed(.appeared(driven.first, created: false, .backstop))
    #expect(triggers(again) == [.cursorChange])
    // One that comes while that look is under way is no finder, either.
    #expect(driven.feed(.appeared(driven.first, created: false, .backstop)).isEmpty)
    let more = driven.feed(.examined(id, .kept(.recentlyChanged, recheckAfter: second, .none)))
    #expect(triggers(more) == [.cursorChange])
    driven.feed(.examined(id, .kept(.recentlyChanged, recheckAfter: second, .none)))
    #expect(
      triggers(driven.feed(.appeared(driven.first, created: false, .backstop))) == [.graceOver])
  }

  @Test("A backstop that looks where nothing was due, or at something unknown, is the finder")
  func backstopFinds() {
    var driven = Driven()
    let held = driven.settledHeld()
    driven.now += 10 * second
    let deadline = driven.schedule.nextDeadline
    #expect(deadline == nil, "\(String(describing: deadline))")
    #expect(
      triggers(driven.feed(.appeared(driven.first, created: false, .backstop))) == [.backstop])
    driven.feed(.examined(held, .settled))
    let unknown = candidatePath("spill_unknown")
    #expect(triggers(driven.feed(.appeared(unknown, created: false, .backstop))) == [.backstop])
  }

  private func triggers(_ actions: [Schedule.Action]) -> [Trigger] {
    actions.compactMap { if case .examine(_, let examine) = $0 { examine.trigger } else { nil } }
  }

  @Test("A rescan that comes between a close and the unlock looks once more")
  func rescanInTheGap() {
    // The close event was lost; the lock is still held when the rescan looks.
    var driven = Driven()
    let id = driven.settledHeld()
    driven.feed(.scanBegan)
    #expect(driven.examined(by: .appeared(driven.first, created: false, .rescan)) == id)
    driven.feed(.scanEnded)
    driven.feed(.examined(id, .kept(.lockHeld, recheckAfter: nil, .watched)))
    #expect((driven.schedule.nextDeadline ?? 0) >= driven.now + 6 * millisecond)
  }

  @Test("A change of mounts looks again only at what mounts decide")
  func mountsChanged() {
    let decided: Set<Reason> = [
      .mountPoint, .mountInside, .surroundingsUnknown, .removalFailed, .unreadable,
    ]
    for reason in Reason.allCases {
      var driven = Driven()
      let id = driven.examined(by: .appeared(driven.first, created: false, .startup))!
      driven.feed(.examined(id, .kept(reason, recheckAfter: nil, .none)))
      #expect((driven.examined(by: .mountsChanged) == id) == decided.contains(reason), "\(reason)")
    }
  }

  @Test("A failed removal waits for something to change")
  func removalFailed() {
    var driven = Driven()
    let original = driven.first.name
    let claimed = CandidatePath(
      ClaimName(claimedAt: 1_800_000_000 * second, original: original)!.entry)
    #expect(driven.feed(.removalFailed(claimed)) == [])
    #expect(driven.feed(.removalFailed(claimed)) == [])
    #expect(driven.schedule.reasons == [.removalFailed: 1])
    // Whoever still made entries in it may have ended by then.
    #expect(driven.schedule.nextDeadline.map { $0 - driven.now <= 3 * second } == true)
    let id = driven.examined(by: .mountsChanged)!
    #expect(driven.schedule.path(of: id) == claimed)
    driven.feed(.examined(id, .kept(.removalFailed, recheckAfter: nil, .none)))
    #expect((driven.schedule.nextDeadline ?? 0) > driven.now, "a failed look is tried again")
  }

  @Test("A lost root forgets everything")
  func rootLost() {
    var driven = Driven()
    for number in 0..<5 {
      driven.feed(.appeared(candidatePath("spill_\(number)"), created: true, .created))
    }
    let actions = driven.feed(.rootLost)
    #expect(actions.count == 5 && driven.schedule.count == 0 && driven.schedule.reasons == [:])
    driven.now += Driven.grace
    #expect(driven.feed(.tick) == [])
    #expect(driven.schedule.nextDeadline == nil)
  }

  @Test("A tick answers every deadline that is due, earliest first, and each only once")
  func tick() {
    var driven = Driven()
    for number in 0..<50 {
      driven.feed(.appeared(candidatePath("spill_\(number)"), created: true, .created))
      driven.now += 1
    }
    driven.now += Driven.grace
    let names = driven.feed(.tick).compactMap { action in
      if case .examine(_, let request) = action { request.path } else { nil }
    }
    #expect(names == (0..<50).map { candidatePath("spill_\($0)") })
    #expect(driven.feed(.tick) == [])
  }

  @Test("A flood of candidates that vanish young does not stay in memory as deadlines")
  func heapStaysSmall() throws {
    var driven = Driven()
    for number in 0..<5_000 {
      let name = candidatePath("spill_\(number)")
      driven.feed(.appeared(name, created: true, .created))
      driven.feed(.vanished(name))
      driven.now += millisecond
    }
    let heap = Mirror(reflecting: driven.schedule).descendant("deadlines") as? DeadlineHeap
    #expect(try #require(heap).count < 200)
  }

  @Test("The heap gives instants in order, and compaction keeps what is current")
  func heapOrder() {
    var random = SeededRandom(seed: 1)
    for _ in 0..<200 {
      let instants = (0..<random.below(100)).map { _ in random.below(50) }
      var heap = DeadlineHeap()
      for (slot, instant) in instants.enumerated() {
        heap.insert(.init(instant: instant, id: CandidateID(slot: UInt32(slot), generation: 1)))
      }
      heap.compact { $0.instant % 3 != 0 }
      var popped: [Nanoseconds] = []
      while let entry = heap.popFirst() { popped.append(entry.instant) }
      #expect(popped == instants.filter { $0 % 3 != 0 }.sorted())
    }
  }
}
