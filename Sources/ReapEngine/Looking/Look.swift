// One look at one candidate: what the judge asks for is gathered until there is a verdict. Nothing is
// changed here.

import Glibc
import OwnedDirectories
import ReapRules

/// What looks at one rule's candidates share.
final class LookTerms: Sendable {
  let shared: SharedRule
  let contents: ContentsPattern?
  let surroundings: SurroundingsView
  let kind: any KindLook
  let inherited: InheritedLocks
  /// False for everything that only looks: then the one difference is that no claim is made.
  let claiming: Bool

  init(
    _ shared: SharedRule, _ kind: any KindLook, _ surroundings: SurroundingsView,
    _ inherited: InheritedLocks, claiming: Bool
  ) {
    self.shared = shared
    self.surroundings = surroundings
    self.kind = kind
    self.inherited = inherited
    self.claiming = claiming
    contents = shared.part.contents.flatMap(ContentsPattern.init)
  }

  var part: any KindPart { shared.part }
}

struct Look {
  /// What lets go of a lock file is through with it long before; the last try of the ladder is later.
  private static let releaseTime: Nanoseconds = 100_000_000
  /// Entries of a tree that is walked where nobody may take time: some 100 µs.
  private static let smallTree = 64

  let terms: LookTerms
  let spot: Spot
  /// The name it has, and the claim in that, if it is a claimed one.
  let name: EntryName
  let claimName: ClaimName?
  let identity: FileIdentity
  /// The candidate has a claimed name, and some of it may be gone.
  let isHalfRemoved: Bool
  let known: KnownBefore
  /// Monotonic.
  private let begun = readMonotonic()
  var evidence: Evidence
  var gathering: CandidateGathering

  var original: EntryName { claimName?.original ?? name }

  /// Begins with what one statx(2) has told: of the name, or of the directory where that is open.
  init(
    _ facts: FileStatus, _ directory: Descriptor?, _ name: EntryName, _ claimName: ClaimName?,
    _ request: LookRequest, _ known: KnownBefore, at spot: Spot, _ terms: LookTerms
  ) {
    let original = claimName?.original ?? name
    let isFile = facts.type == .regular && terms.part.takesFiles
    evidence = Evidence(
      entry: Evidence.Entry(
        name: original, type: facts.type == .regular && !isFile ? .other : .init(facts.type),
        owner: facts.owner, isMountPoint: facts.isMountPoint ?? false),
      clocks: Evidence.Clocks(
        name: spillNameTime(original), birth: facts.birth,
        // The event that tells of its coming was not read yet.
        sawCreation: known.isAnothers || spot.claims.isForgotten(spot.path(name))
          ? readMonotonic() : request.sawCreation,
        firstSeen: request.firstSeen),
      ofKind: terms.part.evidence)
    evidence.demand = known.demand
    isHalfRemoved =
      claimName != nil
      && (facts.permissions == removalMark || spot.claims.isUnfinished(spot.path(name)))
    terms.kind.begin(&evidence, of: name, isHalfRemoved: isHalfRemoved, at: spot)
    gathering = CandidateGathering(
      shared: terms.shared, contents: terms.contents, root: spot.directory,
      name: name, identity: facts.identity, directory: directory, known: known,
      inherited: terms.inherited)
    gathering.isFile = isFile
    gathering.onlyLooks = !terms.claiming
    gathering.owner = facts.owner
    gathering.isSettled = request.wokenAt.map { readMonotonic() - $0 > Self.releaseTime } ?? true
    identity = facts.identity
    self.terms = terms
    self.spot = spot
    self.name = name
    self.claimName = claimName
    self.known = known
  }

  /// Gathers what the judge asks for until it gives its verdict; nil where that takes time.
  mutating func decide(mayTakeTime: Bool) throws(SystemError) -> Verdict? {
    if known.isLocked {
      // The judge would ask for these one after the other: its grace is over, and the lock is in hand.
      evidence.lock = gathering.gatherLock()
      evidence.surroundings = surroundings
    }
    while true {
      let clocks = readClocks()
      let now = Now(wall: clocks.wall, monotonic: clocks.monotonic)
      switch terms.shared.judge(evidence, now: now) {
      case .verdict(let verdict): return verdict
      case .gather(.lock): evidence.lock = gathering.gatherLock()
      case .gather(.surroundings):
        evidence.surroundings = surroundings
      case .gather(.inside):
        guard mayTakeTime || isShallow || mayBeSmall else { return nil }
        if !mayTakeTime { gathering.walkLimit = Self.smallTree }
        guard try gatherInside() else {
          return gathering.isTooLarge ? nil : .unsure(.replaced)
        }
      case .gather(.weight):
        guard mayTakeTime else { return nil }
        guard let weight = weigh(spot.path(name), below: spot.directory) else {
          return .unsure(.unreadable)
        }
        evidence.weight = weight
      case .gather(.life):
        guard mayTakeTime else { return nil }
        let view = LifeView.shared.current()
        evidence.life = try gatherLife(view)
        // The end of whoever was seen there may be what this look is about.
        if case .used = evidence.life, view.begun < begun {
          evidence.life = try gatherLife(LifeView.shared.current(since: begun))
        }
        try noteLaterChange()
      case .gather(let stage):
        guard terms.kind.gather(stage, of: name, at: spot, into: &evidence) else {
          return .unsure(.unreadable)
        }
      }
    }
  }

  private mutating func gatherLife(_ view: ProcessView) throws(SystemError) -> Evidence.Life {
    try gathering.gatherLife(view, mounts: terms.surroundings.mounts.current())
  }

  private var surroundings: Evidence.Surroundings {
    terms.surroundings.look(below: spot.directory.path(of: name))
  }

  /// The walk and the look at processes are not one instant: somebody may have begun to use it in one
  /// way, and ended another, in between. Whoever made an entry for that has changed the directory.
  private mutating func noteLaterChange() throws(SystemError) {
    guard let directory = gathering.directory, !gathering.isClaimed,
      let newest = evidence.inside?.newestChange
    else { return }
    let change = try status(of: directory).change
    if change > newest { evidence.inside?.newestChange = change }
  }

  private var lock: Evidence.Lock {
    evidence.lock ?? (gathering.lock == nil ? .missing : .unknown("not gathered"))
  }

  /// Before a claim only where one came to nothing for that; the removal looks in any case.
  private var looksForForeign: Bool {
    OwnersReach(owner: evidence.entry.owner).isBound
      && (!terms.claiming || spot.claims.isForeign(spot.path(name)))
  }

  /// Whether the judge can do without a walk through what is in it.
  private var isShallow: Bool {
    lock != .missing && gathering.contents == nil && !gathering.searchesAlways && !looksForForeign
  }

  /// With its lock in hand, the judge asks for no more than what is in it: a small tree is walked at
  /// once, which takes less than to have a worker do it.
  private var mayBeSmall: Bool { evidence.isProvedByLock && !looksForForeign }

  /// False where another directory has its name by now, or it is too large.
  private mutating func gatherInside() throws(SystemError) -> Bool {
    let looksForForeign = looksForForeign
    guard var inside = try gathering.gatherInside(lock: lock) else { return false }
    if looksForForeign, let directory = gathering.directory {
      inside.foreignDirectory = OwnersReach(owner: evidence.entry.owner)
        .foreignDirectory(in: directory)
      if inside.foreignDirectory == nil { spot.claims.forgetForeign(spot.path(name)) }
    }
    evidence.inside = inside
    return true
  }

  /// Gives back what was probed, and closes what is open.
  mutating func drop() {
    gathering.unlock()
    gathering.drop()
  }

  /// Closes what nobody was given. That an owner's lock was lost is remembered.
  mutating func end() {
    gathering.finish()
    terms.inherited.noteLoss(known, evidence.lock, identity)
  }
}

extension Evidence.Entry.FileType {
  init(_ type: FileStatus.FileType) {
    self =
      switch type {
      case .directory: .directory
      case .symbolicLink: .symbolicLink
      case .regular: .regularFile
      case .fifo, .socket, .device: .other
      }
  }
}
