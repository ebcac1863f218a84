// What kind `generations` says of itself.

extension GenerationSettings: KindPart {
  package var name: String { "generations" }
  package var ownersLock: EntryName? { lock }
  /// It may stand beside the generation as well.
  package var locksInside: Bool { false }
  package var searchesAlways: Bool { true }
  package var contents: String? { nil }
  package var lastFile: EntryName { lock ?? marker }
  package var quarantines: Bool { true }
  package var hasPlaces: Bool { true }
  package var remakesNames: Bool { true }
  package var pinsCountInside: Bool { true }
  package var evidence: Evidence.OfKind { .generations(GenerationEvidence()) }

  package func role(of name: EntryName, isDirectory: Bool?, in rule: Rule) -> EntryRole {
    // Before the match, which may be as wide as `*`.
    if name == cursor { return .signal(isNewsWhenMade: readsLinks) }
    if rule.match.matches(name) { return .candidate }
    if TemporaryName(cursor: cursor, name) != nil { return .candidate }
    guard isDirectory != false, Self.isEntered(name), !rule.neverTakes(name),
      !rule.others.contains(where: { $0.matches(name) })
    else { return .nothing }
    return .place
  }
}

extension Rule.Kind {
  /// For what only this kind has; nil where the kind is another.
  package var generations: GenerationSettings? { part as? GenerationSettings }
}
