// Kind `spill` at the edge: a lone directory, of which its lock file says everything.

import ReapRules

struct SpillEdge: RootKind {
  private struct NoHold: ClaimHold {
    var isStillRight: Bool { true }
    func release() {}
  }

  func begin(
    _ evidence: inout Evidence, of name: EntryName, isHalfRemoved: Bool, at spot: Spot
  ) {}

  func gather(
    _ stage: Judgement.Stage, of name: EntryName, at spot: Spot, into evidence: inout Evidence
  ) -> Bool { false }

  func examineFile(
    _ name: EntryName, _ request: LookRequest, at spot: Spot, _ examination: Examination
  ) -> Examined? { nil }

  func tidy(
    _ look: inout Look, _ verdict: Verdict, mayTakeTime: Bool, _ examination: Examination
  ) -> Examined? { nil }

  func holdForClaim(_ look: Look, mayWait: Bool) -> (any ClaimHold)? { NoHold() }

  func join(_ claimed: EntryName, into original: EntryName, at spot: Spot) -> Joining? { nil }

  func facts(of spot: Spot) -> PlaceFacts? { nil }

  func follower(of root: WatchedRoot) -> (any KindFollower)? { nil }
}
