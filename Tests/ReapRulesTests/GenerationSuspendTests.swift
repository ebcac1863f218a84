// Writers of generations that stand still at any step, in a simulated time: no generation is
// disposed of while its writer may come back within `quiet` and `quarantine`.

import Testing

@testable import ReapRules

@Suite("Writers of generations that stand still")
struct GenerationSuspendTests {
  private static let quiet = 60 * second
  private static let quarantine = 100 * second

  /// One new generation, its writer, and a reapd that looks when it said it would.
  private struct World {
    var wall: Nanoseconds = 1_000_000 * second
    var monotonic: Nanoseconds = 5000 * second
    var change: Nanoseconds
    var condemned: Evidence.Condemnation?
    var nextLook: Nanoseconds
    var isLive = false
    var isGone = false
    let rule: Rule

    init() {
      rule = generationRule {
        ($0.quiet, $0.quarantine, $0.retiredAfter) = (quiet, quarantine, 0)
      }
      change = wall
      nextLook = monotonic
    }

    mutating func look() {
      var evidence = deadGeneration {
        $0.clocks.birth = second
        $0.partition?.cursor = .known(entryName(isLive ? "table" : "table-1"))
        $0.inside?.newestChange = change
        $0.condemned = condemned
      }
      evidence.clocks.firstSeen = 0
      let now = Now(wall: wall, monotonic: monotonic)
      guard case .verdict(let verdict) = judge(evidence, rule: rule, now: now) else { return }
      nextLook = .max
      switch verdict {
      case .dispose: isGone = true
      case .condemn(_, let span):
        condemned = .init(since: monotonic, newestChange: change, id: wall)
        nextLook = monotonic + span
      case .keep(let reason, let after):
        if reason != .quarantined { condemned = nil }
        if let after { nextLook = monotonic + after }
      case .unsure, .expendable: break
      }
    }

    /// Time passes, and reapd looks at each of its deadlines.
    mutating func pass(_ span: Nanoseconds) {
      let end = monotonic + span
      while nextLook <= end, !isGone {
        wall += nextLook - monotonic
        monotonic = nextLook
        look()
      }
      wall += end - monotonic
      monotonic = end
    }
  }

  @Test("Stopped for less than quiet and quarantine, or suspended, at any step: nothing is lost")
  func pauses() {
    var condemnations = 0
    for seed in UInt64(1)...4000 {
      var random = SeededRandom(seed: seed)
      var world = World()
      for step in 0..<8 {
        switch random.below(4) {
        case 0: world.pass(random.below(second))
        case 1: world.pass(random.below(Self.quiet + Self.quarantine))
        case 2:
          // The machine is suspended: the wall clock alone goes on; then it is stopped for a while.
          world.wall += random.below(30 * 24 * hour)
          world.pass(random.below(Self.quarantine))
        default: world.pass(Self.quiet + Self.quarantine - 1 - random.below(3))
        }
        if world.condemned != nil { condemnations += 1 }
        if world.isGone {
          Issue.record("seed \(seed): gone before step \(step)")
          break
        }
        // The next file, the commit, or the flip.
        world.change = world.wall
        if step == 7 { world.isLive = true }
        world.look()
        if world.condemned != nil { Issue.record("seed \(seed): a change reprieves") }
      }
      world.pass(1000 * hour)
      if world.isGone { Issue.record("seed \(seed): the live one went") }
    }
    #expect(condemnations > 1000)
  }

  @Test("A writer that never comes back leaves an orphan that goes after quiet and quarantine")
  func end() {
    var world = World()
    world.pass(Self.quiet + Self.quarantine - 1)
    #expect(!world.isGone)
    world.pass(1)
    #expect(world.isGone)
  }
}
