// What the tests of the pure core share: seeded random numbers, and short ways to values.

import Testing

@testable import ReapRules

let second = nanosecondsPerSecond
let millisecond = second / 1000

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers for the same seed, everywhere.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func below(_ bound: Nanoseconds) -> Nanoseconds {
    bound <= 0 ? 0 : Nanoseconds(next() % UInt64(bound))
  }

  mutating func chance(_ percent: Nanoseconds) -> Bool { below(100) < percent }

  mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[Int(below(Nanoseconds(elements.count)))]
  }
}

func entryName(_ text: String) -> EntryName { EntryName(text)! }

func candidatePath(_ text: String) -> CandidatePath { CandidatePath(entryName(text)) }

func glob(_ pattern: String) -> Glob {
  do { return try Glob(pattern) } catch { fatalError("\(pattern): \(error.reason)") }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func spillRule(
  grace: Nanoseconds = 30 * second, owners: Rule.Owners = .users([1000]),
  missingLock: MissingLock = .reap
) -> Rule {
  Rule(
    name: "ant", root: "/data/spill", match: glob("spill_*"), grace: grace, owners: owners,
    kind: .spill(SpillSettings(missingLock: missingLock)))
}

/// Short ways to what only generations have: evidence of another kind has none of it.
extension Evidence {
  var partition: Partition? {
    get { generations?.partition }
    set { generations?.partition = newValue }
  }
  var marker: Nanoseconds? {
    get { generations?.marker }
    set { generations?.marker = newValue }
  }
  var owner: Owner? {
    get { generations?.owner }
    set { generations?.owner = newValue }
  }
  var condemned: Condemnation? {
    get { generations?.condemned }
    set { generations?.condemned = newValue }
  }
  var shortage: RoomShortage? {
    get { generations?.shortage }
    set { generations?.shortage = newValue }
  }
}
