// Kind `scratch` at the edge: a directory or a file, and what goes with it.

import OwnedDirectories
import ReapRules

final class ScratchEdge: RootKind {
  /// Nil where no way names a process.
  private let owners: NamedOwners?

  init(_ settings: ScratchSettings, ownerExited: (@Sendable () -> Void)?) {
    owners = settings.namesProcess ? NamedOwners(settings, exited: ownerExited) : nil
  }

  /// A file that somebody has opened since it was looked at stays.
  private struct Hold: ClaimHold {
    let file: Descriptor?

    var isStillRight: Bool {
      guard let file else { return true }
      return probeOpen(file) != .open
    }

    func release() {}
  }

  func begin(
    _ evidence: inout Evidence, of name: EntryName, isHalfRemoved: Bool, at spot: Spot
  ) {
    if let condemned = spot.claims.condemnation(of: spot.path(name)) {
      evidence.ofKind.scratch?.condemned = condemned
    }
    if ClaimName(name) != nil { evidence.claim = isHalfRemoved ? .unfinished : .found }
  }

  func gather(
    _ stage: Judgement.Stage, of name: EntryName, at spot: Spot, into evidence: inout Evidence
  ) -> Bool {
    guard stage == .owner, let owners else { return false }
    evidence.ofKind.scratch?.process = owners.find(of: name, evidence.entry.name, at: spot)
    return true
  }

  func examineFile(
    _ name: EntryName, _ request: LookRequest, at spot: Spot, _ examination: Examination
  ) -> Examined? { nil }

  func tidy(
    _ look: inout Look, _ verdict: Verdict, mayTakeTime: Bool, _ examination: Examination
  ) -> Examined? { nil }

  func holdForClaim(_ look: Look, mayWait: Bool) -> (any ClaimHold)? {
    Hold(file: look.gathering.isFile ? look.gathering.directory : nil)
  }

  func join(_ claimed: EntryName, into original: EntryName, at spot: Spot) -> Joining? { nil }

  func facts(of spot: Spot) -> PlaceFacts? { nil }

  func follower(of root: WatchedRoot) -> (any KindFollower)? { nil }
}
