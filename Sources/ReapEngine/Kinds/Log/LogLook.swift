// A look at a log: no more is gathered than the judge asks for; most looks end with its size. What is
// larger than it may be is trimmed by the way that the judge has seen.

import Glibc
import OwnedDirectories
import ReapRules

struct LogLook {
  private let edge: LogEdge
  private let name: EntryName
  private let request: LookRequest
  private let spot: Spot
  private let examination: Examination
  private let facts: FileStatus
  private var evidence: Evidence
  /// Of the evidence, what only logs have.
  private var own: LogEvidence { didSet { evidence.ofKind = .log(own) } }
  private var log: LogAtHand?

  init(
    _ edge: LogEdge, _ name: EntryName, _ request: LookRequest, at spot: Spot,
    _ examination: Examination
  ) throws(SystemError) {
    self.edge = edge
    self.name = name
    self.request = request
    self.spot = spot
    self.examination = examination
    facts = try status(of: name, at: spot.directory.descriptor)
    own = LogEvidence(facts)
    evidence = Evidence(log: own, facts, name, request)
  }

  mutating func run() throws(SystemError) -> Examined {
    defer { log?.close() }
    while true {
      switch spot.shared.judge(evidence, now: .current) {
      case .gather(.inside):
        guard request.mayTakeTime else { return .needsWalk(held: nil) }
        try open()
      case .gather(.life):
        noteHolders()
      case .gather: return .kept(.unsure(.unreadable), evidence)
      case .verdict(let verdict): return try act(on: verdict)
      }
    }
  }

  private mutating func open() throws(SystemError) {
    let log = try LogAtHand(name, facts.identity, at: spot)
    self.log = log
    own.size = log.facts.size
    own.links = log.facts.links
    own.isFromTrim = TrimMark(on: log.file) != nil
    let cut = try log.findCut(keeping: edge.settings.kept)
    own.cut = cut
    own.mayCollapse = mayCollapse(log.file)
    own.head = HeadCut.head(of: log.file, cut: cut)
    // Whether it is open is asked when that matters, and once.
    var inside = Evidence.Inside(openness: .unknown("not asked"), newestChange: log.facts.change)
    inside.isPinned = try isPinned(log.file)
    evidence.inside = inside
  }

  private mutating func noteHolders() {
    guard let holders = log?.lookForHolders() else { return }
    own.holders = holders
    evidence.inside?.openness = holders == .nobody ? .nothingOpen : .open(name.display)
    if !examination.rights.claiming { log?.letIn() }
  }

  private mutating func act(on verdict: Verdict) throws(SystemError) -> Examined {
    guard case .dispose = verdict, var log, let cut = own.cut,
      let way = TrimWay(for: own, by: edge.settings)
    else { return .kept(verdict, evidence) }
    own.way = way
    guard examination.rights.claiming else { return .wouldClaim(verdict, evidence) }
    guard examination.mayAct else { return .kept(.unsure(.auditUnwritable), evidence) }
    guard spot.directory.isInPlace else { return spot.place.isEmpty ? .rootMoved : .gone }
    guard !isMisplaced(log) else {
      return .kept(.keep(.draining, recheckAfter: nanosecondsPerSecond), evidence)
    }
    if way == .inPlace, let head = try HeadCut(log: log, cut: cut).run() {
      let after = try status(of: log.file)
      own.sizeAfter = own.size - head
      return trimmed(log.facts.allocated - after.allocated)
    }
    guard way == .newFile || edge.settings.inPlace != .always else {
      return .kept(.keep(.notInPlace, recheckAfter: 300 * nanosecondsPerSecond), evidence)
    }
    log.letIn()
    self.log = nil
    own.way = .newFile
    return try copyTail(log, cut)
  }

  /// Whether it is a copy in the place of another file, which has the claimed name: a trim was killed
  /// before it could put that right, and the look at the claimed name does so.
  private func isMisplaced(_ log: LogAtHand) -> Bool {
    guard let placing = PlacingMark(on: log.file),
      let claim = ClaimName(claimedAt: placing.claimedAt, original: name),
      let other = try? openLog(claim.entry, at: spot.directory.descriptor)
    else { return false }
    defer { other.close() }
    return DrainRecord(on: other) == nil
  }

  private mutating func copyTail(_ log: LogAtHand, _ cut: Int64) throws(SystemError) -> Examined {
    guard let claim = ClaimName(claimedAt: readClocks().wall, original: name) else {
      log.close()
      return .kept(.keep(.cannotClaim, recheckAfter: nil), evidence)
    }
    let path = spot.path(claim.entry)
    let drained = try edge.holding(path) { () throws(SystemError) -> OldLogLook.Drained in
      do throws(SystemError) {
        try copy(log, cut, claim.entry)
      } catch {
        // Where another file had the log's name for an instant, somebody may have written to the copy.
        _ = try? OldLogLook.drain(claim.entry, name, at: spot)
        throw error
      }
      // Most writers open, append and close: then there is nothing to wait for.
      return (try? OldLogLook.drain(claim.entry, name, at: spot)) ?? .open(lines: 0)
    }
    let there = try? status(of: name, at: spot.directory.descriptor)
    own.sizeAfter = there?.size
    own.lateLines = drained.lines
    return trimmed(max(0, drained.bytes - (there?.allocated ?? 0)))
  }

  /// Closes the log: whoever has the old file open holds up its end.
  private func copy(
    _ log: LogAtHand, _ cut: Int64, _ claimed: EntryName
  ) throws(SystemError) {
    defer { log.close() }
    try TailCopy(log: log, cut: cut, mayMakeRoom: edge.settings.inPlace != .never).run(claimed)
  }

  private func trimmed(_ bytes: Int64) -> Examined {
    .trimmed(
      .keep(.withinBounds, recheckAfter: nil), evidence,
      TrimReport(reason: .overLimit, bytes: bytes, evidence: evidence))
  }
}

extension LogEvidence {
  /// What the name of a log tells.
  init(_ facts: FileStatus) {
    self.init()
    size = facts.size
    links = facts.links
  }
}

extension Evidence {
  init(log: LogEvidence, _ facts: FileStatus, _ name: EntryName, _ request: LookRequest) {
    self.init(
      entry: Entry(
        name: name, type: .init(facts.type), owner: facts.owner,
        isMountPoint: facts.isMountPoint ?? false),
      clocks: Clocks(
        birth: facts.birth, sawCreation: request.sawCreation, firstSeen: request.firstSeen),
      ofKind: .log(log))
  }
}

extension Now {
  static var current: Now {
    let clocks = readClocks()
    return Now(wall: clocks.wall, monotonic: clocks.monotonic)
  }
}
