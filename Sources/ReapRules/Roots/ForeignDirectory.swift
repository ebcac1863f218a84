/// What of another user's directory a user could have emptied: by its mode alone, the part of it
/// that holds for everybody. Which groups somebody is in, and what access lists add, is not known.
package enum ForeignDirectory: Sendable, Equatable {
  /// Anybody may remove every entry of the directory.
  case emptiedByAnyone
  /// The user may remove entries of its own: the directory is sticky, as /tmp is.
  case ownEntriesOnly
  /// The user may remove no entry. An empty directory can still be removed.
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
