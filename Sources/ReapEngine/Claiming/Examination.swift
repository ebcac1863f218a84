import Glibc
package import OwnedDirectories
package import ReapRules

/// One look at one candidate: gather, judge, and claim where the verdict, taken with the lock in
/// hand, is to dispose. The same code for watch, sweep, list, explain and dry runs.
package struct Examination: Sendable {
  package let rule: Rule
  package let root: OpenRoot
  package let surroundings: SurroundingsView
  package let contents: ContentsPattern?
  /// Names of claims that this process made and is removing.
  package let claims: OwnClaims
  /// False for everything that only looks: then the one difference is that no claim is made.
  package let claiming: Bool

  package init(
    rule: Rule, root: OpenRoot, surroundings: SurroundingsView, claims: OwnClaims, claiming: Bool
  ) {
    self.rule = rule
    self.root = root
    self.surroundings = surroundings
    self.claims = claims
    self.claiming = claiming
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
    /// A claimed directory that is not dead has its own name again.
    case putBack(Verdict, Evidence, as: EntryName)
    case failed(SystemError, Evidence, held: HeldFile?)
    /// The root's path does not lead to the open root any more.
    case rootMoved
  }

  /// - Parameters:
  ///   - name: as it is in the root, perhaps a claimed name.
  ///   - held: what the last examination of it left open; handed over.
  ///   - isLocked: whether the owner's lock on it was taken already.
  ///   - mayWalk: whether a walk through the whole tree may be done here.
  package func run(
    _ name: EntryName, firstSeen: Nanoseconds, sawCreation: Nanoseconds?, held: HeldFile? = nil,
    isLocked: Bool = false, mayWalk: Bool
  ) -> Result {
    let claimName = ClaimName(name)
    let original = claimName?.original ?? name
    let facts: FileStatus
    do {
      facts = try status(of: name, at: root.descriptor)
    } catch {
      held?.descriptor.close()
      if error.code == ENOENT { return .gone }
      return .failed(error, unreadableEvidence(original, firstSeen: firstSeen), held: nil)
    }
    var evidence = Evidence(
      entry: entry(original, facts),
      clocks: Evidence.Clocks(
        name: spillNameTime(original), birth: facts.birth, sawCreation: sawCreation,
        firstSeen: firstSeen))
    switch rule.kind {
    case .spill(let settings):
      var gathering = SpillGathering(
        settings: settings, contents: contents, root: root, name: name, identity: facts.identity,
        held: held, isLocked: isLocked)
      defer { gathering.closeDirectory() }
      let verdict: Verdict
      do {
        guard let reached = try decide(&evidence, &gathering, mayWalk: mayWalk) else {
          gathering.unlock()
          return .needsWalk(held: gathering.held)
        }
        verdict = reached
      } catch {
        gathering.drop()
        if error.code == ENOENT { return .gone }
        return .failed(error, evidence, held: nil)
      }
      guard case .dispose = verdict else {
        return keep(verdict, evidence, &gathering, name, claimName)
      }
      guard claiming else {
        gathering.unlock()
        gathering.drop()
        return .wouldClaim(verdict, evidence)
      }
      return claim(name, original, verdict, evidence, &gathering)
    case .generations:
      // Refused at the start; should one get here, nothing was gathered of it.
      return .kept(.unsure(.unreadable), evidence, held: held)
    }
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
  func isLockHeld(_ name: EntryName) -> Bool {
    guard case .spill(let settings) = rule.kind,
      let file = try? openFile(
        name.bytes + [UInt8(ascii: "/")] + settings.lock.bytes, at: root.descriptor,
        O_RDONLY | O_NOFOLLOW | O_NONBLOCK, follow: .within)
    else { return false }
    defer { file.close() }
    return tryLock(file, settings.lockType) == .held
  }

  /// Gathers what the judge asks for until it gives its verdict; nil where that needs a walk.
  private func decide(
    _ evidence: inout Evidence, _ gathering: inout SpillGathering, mayWalk: Bool
  ) throws(SystemError) -> Verdict? {
    while true {
      let clocks = readClocks()
      switch judge(evidence, rule: rule, now: Now(wall: clocks.wall, monotonic: clocks.monotonic)) {
      case .verdict(let verdict): return verdict
      case .gather(.lock): evidence.lock = gathering.gatherLock()
      case .gather(.surroundings):
        evidence.surroundings = surroundings.look(below: root.path(of: gathering.name))
      case .gather(.inside):
        let lock = evidence.lock ?? .unknown("not gathered")
        guard mayWalk || (lock != .missing && contents == nil) else { return nil }
        guard let inside = try gathering.gatherInside(lock: lock) else {
          return .unsure(.replaced)
        }
        evidence.inside = inside
      // Asked for by kind generations only.
      case .gather(.partition), .gather(.owner): return .unsure(.unreadable)
      }
    }
  }

  private func keep(
    _ verdict: Verdict, _ evidence: Evidence, _ gathering: inout SpillGathering,
    _ name: EntryName, _ claimName: ClaimName?
  ) -> Result {
    gathering.unlock()
    if let claimName, claiming, evidence.entry.type == .directory, !evidence.entry.isMountPoint,
      !verdict.reason.delaysRemoval
    {
      // A claim on something that is not dead: its own name is given back if that is free.
      if (try? rename(name, to: claimName.original, at: root.descriptor)) != nil {
        gathering.drop()
        return .putBack(verdict, evidence, as: claimName.original)
      }
    }
    switch verdict.reason {
    case .lockHeld, .lockOpen, .fileOpen: break
    default: gathering.drop()
    }
    return .kept(verdict, evidence, held: gathering.held)
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
      clocks: .init(firstSeen: firstSeen))
  }
}

extension Reason {
  /// Nobody owns it, and it is in the middle of being removed: what is in the way will pass.
  fileprivate var delaysRemoval: Bool {
    self == .recentlyChanged || self == .mountInside || self == .surroundingsUnknown
  }
}

/// Mounts and watched roots, which must not lie in what is disposed of.
package struct SurroundingsView: Sendable {
  let mounts: MountView
  /// Resolved paths of every root of this configuration.
  let roots: [[UInt8]]

  package init(mounts: MountView, roots: [String]) {
    self.mounts = mounts
    self.roots = roots.map { Array($0.utf8) }
  }

  func look(below path: [UInt8]) -> Evidence.Surroundings {
    guard let table = mounts.current() else { return .unknown("the mount table is unreadable") }
    if let mount = table.mountInside(path) { return .mountInside(displayText(mount)) }
    if let root = roots.first(where: { $0 == path || isBelow($0, path) }) {
      return .rootInside(displayText(root))
    }
    return .clear
  }
}
