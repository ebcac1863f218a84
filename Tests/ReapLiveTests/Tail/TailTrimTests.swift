// A tail goes on across `reapd trim`, by either way: each line once, none lost.

import Foundation
import Glibc
import Testing

@Suite("reapd tail across trims", .live)
struct TailTrimTests {
  private static let rate = 2_500.0

  /// Writers of numbered lines, as many as there are descriptors to be had by each way.
  private func writers(_ log: String, reopen: [Int], in scratch: Scratch) throws -> [Background] {
    try reopen.enumerated().map { number, lines in
      try Background(
        "/usr/bin/python3",
        [
          "\(repository)/scripts/bench_trim.py", "--write", log, "\(number)", "\(Self.rate)",
          "\(lines)",
        ], in: scratch)
    }
  }

  /// How many lines each of them has written.
  private func stop(_ writers: [Background]) -> [Int] {
    for writer in writers { writer.signal(SIGTERM) }
    return writers.map { writer in
      _ = writer.exitStatus()
      return writer.lines.last.flatMap { Int($0) } ?? -1
    }
  }

  private func trim(_ log: String, _ way: String) -> Int32 {
    run(
      reapdBinary,
      [
        "trim", log, "--keep-lines", "20000", "--in-place", way, "--wait", "0s", "--audit-log",
        "none",
      ]
    ).status
  }

  /// Each line of each writer, once.
  private func expectAll(_ lines: [String], _ written: [Int]) {
    var found = written.map { _ in [Int: Int]() }
    for line in lines {
      let words = line.split(separator: " ")
      guard words.count == 3, let writer = Int(words[0]), let number = Int(words[1]) else {
        Issue.record("torn: \(line)")
        continue
      }
      found[writer][number, default: 0] += 1
    }
    for (writer, count) in written.enumerated() {
      let lost = (0..<count).filter { found[writer][$0] == nil }
      let twice = found[writer].filter { $0.value > 1 }.keys.sorted()
      #expect(
        lost.isEmpty, "of writer \(writer): \(lost.count) of \(count), from \(lost.first ?? 0)")
      #expect(twice.isEmpty, "of writer \(writer): \(twice.count), from \(twice.first ?? 0)")
    }
  }

  @Test(
    "Four writers, forty trims: each line is given out once",
    arguments: [["always"], ["never"], ["always", "never"]])
  func load(ways: [String]) throws {
    let tail = try Follower(["--from", "start"])
    let writers = try writers(tail.log, reopen: [0, 1, 20, 50], in: tail.scratch)
    #expect(wait { fileSize(tail.log) > 10_000 })
    for round in 0..<40 {
      let status = trim(tail.log, ways[round % ways.count])
      #expect(status == 0 || status == 1)
    }
    let written = stop(writers)
    _ = run(
      reapdBinary,
      ["trim", tail.log, "--keep-lines", "1000000", "--audit-log", "none", "--wait", "20s"])
    let total = written.reduce(0, +)
    _ = wait { tail.background.lines.count >= total && tail.output.hasSuffix("\n") }
    expectAll(tail.background.lines, written)
  }

  @Test(
    "One that was stopped meanwhile goes on where it was, also after several trims",
    arguments: [1, 3])
  func stopped(trims: Int) throws {
    let scratch = Scratch()
    let log = scratch.path + "/app.log"
    let words = ["tail", log, "--from", "start", "--checkpoint", scratch.path + "/checkpoint"]
    func text(_ range: Range<Int>) -> String {
      range.map { "0 \($0) \(String(repeating: "x", count: 60))\n" }.joined()
    }
    append(text(0..<5_000), to: log)
    let first = try Background(reapdBinary, words, in: scratch)
    #expect(wait { first.lines.count == 5_000 }, "\(first.error)")
    first.signal(SIGTERM)
    #expect(first.exitStatus() == 0)
    for round in 0..<trims {
      append(text((5_000 + 100 * round)..<(5_100 + 100 * round)), to: log)
      let status = run(
        reapdBinary,
        [
          "trim", log, "--keep-lines", "\(4_000 - 100 * round)", "--in-place", "never",
          "--audit-log", "none",
        ]
      ).status
      #expect(status == 0)
    }
    let second = try Background(reapdBinary, words, in: scratch)
    #expect(wait { second.lines.count >= 100 * trims }, "\(second.error)")
    append(text((5_000 + 100 * trims)..<(5_010 + 100 * trims)), to: log)
    _ = wait { second.lines.count >= 100 * trims + 10 }
    expectAll(first.lines + second.lines, [5_010 + 100 * trims])
  }

  @Test("One that is far behind reads the old file up to the cut, and then the new one")
  func behind() throws {
    let scratch = Scratch()
    let log = scratch.path + "/app.log"
    append((0..<60_000).map { "0 \($0) \(String(repeating: "x", count: 60))\n" }.joined(), to: log)
    // Its reader takes nothing for a while: it stands at the beginning when the log is trimmed.
    let tail = try Background(
      "/bin/bash",
      [
        "-c",
        "\(reapdBinary) tail \(log) --from start | (while [ ! -e \(log).go ]; do sleep 0.05; done; cat)",
      ],
      in: scratch)
    #expect(wait { (users(of: log)).count == 1 })
    for keep in [2_000, 1_000] {
      append(
        "0 \(60_000 + (keep == 1_000 ? 1 : 0)) \(String(repeating: "x", count: 60))\n", to: log)
      let status = run(
        reapdBinary,
        ["trim", log, "--keep-lines", "\(keep)", "--audit-log", "none", "--wait", "0s"]
      ).status
      #expect(status == 1, "the tail has the old one open")
    }
    #expect(FileManager.default.createFile(atPath: log + ".go", contents: nil))
    _ = wait { tail.lines.count >= 60_002 }
    expectAll(tail.lines, [60_002])
    // With the tail gone on, the old ones go.
    #expect(
      run(reapdBinary, ["trim", log, "--keep-lines", "1000", "--audit-log", "none"]).status == 0)
    #expect(oldFiles(in: scratch.path).isEmpty)
    tail.killHard()
  }

  /// Processes of reapd that have it open.
  private func users(of path: String) -> [String] {
    names(in: "/proc").filter { pid in
      Int32(pid).map { openFiles(of: $0).contains(path) } ?? false
    }
  }
}
