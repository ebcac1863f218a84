// Where what belongs to an entry lies, and which names say whose it is.

import Testing

@testable import ReapRules

@Suite("Patterns of scratch")
struct ScratchPatternTests {
  @Test("A path is in the entry, beside it, or the entry itself, and nowhere else")
  func paths() {
    let name = EntryName("w-1")!
    #expect(ScratchPath(".")?.place == .itself)
    #expect(ScratchPath("sub/own.lock")?.place == .inside)
    #expect(ScratchPath("../{name}.lock")?.path(for: name) == Array("w-1.lock".utf8))
    #expect(ScratchPath("../{name}.lock")?.sibling(of: name) == EntryName("w-1.lock"))
    #expect(ScratchPath("../locks/{name}")?.isSibling == false)
    #expect(ScratchPath("../lock")?.isSibling == false)
    #expect(ScratchPath("../{name}")?.sibling(of: name) == nil)
    for wrong in ["", "/run/x", "..", "../", "../../x", "a/../b", "a//b", "./a", "../.", "a/"] {
      #expect(ScratchPath(wrong) == nil, "\(wrong)")
    }
  }

  @Test("A number is read whole, wherever it stands")
  func pids() {
    func pid(_ pattern: String, _ name: String) -> Int32? {
      PidPattern(pattern)?.match(Array(name.utf8))?.pid
    }
    #expect(pid("x-{pid}", "x-123") == 123)
    #expect(pid("*{pid}", "a12b345") == 345)
    #expect(pid("duck_{pid}_*", "duck_77_1") == 77)
    #expect(pid("x-{pid}5", "x-125") == nil)
    for name in ["x-0", "x-1", "x-01", "x-", "x-12a", "y-12", "x-99999999999"] {
      #expect(pid("x-{pid}", name) == nil, "\(name)")
    }
    let link = PidPattern("{host}-{pid}")?.match(Array("my-host-42".utf8))
    #expect(link == .init(pid: 42, host: Array("my-host".utf8)))
    #expect(PidPattern("x") == nil && PidPattern("{pid}{pid}") == nil)
  }

  @Test("More evidence of life never turns keep into dispose")
  func monotone() throws {
    var settings = ScratchSettings(ownedBy: [
      .lock(ScratchPath("../{name}.lock")!), .pidInName(PidPattern("w-{pid}")!), .open,
    ])
    settings.quiet = 1
    settings.quarantine = 0
    let rule = Rule(
      name: "s", root: "/x/y", match: try Glob("w-*"), grace: 1, owners: .anyone,
      kind: .scratch(settings))
    let locks: [Evidence.Lock] = [.taken, .missing, .held, .notAFile("a link"), .unknown("?")]
    let processes: [ScratchEvidence.Process] = [.dead(5), .nothing, .alive(5), .unknown("?")]
    let uses: [Evidence.Inside.Openness] = [.nothingOpen, .open("f"), .unknown("?")]
    for lock in locks {
      for process in processes {
        for use in uses {
          var own = ScratchEvidence()
          own.process = process
          var evidence = Evidence(
            entry: .init(
              name: EntryName("w-5")!, type: .directory, owner: 0, isMountPoint: false),
            clocks: .init(birth: 0, firstSeen: 0), ofKind: .scratch(own), lock: lock,
            surroundings: .clear, inside: .init(openness: use, newestChange: 0))
          evidence.life = .nobody
          let isDoubted =
            [.held, .notAFile("a link"), .unknown("?")].contains(lock)
            || [.alive(5), .unknown("?")].contains(process) || use != .nothingOpen
          let now = Now(wall: 1_000_000, monotonic: 1_000_000)
          guard case .verdict(let verdict) = judge(evidence, rule: rule, now: now) else {
            Issue.record("something is still asked for")
            continue
          }
          var isDisposed = false
          if case .dispose = verdict { isDisposed = true }
          #expect(isDisposed == !isDoubted, "\(lock) \(process) \(use): \(verdict)")
        }
      }
    }
  }
}
