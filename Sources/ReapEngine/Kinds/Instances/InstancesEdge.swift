// Kind `instances` at the edge: what an instance's own files say of it.

import Glibc
import OwnedDirectories
import ReapRules

struct InstancesEdge: RootKind {
  let settings: InstanceSettings

  init(_ settings: InstanceSettings) { self.settings = settings }

  /// Nothing that would protect it has come since it was judged, and its manifest says the same.
  private struct Hold: ClaimHold {
    let reading: InstanceReading
    let before: InstanceEvidence.Files

    var isStillRight: Bool {
      guard let now = reading.files() else { return false }
      return now == before
    }

    func release() {}
  }

  func begin(
    _ evidence: inout Evidence, of name: EntryName, isHalfRemoved: Bool, at spot: Spot
  ) {
    if ClaimName(name) != nil { evidence.claim = isHalfRemoved ? .unfinished : .found }
  }

  func gather(
    _ stage: Judgement.Stage, of name: EntryName, at spot: Spot, into evidence: inout Evidence
  ) -> Bool {
    guard stage == .files,
      let directory = try? openFile(
        name.bytes, at: spot.directory.descriptor, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
        follow: .within)
    else { return false }
    defer { directory.close() }
    evidence.ofKind.instances?.files = InstanceReading(settings, directory).files()
    return evidence.ofKind.instances?.files != nil
  }

  func examineFile(
    _ name: EntryName, _ request: LookRequest, at spot: Spot, _ examination: Examination
  ) -> Examined? { nil }

  func tidy(
    _ look: inout Look, _ verdict: Verdict, mayTakeTime: Bool, _ examination: Examination
  ) -> Examined? { nil }

  func holdForClaim(_ look: Look, mayWait: Bool) -> (any ClaimHold)? {
    guard let directory = look.gathering.directory,
      let files = look.evidence.ofKind.instances?.files
    else { return nil }
    let hold = Hold(reading: InstanceReading(settings, directory), before: files)
    return hold.isStillRight ? hold : nil
  }

  func join(_ claimed: EntryName, into original: EntryName, at spot: Spot) -> Joining? { nil }

  func facts(of spot: Spot) -> PlaceFacts? { nil }

  func follower(of root: WatchedRoot) -> (any KindFollower)? { InstanceFollower(root, settings) }
}
