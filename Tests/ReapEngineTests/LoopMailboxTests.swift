// The mailbox: messages in order, worked off by the reader or, while that waits, by who posts them.

import Glibc
import Synchronization
import Testing

import OwnedDirectories

@testable import ReapEngine

@Suite("The mailbox", .timeLimit(.minutes(2)))
struct LoopMailboxTests {
  /// What a reader and those who stand in for it have done.
  private struct Work {
    var seen: [Int] = []
    var isBusy = false
    var overlaps = 0
    var inPlace = 0
  }

  private final class Desk: Sendable {
    let mailbox = LoopMailbox<Int>(limit: 1 << 30)
    let work = Mutex(Work())
    let reader = Mutex<pthread_t?>(nil)

    func handle(_ message: Int) {
      let isReader = reader.withLock { $0.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
      work.withLock {
        if $0.isBusy { $0.overlaps += 1 }
        $0.isBusy = true
        if !isReader { $0.inPlace += 1 }
      }
      work.withLock {
        $0.seen.append(message)
        $0.isBusy = false
      }
    }

    /// Reads until a negative message.
    func read() {
      reader.withLock { $0 = pthread_self() }
      mailbox.lend(to: { message in
        self.handle(message)
        return nil
      })
      defer { mailbox.lend(to: nil) }
      while true {
        for message in mailbox.take(until: nil).messages {
          if message < 0 { return }
          handle(message)
        }
      }
    }
  }

  @Test("Nothing is lost, doubled or done at the same time; what one poster posts stays in order")
  func many() throws {
    let desk = Desk()
    let reader = try #require(Thread.start(named: "reader") { desk.read() })
    let count = 30_000
    let posters = try (0..<3).map { poster in
      try #require(
        Thread.start(named: "poster") {
          for number in 0..<count {
            desk.mailbox.post(poster * count + number, inPlace: (number + poster) % 3 != 0)
            if number % 50 == 0 { usleep(1) }  // so that the reader comes to wait
          }
        })
    }
    for poster in posters { poster.join() }
    desk.mailbox.post(-1)
    reader.join()
    let work = desk.work.withLock { $0 }
    #expect(work.overlaps == 0)
    #expect(work.seen.count == 3 * count)
    for poster in 0..<3 {
      let own = work.seen.filter { $0 / count == poster }
      #expect(own == Array(poster * count..<(poster + 1) * count))
    }
    print("of \(work.seen.count) messages \(work.inPlace) were worked off in place")
    #expect(work.inPlace > 0)
  }

  @Test("It is full by the weight of what waits, and commands come in all the same")
  func full() {
    let mailbox = LoopMailbox<Int>(limit: 100)
    for number in 0..<10 { mailbox.post(number, weight: 60, droppable: true) }
    mailbox.post(10)
    let first = mailbox.take(until: 0)
    #expect(first.messages == [0, 1, 10] && first.hasLost)
    mailbox.post(11, weight: 60, droppable: true)
    let second = mailbox.take(until: 0)
    #expect(second.messages == [11] && !second.hasLost)
  }

  @Test("Work done in place that has to go on sooner wakes the reader then")
  func deadline() throws {
    let mailbox = LoopMailbox<Int>(limit: 8)
    let woken = Mutex<[Int64]>([])
    let end = Mutex(false)
    let reader = try #require(
      Thread.start(named: "reader") {
        mailbox.lend(to: { message in readMonotonic() + Int64(message) * 1_000_000 })
        while !end.withLock({ $0 }) {
          _ = mailbox.take(until: nil)
          woken.withLock { $0.append(readMonotonic()) }
        }
        mailbox.lend(to: nil)
      })
    var posted: Int64 = 0
    // Until the reader waits, the message reaches it the ordinary way.
    repeat {
      woken.withLock { $0 = [] }
      posted = readMonotonic()
      mailbox.post(20, inPlace: true)
      let patience = readMonotonic() + 5_000_000_000
      while woken.withLock({ $0.isEmpty }), readMonotonic() < patience { usleep(1000) }
    } while woken.withLock({ ($0.first ?? .max) - posted }) < 15_000_000
    let first = woken.withLock { $0.first }
    #expect(first != nil, "the reader slept on")
    end.withLock { $0 = true }
    mailbox.post(0)
    reader.join()
  }

  @Test("An instant that two set in place, one after the other, is not slept through")
  func sameDeadline() throws {
    let mailbox = LoopMailbox<Int>(limit: 8)
    let due = Mutex(Int64.max)
    let lates = Mutex(0)
    let end = Mutex(false)
    let reader = try #require(
      Thread.start(named: "reader") {
        mailbox.lend(to: { _ in due.withLock { $0 } })
        while !end.withLock({ $0 }) {
          let deadline = due.withLock { $0 }
          _ = mailbox.take(until: deadline == .max ? nil : deadline)
          due.withLock { if $0 <= readMonotonic() { $0 = .max } }
        }
        mailbox.lend(to: nil)
      })
    for _ in 0..<3000 {
      due.withLock { $0 = readMonotonic() + 300_000 }
      let posters = try (0..<2).map { _ in
        try #require(Thread.start(named: "poster") { mailbox.post(1, inPlace: true) })
      }
      for poster in posters { poster.join() }
      let patience = readMonotonic() + 2_000_000_000
      while due.withLock({ $0 }) != .max, readMonotonic() < patience { usleep(50) }
      if due.withLock({ $0 }) != .max {
        lates.withLock { $0 += 1 }
        break
      }
    }
    #expect(lates.withLock { $0 } == 0, "the reader slept on")
    end.withLock { $0 = true }
    mailbox.post(0)
    reader.join()
  }
}
