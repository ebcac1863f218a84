// The claim: one rename within the root, lock in hand, that takes a dead directory out of sight; and
// the one way back.

import Glibc
import OwnedDirectories
import ReapRules

/// A directory that is ours to remove: its descriptor, and the lock we hold on it.
struct Claimed: Sendable {
  /// Where it lies. Kept open for this claim.
  let spot: Spot
  /// The name it has now; its own where that was too long for a claimed one.
  let name: EntryName
  let original: EntryName
  let directory: Descriptor
  let identity: FileIdentity
  /// Kept open, and locked, until the last file is gone.
  let held: HeldFile?
  let verdict: Verdict
  let evidence: Evidence
  /// Of its condemnation or, without one, of its claim.
  let id: String?
  /// Monotonic, ns: when the owner's name was gone.
  let claimedAt: Nanoseconds
  let sequel: Sequel?

  var rule: Rule { spot.rule }
  var path: CandidatePath { spot.path(name) }
  /// Where it was, below the rule's root.
  var originalPath: CandidatePath { spot.path(original) }
  /// The lock file goes last, so that whoever has to finish can take it first.
  var lastFile: EntryName { spot.shared.part.lastFile }
  /// Names beside it of what goes with it.
  var companions: [EntryName] { spot.shared.part.companions(of: original) }
}

extension Look {
  /// Makes the claim that the verdict allows.
  ///
  /// - Parameter mayTakeTime: otherwise what would have to be waited for is left to a worker.
  mutating func claim(
    _ verdict: Verdict, _ kind: any KindEdge, mayTakeTime: Bool
  ) -> Examined {
    // What its lock proves dead has the root looked at only once its name is gone: a look before would
    // be another tenth of the time that its owner waits.
    guard evidence.isProvedByLock && claimName == nil || spot.directory.isInPlace else {
      return outside()
    }
    guard !spot.claims.isForgotten(spot.path(name)) else { return undone() }
    guard let hold = kind.holdForClaim(self, mayWait: mayTakeTime) else {
      return mayTakeTime ? undone() : .needsWalk(held: gathering.handOn())
    }
    defer { hold.release() }
    guard claimName == nil else { return claimInPlace(verdict, hold) }
    guard let new = ClaimName(claimedAt: readClocks().wall, original: name) else {
      // Too long for a claimed name: in place, lock in hand.
      return mayGoInPlace ? claimInPlace(verdict, hold) : undone()
    }
    let claimed = new.entry
    let path = spot.path(claimed)
    spot.claims.insert(path)
    spot.claims.noteRename(to: path, identity)
    do {
      try renameDirectory(name, to: claimed, at: spot.directory.descriptor)
    } catch {
      spot.claims.remove(path)
      spot.claims.takeRename(to: path)
      switch error.code {
      // The longer name needed a block for the root.
      case ENOSPC where mayGoInPlace, EDQUOT where mayGoInPlace: break
      // The directory lies in an overlay's lower layer.
      case EXDEV where evidence.isProvedByLock: break
      default: return unclaimed(error)
      }
      return claimInPlace(verdict, hold)
    }
    // The rename goes by name, so somebody may have swapped another directory in; where there was no
    // lock file its creator may have made one until the name was gone; a writer that locks nothing may
    // have named it, or made its directories anew; or it was pinned.
    let isRight =
      (try? status(of: claimed, at: spot.directory.descriptor))?.identity == identity
      && isStillDead(hold) && (!terms.part.remakesNames || !spot.has(name))
    let isInPlace = spot.directory.isInPlace
    guard isRight, isInPlace else {
      // Forgotten first, so that the events of the way back are heard.
      spot.claims.remove(path)
      if let directory = gathering.directory { releaseLock(directory, .flock) }
      _ = giveBack(claimed, name, identity, at: spot, kind)
      return isInPlace ? undone() : outside()
    }
    return .claimed(handOver(claimed, verdict, hold))
  }

  /// Under the name that it has: a claimed one, or its own while its lock proves it dead.
  private mutating func claimInPlace(_ verdict: Verdict, _ hold: any ClaimHold) -> Examined {
    guard spot.directory.isInPlace else { return outside() }
    guard spot.claims.insert(spot.path(name)) else {
      gathering.drop()
      return .gone  // this process is removing it already
    }
    guard isStillDead(hold) else {
      spot.claims.remove(spot.path(name))
      return undone()
    }
    // Somebody may have restored it by hand since it was looked at.
    let there = try? status(of: name, at: spot.directory.descriptor)
    guard there?.identity == identity else {
      spot.claims.remove(spot.path(name))
      guard there == nil else { return undone() }
      gathering.drop()
      return .gone
    }
    return .claimed(handOver(name, verdict, hold))
  }

  /// Whether nobody who comes back can want its own name.
  private var mayGoInPlace: Bool { !terms.part.remakesNames || evidence.isProvedByLock }

  private func isStillDead(_ hold: any ClaimHold) -> Bool {
    guard let directory = gathering.directory else { return false }
    // What cannot be made out counts as pinned.
    return hold.isStillRight && gathering.lockIsStill(evidence.lock ?? .missing, in: directory)
      && (try? isPinned(directory)) == false
  }

  /// Moved away with the directory above it, it lies outside of the root that the rule names.
  private mutating func outside() -> Examined {
    drop()
    return spot.place.isEmpty ? .rootMoved : .gone
  }

  private mutating func undone() -> Examined {
    drop()
    return .kept(.unsure(.replaced), evidence)
  }

  /// What could not be renamed, and must not go under the name that its owner may come back to.
  private mutating func unclaimed(_ error: SystemError) -> Examined {
    drop()
    switch error.code {
    case ENOENT: return .gone
    case EXDEV: return .kept(.keep(.cannotClaim, recheckAfter: nil), evidence)
    default: return .failed(error, evidence)
    }
  }

  private mutating func handOver(
    _ name: EntryName, _ verdict: Verdict, _ hold: any ClaimHold
  ) -> Claimed {
    defer { gathering.directory = nil }
    let now = readMonotonic()
    let claims = spot.claims
    let condemned =
      claims.reprieve(spot.path(original)) ?? claims.reprieve(spot.path(self.name))
    spot.directory.retain()
    return Claimed(
      spot: spot, name: name, original: original, directory: gathering.directory!,
      identity: identity, held: gathering.held, verdict: verdict, evidence: evidence,
      id: condemned.map { "\($0.id)" } ?? ClaimName(name)?.id, claimedAt: now,
      sequel: hold.sequel)
  }
}

/// Gives what has a claimed name its own one again or, where a writer has made that anew, joins the
/// two halves.
///
/// - Parameter cameAt: monotonic; when it was seen to come under its claimed name, if it was.
func giveBack(
  _ claimed: EntryName, _ original: EntryName, _ identity: FileIdentity,
  cameAt: Nanoseconds? = nil, at spot: Spot, _ kind: any KindEdge
) -> Joining {
  do {
    spot.claims.noteRename(to: spot.path(original), identity, cameAt: cameAt)
    try renameDirectory(claimed, to: original, at: spot.directory.descriptor)
    return .joined
  } catch {
    spot.claims.takeRename(to: spot.path(original))  // nothing came under it
    guard error.code == EEXIST, let joining = kind.join(claimed, into: original, at: spot) else {
      return .failed(error)
    }
    return joining
  }
}
