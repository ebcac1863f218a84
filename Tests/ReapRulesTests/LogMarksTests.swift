// What the sizes of a log prove of the time of its lines, and what they do not.

import Testing

@testable import ReapRules

@Suite("When lines of a log came")
struct LogMarksTests {
  private static func at(_ seconds: Double, set: Double = 0) -> Now {
    Now(
      wall: 1_000 * second + Int64((seconds + set) * Double(second)),
      monotonic: Int64(seconds * Double(second)))
  }

  private static func mark(_ seconds: Double) -> Nanoseconds {
    at(seconds).wall - LogMarks<Int>.lag
  }

  @Test("Lines are later than the last look that did not see them")
  func order() {
    var marks = LogMarks<Int>(nil, Self.at(0))
    marks.see(1, size: 100, Self.at(0))
    marks.see(1, size: 100, Self.at(5))
    marks.see(1, size: 150, Self.at(7))
    #expect(marks.take(100..<150, of: 1, Self.at(9)) == Self.mark(5))
    #expect(marks.take(150..<160, of: 1, Self.at(9)) == Self.mark(7))
  }

  @Test("What another file holds at first sight, or soon after it, came at no time that is known")
  func another() {
    for start in [nil, 1] as [Int?] {
      var marks = LogMarks<Int>(nil, Self.at(0))
      marks.see(start, size: 0, Self.at(0))
      marks.see(2, size: 0, Self.at(1))
      marks.see(2, size: 40, Self.at(1.5))
      #expect(marks.take(0..<40, of: 2, Self.at(1.6)) == nil)
      #expect(marks.due == Self.at(2.5).monotonic)
      marks.see(2, size: 40, Self.at(2.5))
      #expect(marks.due == nil)
      #expect(marks.take(40..<50, of: 2, Self.at(3)) == Self.mark(2.5))
    }
  }

  @Test("One that grows without end is trusted in the end")
  func busy() {
    var marks = LogMarks<Int>(nil, Self.at(0))
    marks.see(nil, size: 0, Self.at(0))
    var last: Nanoseconds?
    for step in 0..<24 {
      let size = Int64(step)
      marks.see(1, size: size, Self.at(Double(step) / 2))
      last = marks.take(size..<(size + 1), of: 1, Self.at(Double(step) / 2))
      #expect((last == nil) == (step < 20), "\(step)")
    }
  }

  @Test("What was cut and written anew came at no time that is known, however long it is by now")
  func cut() {
    var marks = LogMarks<Int>(nil, Self.at(0))
    marks.see(1, size: 100, Self.at(0))
    #expect(marks.take(100..<120, of: 1, Self.at(1)) != nil)
    marks.see(1, size: 300, Self.at(2))
    #expect(marks.take(0..<300, of: 1, Self.at(2)) == nil)
    #expect(marks.take(300..<310, of: 1, Self.at(2)) == nil)
    marks.see(1, size: 310, Self.at(4))
    marks.see(1, size: 310, Self.at(5))
    #expect(marks.take(310..<320, of: 1, Self.at(6)) == Self.mark(5))
    marks.see(1, size: 10, Self.at(7))
    #expect(marks.take(320..<330, of: 1, Self.at(7)) == nil)
  }

  @Test("A restart goes on from what was kept, of the same file, and not from the future")
  func restart() {
    let kept = LogMarks<Int>.Mark(time: Self.mark(-50), size: 100)
    var marks = LogMarks<Int>((1, kept, 100), Self.at(0))
    marks.see(1, size: 200, Self.at(0))
    #expect(marks.take(100..<200, of: 1, Self.at(0)) == kept.time)
    marks = LogMarks((1, kept, 100), Self.at(0))
    marks.see(1, size: 50, Self.at(0))
    #expect(marks.take(0..<50, of: 1, Self.at(0)) == nil)
    marks = LogMarks((1, kept, 100), Self.at(0))
    marks.see(2, size: 200, Self.at(0))
    #expect(marks.take(100..<200, of: 2, Self.at(0)) == nil)
    marks = LogMarks((1, .init(time: Self.mark(50), size: 100), 100), Self.at(0))
    marks.see(1, size: 200, Self.at(0))
    #expect(marks.take(100..<200, of: 1, Self.at(0)) == nil)
  }

  @Test("After the clock was set back, looks from before prove nothing")
  func clock() {
    var marks = LogMarks<Int>(nil, Self.at(0))
    marks.see(1, size: 100, Self.at(0))
    #expect(marks.take(100..<120, of: 1, Self.at(10, set: -5)) == nil)
    marks.see(1, size: 120, Self.at(11, set: -5))
    #expect(marks.take(120..<130, of: 1, Self.at(12, set: -5)) == Self.mark(6))
  }
}
