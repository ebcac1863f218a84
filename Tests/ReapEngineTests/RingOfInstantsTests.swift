import Testing

@testable import ReapEngine

@Suite("What is due later, in order")
struct RingOfInstantsTests {
  @Test(
    "Each is taken once it is due, in the order in which it came, by far more than fit in one go")
  func order() {
    var ring = RingOfInstants<Int>()
    #expect(ring.first == nil && ring.popFirst(dueAt: .max) == nil)
    var next = 0
    for number in 0..<10_000 {
      ring.append(number, at: Int64(number))
      if number % 3 == 0 {
        #expect(ring.popFirst(dueAt: Int64(next) - 1) == nil)
        #expect(ring.popFirst(dueAt: Int64(next)) == next)
        next += 1
      }
    }
    while let taken = ring.popFirst(dueAt: .max) {
      #expect(taken == next)
      next += 1
    }
    #expect(next == 10_000)
  }

  @Test("One that should be due sooner than the one before it waits for that")
  func late() {
    var ring = RingOfInstants<String>()
    ring.append("first", at: 10)
    ring.append("second", at: 5)
    #expect(ring.first == 10)
    #expect(ring.popFirst(dueAt: 9) == nil)
    #expect(ring.popFirst(dueAt: 10) == "first")
    #expect(ring.popFirst(dueAt: 10) == "second")
  }
}
