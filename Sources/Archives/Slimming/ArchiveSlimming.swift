// Taking out of one archive what the disk has anyway.
//
// Read it and compare (Proving) → plan what stays (Ledger) → write that beside it (RangeCopy) → read it
// back → look at every proving file again → rename it over the old one.

package import OwnedDirectories
import ReapRules
import Compression

/// What becomes of an archive whose members the disk has.
package enum SlimPurpose: Sendable {
  /// Those members go.
  case slim
  /// It goes as a whole, if the disk has everything that is in it.
  case drop
}

/// What came of one archive.
package struct SlimOutcome: Sendable {
  package enum Action: String, Sendable {
    case slimmed, dropped, kept
  }

  package var action: Action = .kept
  /// Why it was kept; nil where it was not.
  package var problem: SlimProblem?
  package var bytesBefore: Int64 = 0
  package var bytesAfter: Int64 = 0
  /// Allocated on the disk, before.
  package var allocated: Int64 = 0
  package var members = 0
  package var leftOut = 0
  /// Unpacked, their headers included.
  package var leftOutBytes: Int64 = 0
  /// Some of the files that prove it, and how many there are.
  package var proofs: [[UInt8]] = []
  package var proofCount = 0
  package var milliseconds: Int64 = 0
  /// Another archive was begun beside it before it was changed, and may have failed by that.
  package var isBegunMeanwhile = false

  package init() {}

  package var stayed: Int { members - leftOut }
}

/// One archive that is to be slimmed or dropped.
package struct ArchiveSlimming {
  /// As many proving files as an audit line names.
  private static let proofsNamed = 16

  private let base: Descriptor
  private let path: MemberName
  private let purpose: SlimPurpose
  private let limits: SlimLimits

  /// - Parameters:
  ///   - base: what the archive and all that proves it lie below: the node, or the run.
  ///   - path: the archive's, relative to that.
  package init(
    _ path: MemberName, below base: Descriptor, for purpose: SlimPurpose,
    limits: SlimLimits = SlimLimits()
  ) {
    (self.base, self.path, self.purpose, self.limits) = (base, path, purpose, limits)
  }

  /// Does it; on any problem the archive is as it was.
  ///
  /// - Parameters:
  ///   - dryRun: does all but change anything.
  ///   - progress: told of bytes read and written, about three times the archive's size in sum.
  ///   - mayChange: asked right before anything is changed; what it throws keeps the archive.
  package func run(
    dryRun: Bool = false, progress: @escaping (Int64) -> Void = { _ in },
    mayChange: () throws(SlimProblem) -> Void = {}
  ) -> SlimOutcome {
    var outcome = SlimOutcome()
    let begun = readMonotonic()
    do {
      try run(dryRun, progress, mayChange, &outcome)
    } catch let problem as SlimProblem {
      (outcome.action, outcome.problem, outcome.bytesAfter) = (.kept, problem, outcome.bytesBefore)
    } catch {
      outcome.problem = SlimProblem(.system, "\(error)")
      (outcome.action, outcome.bytesAfter) = (.kept, outcome.bytesBefore)
    }
    outcome.milliseconds = (readMonotonic() - begun) / 1_000_000
    return outcome
  }

  private func run(
    _ dryRun: Bool, _ progress: @escaping (Int64) -> Void,
    _ mayChange: () throws(SlimProblem) -> Void, _ outcome: inout SlimOutcome
  ) throws {
    let archive = try OpenArchive(path, below: base)
    defer { archive.close() }
    (outcome.bytesBefore, outcome.allocated) = (archive.facts.size, archive.facts.allocated)
    if !dryRun { try archive.removeLeftover() }
    let comparison = FileComparison(below: base, without: archive.facts.identity)
    var proving = Proving(comparison, limits)
    try proving.read(FileStream(archive.file, progress: progress), at: ArchivePlace(path))
    let findings = proving.findings
    outcome.members = findings.ledger.count
    outcome.proofCount = findings.ledger.proofs.count
    outcome.proofs = findings.ledger.proofs.first(Self.proofsNamed).map(\.path)
    func proofsHold() throws(SlimProblem) {
      try mayChange()
      try findings.ledger.proofs.forEach { proof throws(SlimProblem) in
        guard comparison.isUnchanged(proof) else {
          throw SlimProblem(
            .changed, "a file that proves a member has changed meanwhile", member: proof.path)
        }
        return true
      }
    }
    switch purpose {
    case .drop:
      guard let first = findings.firstUnproved else {
        try proofsHold()
        try archive.check()
        if !dryRun { try archive.remove() }
        outcome.action = .dropped
        outcome.leftOut = outcome.members
        outcome.leftOutBytes = findings.ledger.end
        return
      }
      let others = findings.unproved > 1 ? ", and \(findings.unproved - 1) more" : ""
      throw SlimProblem(.notProved, "\(first.why)\(others)", member: first.member)
    case .slim:
      let plan = findings.ledger.plan()
      (outcome.leftOut, outcome.leftOutBytes) = (plan.leftOut, plan.leftOutBytes)
      guard plan.leftOut > 0 else {
        throw SlimProblem(.nothingProved, "nothing in it is on the disk as well")
      }
      let copy = RangeCopy(plan: plan)
      if dryRun {
        let output = CountedOutput()
        try copy.run(archive.file, to: output, progress: progress)
        try archive.checkGain(output.size)
        outcome.bytesAfter = output.size
      } else {
        outcome.bytesAfter = try replace(archive, copy, progress, proofsHold)
      }
      outcome.action = .slimmed
    }
  }

  private func replace(
    _ archive: OpenArchive, _ copy: RangeCopy, _ progress: @escaping (Int64) -> Void,
    _ proofsHold: () throws(SlimProblem) -> Void
  ) throws -> Int64 {
    let new = try archive.makeSuccessor()
    var isDone = false
    defer { new.close(discarding: !isDone) }
    let output = ArchiveFile(new.file)
    do {
      try copy.run(archive.file, to: output, progress: progress)
      try archive.checkGain(output.size)
      try synchronize(new.file, "(a new archive)")
    } catch let error as SystemError where error.isLackOfRoom {
      throw try lackOfRoom(archive, copy)
    }
    try readBack(new.file, copy.plan)
    try copyAttributes(of: archive.file, to: new.file)
    try synchronize(new.file, "(a new archive)")
    try proofsHold()
    try archive.check()
    try archive.giveWay(to: new)
    isDone = true
    return output.size
  }

  /// Says what it would have taken: that is known once all of it is packed.
  private func lackOfRoom(_ archive: OpenArchive, _ copy: RangeCopy) throws -> SlimProblem {
    let output = CountedOutput()
    try copy.run(archive.file, to: output, progress: { _ in })
    var problem = SlimProblem(
      .noRoom,
      "the disk is full: slimming needs \(roughSize(output.size)) beside it, "
        + "dropping (--drop) nothing")
    problem.bytesNeeded = output.size
    return problem
  }
}
