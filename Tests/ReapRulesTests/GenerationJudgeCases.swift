// The cases of what follows a generation's proof of death: quarantine, halves, owners, processes.

@testable import ReapRules

extension GenerationJudgeTests {
  static func condemned(_ ago: Nanoseconds) -> (inout Evidence) -> Void {
    { $0.condemned?.since = generationTime.monotonic - ago }
  }

  static let pressed: @Sendable (inout Evidence) -> Void = {
    $0.condemned?.since = generationTime.monotonic
    $0.shortage = RoomShortage(bytes: 1)
  }

  static let quarantine: [Case] = [
    Case("without a proof it is condemned first", .verdict(.condemn(.quiet, for: hour))) {
      $0.condemned = nil
    },
    Case("short of room as well", .verdict(.condemn(.quiet, for: hour))) {
      ($0.condemned, $0.shortage) = (nil, RoomShortage(bytes: 1))
    },
    Case("then it is quarantined", .keep(.quarantined, recheckAfter: 1), condemned(hour - 1)),
    Case("and no longer", .verdict(.dispose(.quiet)), condemned(hour)),
    Case("a change since then reprieves it", .keep(.recentlyChanged, recheckAfter: 1)) {
      condemned(2 * hour)(&$0)
      $0.inside?.newestChange = 2 * second
    },
    Case("what another process condemned is compared by its time alone", .verdict(.dispose(.quiet)))
    {
      $0.condemned?.newestChange = nil
      $0.inside?.newestChange = 2 * second
    },
    Case("with a free lock it is not", .verdict(.dispose(.lockReleased)), rule: lockedRule) {
      ($0.condemned, $0.lock) = (nil, .taken)
    },
    Case("nor after an owner's death", .verdict(.dispose(.ownerDead)), rule: ownedRule) {
      ($0.condemned, $0.owner) = (nil, .exited(pid: 7, at: .max))
    },
    Case("a proof that comes ends the wait", .verdict(.dispose(.ownerDead)), rule: ownedRule) {
      condemned(0)(&$0)
      $0.owner = .exited(pid: 7, at: .max)
    },
    Case(
      "a quarantine that is written counts for a free lock too",
      .keep(.quarantined, recheckAfter: 5 * second),
      rule: generationRule {
        $0.lock = entryName(".lock")
        $0.quarantine = 5 * second
      }
    ) {
      condemned(0)(&$0)
      $0.lock = .taken
    },
    Case(
      "none may be written", .verdict(.dispose(.quiet)), rule: generationRule { $0.quarantine = 0 }
    ) { $0.condemned = nil },
    Case("short of room, quiet stays", .keep(.quarantined, recheckAfter: hour), pressed),
    Case(
      "short of room, one whose lock is free leaves", .verdict(.dispose(.lockReleased)),
      rule: generationRule { ($0.lock, $0.quarantine) = (entryName(".lock"), hour) }
    ) {
      pressed(&$0)
      $0.lock = .taken
    },
    Case(
      "short of room, the proved dead leave", .verdict(.dispose(.ownerDead)),
      rule: generationRule {
        $0.ownerPidfile = OwnerPidfile(path: "/x")
        $0.quarantine = hour
      }
    ) {
      pressed(&$0)
      $0.owner = .exited(pid: 7, at: .max)
    },
    Case(
      "with quarantine_yields all leave", .verdict(.dispose(.quiet)),
      rule: generationRule { $0.quarantineYields = true }, pressed),
    Case(
      "but only short of room", .keep(.quarantined, recheckAfter: hour),
      rule: generationRule { $0.quarantineYields = true }, condemned(0)),
    Case("one that the cursor names again is kept", .keep(.live)) {
      condemned(2 * hour)(&$0)
      $0.partition?.cursor = .known(entryName("table"))
    },
    Case("so is one whose lock is held again", .keep(.lockHeld), rule: lockedRule) {
      condemned(2 * hour)(&$0)
      $0.lock = .held
    },
    Case("and one that is pinned", .keep(.keptByHand)) { $0.inside?.isPinned = true },
    Case("a pin outdoes a proof", .keep(.keptByHand), rule: lockedRule) {
      $0.lock = .taken
      $0.inside?.isPinned = true
    },
  ]

  static let life: [Case] = [
    Case("processes are asked for before it is condemned", .gather(.life)) {
      ($0.life, $0.condemned) = (nil, nil)
    },
    Case("and again at the end of its quarantine", .gather(.life)) { $0.life = nil },
    Case("not beside a free lock", .verdict(.dispose(.lockReleased)), rule: lockedRule) {
      ($0.life, $0.lock) = (nil, .taken)
    },
    Case("a working directory keeps", .keep(.workingDirectory, recheckAfter: 300 * second)) {
      $0.life = .used(.workingDirectory, pid: 7, command: "sh")
    },
    Case("also what is half removed", .keep(.workingDirectory, recheckAfter: 300 * second)) {
      $0.claim = .unfinished
      $0.life = .used(.workingDirectory, pid: 7, command: "sh")
    },
    Case(
      "a lock on the directory outdoes a free lock file",
      .keep(.directoryLocked, recheckAfter: 300 * second), rule: lockedRule
    ) {
      $0.lock = .taken
      $0.inside?.isLocked = true
    },
  ]

  static let halves: [Case] = [
    Case("a half whose name the cursor says is wanted back", .keep(.live)) {
      $0.claim = .split
      $0.partition?.cursor = .known(entryName("table"))
    },
    Case(
      "a half whose name the cursor does not say is condemned",
      .verdict(.condemn(.quiet, for: hour))
    ) {
      ($0.claim, $0.condemned) = (.split, nil)
    },
    Case("and goes like any orphan", .verdict(.dispose(.quiet))) { $0.claim = .split },
    Case("a removal that has begun is finished without more waits", .verdict(.dispose(.quiet))) {
      ($0.claim, $0.condemned) = (.unfinished, nil)
      busy(&$0)
      $0.partition?.cursorChange = generationTime.wall
      $0.partition?.liveSince = nil
    },
    Case("though its name is the live one's, where that is whole", .verdict(.dispose(.quiet))) {
      $0.claim = .unfinished
      $0.partition?.cursor = .known(entryName("table"))
    },
    Case("but not where it is not", .keep(.live)) {
      $0.claim = .unfinished
      $0.partition?.cursor = .known(entryName("table"))
      $0.partition?.live = .absent
    },
    Case("nor while something in it is open", .keep(.fileOpen)) {
      $0.claim = .unfinished
      $0.inside?.openness = .open("data/1")
    },
  ]

  static let owners: [Case] = [
    Case(
      "a living writer in a temporary's name keeps", .keep(.ownerAlive, recheckAfter: 300 * second)
    ) {
      $0.inside?.writer = 7
    },
    Case("but not beside a free lock", .verdict(.dispose(.lockReleased)), rule: lockedRule) {
      $0.inside?.writer = 7
      $0.lock = .taken
    },
    Case(
      "another process's exit does not outdo it", .keep(.ownerAlive, recheckAfter: 300 * second),
      rule: ownedRule
    ) {
      $0.inside?.writer = 7
      $0.owner = .exited(pid: 8, at: .max)
    },
    Case(
      "a living owner keeps for twice quiet what changed since it began",
      .keep(.ownerAlive, recheckAfter: hour / 2), rule: ownedRule
    ) {
      $0.owner = .alive(pid: 7, since: generationTime.wall - 2 * hour)
      $0.inside?.newestChange = generationTime.wall - hour - hour / 2
    },
    Case(
      "but not what is older than it", .verdict(.condemn(.quiet, for: hour)), rule: ownedRule
    ) {
      ($0.condemned, $0.owner) = (nil, .alive(pid: 7, since: generationTime.wall - hour))
      $0.inside?.newestChange = generationTime.wall - hour - hour / 2
    },
  ]
}
