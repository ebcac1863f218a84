// Kind `log` at the edge: a file, which is looked at, and trimmed, where it lies.

import Glibc
import OwnedDirectories
import ReapRules
import Synchronization

final class LogEdge: RootKind {
  let settings: LogSettings
  /// Claimed names that a trim of this process has in hand: copies that are no old files yet.
  private let inHand = Mutex<Set<CandidatePath>>([])

  init(_ settings: LogSettings) { self.settings = settings }

  private struct NoHold: ClaimHold {
    var isStillRight: Bool { false }
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
  ) -> Examined? {
    do throws(SystemError) {
      guard let claim = ClaimName(name) else {
        var look = try LogLook(self, name, request, at: spot, examination)
        return try look.run()
      }
      let isInHand = inHand.withLock { $0.contains(spot.path(name)) }
      var look = try OldLogLook(self, name, claim, request, at: spot, examination)
      return try look.run(isInHand: isInHand)
    } catch {
      switch error.code {
      case ENOENT: return .gone
      case ESTALE: return .kept(.unsure(.replaced), examination.unread(request))
      default: return .failed(error, examination.unread(request))
      }
    }
  }

  /// Keeps others in this process from taking for an old file what a trim makes under a claimed name.
  func holding<Result>(
    _ path: CandidatePath, _ body: () throws(SystemError) -> Result
  ) throws(SystemError) -> Result {
    _ = inHand.withLock { $0.insert(path) }
    defer { _ = inHand.withLock { $0.remove(path) } }
    return try body()
  }

  func tidy(
    _ look: inout Look, _ verdict: Verdict, mayTakeTime: Bool, _ examination: Examination
  ) -> Examined? { nil }

  /// Nothing of this kind is claimed to be removed.
  func holdForClaim(_ look: Look, mayWait: Bool) -> (any ClaimHold)? { nil }

  func join(_ claimed: EntryName, into original: EntryName, at spot: Spot) -> Joining? { nil }

  func facts(of spot: Spot) -> PlaceFacts? { nil }

  func follower(of root: WatchedRoot) -> (any KindFollower)? {
    LogFollower(root, settings)
  }
}
