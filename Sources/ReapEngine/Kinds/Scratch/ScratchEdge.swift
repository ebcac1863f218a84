// Kind `scratch` at the edge: a directory or a file, and what goes with it.

import Glibc
import OwnedDirectories
import ReapRules
import Synchronization

final class ScratchEdge: RootKind {
  private let settings: ScratchSettings
  /// Nil where no way names a process.
  private let owners: NamedOwners?

  /// As it was read a moment ago: a scan asks for each candidate.
  private let lastBoot = Mutex<(boot: Boot, until: Nanoseconds)?>(nil)

  private var boot: Boot {
    lastBoot.withLock { last in
      let now = readMonotonic()
      if let last, now < last.until { return last.boot }
      let boot = readBoot()
      last = (boot, now + nanosecondsPerSecond)
      return boot
    }
  }

  init(_ settings: ScratchSettings, ownerExited: OwnerExited?) {
    self.settings = settings
    owners = settings.namesProcess ? NamedOwners(settings, exited: ownerExited) : nil
  }

  /// A file that somebody has opened since it was looked at stays.
  private struct Hold: ClaimHold {
    let file: Descriptor?
    /// Locked: the owners' own cleaner is not at work.
    let cleanersLock: Descriptor?

    var isStillRight: Bool {
      guard let file else { return true }
      return probeOpen(file) != .open
    }

    func release() { cleanersLock?.close() }
  }

  func begin(
    _ evidence: inout Evidence, of name: EntryName, isHalfRemoved: Bool, at spot: Spot
  ) {
    if let condemned = spot.claims.condemnation(of: spot.path(name)) {
      evidence.ofKind.scratch?.condemned = condemned
    }
    if settings.needsBoot {
      evidence.ofKind.scratch?.boot =
        spot.rule.allowRemote ? .unknown("times may be another machine's") : boot
    }
    // A name can be read while nothing in it may be: its owner may end before the grace does.
    if let owners, settings.namesProcessByName, spot.rule.owners.allows(evidence.entry.owner) {
      evidence.ofKind.scratch?.process = owners.find(of: name, evidence.entry.name, at: spot)
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
    let file = look.gathering.isFile ? look.gathering.directory : nil
    // The walk may have taken a while: what names its owner may name another one by now.
    if let owners {
      let facts = try? status(of: look.name, at: look.spot.directory.descriptor)
      guard facts?.identity == look.identity,
        owners.find(of: look.name, look.original, at: look.spot)
          == look.evidence.ofKind.scratch?.process
      else { return nil }
    }
    guard let place = settings.cleanersLock else { return Hold(file: file, cleanersLock: nil) }
    do throws(SystemError) {
      let lock = try openFile(
        settings.path(of: place, for: look.original), at: look.spot.directory.descriptor,
        O_RDONLY | O_NOFOLLOW | O_NONBLOCK, follow: .within)
      let facts = try status(of: lock)
      guard facts.owner == look.evidence.entry.owner || facts.owner == 0 else {
        // Anybody may have put it there.
        lock.close()
        return Hold(file: file, cleanersLock: nil)
      }
      guard tryLock(lock, settings.lockType) == .taken else {
        lock.close()
        return nil
      }
      return Hold(file: file, cleanersLock: lock)
    } catch {
      // None there: nobody has ever cleaned up.
      return error.code == ENOENT ? Hold(file: file, cleanersLock: nil) : nil
    }
  }

  func join(_ claimed: EntryName, into original: EntryName, at spot: Spot) -> Joining? { nil }

  func facts(of spot: Spot) -> PlaceFacts? { nil }

  func follower(of root: WatchedRoot) -> (any KindFollower)? {
    ScratchFollower(root, settings, owners)
  }
}

/// When this machine was booted, by its clock as it is now.
func readBoot() -> Boot {
  let mounts = (try? readWhole("/proc/self/mountinfo")).flatMap { MountTable(parsing: $0) }
  let isKernels = mounts?.mounts.last { $0.point == Array("/dev".utf8) }?.type == "devtmpfs"
  return Boot(
    counted: countedBoot(),
    devicesBorn: isKernels ? (try? status(ofPath: FilePath("/dev")))?.birth : nil)
}
