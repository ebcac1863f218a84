import Glibc
package import OwnedDirectories
package import ReapRules

/// One look at one candidate: gather, judge, and claim where the verdict, taken with the lock in
/// hand, is to dispose. The same code for watch, sweep, list, explain and dry runs.
package final class Examination: Sendable {
  package let rule: Rule
  /// The directory that holds the candidates: the rule's root, or a partition below it.
  package let root: OpenRoot
  /// Where that is, below the rule's root.
  let place: [UInt8]
  package let surroundings: SurroundingsView
  package let contents: ContentsPattern?
  /// Names of claims that this process made and is removing.
  package let claims: OwnClaims
  /// False for everything that only looks: then the one difference is that no claim is made.
  package let claiming: Bool
  /// Whether something may be condemned; somebody must stay to see the end of its quarantine.
  let quarantining: Bool
  private let memory: PartitionMemory
  private let owner: OwnerWatch?
  let inherited: InheritedLocks
  /// Nil where there is to be none.
  private let audit: AuditLog?

  init(
    rule: Rule, root: OpenRoot, surroundings: SurroundingsView, claims: OwnClaims, claiming: Bool,
    quarantining: Bool = false, memory: PartitionMemory = PartitionMemory(),
    owner: OwnerWatch? = nil, inherited: InheritedLocks = InheritedLocks(),
    audit: AuditLog? = nil, place: [UInt8] = []
  ) {
    self.inherited = inherited
    self.rule = rule
    self.root = root
    self.place = place
    self.surroundings = surroundings
    self.claims = claims
    self.claiming = claiming
    self.quarantining = quarantining
    self.memory = memory
    self.owner = owner
    self.audit = audit
    switch rule.kind {
    case .spill(let settings): contents = settings.contents.flatMap(ContentsPattern.init)
    case .generations: contents = nil
    }
  }

  package enum Result: Sendable {
    /// `held`: what stays open to see it being closed.
    case kept(Verdict, Evidence, held: HeldFile?)
    /// Nothing stands under this name any more.
    case gone
    /// Judging needs a walk through the tree, which was not wanted here.
    case needsWalk(held: HeldFile?)
    /// It would have been claimed (`claiming` is false).
    case wouldClaim(Verdict, Evidence)
    case claimed(Claimed)
    /// Left where it is, to be judged again when its quarantine is over.
    case condemned(Verdict, Evidence, Evidence.Condemnation, for: Nanoseconds)
    /// Files of dead writers that were removed; what they lie in is kept.
    case tidied(Verdict?, Evidence, [RemovedFile])
    /// A claimed directory that is not dead has its own name again.
    case putBack(Verdict, Evidence, as: EntryName)
    case failed(SystemError, Evidence, held: HeldFile?)
    /// The root's path does not lead to the open root any more.
    case rootMoved

    var isClaim: Bool { if case .claimed = self { true } else { false } }
  }

  /// - Parameters:
  ///   - path: as it is below the root, its name perhaps a claimed one.
  ///   - held: what the last examination of it left open; handed over.
  ///   - isLocked: whether the owner's lock on it was taken already.
  ///   - isLockLost: whether its lock was held when last seen, and is not open any more.
  ///   - mayWalk: whether a walk through the whole tree may be done here.
  ///   - wokenAt: arrival of the event that this answers; whoever lets go is not searched for at once.
  package func run(
    _ path: CandidatePath, firstSeen: Nanoseconds, sawCreation: Nanoseconds?,
    held: HeldFile? = nil, isLocked: Bool = false, isLockLost: Bool = false, mayWalk: Bool,
    wokenAt: Nanoseconds? = nil
  ) -> Result {
    var known = Known(held: held, isLocked: isLocked, isLockLost: isLockLost)
    guard case .generations(let settings) = rule.kind else {
      return look(at: path.name, firstSeen, sawCreation, &known, mayWalk, wokenAt)
    }
    guard rule.reaches(path.directory) else {
      held?.descriptor.close()
      let evidence = unreadableEvidence(path.name, firstSeen: firstSeen)
      return .kept(.keep(.notMatched, recheckAfter: nil), evidence, held: nil)
    }
    let partition: Examination
    do {
      partition = try within(path.directory)
    } catch {
      held?.descriptor.close()
      if error.code == ENOENT || error.code == ENOTDIR { return .gone }
      return .failed(error, unreadableEvidence(path.name, firstSeen: firstSeen), held: nil)
    }
    defer { partition.root.release() }
    if TemporaryName(cursor: settings.cursor, path.name) != nil {
      held?.descriptor.close()
      return partition.temporary(path.name, firstSeen, sawCreation, settings)
    }
    return partition.look(at: path.name, firstSeen, sawCreation, &known, mayWalk, wokenAt)
  }

  /// What a partition's cursor names; nil where it does not tell.
  func liveGeneration(in partition: [UInt8]) -> EntryName? {
    guard case .generations(let settings) = rule.kind, let within = try? within(partition) else {
      return nil
    }
    defer { within.root.release() }
    guard case .known(let live) = within.partitionGathering(settings).readCursorFile().0 else {
      return nil
    }
    return live
  }

  /// The same examination in a directory below the root, which is opened for it; the caller
  /// releases its root.
  private func within(_ directory: [UInt8]) throws(SystemError) -> Examination {
    Examination(
      rule: rule, root: try root.place(directory), surroundings: surroundings, claims: claims,
      claiming: claiming, quarantining: quarantining, memory: memory, owner: owner,
      inherited: inherited, audit: audit, place: directory)
  }

  /// Nothing goes that could not be told.
  var mayRemove: Bool { audit?.mayRemove ?? true }

  func path(_ name: EntryName) -> CandidatePath { CandidatePath(directory: place, name) }

  func partitionGathering(_ settings: GenerationSettings) -> PartitionGathering {
    PartitionGathering(
      settings: settings, match: rule.match, partition: root, place: place, claims: claims,
      memory: memory)
  }

  /// What lets go of a lock file is through with it long before; the last try of the ladder is later.
  private static let releaseTime: Nanoseconds = 100_000_000

  private func look(
    at name: EntryName, _ firstSeen: Nanoseconds, _ sawCreation: Nanoseconds?,
    _ known: inout Known, _ mayWalk: Bool, _ wokenAt: Nanoseconds?
  ) -> Result {
    let claimName = ClaimName(name)
    let original = claimName?.original ?? name
    // What this process removes is nobody's to judge any more, and least of all to put back.
    guard claimName == nil || !claims.contains(path(name)) else {
      known.held?.descriptor.close()
      return .gone
    }
    let facts: FileStatus
    do {
      facts = try status(of: name, at: root.descriptor)
    } catch {
      // Moved to another name, it has its owner still.
      if let held = known.held { inherited.leave(held) }
      if error.code == ENOENT { return .gone }
      return .failed(error, unreadableEvidence(original, firstSeen: firstSeen), held: nil)
    }
    claimLegacy(&known, of: facts.identity)
    var evidence = Evidence(
      entry: entry(original, facts),
      clocks: Evidence.Clocks(
        name: spillNameTime(original), birth: facts.birth,
        // The event that tells of its coming was not read yet.
        sawCreation: known.isAnothers ? readMonotonic() : sawCreation, firstSeen: firstSeen),
      ofKind: rule.kind.evidence)
    let isHalfRemoved =
      claimName != nil && (facts.permissions == removalMark || claims.isUnfinished(path(name)))
    gatherClaim(name, claimName, isHalfRemoved, &evidence)
    var gathering = CandidateGathering(
      rule: rule, contents: contents, root: root, name: name, identity: facts.identity,
      held: known.held, isLocked: known.isLocked, isLockLost: known.isLockLost,
      inherited: inherited)
    defer {
      gathering.finish()
      noteLoss(known, evidence.lock, facts.identity)
    }
    gathering.isSettled = wokenAt.map { readMonotonic() - $0 > Self.releaseTime } ?? true
    let verdict: Verdict
    do {
      guard let reached = try decide(&evidence, &gathering, mayWalk: mayWalk) else {
        return .needsWalk(held: gathering.handOn())
      }
      verdict = reached
    } catch {
      gathering.drop()
      if error.code == ENOENT { return .gone }
      return .failed(error, evidence, held: nil)
    }
    if case .condemn(_, let span) = verdict {
      gathering.unlock()
      gathering.drop()
      return condemn(name, verdict, evidence, for: span)
    }
    guard case .dispose = verdict else {
      if verdict.reason.traits.isLive, claimName == nil {
        return tidy(name, verdict, evidence, &gathering, mayWalk)
      }
      return keep(
        verdict, evidence, &gathering, name, claimName, isHalfRemoved: isHalfRemoved)
    }
    guard !claiming || mayRemove else {
      gathering.unlock()
      gathering.drop()
      return .kept(.unsure(.auditUnwritable), evidence, held: nil)
    }
    guard claiming else {
      gathering.unlock()
      gathering.drop()
      return .wouldClaim(verdict, evidence)
    }
    return claim(name, original, verdict, evidence, &gathering)
  }

  /// Leaves what nothing proves dead where it is, and notes since when.
  private func condemn(
    _ name: EntryName, _ verdict: Verdict, _ evidence: Evidence, for span: Nanoseconds
  ) -> Result {
    guard quarantining else { return .kept(verdict, evidence, held: nil) }
    guard claiming else { return .wouldClaim(verdict, evidence) }
    let clocks = readClocks()
    let condemnation = Evidence.Condemnation(
      since: clocks.monotonic, newestChange: evidence.inside?.newestChange, id: clocks.wall)
    claims.condemn(path(name), condemnation)
    return .condemned(verdict, evidence, condemnation, for: span)
  }

  /// What is known of the claimed name that it may have, and of its quarantine; only generations
  /// have either.
  private func gatherClaim(
    _ name: EntryName, _ claimName: ClaimName?, _ isHalfRemoved: Bool, _ evidence: inout Evidence
  ) {
    guard case .generations(let settings) = rule.kind else { return }
    if let condemned = claims.condemnation(of: path(name)) {
      evidence.generations?.condemned = condemned
      evidence.generations?.shortage = shortage(settings.room)
    }
    guard let claimName else { return }
    evidence.claim =
      if isHalfRemoved {
        .unfinished
      } else if (try? status(of: claimName.original, at: root.descriptor)) != nil {
        .split
      } else {
        .found
      }
  }

  var nextTidying: Nanoseconds { memory.nextTidying(in: place) }

  func noteTidying(_ next: Nanoseconds) { memory.noteTidying(in: place, next: next) }

  /// How much less room is free than the bounds demand; nil where there is enough.
  func shortage(_ bounds: Retention.RoomBounds) -> RoomShortage? {
    guard bounds.isFloored, let room = try? freeRoom(at: root.descriptor) else { return nil }
    let shortage = bounds.shortage(in: room)
    return shortage.isNone ? nil : shortage
  }

  /// Tries the owner's lock on a file that was kept open for it: where nothing else can have
  /// changed, "held" spares a whole examination. What is taken is handed to `run` as `isLocked`.
  func tryOwnersLock(_ file: HeldFile) -> LockAttempt {
    #if DEBUG
      if Fault.injected == .lock { return .taken }
    #endif
    return switch rule.kind {
    case .spill(let settings): tryLock(file.descriptor, settings.lockType)
    case .generations(let settings): tryLock(file.descriptor, settings.lockType)
    }
  }

  /// The same for a candidate without a descriptor of its own; what is taken is given back.
  func isLockHeld(_ path: CandidatePath) -> Bool {
    guard case .spill(let settings) = rule.kind,
      let file = try? openFile(
        path.bytes + [UInt8(ascii: "/")] + settings.lock.bytes, at: root.descriptor,
        O_RDONLY | O_NOFOLLOW | O_NONBLOCK, follow: .within)
    else { return false }
    defer { file.close() }
    return tryLock(file, settings.lockType) == .held
  }

  /// Gathers what the judge asks for until it gives its verdict; nil where that needs a walk.
  private func decide(
    _ evidence: inout Evidence, _ gathering: inout CandidateGathering, mayWalk: Bool
  ) throws(SystemError) -> Verdict? {
    while true {
      let clocks = readClocks()
      switch judge(evidence, rule: rule, now: Now(wall: clocks.wall, monotonic: clocks.monotonic)) {
      case .verdict(let verdict): return verdict
      case .gather(.lock): evidence.lock = gathering.gatherLock()
      case .gather(.surroundings):
        evidence.surroundings = surroundings.look(below: root.path(of: gathering.name))
      case .gather(.inside):
        let lock = evidence.lock ?? (gathering.lock == nil ? .missing : .unknown("not gathered"))
        // Before a claim only where one came to nothing for that; the removal looks in any case.
        let reach = OwnersReach(owner: evidence.entry.owner)
        let looksForForeign =
          reach.isBound && (!claiming || claims.isForeign(path(gathering.name)))
        let isShallow =
          lock != .missing && contents == nil && !gathering.searchesAlways && !looksForForeign
        guard mayWalk || isShallow else { return nil }
        guard var inside = try gathering.gatherInside(lock: lock) else {
          return .unsure(.replaced)
        }
        if looksForForeign, let directory = gathering.directory {
          inside.foreignDirectory = reach.foreignDirectory(in: directory)
          if inside.foreignDirectory == nil { claims.forgetForeign(path(gathering.name)) }
        }
        evidence.inside = inside
      case .gather(.partition):
        guard case .generations(let settings) = rule.kind else { return .unsure(.unreadable) }
        let partition = partitionGathering(settings)
        evidence.generations?.partition = partition.gather()
        evidence.generations?.marker = partition.marker(in: gathering.name)
      case .gather(.life):
        evidence.life = try gathering.gatherLife(
          LifeView.shared.current(), mounts: surroundings.mounts.current())
      case .gather(.owner):
        evidence.generations?.owner = owner?.current ?? .unknown("no pid file is watched")
      }
    }
  }

  private func keep(
    _ verdict: Verdict, _ evidence: Evidence, _ gathering: inout CandidateGathering,
    _ name: EntryName, _ claimName: ClaimName?, isHalfRemoved: Bool
  ) -> Result {
    gathering.unlock()
    if let claimName, claiming, !isHalfRemoved, evidence.entry.type == .directory,
      !evidence.entry.isMountPoint,
      !verdict.reason.staysClaimed(evidence.claim)
    {
      // A claim on something that is not dead: its own name is given back if that is free.
      if let directory = gathering.directory { releaseLock(directory, .flock) }
      let cameAt = evidence.clocks.sawCreation
      switch giveBack(name, claimName.original, gathering.identity, cameAt: cameAt) {
      case .joined:
        letGo(&gathering)
        return .putBack(verdict, evidence, as: claimName.original)
      case .collision(let path):
        letGo(&gathering)
        var told = evidence
        told.generations?.partition?.conflict = displayText(path)
        return .kept(.unsure(.claimConflict), told, held: nil)
      case .failed: break
      }
    }
    if !verdict.reason.isEnded(by: .closing) { letGo(&gathering) }
    return .kept(verdict, evidence, held: gathering.held)
  }

  /// Gives what has a claimed name its own one again or, where a writer has made that anew, joins
  /// the two halves.
  func giveBack(
    _ claimed: EntryName, _ original: EntryName, _ identity: FileIdentity,
    cameAt: Nanoseconds? = nil
  ) -> Joining {
    do {
      claims.noteRename(to: path(original), identity, cameAt: cameAt)
      try renameDirectory(claimed, to: original, at: root.descriptor)
      return .joined
    } catch {
      claims.takeRename(to: path(original))  // nothing came under it
      guard case .generations = rule.kind, error.code == EEXIST else { return .failed(error) }
      return join(claimed, into: original, at: root.descriptor)
    }
  }

  private func entry(_ name: EntryName, _ facts: FileStatus) -> Evidence.Entry {
    let type: Evidence.Entry.FileType =
      switch facts.type {
      case .directory: .directory
      case .symbolicLink: .symbolicLink
      case .regular, .other: .other
      }
    return Evidence.Entry(
      name: name, type: type, owner: facts.owner, isMountPoint: facts.isMountPoint ?? false)
  }

  private func unreadableEvidence(_ name: EntryName, firstSeen: Nanoseconds) -> Evidence {
    Evidence(
      entry: .init(name: name, type: .other, owner: .max, isMountPoint: false),
      clocks: .init(firstSeen: firstSeen), ofKind: rule.kind.evidence)
  }
}
