// Kind `visits` at the edge: archives in the nodes of a run, which are slimmed where they lie. Nothing of
// it is ever renamed but an archive's successor over the archive, and no directory is removed.

import Archives
import Glibc
import OwnedDirectories
import ReapRules
import Synchronization

final class VisitsEdge: RootKind {
  let settings: VisitsSettings
  let memory = ArchiveMemory()
  /// Nil where the rule names no file.
  let owners: RunOwners?
  /// Takes orders only where somebody stays.
  let line = SlimLine()
  /// Of a pass: one archive at a time, since those of a node prove each other's members, and the newest
  /// of a node before the others, which it holds.
  private let pass = Mutex<[CandidatePath: Examined]>([:])

  init(_ settings: VisitsSettings, ownerExited: OwnerExited?) {
    self.settings = settings
    owners = settings.owner.map { note in
      RunOwners(
        note, trustPids: settings.trustPids,
        exited: ownerExited.map { exited -> @Sendable () -> Void in { exited(nil) } })
    }
  }

  // MARK: - Where things are

  /// The node or run that holds a directory's archives and what proves them.
  static func base(of directory: [UInt8]) -> [UInt8] {
    guard case .visit? = VisitsPlace(directory) else { return directory }
    return Array(directory.prefix(directory.lastIndex(of: UInt8(ascii: "/")) ?? 0))
  }

  func owner(of directory: [UInt8], _ root: OpenRoot) -> Evidence.Owner {
    guard let owners else { return .unknown("the rule names no owner_pidfile") }
    let run = directory.prefix { $0 != UInt8(ascii: "/") }
    return owners.owner(ofRun: FilePath(root.path(ofDirectory: Array(run))))
  }

  /// The archives that hold another one, or may, each before those that it holds: one that is slimmed
  /// after what it holds finds that changed, and keeps it whole where something else changed as well.
  func holders(of path: CandidatePath, below root: OpenRoot) -> [CandidatePath] {
    var found: [CandidatePath] = []
    let slash = UInt8(ascii: "/")
    // From the run to the archive's own directory.
    for end in path.directory.indices where path.directory[end] == slash {
      found += archive(in: Array(path.directory[..<end]), below: root)
    }
    guard case .visit(let own)? = VisitsPlace(path.directory) else { return found }
    let base = Self.base(of: path.directory)
    guard let node = try? openDirectory(base, below: root) else { return found }
    defer { node.close() }
    var visits: [(number: Int, path: [UInt8])] = []
    try? forEachEntry(of: node) { entry in
      guard let number = visitNumber(entry.name.bytes), number > own else { return }
      visits.append((number, CandidatePath(directory: base, entry.name).bytes))
    }
    for visit in visits.sorted(by: { $0.number > $1.number }) {
      found += archive(in: visit.path, below: root)
    }
    return found
  }

  private func archive(in directory: [UInt8], below root: OpenRoot) -> [CandidatePath] {
    guard let name = VisitsPlace(directory)?.archive else { return [] }
    let path = CandidatePath(directory: directory, name)
    let facts = try? status(ofPath: path.bytes, at: root.descriptor)
    return facts?.type == .regular ? [path] : []
  }

  /// Whether an archive is one of the same node.
  static func areOfOneNode(_ path: CandidatePath, _ other: CandidatePath) -> Bool {
    base(of: path.directory) == base(of: other.directory)
  }

  // MARK: - Looking

  func begin(
    _ evidence: inout Evidence, of name: EntryName, isHalfRemoved: Bool, at spot: Spot
  ) {}

  func gather(
    _ stage: Judgement.Stage, of name: EntryName, at spot: Spot, into evidence: inout Evidence
  ) -> Bool { false }

  func examineFile(
    _ name: EntryName, _ request: LookRequest, at spot: Spot, _ examination: Examination
  ) -> Examined? {
    guard !line.isOpen, examination.rights.claiming, request.mayTakeTime,
      !VisitsSettings.isTemporary(name)
    else { return look(name, request, at: spot, examination) }
    return pass.withLock { made in
      for path in holders(of: spot.path(name), below: examination.root) where made[path] == nil {
        made[path] = lookElsewhere(path, request, at: spot, examination) { try $0.run() }
      }
      let path = spot.path(name)
      let examined = made[path] ?? look(name, request, at: spot, examination)
      made[path] = examined
      return examined
    }
  }

  /// A look at another archive.
  func lookElsewhere<Result>(
    _ path: CandidatePath, _ request: LookRequest, at spot: Spot, _ examination: Examination,
    _ body: (inout ArchiveLook) throws -> Result
  ) -> Result? {
    guard let directory = try? examination.root.place(path.directory) else { return nil }
    defer { directory.release() }
    var request = request
    request.path = path
    let spot = Spot(
      shared: spot.shared, directory: directory, place: path.directory, claims: spot.claims)
    guard var look = try? ArchiveLook(self, path.name, request, at: spot, examination) else {
      return nil
    }
    return try? body(&look)
  }

  private func look(
    _ name: EntryName, _ request: LookRequest, at spot: Spot, _ examination: Examination
  ) -> Examined {
    do throws(SystemError) {
      var look = try ArchiveLook(self, name, request, at: spot, examination)
      return try look.run()
    } catch {
      switch error.code {
      case ENOENT, ENOTDIR: return .gone
      case ESTALE, ELOOP: return .kept(.unsure(.replaced), examination.unread(request))
      default: return .failed(error, examination.unread(request))
      }
    }
  }

  /// Slims or drops it, and says what came of it.
  func carryOut(_ order: SlimOrder, _ rule: SharedRule, _ root: OpenRoot) -> Examined {
    let outcome = order.run()
    var own = order.evidence.ofKind.visits ?? VisitsEvidence()
    own.work = outcome.evidence.map { VisitsEvidence.Fact($0.0, $0.1) }
    own.work += [
      .init("bytes_before", .integer(outcome.bytesBefore)),
      .init("bytes_after", .integer(outcome.bytesAfter)),
    ]
    own.isBegunMeanwhile = outcome.isBegunMeanwhile
    var evidence = order.evidence
    let facts = try? status(ofPath: order.path.bytes, at: root.descriptor)
    func remember(_ entry: ArchiveMemory.Entry) {
      if let facts { memory.note(entry, of: order.path, facts) }
    }
    evidence.ofKind = .visits(own)
    let isDone = outcome.problem?.reason.isDone == true
    if outcome.action != .kept, order.dryRun {
      remember(.would(order.purpose, order.verdict, own.work))
      return .wouldClaim(order.verdict, evidence)
    }
    if let problem = outcome.problem, !isDone {
      let retry = problem.reason.pause.map { readMonotonic() + $0 }
      let member = problem.member.map { " (member \(displayText($0)))" } ?? ""
      own.work = []
      own.known = VisitsEvidence.Known(
        order.purpose,
        .refused(code: problem.reason.rawValue, why: problem.what + member, retry: retry))
    } else {
      own.known = VisitsEvidence.Known(order.purpose, .done)
    }
    own.known.map { remember(.known($0)) }
    let report = TrimReport(
      action: outcome.action == .dropped ? .reaped : .slimmed, reason: order.verdict.reason,
      bytes: outcome.action == .dropped
        ? outcome.allocated : max(0, outcome.bytesBefore - outcome.bytesAfter), evidence: evidence)
    switch outcome.action {
    case .dropped: return .goneTrimmed(report)
    case .slimmed:
      return .trimmed(.keep(.asSmallAsItGets, recheckAfter: nil), evidence, report)
    case .kept:
      evidence.ofKind = .visits(own)
      guard case .verdict(let verdict) = rule.judge(evidence, now: .current) else {
        return .kept(.unsure(.replaced), evidence)
      }
      return .kept(verdict, evidence)
    }
  }

  func tidy(
    _ look: inout Look, _ verdict: Verdict, mayTakeTime: Bool, _ examination: Examination
  ) -> Examined? { nil }

  /// Nothing of this kind is claimed.
  func holdForClaim(_ look: Look, mayWait: Bool) -> (any ClaimHold)? { nil }

  func join(_ claimed: EntryName, into original: EntryName, at spot: Spot) -> Joining? { nil }

  func facts(of spot: Spot) -> PlaceFacts? { nil }

  func growthWarnings(by rule: Rule, at root: OpenRoot) -> [GrowthWarning] {
    NodeGrowth(root).warnings(by: rule)
  }

  func follower(of root: WatchedRoot) -> (any KindFollower)? { VisitsFollower(root, self) }
}
