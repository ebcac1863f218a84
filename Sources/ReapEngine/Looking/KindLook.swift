import ReapRules

/// What a kind adds to a look at one of its candidates.
protocol KindLook: Sendable {
  /// What is known of a candidate before it is judged, such as a quarantine that it is in.
  ///
  /// - Parameter isHalfRemoved: it has a claimed name, and some of it may be gone.
  func begin(
    _ evidence: inout Evidence, of name: EntryName, isHalfRemoved: Bool, at spot: Spot)

  /// Gathers what only this kind's judge asks for; false for any other stage.
  func gather(
    _ stage: Judgement.Stage, of name: EntryName, at spot: Spot, into evidence: inout Evidence
  ) -> Bool
}
