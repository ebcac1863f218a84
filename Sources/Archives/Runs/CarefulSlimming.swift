// Slimming beside a program that may begin an archive of the same node at any moment.

package import OwnedDirectories
package import ReapRules

package struct CarefulSlimming {
  private let name: MemberName
  private let base: Descriptor
  private let path: FilePath
  private let limits: SlimLimits

  /// - Parameters:
  ///   - base: what the archive and all that proves it lie below: the node, or the run.
  ///   - path: where that is.
  package init(
    _ name: MemberName, below base: Descriptor, at path: FilePath, limits: SlimLimits = SlimLimits()
  ) {
    (self.name, self.base, self.path, self.limits) = (name, base, path, limits)
  }

  /// - Parameter objection: asked before anything is read, and once more right before the change: an hour
  ///   may lie between the two.
  package func run(
    for purpose: SlimPurpose, dryRun: Bool, progress: @escaping (Int64) -> Void = { _ in },
    objection: (FilePath) -> SlimProblem? = archiveBeingMade
  ) -> SlimOutcome {
    if let problem = objection(path) {
      var outcome = SlimOutcome()
      outcome.problem = problem
      return outcome
    }
    let before = halfMadeArchives(path)
    var outcome = ArchiveSlimming(name, below: base, for: purpose, limits: limits)
      .run(dryRun: dryRun, progress: progress) { () throws(SlimProblem) in
        if let problem = objection(path) { throw problem }
      }
    guard outcome.action != .kept, !dryRun else { return outcome }
    // It lists what it will pack a moment before its file is there.
    outcome.isBegunMeanwhile = halfMadeArchives(path).contains { !before.contains($0) }
    return outcome
  }
}

/// The archives in a node or run that are not whole, or not yet.
private func halfMadeArchives(_ base: FilePath) -> [FileIdentity] {
  RunLayout.temporaryNames.compactMap { (try? status(ofPath: base.appending($0)))?.identity }
}
