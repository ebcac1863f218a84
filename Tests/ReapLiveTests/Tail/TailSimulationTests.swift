// A log that is written to, copied and cut, renamed and compressed at random, while it is followed, while its
// reader is held up and while it is stopped: every line comes once and in order, or nothing holds it any more.

import Foundation
import Glibc
import Testing

@Suite("A log under any sequence of rotations", .live)
struct TailSimulationTests {
  private static func number(of variable: String) -> Int? {
    getenv(variable).flatMap { Int(String(cString: $0)) }
  }

  /// Each lost lines, or gave some out twice, at some time.
  private static let found = [
    3, 4, 7, 8, 18, 22, 27, 35, 38, 39, 48, 73, 77, 96, 115, 120, 152, 156, 254, 300, 310, 1259,
    2003,
  ]
  private static let count = number(of: "REAPD_SIM_COUNT").map { min($0, 1000) } ?? 15

  private func simulate(_ seeds: some Sequence<Int>) {
    let scratch = Scratch()
    for seed in seeds {
      let output = run(
        "/usr/bin/timeout",
        ["60", buildDirectory + "/LogFollower", "simulate", scratch.path, "\(seed)", "1"]
      )
      #expect(
        output.status == 0 && output.output == "",
        """
        seed \(seed): \(output.output)
        replay: REAPD_SIM_SEED=\(seed) swift test --filter TailSimulationTests
        """)
    }
  }

  @Test("loses nothing and repeats nothing: seeds that did once")
  func foundSeeds() {
    guard Self.number(of: "REAPD_SIM_SEED") == nil else { return }
    simulate(Self.found)
  }

  @Test("loses nothing and repeats nothing: other seeds")
  func newSeeds() {
    if let seed = Self.number(of: "REAPD_SIM_SEED") { return simulate([seed]) }
    // The same ones each time, unless more are asked for.
    let isAsked = Self.number(of: "REAPD_SIM_COUNT") != nil
    let first = isAsked ? Int.random(in: 1000..<1_000_000_000) : 2010
    simulate(first..<(first + Self.count))
  }
}
