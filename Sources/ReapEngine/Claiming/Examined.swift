import OwnedDirectories
import ReapRules

/// What one examination came to, and what it hands over.
final class Examined: Sendable {
  let outcome: Outcome
  /// What was judged; nil where it did not come to that.
  let verdict: Verdict?
  let evidence: Evidence?
  /// A file that stays open to see it being closed; the receiver closes it.
  let held: HeldFile?
  let claimed: Claimed?
  let failure: SystemError?
  /// Single files of dead writers that were removed.
  let files: [RemovedFile]
  let condemnation: Evidence.Condemnation?
  /// What was done to a log.
  let trim: TrimReport?

  private init(
    _ outcome: Outcome, _ verdict: Verdict? = nil, _ evidence: Evidence? = nil,
    held: HeldFile? = nil, claimed: Claimed? = nil, failure: SystemError? = nil,
    files: [RemovedFile] = [], condemnation: Evidence.Condemnation? = nil,
    trim: TrimReport? = nil
  ) {
    self.outcome = outcome
    self.verdict = verdict
    self.evidence = evidence
    self.held = held
    self.claimed = claimed
    self.failure = failure
    self.files = files
    self.condemnation = condemnation
    self.trim = trim
  }

  static var gone: Examined { Examined(.gone) }
  static var rootMoved: Examined { Examined(.rootMoved) }

  static func kept(_ verdict: Verdict, _ evidence: Evidence, held: HeldFile? = nil) -> Examined {
    Examined(.kept, verdict, evidence, held: held)
  }

  static func needsWalk(held: HeldFile?) -> Examined { Examined(.needsWalk, held: held) }

  static func wouldClaim(_ verdict: Verdict, _ evidence: Evidence) -> Examined {
    Examined(.wouldClaim, verdict, evidence)
  }

  static func claimed(_ claimed: Claimed) -> Examined {
    Examined(.claimed, claimed.verdict, claimed.evidence, claimed: claimed)
  }

  static func condemned(
    _ verdict: Verdict, _ evidence: Evidence, _ condemnation: Evidence.Condemnation
  ) -> Examined {
    Examined(.condemned, verdict, evidence, condemnation: condemnation)
  }

  /// - Parameter verdict: on what the files lie in, which is kept; nil for a file by itself.
  static func tidied(
    _ verdict: Verdict?, _ evidence: Evidence, _ files: [RemovedFile]
  ) -> Examined {
    Examined(.tidied, verdict, evidence, files: files)
  }

  /// A log that was trimmed, and stays.
  static func trimmed(_ verdict: Verdict, _ evidence: Evidence, _ trim: TrimReport) -> Examined {
    Examined(.tidied, verdict, evidence, trim: trim)
  }

  /// What a trim had left, and is gone.
  static func goneTrimmed(_ trim: TrimReport) -> Examined { Examined(.gone, trim: trim) }

  static func putBack(_ verdict: Verdict, _ evidence: Evidence) -> Examined {
    Examined(.putBack, verdict, evidence)
  }

  /// What this comes to in a pass, which does not stay until a quarantine ends.
  var needingQuarantine: Examined {
    guard outcome == .kept, case .condemn? = verdict, let evidence else { return self }
    return .kept(.keep(.needsQuarantine, recheckAfter: nil), evidence)
  }

  static func failed(_ failure: SystemError, _ evidence: Evidence) -> Examined {
    Examined(.failed, .unsure(Reason(of: failure)), evidence, failure: failure)
  }
}

/// A single file that was removed.
struct RemovedFile: Sendable {
  /// Absolute.
  let path: [UInt8]
  let bytes: Int64
  let reason: Reason
  let evidence: Evidence
  /// True where nothing may be claimed, so that it is still there.
  let wouldOnly: Bool
}

extension Reason {
  /// What an error in an examination means for the candidate.
  init(of error: SystemError) { self = error.call == "rename" ? .removalFailed : .unreadable }
}
