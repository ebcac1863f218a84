// Rotation at speed: every kind that keeps its data, while a writer does not wait.

import Foundation
import Glibc
import Testing

@Suite("reapd tail at speed", .live)
struct TailRotationTests {
  /// `scripts/bench tail` runs 1,000 rotations at 50,000 lines/s.
  @Test("loses and repeats no line over 120 rotations by renaming and cutting")
  func rotations() throws {
    let tail = try Follower(["--from", "start"])
    let log = tail.log
    #expect(wait { tail.background.error.contains("waiting for it") })
    var file = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
    var number = 0
    var pieces = 0
    for round in 0..<120 {
      for _ in 0..<10 {
        var text = ""
        for _ in 0..<100 {
          text += "\(number) \(String(repeating: "x", count: number % 60))\n"
          number += 1
        }
        // Torn in the middle of a line now and then.
        let bytes = Array(text.utf8)
        let half = pieces % 2 == 0 ? bytes.count : bytes.count - 7
        write(file, Array(bytes[..<half]), half)
        if half < bytes.count { write(file, Array(bytes[half...]), bytes.count - half) }
        pieces += 1
        letPass(0.001, "the pace of the writer")
      }
      switch round % 3 {
      case 0:  // renamed; the writer opens the new one
        rename(log, "\(log).\(round)")
        close(file)
        file = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
      case 1:  // renamed, the new one made beforehand; the writer goes on for a moment
        rename(log, "\(log).\(round)")
        let next = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        let late = Array("\(number) late\n".utf8)
        write(file, late, late.count)
        number += 1
        close(file)
        file = next
      default:  // cut at its head, by what was read for certain
        var status = stat()
        fstat(file, &status)
        let blocks = (Int(status.st_size) - 20_000) / 4096 * 4096
        let written = number
        _ = wait { tail.output.hasSuffix("\n") && lastNumber(tail) == written - 1 }
        if blocks > 0 { #expect(collapse(log, blocks) == 0) }
      }
    }
    close(file)
    #expect(wait { lastNumber(tail) == number - 1 }, "\(tail.background.error)")
    let numbers = tail.background.lines.map { Int($0.prefix { $0 != " " }) ?? -1 }
    #expect(numbers.count == number)
    #expect(numbers == Array(0..<number), "\(zip(numbers, 0...).first { $0 != $1 } ?? (0, 0))")
    #expect(!tail.background.error.contains("truncated"), "\(tail.background.error)")
  }

  /// The number in the last line that was given out; read from the end, since the output is long.
  private func lastNumber(_ tail: Follower) -> Int? {
    guard let file = FileHandle(forReadingAtPath: tail.background.outputPath) else { return nil }
    defer { try? file.close() }
    let end = (try? file.seekToEnd()) ?? 0
    try? file.seek(toOffset: end > 200 ? end - 200 : 0)
    let text = String(decoding: (try? file.readToEnd()) ?? Data(), as: UTF8.self)
    guard text.hasSuffix("\n") else { return nil }
    return text.split(separator: "\n").last.flatMap { Int($0.prefix { $0 != " " }) }
  }
}
