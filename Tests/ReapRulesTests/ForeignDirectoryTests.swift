// What of another user's directory somebody could have emptied, by its mode.

import Testing

@testable import ReapRules

@Suite("Other users' directories")
struct ForeignDirectoryTests {
  @Test(
    "Only what is open to everybody, the group included, could have been emptied",
    arguments: [
      (0o777, ForeignDirectory.emptiedByAnyone), (0o733, .emptiedByAnyone),
      (0o2777, .emptiedByAnyone), (0o1777, .ownEntriesOnly), (0o1733, .ownEntriesOnly),
      (0o755, .closed), (0o700, .closed), (0o775, .closed), (0o770, .closed),
      // The group may be less than the others: nobody knows who is in it.
      (0o707, .closed), (0o757, .closed),
      // One that cannot be searched cannot be emptied.
      (0o776, .closed), (0o766, .closed), (0o1776, .closed),
    ] as [(UInt32, ForeignDirectory)])
  func byMode(_ permissions: UInt32, _ expected: ForeignDirectory) {
    #expect(ForeignDirectory(permissions: permissions) == expected)
  }

  @Test("A dead directory that holds another user's is kept, whatever proves it dead")
  func foreignInside() {
    for lock in [Evidence.Lock.taken, .takenUnlinked, .missing] {
      let evidence = deadEvidence {
        $0.lock = lock
        $0.inside?.newestChange = second
        $0.inside?.foreignDirectory = "cache/private"
      }
      #expect(
        judge(evidence, rule: spillRule(), now: judgingTime) == .keep(.foreignInside), "\(lock)")
    }
    let live = deadEvidence {
      $0.lock = .held
      $0.inside?.foreignDirectory = "cache/private"
    }
    #expect(judge(live, rule: spillRule(), now: judgingTime) == .keep(.lockHeld))
  }

  @Test("A name too long for a claimed one goes under its lock only")
  func tooLong() {
    for (length, lock, expected) in [
      (228, Evidence.Lock.missing, Judgement.verdict(.dispose(.lockMissing))),
      (229, .missing, .keep(.cannotClaim)), (255, .missing, .keep(.cannotClaim)),
      (229, .taken, .verdict(.dispose(.lockReleased))),
      (229, .takenUnlinked, .verdict(.dispose(.lockReleased))),
    ] {
      let evidence = deadEvidence {
        $0.entry.name = entryName(
          "spill_1_" + String(repeating: "9", count: length - "spill_1_".utf8.count))
        $0.lock = lock
        $0.inside?.newestChange = second
      }
      #expect(judge(evidence, rule: spillRule(), now: judgingTime) == expected, "\(length) \(lock)")
    }
  }
}
