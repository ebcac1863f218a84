// The claim: one rename within the root, lock in hand, that takes a dead directory out of sight.

import Glibc
package import OwnedDirectories
package import ReapRules
import Synchronization

/// A directory that is ours to remove: its descriptor, and the lock we hold on it.
package struct Claimed: Sendable {
  package let root: OpenRoot
  package let rule: Rule
  /// The name it has now; its own where that was too long for a claimed one.
  package let name: EntryName
  package let original: EntryName
  package let directory: Descriptor
  package let identity: FileIdentity
  /// Kept open, and locked, until the last file is gone.
  package let held: HeldFile?
  package let verdict: Verdict
  package let evidence: Evidence
  /// Monotonic, ns: when the owner's name was gone.
  package let claimedAt: Nanoseconds

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
    _ gathering: inout SpillGathering
  ) -> Result {
    // Moved away with the directory above it, it lies outside of the root that the rule names.
    guard root.isInPlace else {
      gathering.drop()
      return .rootMoved
    }
    let directory = gathering.directory!
    var claimedName = name
    // What already has a claimed name is finished under it. A name too long for a claimed one is
    // removed in place, lock in hand.
    if ClaimName(name) == nil, let new = freeClaimName(original) {
      claimedName = new.entry
      claims.insert(claimedName)
      do {
        try rename(name, to: claimedName, at: root.descriptor)
      } catch {
        claims.remove(claimedName)
        guard error.code == ENOSPC || error.code == EDQUOT else {
          gathering.drop()
          return error.code == ENOENT ? .gone : .failed(error, evidence, held: nil)
        }
        // The longer name needed a block for the root, and there is none: in place then.
        claimedName = name
        claims.insert(name)
      }
      // The rename goes by name, so somebody may have swapped another directory in; and where there
      // was no lock file, its creator may have made one until the name was gone. Undo it then.
      guard (try? status(of: claimedName, at: root.descriptor))?.identity == gathering.identity,
        gathering.lockIsStill(evidence.lock ?? .missing, in: directory)
      else {
        try? rename(claimedName, to: name, at: root.descriptor)
        claims.remove(claimedName)
        gathering.unlock()
        gathering.drop()
        return .kept(.unsure(.replaced), evidence, held: nil)
      }
    } else {
      guard claims.insert(claimedName) else {
        gathering.drop()
        return .gone  // this process is removing it already
      }
    }
    gathering.directory = nil
    return .claimed(
      Claimed(
        root: root, rule: rule, name: claimedName, original: original, directory: directory,
        identity: gathering.identity, held: gathering.held, verdict: verdict, evidence: evidence,
        claimedAt: readClocks().monotonic))
  }

  private func freeClaimName(_ original: EntryName) -> ClaimName? {
    ClaimName(claimedAt: readClocks().wall, original: original)
  }
}

/// The claimed names that this process made and is removing. Entered before the rename, so that
/// the events of our own renames are known for what they are.
package final class OwnClaims: Sendable {
  private let names = Mutex<Set<EntryName>>([])

  package init() {}

  @discardableResult
  package func insert(_ name: EntryName) -> Bool { names.withLock { $0.insert(name).inserted } }

  package func remove(_ name: EntryName) { _ = names.withLock { $0.remove(name) } }

  package func contains(_ name: EntryName) -> Bool { names.withLock { $0.contains(name) } }
}
