// The schedule, event by event: what it answers, as data.

import Testing

@testable import ReapRules

/// A schedule of one grace of 30 s, and the steps of a test on it.
struct Driven {
  static let grace = 30 * second
  var schedule = Schedule(grace: grace)
  var now = 1_000 * second
  let first = candidatePath("spill_1_1")

  @discardableResult
  mutating func feed(_ event: Schedule.Event) -> [Schedule.Action] {
    schedule.handle(event, now: now)
  }

  /// Advances to the next deadline and ticks there.
  @discardableResult
  mutating func tickAtDeadline() -> [Schedule.Action] {
    guard let deadline = schedule.nextDeadline else { return [] }
    now = max(now, deadline)
    return feed(.tick)
  }

  /// The one examination that an event asks for.
  @discardableResult
  mutating func examined(by event: Schedule.Event) -> CandidateID? { id(in: feed(event)) }

  func id(in actions: [Schedule.Action]) -> CandidateID? {
    let ids = actions.compactMap { if case .examine(let id, _) = $0 { id } else { nil } }
    return ids.count == 1 ? ids[0] : nil
  }

  func request(in actions: [Schedule.Action]) -> Schedule.Examine? {
    if case .examine(_, let request)? = actions.last { request } else { nil }
  }

  /// A candidate whose lock is held, watched, and past every retry.
  @discardableResult
  mutating func settledHeld() -> CandidateID {
    let id = examined(by: .appeared(first, created: false, .startup))!
    feed(.examined(id, .kept(.lockHeld, recheckAfter: nil, .unwatched)))
    feed(.armed(id, true))
    feed(.examined(id, .kept(.lockHeld, recheckAfter: nil, .watched)))
    tickAtDeadline()
    feed(.examined(id, .kept(.lockHeld, recheckAfter: nil, .watched)))
    return id
  }
}

@Suite("The schedule")
struct ScheduleTests {
  let held = Schedule.Outcome.kept(.lockHeld, recheckAfter: nil, .watched)

  @Test("A directory seen being created is left alone until its grace is over")
  func created() {
    var driven = Driven()
    #expect(driven.feed(.appeared(driven.first, created: true, .created)) == [])
    #expect(driven.schedule.reasons == [.young: 1])
    #expect(driven.schedule.nextDeadline == driven.now + Driven.grace)
    let born = driven.now
    driven.now += Driven.grace - 1
    #expect(driven.feed(.tick) == [])
    driven.now += 1
    let request = driven.request(in: driven.feed(.tick))
    #expect(request?.sawCreation == born && request?.trigger == .graceOver)
  }

  @Test("One that is found at the start is examined at once, its age unknown")
  func found() {
    var driven = Driven()
    let request = driven.request(in: driven.feed(.listed(driven.first, .startup)))
    #expect(request?.sawCreation == nil && request?.firstSeen == driven.now)
    #expect(request?.trigger == .startup)
  }

  @Test(
    "One that a later listing comes upon has its grace from then on",
    arguments: [Trigger.rescan, .backstop, .created])
  func cameUnseen(trigger: Trigger) {
    var driven = Driven()
    let seen = driven.now
    #expect(driven.feed(.listed(driven.first, trigger)) == [])
    #expect(driven.schedule.reasons == [.young: 1])
    // Seen again, it is no younger.
    driven.now += second
    #expect(driven.request(in: driven.feed(.listed(driven.first, trigger)))?.sawCreation == seen)
    driven.feed(
      .examined(
        driven.schedule.id(of: driven.first)!,
        .kept(.young, recheckAfter: Driven.grace - second, .none)))
    let request = driven.request(in: driven.tickAtDeadline())
    #expect(driven.now == seen + Driven.grace && request?.sawCreation == seen)
    #expect(request?.trigger == (trigger == .backstop ? .backstop : .graceOver))
  }

  @Test("One that is known is only looked at by a listing, and keeps what is known of it")
  func listedAgain() {
    var driven = Driven()
    let id = driven.settledHeld()
    driven.now += second
    let request = driven.request(in: driven.feed(.listed(driven.first, .rescan)))
    #expect(request?.sawCreation == nil && driven.schedule.id(of: driven.first) == id)
    #expect(driven.schedule.ids == [id])
  }

  @Test("A name that is created again is a new candidate with a new grace")
  func createdTwice() {
    var driven = Driven()
    let old = driven.settledHeld()
    #expect(
      driven.feed(.appeared(driven.first, created: true, .created)) == [.forget(old)])
    #expect(driven.feed(.closed(old)) == [])
    #expect(driven.schedule.nextDeadline == driven.now + Driven.grace)
    #expect(driven.schedule.count == 1)
  }

  @Test("A name that vanishes is forgotten, and its answers are nothing any more")
  func vanished() {
    var driven = Driven()
    let id = driven.examined(by: .appeared(driven.first, created: false, .created))!
    #expect(driven.feed(.vanished(driven.first)) == [.forget(id)])
    #expect(driven.schedule.count == 0 && driven.schedule.path(of: id) == nil)
    for event in [
      Schedule.Event.closed(id), .armed(id, true), .examined(id, held), .examined(id, .settled),
      .vanished(driven.first),
    ] {
      #expect(driven.feed(event) == [])
    }
  }

  @Test("A slot used again does not answer to the id it had before")
  func staleID() {
    var driven = Driven()
    let old = driven.examined(by: .appeared(driven.first, created: false, .created))!
    driven.feed(.examined(old, .settled))
    let new = driven.examined(by: .appeared(candidatePath("spill_2"), created: false, .created))!
    #expect(old.slot == new.slot && old != new)
    #expect(driven.feed(.examined(old, .settled)) == [])
    #expect(driven.schedule.path(of: new) == candidatePath("spill_2"))
  }

  @Test("A close while waiting is examined at once, and keeps the instant of its arrival")
  func closedWaiting() {
    var driven = Driven()
    let id = driven.settledHeld()
    driven.now += second
    let request = driven.request(in: driven.feed(.closed(id)))
    #expect(request?.wokenAt == driven.now && request?.trigger == .closeEvent)
  }

  @Test("A close while examining leads to one more look after it")
  func closedExamining() {
    var driven = Driven()
    let id = driven.settledHeld()
    driven.feed(.closed(id))
    #expect(driven.feed(.closed(id)) == [])
    #expect(driven.feed(.closed(id)) == [])
    #expect(driven.id(in: driven.feed(.examined(id, held))) == id)
    #expect(driven.feed(.examined(id, held)) == [])
  }

  @Test("A close while arming leads to a look, also when the watch could not be had")
  func closedArming() {
    for success in [true, false] {
      var driven = Driven()
      let id = driven.examined(by: .appeared(driven.first, created: false, .created))!
      let outcome = Schedule.Outcome.kept(.lockHeld, recheckAfter: nil, .unwatched)
      #expect(driven.feed(.examined(id, outcome)) == [.watch(id)])
      #expect(driven.feed(.closed(id)) == [])
      #expect(driven.id(in: driven.feed(.armed(id, success))) == id)
    }
  }

  @Test("What happens while examining is looked at, also when the watch then cannot be had")
  func closedBeforeArming() {
    var driven = Driven()
    let id = driven.examined(by: .appeared(driven.first, created: false, .created))!
    driven.feed(.appeared(driven.first, created: false, .rescan))
    driven.feed(.examined(id, .kept(.lockHeld, recheckAfter: nil, .unwatched)))
    #expect(driven.id(in: driven.feed(.armed(id, false))) == id)
  }

  @Test("A new watch is followed by a look, and by one more after the longest unlock gap")
  func armed() {
    var driven = Driven()
    let id = driven.examined(by: .appeared(driven.first, created: false, .created))!
    driven.feed(.examined(id, .kept(.lockHeld, recheckAfter: nil, .unwatched)))
    #expect(driven.id(in: driven.feed(.armed(id, true))) == id)
    driven.feed(.examined(id, held))
    #expect((driven.schedule.nextDeadline ?? 0) >= driven.now + 6 * millisecond)
    #expect(driven.id(in: driven.tickAtDeadline()) == id)
    driven.feed(.examined(id, held))
    #expect(driven.schedule.nextDeadline == nil)
  }

  @Test("What is found held at the start is looked at once more, when the rest is through")
  func armedAtStart() {
    var driven = Driven()
    let id = driven.examined(by: .listed(driven.first, .startup))!
    driven.feed(.examined(id, .kept(.lockHeld, recheckAfter: nil, .unwatched)))
    #expect(driven.feed(.armed(id, true)) == [])
    #expect(driven.schedule.nextDeadline == driven.now + Schedule.pauseAfterStart)
    let request = driven.request(in: driven.tickAtDeadline())
    #expect(request?.onlyLock == true)
    driven.feed(.examined(id, held))
    #expect(driven.schedule.nextDeadline == nil)
  }

  @Test("An end that came before its watch at the start is not waited for twice")
  func closedWhileArmingAtStart() {
    var driven = Driven()
    let id = driven.examined(by: .listed(driven.first, .startup))!
    driven.feed(.examined(id, .kept(.lockHeld, recheckAfter: nil, .unwatched)))
    driven.feed(.closed(id))
    #expect(driven.id(in: driven.feed(.armed(id, true))) == id)
  }

  @Test("A watch that cannot be had is not tried again by itself")
  func notArmed() {
    var driven = Driven()
    let id = driven.examined(by: .appeared(driven.first, created: false, .created))!
    driven.feed(.examined(id, .kept(.lockHeld, recheckAfter: nil, .unwatched)))
    #expect(driven.feed(.armed(id, false)) == [])
    #expect(driven.schedule.nextDeadline == nil)
  }

  @Test(
    "After a close the ladder is climbed rung by rung, and then nothing more is tried",
    arguments: [Reason.lockHeld, .lockOpen, .fileOpen])
  func ladder(reason: Reason) {
    var driven = Driven()
    let id = driven.settledHeld()
    driven.feed(.closed(id))
    for rung in Schedule.ladder {
      driven.feed(.examined(id, .kept(reason, recheckAfter: nil, .watched)))
      #expect(driven.schedule.nextDeadline == driven.now + rung)
      guard driven.schedule.nextDeadline != nil else { return }
      #expect(driven.request(in: driven.tickAtDeadline())?.trigger == .closeEvent)
    }
    driven.feed(.examined(id, .kept(reason, recheckAfter: nil, .watched)))
    #expect(driven.schedule.nextDeadline == nil)
  }

  @Test("The ladder covers the longest gap between close event and unlock that was measured")
  func ladderReaches() {
    #expect(Schedule.ladder.reduce(0, +) > 100 * millisecond)
    #expect(Schedule.ladder == Schedule.ladder.sorted())
  }

  @Test("A verdict that time alone may change is looked at again then")
  func recheck() {
    var driven = Driven()
    let id = driven.examined(by: .appeared(driven.first, created: false, .created))!
    driven.feed(.examined(id, .kept(.recentlyChanged, recheckAfter: 7, .none)))
    #expect(driven.schedule.nextDeadline == driven.now + 7)
    #expect(driven.request(in: driven.tickAtDeadline())?.trigger == .graceOver)
  }

  @Test("One that only an event or another rule can end has no deadline")
  func keptForGood() {
    for reason in [Reason.foreignOwner, .mountPoint, .notADirectory, .keptByHand] {
      var driven = Driven()
      let id = driven.examined(by: .appeared(driven.first, created: false, .created))!
      #expect(driven.feed(.examined(id, .kept(reason, recheckAfter: nil, .none))) == [])
      #expect(driven.schedule.nextDeadline == nil)
    }
  }

  @Test("What no event ends is looked at again, ever more seldom, and many of them at one instant")
  func backOff() throws {
    let names = (0..<50).map { candidatePath("spill_1_\($0)") }
    var driven = Driven()
    var waits: [Nanoseconds] = []
    for name in names {
      let id = driven.examined(by: .appeared(name, created: false, .created))!
      driven.feed(.examined(id, .kept(.missingLockKept, recheckAfter: nil, .none)))
      driven.now += 1_000_000
    }
    var wakeUps = 0
    for _ in 0..<2000 {
      guard let next = driven.schedule.nextDeadline, waits.reduce(0, +) < 3600 * second else {
        break
      }
      waits.append(next - driven.now)
      wakeUps += 1
      for case .examine(let id, _) in driven.tickAtDeadline() {
        driven.feed(.examined(id, .kept(.missingLockKept, recheckAfter: nil, .none)))
      }
    }
    // An hour of 50 candidates: not 50 times as many as of one.
    #expect(wakeUps < 60 && waits.allSatisfy { $0 <= 450 * second }, "\(waits)")
    #expect(waits.max()! >= 256 * second && waits[0] <= 2 * second)
  }

  @Test("A name that was settled while something happened under it is looked at again")
  func settledAgain() {
    var driven = Driven()
    let id = driven.examined(by: .appeared(driven.first, created: false, .created))!
    driven.feed(.appeared(driven.first, created: false, .created))
    #expect(driven.id(in: driven.feed(.examined(id, .settled))) == id)
    #expect(driven.feed(.examined(id, .settled)) == [.forget(id)])
  }
}
