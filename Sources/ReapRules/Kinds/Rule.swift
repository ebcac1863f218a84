/// One watched root, the kind of directory in it, and the settings. What `check-config` prints.
package struct Rule: Sendable, Equatable {
  package var name: String
  /// Absolute, as it was written with `~` and variables expanded; resolved when it is opened.
  package var root: FilePath
  package var enabled = true
  /// It alone decides which entries are candidates.
  package var match: Glob
  /// Time after creation in which a candidate is not probed.
  package var grace: Nanoseconds
  package var owners: Owners
  package var allowShallow = false
  package var allowRemote = false
  /// What stays, whatever else is known of it: candidates and, where there are partitions,
  /// directories in which they would be looked for.
  package var never: [Glob] = []
  /// What other rules on the same tree take: none of those is entered by this one.
  package var others: [Glob] = []
  package var kind: Kind

  package init(
    name: String, root: FilePath, match: Glob, grace: Nanoseconds, owners: Owners, kind: Kind
  ) {
    self.name = name
    self.root = root
    self.match = match
    self.grace = grace
    self.owners = owners
    self.kind = kind
  }

  package func neverTakes(_ name: EntryName) -> Bool {
    !never.isEmpty && never.contains { $0.matches(name) }
  }

  /// - Parameters:
  ///   - isDirectory: nil where that is not known.
  ///   - directory: below the root, where the entry lies.
  package func role(
    of name: EntryName, isDirectory: Bool?, in directory: [UInt8] = []
  ) -> EntryRole {
    if let claim = ClaimName(name) {
      return kind.takesClaim(of: claim.original, in: directory, of: self) ? .candidate : .nothing
    }
    return kind.role(of: name, isDirectory: isDirectory, in: directory, of: self)
  }

  /// Whether an entry of a directory below the root is one of the rule's candidates.
  package func takes(_ name: EntryName, in directory: [UInt8]) -> Bool {
    guard directory.isEmpty || kind.hasPlaces, reaches(directory) else { return false }
    return role(of: name, isDirectory: nil, in: directory) == .candidate
  }

  /// Whether candidates are looked for in a directory below the root, and so in each one above it.
  package func reaches(_ directory: [UInt8]) -> Bool {
    var above: [UInt8] = []
    return directory.split(separator: UInt8(ascii: "/")).allSatisfy {
      guard let name = EntryName($0) else { return false }
      defer { above = CandidatePath(directory: above, name).bytes }
      return role(of: name, isDirectory: true, in: above) == .place
    }
  }

  /// Fewer literal bytes than this at a name's beginning say nothing of whose it is.
  private static let shortestBeginning = 4

  /// Whether its root may be a directory that many share, such as /tmp: it takes only what begins with
  /// something of its own.
  package var mayShareRoot: Bool {
    kind.part.sharesRoots && match.beginnings.allSatisfy { $0.count >= Self.shortestBeginning }
  }

  /// Whether another rule on the same tree might take what this one takes: then the two would judge
  /// it by different measures and undo each other's claims.
  package func mayTakeSame(as other: Rule) -> Bool {
    if other.root == root, kind.areInOtherDirectories(than: other.kind) { return false }
    let mine = match.beginnings
    let theirs = other.match.beginnings
    return !areApart(mine, theirs)
      || !areApart(kind.part.companionBeginnings(of: match), theirs)
      || !areApart(mine, other.kind.part.companionBeginnings(of: other.match))
  }

  /// Whose candidates may go.
  package enum Owners: Sendable, Equatable {
    case users(Set<UInt32>)
    case anyone

    package func allows(_ uid: UInt32) -> Bool {
      switch self {
      case .anyone: true
      case .users(let users): users.contains(uid)
      }
    }
  }
}

/// Which lock the owner of a directory holds on its lock file.
package enum LockType: String, Sendable, CaseIterable {
  case flock
  case fcntl
  /// Both are probed; either one held means alive.
  case auto
}
