// A look at one archive, or at one that was never finished: no more is gathered than the judge asks for.

import Archives
import Glibc
import OwnedDirectories
import ReapRules

struct ArchiveLook {
  private let edge: VisitsEdge
  private let name: EntryName
  private let request: LookRequest
  private let spot: Spot
  private let examination: Examination
  private let facts: FileStatus
  private let place: VisitsPlace
  private var evidence: Evidence

  init(
    _ edge: VisitsEdge, _ name: EntryName, _ request: LookRequest, at spot: Spot,
    _ examination: Examination
  ) throws(SystemError) {
    self.edge = edge
    self.name = name
    self.request = request
    self.spot = spot
    self.examination = examination
    facts = try status(of: name, at: spot.directory.descriptor)
    guard let place = VisitsPlace(spot.place) else {
      throw SystemError("openat", name.display, ENOENT)
    }
    self.place = place
    var own = VisitsEvidence()
    (own.place, own.size, own.change) = (place, facts.size, facts.change)
    if case .known(let known)? = edge.memory.entry(for: spot.path(name), facts) {
      own.known = known
    }
    evidence = Evidence(
      entry: .init(
        name: name, type: .init(facts.type), owner: facts.owner,
        isMountPoint: facts.isMountPoint ?? false),
      clocks: .init(
        birth: facts.birth, sawCreation: request.sawCreation, firstSeen: request.firstSeen),
      ofKind: .visits(own))
  }

  mutating func run() throws(SystemError) -> Examined {
    guard let verdict = try decide() else { return .needsWalk(held: nil) }
    return try act(on: verdict)
  }

  /// Nil where something has to be gathered and no time may be taken.
  private mutating func decide() throws(SystemError) -> Verdict? {
    while true {
      switch spot.shared.judge(evidence, now: .current) {
      case .gather(let stage):
        guard request.mayTakeTime else { return nil }
        guard try gather(stage) else { return .unsure(.unreadable) }
      case .verdict(let verdict): return verdict
      }
    }
  }

  /// Whether it is about to change, so that what it holds has to wait for it.
  mutating func isPending() throws(SystemError) -> Bool {
    switch try decide() {
    case .dispose, .keep(.slimming, _), .keep(.slimmingWaits, _): true
    case .keep(.recentlyChanged, _): if case .visit = place { true } else { false }
    default: false
    }
  }

  private mutating func gather(_ stage: Judgement.Stage) throws(SystemError) -> Bool {
    switch stage {
    case .files:
      let path = spot.path(name)
      let holders = edge.holders(of: path, below: examination.root)
      let siblings = VisitsEvidence.Siblings(
        newer: Int64(holders.count { VisitsEdge.areOfOneNode($0, path) }),
        beingMade: archiveBeingMade(FilePath(basePath))?.what)
      evidence.ofKind.visits?.siblings = siblings
    case .owner:
      let owner = edge.owner(of: spot.place, examination.root)
      evidence.ofKind.visits?.owner = owner
    case .inside: evidence.inside = try inside()
    default: return false
    }
    return true
  }

  private var basePath: [UInt8] {
    examination.root.path(ofDirectory: VisitsEdge.base(of: spot.place))
  }

  private func inside() throws(SystemError) -> Evidence.Inside {
    let file = try openFile(
      name.bytes, at: spot.directory.descriptor, O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
      follow: .within)
    defer { file.close() }
    var inside = Evidence.Inside(openness: .nothingOpen, newestChange: facts.change)
    switch probeOpen(file) {
    case .notOpen: break
    case .open: inside.openness = .open(name.display)
    case .unknown(let why): inside.openness = .unknown(why)
    }
    inside.isPinned = try isPinned(file)
    return inside
  }

  // MARK: - Acting

  private func act(on verdict: Verdict) throws(SystemError) -> Examined {
    guard case .dispose = verdict else { return .kept(verdict, evidence) }
    guard examination.mayAct else { return .kept(.unsure(.auditUnwritable), evidence) }
    guard !VisitsSettings.isTemporary(name) else { return removeTemporary(verdict) }
    guard let siblings = evidence.ofKind.visits?.siblings,
      let (purpose, _) = edge.settings.purpose(place, siblings)
    else { return .kept(.unsure(.replaced), evidence) }
    if case .would(purpose, let verdict, let work)? = edge.memory.entry(for: spot.path(name), facts)
    {
      var evidence = evidence
      evidence.ofKind.visits?.work = work
      return .wouldClaim(verdict, evidence)
    }
    guard !edge.line.isOpen || !isHeldByPending else {
      return .kept(
        .keep(.slimming, recheckAfter: evidence.clocks.backOff(now: .current)), evidence)
    }
    let base = try examination.root.place(VisitsEdge.base(of: spot.place))
    examination.root.retain()
    let order = SlimOrder(
      path: spot.path(name), base: base, root: examination.root,
      identity: facts.identity, verdict: verdict, purpose: purpose, evidence: evidence,
      dryRun: !examination.rights.claiming,
      mayChange: { [examination] in examination.mayAct }, trigger: request.trigger,
      wokenAt: request.wokenAt, rank: rank)
    if edge.line.put(order) {
      let known = VisitsEvidence.Known(purpose, .underWay)
      edge.memory.note(.known(known), of: order.path, facts)
      return .kept(.keep(.slimming, recheckAfter: nil), evidence)
    }
    defer { order.close() }
    return edge.carryOut(order, spot.shared, examination.root)
  }

  private var isHeldByPending: Bool {
    edge.holders(of: spot.path(name), below: examination.root).contains { path in
      edge.lookElsewhere(path, request, at: spot, examination) { try $0.isPending() } ?? false
    }
  }

  private var rank: Int {
    switch place {
    case .visit(let number): number
    case .runs, .run, .node: .max
    }
  }

  /// As it is; nobody can come back for it but a run that begins it anew, whose open keeps it.
  private func removeTemporary(_ verdict: Verdict) -> Examined {
    let directory = spot.directory.descriptor
    let wouldOnly = !examination.rights.claiming
    if !wouldOnly {
      guard spot.directory.isInPlace,
        let file = try? openFile(
          name.bytes, at: directory, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, follow: .within)
      else { return .gone }
      defer { file.close() }
      guard let there = try? status(of: name, at: directory), there.identity == facts.identity,
        there.change == facts.change, probeOpen(file) == .notOpen,
        (try? unlink(name, at: directory, isDirectory: false)) != nil
      else { return .kept(.unsure(.replaced), evidence) }
    }
    let file = RemovedFile(
      path: spot.directory.path(of: name), bytes: facts.links == 1 ? facts.allocated : 0,
      reason: verdict.reason, evidence: evidence, wouldOnly: wouldOnly)
    return .tidied(nil, evidence, [file])
  }
}
