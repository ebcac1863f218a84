import OwnedDirectories
import ReapRules

/// Which candidate of which rule, and why it was looked at.
struct Place: Sendable {
  let shared: SharedRule
  let root: OpenRoot
  let below: CandidatePath
  let occasion: Occasion

  init(_ rule: SharedRule, root: OpenRoot, path: CandidatePath, occasion: Occasion) {
    shared = rule
    self.root = root
    below = path
    self.occasion = occasion
  }

  var rule: Rule { shared.rule }

  /// Put together only when something is to be said.
  var path: [UInt8] { root.path(of: below) }
}
