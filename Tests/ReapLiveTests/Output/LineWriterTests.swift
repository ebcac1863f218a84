import Foundation
import Glibc
import Synchronization
import Testing

@testable import ReapEngine

@Suite("Lines that wait for a writer")
struct LineWriterTests {
  /// What was written; stands still while `gate` is held.
  private final class Sink: Sendable {
    let lines = Mutex<[String]>([])
    let gate = Mutex(())
    func write(_ line: [UInt8]) {
      gate.withLock { _ in }
      lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
    }
    var all: [String] { lines.withLock { $0 } }
  }

  private let second: Int64 = 1_000_000_000

  @Test("The oldest are dropped beyond the limit, and told of where they are missing")
  func dropsOldest() {
    let sink = Sink()
    let writer = LineWriter(
      named: "test", limit: 40, notice: { Array("\($0) dropped".utf8) },
      write: {
        sink.write($0)
        return .written
      })
    sink.gate.withLock { _ in
      writer.append(Array("first".utf8))
      // In hand by now, so that it is none of those that may be dropped.
      #expect(wait { writer.waitingBytes == 0 })
      for number in 10..<100 { writer.append(Array("line \(number)!!".utf8)) }
      #expect(writer.waitingBytes <= 40)
      #expect(writer.finish(within: second / 10) == 91)
    }
    #expect(writer.finish(within: 20 * second) == 0)
    #expect(
      sink.all == ["first", "86 dropped"] + (96..<100).map { "line \($0)!!" }, "\(sink.all)")
  }

  @Test("What is lost is counted until a line goes again")
  func countsLost() {
    let sink = Sink()
    let takesNone = Mutex(true)
    let writer = LineWriter(
      named: "test", limit: 1000, notice: { Array("\($0) dropped".utf8) },
      write: { line in
        guard !takesNone.withLock({ $0 }) else { return .lost }
        sink.write(line)
        return .written
      })
    for number in 0..<5 { writer.append(Array("\(number)".utf8)) }
    #expect(writer.finish(within: 20 * second) == 5)
    takesNone.withLock { $0 = false }
    writer.append(Array("a".utf8))
    #expect(writer.finish(within: 20 * second) <= 5)
    writer.append(Array("b".utf8))
    #expect(writer.finish(within: 20 * second) == 0)
    #expect(sink.all == ["a", "5 dropped", "b"], "\(sink.all)")
  }

  @Test("What has to wait is tried again when asked, in order, and its end is not waited for")
  func waits() {
    let sink = Sink()
    let isFull = Mutex(true)
    let writer = LineWriter(
      named: "test", limit: 1000, notice: { _ in nil },
      write: { line in
        guard !isFull.withLock({ $0 }) else { return .later(.max) }
        sink.write(line)
        return .written
      })
    for number in 0..<5 { writer.append(Array("\(number)".utf8)) }
    let began = Date()
    #expect(writer.finish(within: 100 * second) == 5)
    #expect(Date().timeIntervalSince(began) < 50)
    isFull.withLock { $0 = false }
    writer.retry()
    #expect(wait { sink.all == ["0", "1", "2", "3", "4"] }, "\(sink.all)")
  }
}
