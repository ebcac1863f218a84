// An examination: look, and act on the verdict that was taken with the lock in hand. The same code
// for watch, sweep, list, explain and dry runs.

import Glibc
import OwnedDirectories
import ReapRules

/// How candidates of one rule at one root are examined.
final class Examination: Sendable {
  /// What somebody who examines may do.
  struct Rights: Sendable {
    /// False for everything that only looks.
    var claiming = false
    /// Whether something may be condemned: somebody must stay to see the end of its quarantine.
    var quarantining = false
    /// Nothing goes that could not be told.
    var mayRemove: @Sendable () -> Bool = { true }

    init() {}
  }

  let root: OpenRoot
  let claims: OwnClaims
  let rights: Rights
  private let terms: LookTerms
  private let kind: any KindEdge

  init(
    rule: SharedRule, kind: any KindEdge, root: OpenRoot, surroundings: SurroundingsView,
    claims: OwnClaims, inherited: InheritedLocks = InheritedLocks(), rights: Rights = Rights()
  ) {
    self.root = root
    self.claims = claims
    self.rights = rights
    self.kind = kind
    terms = LookTerms(rule, kind, surroundings, inherited, claiming: rights.claiming)
  }

  var inherited: InheritedLocks { terms.inherited }

  /// Whether something that may go may go now.
  var mayAct: Bool { !rights.claiming || rights.mayRemove() }

  /// - Parameter known: what the last examination of it left; handed over.
  func run(_ request: LookRequest, _ known: KnownBefore = KnownBefore()) -> Examined {
    let path = request.path
    guard !path.directory.isEmpty else {
      return run(
        request, known, at: Spot(shared: terms.shared, directory: root, place: [], claims: claims))
    }
    guard terms.shared.rule.reaches(path.directory) else {
      known.held?.descriptor.close()
      return .kept(.keep(.notMatched, recheckAfter: nil), unread(request))
    }
    let place: OpenRoot
    do {
      place = try root.place(path.directory)
    } catch {
      known.held?.descriptor.close()
      if error.code == ENOENT || error.code == ENOTDIR { return .gone }
      return .failed(error, unread(request))
    }
    defer { place.release() }
    return run(
      request, known,
      at: Spot(shared: terms.shared, directory: place, place: path.directory, claims: claims))
  }

  private func run(_ request: LookRequest, _ known: KnownBefore, at spot: Spot) -> Examined {
    if let examined = kind.examineFile(request.path.name, request, at: spot, self) {
      known.held?.descriptor.close()
      return examined
    }
    let name = request.path.name
    let claimName = ClaimName(name)
    // What this process removes is nobody's to judge any more, and least of all to put back.
    guard claimName == nil || !claims.contains(request.path) else {
      known.held?.descriptor.close()
      return .gone
    }
    let facts: FileStatus
    let directory = known.isLocked ? openDirectory(name, at: spot) : nil
    do {
      if let directory {
        facts = try status(of: directory)
      } else {
        facts = try status(of: name, at: spot.directory.descriptor)
      }
    } catch {
      directory?.close()
      // Moved to another name, it has its owner still.
      if let held = known.held { inherited.leave(held) }
      if error.code == ENOENT { return .gone }
      return .failed(error, unread(request))
    }
    var known = known
    inherited.claim(&known, of: facts.identity)
    var look = Look(facts, directory, name, claimName, request, known, at: spot, terms)
    defer { look.end() }
    do {
      guard let verdict = try look.decide(mayTakeTime: request.mayTakeTime) else {
        return .needsWalk(held: look.gathering.handOn())
      }
      return act(on: verdict, &look, mayTakeTime: request.mayTakeTime)
    } catch {
      look.gathering.drop()
      if error.code == ENOENT { return .gone }
      // It, or something in it, was a directory or a file a moment ago.
      if error.code == ENOTDIR || error.code == ELOOP {
        return .kept(.unsure(.replaced), look.evidence)
      }
      return .failed(error, look.evidence)
    }
  }

  /// What goes in all likelihood is opened first, which spares a look at its name: then one status
  /// tells of the very directory that is claimed. Nil where it cannot be opened, or is none.
  private func openDirectory(_ name: EntryName, at spot: Spot) -> Descriptor? {
    try? openFile(
      name.bytes, at: spot.directory.descriptor, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
      follow: .within)
  }

  private func act(on verdict: Verdict, _ look: inout Look, mayTakeTime: Bool) -> Examined {
    switch verdict {
    case .condemn(_, let span):
      look.drop()
      return condemn(look, verdict, for: span)
    case .keep, .unsure, .expendable:
      if verdict.reason.traits.isLive, look.claimName == nil,
        let tidied = kind.tidy(&look, verdict, mayTakeTime: mayTakeTime, self)
      {
        return tidied
      }
      return keep(&look, verdict)
    case .dispose:
      guard rights.claiming else {
        look.drop()
        return .wouldClaim(verdict, look.evidence)
      }
      guard rights.mayRemove() else {
        look.drop()
        return .kept(.unsure(.auditUnwritable), look.evidence)
      }
      return look.claim(verdict, kind, mayTakeTime: mayTakeTime)
    }
  }

  /// Leaves what nothing proves dead where it is, and notes since when.
  private func condemn(_ look: Look, _ verdict: Verdict, for span: Nanoseconds) -> Examined {
    guard rights.quarantining else { return .kept(verdict, look.evidence) }
    guard rights.claiming else { return .wouldClaim(verdict, look.evidence) }
    let clocks = readClocks()
    let condemnation = Evidence.Condemnation(
      since: clocks.monotonic, newestChange: look.evidence.inside?.newestChange, id: clocks.wall)
    claims.condemn(look.spot.path(look.name), condemnation)
    return .condemned(verdict, look.evidence, condemnation)
  }

  private func keep(_ look: inout Look, _ verdict: Verdict) -> Examined {
    look.gathering.unlock()
    if let claimName = look.claimName, mayGiveBack(look, verdict) {
      // A claim on something that is not dead: its own name is given back if that is free.
      if let directory = look.gathering.directory { releaseLock(directory, .flock) }
      let joining = giveBack(
        look.name, claimName.original, look.identity, cameAt: look.evidence.clocks.sawCreation,
        at: look.spot, kind)
      switch joining {
      case .joined:
        inherited.letGo(&look.gathering)
        return .putBack(verdict, look.evidence)
      case .collision(let path):
        inherited.letGo(&look.gathering)
        var told = look.evidence
        told.generations?.partition?.conflict = displayText(path)
        return .kept(.unsure(.claimConflict), told)
      case .failed: break
      }
    }
    if !verdict.reason.isEnded(by: .closing) { inherited.letGo(&look.gathering) }
    return .kept(verdict, look.evidence, held: look.gathering.held)
  }

  private func mayGiveBack(_ look: Look, _ verdict: Verdict) -> Bool {
    rights.claiming && !look.isHalfRemoved
      && [.directory, .regularFile].contains(look.evidence.entry.type)
      && !look.evidence.entry.isMountPoint && !look.evidence.claim.stays(for: verdict.reason)
  }

  // MARK: - The lock alone

  /// Tries the owner's lock on a file that was kept open for it: where nothing else can have
  /// changed, "held" spares a whole examination. What is taken is handed to `run`.
  func tryOwnersLock(_ file: HeldFile) -> LockAttempt {
    #if DEBUG
      if Fault.injected == .lock { return .taken }
    #endif
    return tryLock(file.descriptor, terms.part.lockType)
  }

  /// Tries the lock of a candidate whose lock file is not open here; a lock that is taken is given
  /// back.
  func isLockHeld(_ path: CandidatePath) -> Bool {
    guard terms.part.locksInside, let lock = terms.part.ownersLock,
      let file = try? openFile(
        path.bytes + [UInt8(ascii: "/")] + lock.bytes, at: root.descriptor,
        O_RDONLY | O_NOFOLLOW | O_NONBLOCK, follow: .within)
    else { return false }
    defer { file.close() }
    return tryLock(file, terms.part.lockType) == .held
  }

  /// Of what could not be looked at.
  func unread(_ request: LookRequest) -> Evidence {
    Evidence(
      entry: .init(
        name: ClaimName(request.path.name)?.original ?? request.path.name, type: .other,
        owner: .max, isMountPoint: false),
      clocks: .init(firstSeen: request.firstSeen), ofKind: terms.part.evidence)
  }
}
