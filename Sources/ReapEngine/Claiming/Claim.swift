// The claim: one rename within the root, lock in hand, that takes a dead directory out of sight.

import Glibc
package import OwnedDirectories
package import ReapRules

/// The mode of a claimed directory from just before its first file goes: what has it may be half
/// removed, also after a crash, and must not have its own name again. On directories Linux gives
/// the set-user-ID bit no meaning, so nobody makes one like that, and only its owner could.
let removalMark: UInt32 = 0o5700

/// A directory that is ours to remove: its descriptor, and the lock we hold on it.
package struct Claimed: Sendable {
  /// The directory that it lies in: the root, or a partition below it. Kept open for this claim.
  package let root: OpenRoot
  package let rule: Rule
  /// Where that is, below the rule's root.
  let place: [UInt8]
  /// The name it has now; its own where that was too long for a claimed one.
  package let name: EntryName
  package let original: EntryName
  package let directory: Descriptor
  package let identity: FileIdentity
  /// Where it is entered until it is gone.
  let claims: OwnClaims
  /// Kept open, and locked, until the last file is gone.
  package let held: HeldFile?
  package let verdict: Verdict
  package let evidence: Evidence
  /// Of its condemnation or, without one, of its claim.
  package let id: String?
  /// Monotonic, ns: when the owner's name was gone.
  package let claimedAt: Nanoseconds

  var path: CandidatePath { CandidatePath(directory: place, name) }

  /// The lock file goes last, so that whoever has to finish can take it first.
  package var lastFile: EntryName {
    switch rule.kind {
    case .spill(let settings): settings.lock
    case .generations(let settings): settings.lock ?? settings.marker
    }
  }
}

extension Examination {
  /// Makes the claim that the verdict allows.
  func claim(
    _ name: EntryName, _ original: EntryName, _ verdict: Verdict, _ evidence: Evidence,
    _ gathering: inout CandidateGathering
  ) -> Result {
    // Moved away with the directory above it, it lies outside of the root that the rule names.
    guard root.isInPlace else {
      gathering.drop()
      return place.isEmpty ? .rootMoved : .gone
    }
    if case .generations(let settings) = rule.kind {
      return claim(generation: name, original, verdict, evidence, &gathering, settings)
    }
    let directory = gathering.directory!
    var claimedName = name
    // What already has a claimed name is finished under it. A name too long for a claimed one is
    // removed in place, lock in hand.
    if ClaimName(name) == nil, let new = freeClaimName(original) {
      claimedName = new.entry
      claims.insert(path(claimedName))
      claims.noteRename(to: path(claimedName), gathering.identity)
      do {
        try renameDirectory(name, to: claimedName, at: root.descriptor)
      } catch {
        claims.remove(path(claimedName))
        claims.takeRename(to: path(claimedName))
        switch error.code {
        case ENOSPC, EDQUOT: break  // the longer name needed a block for the root: in place then
        case EXDEV where evidence.isProvedByLock: break  // it lies in an overlay's lower layer
        default: return unclaimed(error, evidence, &gathering)
        }
        claimedName = name
        claims.insert(path(name))
      }
      // The rename goes by name, so somebody may have swapped another directory in; and where there
      // was no lock file, its creator may have made one until the name was gone. Undo it then.
      guard (try? status(of: claimedName, at: root.descriptor))?.identity == gathering.identity,
        gathering.lockIsStill(evidence.lock ?? .missing, in: directory), !isPinnedNow(directory)
      else {
        claims.noteRename(to: path(name), gathering.identity)
        try? renameDirectory(claimedName, to: name, at: root.descriptor)
        claims.remove(path(claimedName))
        gathering.unlock()
        gathering.drop()
        return .kept(.unsure(.replaced), evidence, held: nil)
      }
    } else {
      guard claims.insert(path(claimedName)) else {
        gathering.drop()
        return .gone  // this process is removing it already
      }
      guard gathering.lockIsStill(evidence.lock ?? .missing, in: directory),
        !isPinnedNow(directory)
      else {
        claims.remove(path(claimedName))
        gathering.unlock()
        gathering.drop()
        return .kept(.unsure(.replaced), evidence, held: nil)
      }
    }
    return .claimed(handOver(claimedName, original, verdict, evidence, &gathering))
  }

  /// The same for a generation: no writer may flip the cursor to it between the last look and the
  /// rename, nor have made its name anew when that is over.
  private func claim(
    generation name: EntryName, _ original: EntryName, _ verdict: Verdict, _ evidence: Evidence,
    _ gathering: inout CandidateGathering, _ settings: GenerationSettings
  ) -> Result {
    let partition = partitionGathering(settings)
    let directory = gathering.directory!
    func undone() -> Result {
      gathering.unlock()
      gathering.drop()
      return .kept(.unsure(.replaced), evidence, held: nil)
    }
    guard let cursor = partition.lockCursor() else { return undone() }
    defer { cursor.release() }
    // Held until its last file is gone. Whoever restores by hand takes it too, so that one of both
    // comes too late.
    guard tryLock(directory, .flock) == .taken else { return undone() }
    guard ClaimName(name) == nil else {
      // What has a claimed name is finished under it.
      guard partition.readCursorFile().0 == evidence.generations?.partition?.cursor,
        !isPinnedNow(directory)
      else { return undone() }
      guard let there = try? status(of: name, at: root.descriptor) else {
        gathering.drop()
        return .gone  // restored by hand since it was looked at
      }
      guard there.identity == gathering.identity else { return undone() }
      guard claims.insert(path(name)) else {
        gathering.drop()
        return .gone
      }
      return .claimed(handOver(name, original, verdict, evidence, &gathering))
    }
    guard let claim = freeClaimName(original) else { return undone() }
    let claimed = path(claim.entry)
    claims.insert(claimed)
    claims.noteRename(to: claimed, gathering.identity)
    do {
      try renameDirectory(name, to: claim.entry, at: root.descriptor)
    } catch {
      claims.remove(claimed)
      claims.takeRename(to: claimed)
      guard error.code == EXDEV, evidence.isProvedByLock, claims.insert(path(name)) else {
        return unclaimed(error, evidence, &gathering)
      }
      return .claimed(handOver(name, original, verdict, evidence, &gathering))
    }
    // A writer that locks nothing may have flipped to it, or made its directories anew; somebody may
    // have swapped another directory in, or pinned it.
    guard partition.readCursorFile().0 == evidence.generations?.partition?.cursor,
      (try? status(of: claim.entry, at: root.descriptor))?.identity == gathering.identity,
      (try? status(of: name, at: root.descriptor)) == nil,
      gathering.lockIsStill(evidence.lock ?? .missing, in: directory),
      !isPinnedNow(directory)
    else {
      // Forgotten first, so that the events of the way back are heard.
      claims.remove(claimed)
      releaseLock(directory, .flock)
      _ = giveBack(claim.entry, name, gathering.identity)
      return undone()
    }
    return .claimed(handOver(claim.entry, original, verdict, evidence, &gathering))
  }

  /// What cannot be made out counts as pinned.
  private func isPinnedNow(_ directory: Descriptor) -> Bool { (try? isPinned(directory)) != false }

  /// What could not be renamed, and must not go under the name that its owner may come back to.
  private func unclaimed(
    _ error: SystemError, _ evidence: Evidence, _ gathering: inout CandidateGathering
  ) -> Result {
    gathering.unlock()
    gathering.drop()
    switch error.code {
    case ENOENT: return .gone
    case EXDEV: return .kept(.keep(.cannotClaim, recheckAfter: nil), evidence, held: nil)
    default: return .failed(error, evidence, held: nil)
    }
  }

  private func handOver(
    _ name: EntryName, _ original: EntryName, _ verdict: Verdict, _ evidence: Evidence,
    _ gathering: inout CandidateGathering
  ) -> Claimed {
    defer { gathering.directory = nil }
    let condemned = claims.reprieve(path(original)) ?? claims.reprieve(path(name))
    root.retain()
    return Claimed(
      root: root, rule: rule, place: place, name: name, original: original,
      directory: gathering.directory!, identity: gathering.identity, claims: claims,
      held: gathering.held, verdict: verdict, evidence: evidence,
      id: condemned.map { "\($0.id)" } ?? ClaimName(name)?.id, claimedAt: readMonotonic())
  }

  private func freeClaimName(_ original: EntryName) -> ClaimName? {
    ClaimName(claimedAt: readClocks().wall, original: original)
  }
}
