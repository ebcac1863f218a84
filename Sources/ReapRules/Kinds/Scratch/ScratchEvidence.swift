// What was observed of scratch besides what is observed of every candidate.

package struct ScratchEvidence: Sendable, Equatable {
  /// Since it was judged dead without a proof of death; nil where it is not condemned.
  package var condemned: Evidence.Condemnation?

  package init() {}

  var members: [(String, JSONValue)] { [] }
}

extension Evidence.OfKind {
  /// Nil for evidence of another kind, which no assignment makes one of this.
  package var scratch: ScratchEvidence? {
    get { if case .scratch(let own) = self { own } else { nil } }
    set { if case .scratch = self, let newValue { self = .scratch(newValue) } }
  }
}
