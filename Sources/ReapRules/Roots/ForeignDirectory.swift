/// What of another user's directory a user could have emptied: by its mode alone, the part of it
/// that holds for everybody. Which groups somebody is in, and what access lists add, is not known.
package enum ForeignDirectory: Sendable, Equatable {
  /// Every entry of it.
  case emptiedByAnyone
  /// Those that are the user's own: it is sticky, as /tmp is.
  case ownEntriesOnly
  /// None: where it is empty it can still be removed.
  case closed

  package init(permissions: UInt32) {
    // Write and search, for the others as for the group, which may be more or less than the others.
    guard permissions & 0o033 == 0o033 else {
      self = .closed
      return
    }
    self = permissions & 0o1000 == 0 ? .emptiedByAnyone : .ownEntriesOnly
  }
}
