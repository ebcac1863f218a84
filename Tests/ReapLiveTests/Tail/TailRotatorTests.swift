// The rotators that people run, while a writer does not wait: no line is lost, none comes twice.

import Foundation
import Glibc
import Testing

/// `scripts/rotator.py` at work, and `reapd tail` with a checkpoint on its log.
private final class Rotation {
  let form: String
  private let scratch = Scratch()
  private let rotator: Background
  private(set) var tails: [Background] = []

  init(_ form: String) throws {
    self.form = form
    let script = repository + "/scripts/rotator.py"
    rotator = try Background(script, [form, scratch.path + "/work"], in: scratch)
  }

  private func said(_ word: String) -> [String] {
    rotator.lines.filter { $0.hasPrefix(word) }.map { String($0.dropFirst(word.count + 1)) }
  }

  var log: String? { said("log").first }
  var rotations: Int { rotator.lines.count { $0 == "rotated" } }
  /// How many lines were written, once the writer has ended.
  var written: Int? { said("written").first.flatMap { Int($0) } }
  var errors: String { rotator.error + tails.map(\.error).joined(separator: "\n--\n") }

  func startTail() throws {
    let arguments = ["tail", "--from", "start", "--checkpoint", scratch.path + "/checkpoint"]
    tails.append(try Background(reapdBinary, arguments + [log ?? ""], in: scratch))
  }

  func stopTail() {
    tails.last?.signal(SIGTERM)
    #expect(tails.last?.exitStatus() == 0, "\(form): \(errors)")
  }

  func stopWriter() { rotator.signal(SIGTERM) }
}

@Suite("reapd tail and real rotators", .serialized, .liveAndLong)
struct TailRotatorTests {
  /// Lines a second, as `scripts/rotator.py` has it.
  private static let rate = 2500

  @Test(
    "lose and repeat nothing over two pauses of three rotations, and little over a kill",
    arguments: [
      ["create", "create-compress", "create-delaycompress", "dateext", "dateext-compress"],
      [
        "copytruncate", "copytruncate-compress", "copytruncate-delaycompress", "olddir",
        "olddir-compress",
      ],
      ["svlogd", "multilog", "cronolog", "kubernetes", "rsyslog-channel", "rsyslog-logrotate"],
    ])
  func rotators(forms: [String]) throws {
    let all = try forms.map(Rotation.init)
    for one in all {
      #expect(wait { one.log != nil }, "\(one.form): \(one.errors)")
    }
    func waitForRotations(_ count: Int) {
      let wanted = all.map { $0.rotations + count }
      for (one, wanted) in zip(all, wanted) {
        #expect(wait(seconds: 30) { one.rotations >= wanted }, "\(one.form): \(one.errors)")
      }
    }
    for one in all { try one.startTail() }
    for _ in 0..<2 {
      waitForRotations(1)
      for one in all { one.stopTail() }
      waitForRotations(3)
      for one in all { try one.startTail() }
    }
    waitForRotations(1)
    for one in all { one.tails.last?.killHard() }
    waitForRotations(1)
    for one in all { try one.startTail() }
    waitForRotations(1)
    for one in all { one.stopWriter() }
    for one in all {
      #expect(wait(seconds: 30) { one.written != nil }, "\(one.form): \(one.errors)")
      let last = String(format: "%08d ", (one.written ?? 0) - 1)
      #expect(wait { one.tails.last?.lines.last?.hasPrefix(last) ?? false }, "\(one.form)")
      one.stopTail()
      judge(one)
    }
  }

  /// Up to the kill each line came once; after it they go on, at most a second of them again.
  private func judge(_ one: Rotation) {
    func numbers(_ text: String) -> [Int] {
      text.split(separator: "\n").map { Int($0.prefix(8)) ?? -1 }
    }
    // A line that was torn at a stop goes on at the next start.
    let before = numbers(one.tails.dropLast().map(\.output).joined())
    let after = numbers(one.tails.last?.output ?? "")
    guard let killed = before.last, let resumed = after.first else {
      Issue.record("\(one.form): nothing was given out: \(one.errors)")
      return
    }
    let gap = zip(before, before.dropFirst()).first { $0 + 1 != $1 }
    #expect(gap == nil, "\(one.form): \(one.errors)")
    // Not the lists themselves: they would be printed.
    let isAll = after.elementsEqual(resumed..<max(resumed, one.written ?? 0))
    #expect(isAll, "\(one.form): \(after.count) from \(resumed): \(one.errors)")
    #expect(resumed <= killed + 1, "\(one.form) lost \(resumed - killed - 1): \(one.errors)")
    // A checkpoint is due each second; writing it takes its time on a machine that is busy.
    #expect(killed + 1 - resumed <= 2 * Self.rate, "\(one.form): repeated")
  }
}
