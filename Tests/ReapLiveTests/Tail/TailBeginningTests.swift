// A log of which nothing was read yet, since it was made or since it was cut: what it holds is cut off it
// before anybody sees it, and nothing but what lies beside it tells.

import Foundation
import Glibc
import Testing

@Suite("A log at its beginning", .live)
struct TailBeginningTests {
  enum Beginning: CaseIterable {
    /// It was empty when it was followed first.
    case first
    /// What was read was cut off it, with a copy, or with none.
    case cut, emptied
    /// It was made anew, and the old one renamed.
    case created
  }

  enum Pause: CaseIterable { case held, stopped }

  enum Rotation: CaseIterable {
    /// Copied to a new file each time; that one compressed; copied over the one file that there is.
    case copied, compressed, copiedOver
    /// Renamed, and made anew.
    case created
  }

  private func lines(_ text: String, _ count: Int) -> String {
    (0..<count).map { "\(text) \($0) and what else a line has to say\n" }.joined()
  }

  private func rotate(_ tail: Follower, _ rotation: Rotation) {
    let log = tail.log
    if rotation != .copiedOver {
      for number in (1...5).reversed() {
        for end in ["", ".gz"] { rename("\(log).\(number)\(end)", "\(log).\(number + 1)\(end)") }
      }
    }
    // Births and renames within one tick of the clock have no order of their own.
    waitQuiet(0.02)
    if rotation == .created {
      rename(log, log + ".1")
      append("", to: log)
    } else {
      #expect(shell("cp '\(log)' '\(log).1' && : >'\(log)'").status == 0)
      if rotation == .compressed { #expect(shell("gzip '\(log).1'").status == 0) }
    }
    waitQuiet(0.02)
  }

  @Test(
    "loses nothing that a copy or an archive holds, held up or stopped meanwhile",
    arguments: Beginning.allCases.flatMap { beginning in
      Pause.allCases.flatMap { pause in Rotation.allCases.map { (beginning, pause, $0) } }
    })
  func unread(_ beginning: Beginning, _ pause: Pause, _ rotation: Rotation) throws {
    let scratch = Scratch()
    let log = scratch.directory("logs") + "/app.log"
    append("", to: log)
    let checkpoint = scratch.path + "/checkpoint"
    let tail = try Follower(
      ["--from", "start", "--checkpoint", checkpoint], in: scratch, log: log)
    var expected = ""
    #expect(wait { exists(checkpoint) })
    if beginning != .first {
      append(lines("a", 40), to: log)
      expected = lines("a", 40)
      tail.expect(expected)
    }
    switch beginning {
    case .first: break
    case .cut: rotate(tail, .copied)
    case .emptied: #expect(truncate(log, 0) == 0)
    case .created: rotate(tail, .created)
    }
    if beginning == .created {
      #expect(wait { openFiles(of: tail.background.pid).contains(log) })
    } else if beginning != .first {
      #expect(wait { tail.background.error.contains("truncated after byte") })
    }
    let texts = [lines("b", 100), lines("c", 30), "d\n"]
    if pause == .stopped {
      #expect(tail.stop() == expected)
    } else {
      tail.background.signal(SIGSTOP)
      #expect(wait { isStopped(tail.background.pid) })
    }
    append(texts[0], to: log)
    rotate(tail, rotation)
    if rotation != .copiedOver {
      append(texts[1], to: log)
      rotate(tail, rotation)
    }
    append(texts[2], to: log)
    let rest = rotation == .copiedOver ? texts[0] + texts[2] : texts.joined()
    if pause == .stopped {
      try tail.restart()
      expected = rest
    } else {
      tail.background.signal(SIGCONT)
      expected += rest
    }
    tail.expect(expected)
    append("e\n", to: log)
    tail.expect(expected + "e\n")
    #expect(tail.stop() == expected + "e\n")
    try tail.restart()
    append("f\n", to: log)
    tail.expect("f\n")
  }
}
