/// The rule for temporary files in a partition of kind `generations`: what a dead writer left.
package struct TemporaryJudge {
  private let settings: GenerationSettings

  package init(_ settings: GenerationSettings) { self.settings = settings }

  /// Decides about one temporary file, beside the cursor or in the live generation.
  ///
  /// - Parameters:
  ///   - evidence: of the file; `inside` tells of the file itself.
  ///   - inGeneration: whether it lies in a generation; otherwise it lies beside the cursor.
  package func judge(
    _ evidence: Evidence, inGeneration: Bool, rule: Rule, now: Now
  ) -> Judgement {
    let entry = evidence.entry
    guard !rule.neverTakes(entry.name) else { return .keep(.keptByHand) }
    let name =
      inGeneration
      ? TemporaryName(data: entry.name) : TemporaryName(cursor: settings.cursor, entry.name)
    guard let span = settings.staleTemporaries, name != nil else { return .keep(.notMatched) }
    guard entry.type == .regularFile else { return .keep(.notAFile) }
    guard !entry.isMountPoint else { return .keep(.mountPoint) }
    guard rule.owners.allows(entry.owner) else { return .keep(.foreignOwner) }
    let grace = evidence.clocks.remainingGrace(rule.grace, now: now)
    guard grace <= 0 else { return .keep(.young, recheckAfter: grace) }

    // Without a cursor that is understood, a temporary one may be the only copy.
    guard let own = evidence.generations else { return .unsure(.unreadable) }
    guard let partition = own.partition else { return .gather(.partition) }
    if let objection = settings.objection(of: partition, to: nil) { return .verdict(objection) }

    guard let inside = evidence.inside else { return .gather(.inside) }
    // Nothing tells of its being closed, unpinned, or of its writer's end: none of it is watched.
    let seldom = max(span, nanosecondsPerSecond)
    guard !inside.isPinned else { return .keep(.keptByHand, recheckAfter: seldom) }
    let wait = evidence.clocks.remainingQuiet(
      since: inside.newestChange, grace: span, now: now)
    guard wait <= 0 else { return .keep(.recentlyChanged, recheckAfter: wait) }
    switch inside.openness {
    case .nothingOpen: break
    case .open: return .keep(.fileOpen, recheckAfter: seldom)
    case .unknown: return .unsure(.useUnknown)
    }
    // Closed, and not yet renamed: a writer may stand still between both for any time.
    if inside.writer != nil { return .keep(.ownerAlive, recheckAfter: seldom) }
    return .verdict(.dispose(.staleTemporary))
  }
}
