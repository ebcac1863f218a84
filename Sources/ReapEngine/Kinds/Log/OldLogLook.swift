// A look at what has a claimed name beside a log: the old file of a trim, as a rule, which is drained
// as far as it goes at each look, and removed once nobody has it open.

import Glibc
import OwnedDirectories
import ReapRules

struct OldLogLook {
  enum Drained {
    case finished(bytes: Int64, lines: Int64)
    case open(lines: Int64)

    var bytes: Int64 { if case .finished(let bytes, _) = self { bytes } else { 0 } }

    var lines: Int64 {
      switch self {
      case .finished(_, let lines), .open(let lines): lines
      }
    }
  }

  private let edge: LogEdge
  private let name: EntryName
  private let original: EntryName
  private let request: LookRequest
  private let spot: Spot
  private let examination: Examination
  private let facts: FileStatus
  private var evidence: Evidence
  /// Of the evidence, what only logs have.
  private var own: LogEvidence { didSet { evidence.ofKind = .log(own) } }

  init(
    _ edge: LogEdge, _ name: EntryName, _ claim: ClaimName, _ request: LookRequest,
    at spot: Spot, _ examination: Examination
  ) throws(SystemError) {
    self.edge = edge
    self.name = name
    original = claim.original
    self.request = request
    self.spot = spot
    self.examination = examination
    facts = try status(of: name, at: spot.directory.descriptor)
    own = LogEvidence(facts)
    evidence = Evidence(log: own, facts, original, request)
    evidence.claim = .found
  }

  /// - Parameter isInHand: it is a copy that is being made here at this moment.
  mutating func run(isInHand: Bool) throws(SystemError) -> Examined {
    guard !isInHand else {
      return .kept(.keep(.draining, recheckAfter: nanosecondsPerSecond / 10), evidence)
    }
    guard request.mayTakeTime else { return .needsWalk(held: nil) }
    while true {
      switch spot.shared.judge(evidence, now: .current) {
      case .gather(.inside): try open()
      case .gather: return .kept(.unsure(.unreadable), evidence)
      case .verdict(let verdict): return try act(on: verdict)
      }
    }
  }

  private mutating func open() throws(SystemError) {
    let file = try openFile(
      name.bytes, at: spot.directory.descriptor, O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
      follow: .within)
    defer { file.close() }
    guard try status(of: file).identity == facts.identity else {
      throw SystemError("open", name.display, ESTALE)
    }
    let openness = probeOpen(file)
    // Where it cannot be told it may be.
    let isOpen = openness != .notOpen
    if let record = DrainRecord(on: file) {
      own.old = .drained(upTo: record.upTo, isOpen: isOpen)
    } else if TrimMark(on: file) != nil || facts.size == 0 {
      // It is marked before there is anything in it.
      own.old = .unfinishedCopy(isOpen: isOpen)
    } else {
      own.old = .unknown
    }
    var inside = Evidence.Inside(
      openness: isOpen ? .open(name.display) : .nothingOpen, newestChange: facts.change)
    if case .unknown(let why) = openness { inside.openness = .unknown(why) }
    inside.isPinned = try isPinned(file)
    evidence.inside = inside
  }

  private mutating func act(on verdict: Verdict) throws(SystemError) -> Examined {
    guard examination.rights.claiming else {
      if case .dispose = verdict { return .wouldClaim(verdict, evidence) }
      return .kept(verdict, evidence)
    }
    switch verdict.reason {
    case .draining, .drained: break
    case .abandonedCopy: return try removeCopy()
    case .claimFound:
      guard try undoPlacing() else { return giveNameBack(verdict) }
    default: return .kept(verdict, evidence)
    }
    guard examination.mayAct else { return .kept(.unsure(.auditUnwritable), evidence) }
    guard spot.directory.isInPlace else { return spot.place.isEmpty ? .rootMoved : .gone }
    let drained = try Self.drain(name, original, at: spot)
    if drained.lines > 0 { own.lateLines = drained.lines }
    switch drained {
    case .finished(let bytes, _):
      return .goneTrimmed(TrimReport(reason: .drained, bytes: bytes, evidence: evidence))
    case .open: return .kept(.keep(.draining, recheckAfter: backOff), evidence)
    }
  }

  private var backOff: Nanoseconds { evidence.clocks.backOff(now: .current) }

  private func removeCopy() throws(SystemError) -> Examined {
    guard examination.mayAct else { return .kept(.unsure(.auditUnwritable), evidence) }
    let there = try status(of: name, at: spot.directory.descriptor)
    guard there.identity == facts.identity else {
      throw SystemError("unlink", name.display, ESTALE)
    }
    try unlink(name, at: spot.directory.descriptor, isDirectory: false)
    return .goneTrimmed(
      TrimReport(
        reason: .abandonedCopy, bytes: there.links == 1 ? there.allocated : 0, evidence: evidence))
  }

  /// Where a trim was killed before it saw that it had put its copy in another file's place, that one
  /// has its name back, and the copy is what is drained.
  private func undoPlacing() throws(SystemError) -> Bool {
    let directory = spot.directory.descriptor
    guard let claim = ClaimName(name),
      let copy = try? openFile(
        original.bytes, at: directory, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, follow: .within)
    else { return false }
    defer { copy.close() }
    guard PlacingMark(on: copy)?.claimedAt == claim.claimedAt, TrimMark(on: copy) != nil,
      try status(of: original, at: directory).identity == status(of: copy).identity,
      try status(of: name, at: directory).identity == facts.identity
    else { return false }
    try exchange(original, name, at: directory)
    return true
  }

  private func giveNameBack(_ verdict: Verdict) -> Examined {
    switch giveBack(name, original, facts.identity, at: spot, edge) {
    case .joined: .putBack(verdict, evidence)
    case .collision, .failed: .kept(verdict, evidence)
    }
  }

  /// Carries over what is there, and removes the old file where nobody has it open.
  static func drain(
    _ name: EntryName, _ original: EntryName, at spot: Spot
  ) throws(SystemError) -> Drained {
    let file = try openFile(
      name.bytes, at: spot.directory.descriptor, O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
      follow: .within)
    defer { file.close() }
    let facts = try status(of: file)
    guard facts.type == .regular,
      let record = DrainRecord(on: file)
    else { throw SystemError("open", name.display, ESTALE) }
    var drain = Drain(name, original, file, facts, record, at: spot)
    switch try drain.run() {
    case .finished(let bytes): return .finished(bytes: bytes, lines: drain.lines)
    case .open:
      drain.giveBackBlocks()
      return .open(lines: drain.lines)
    }
  }
}
