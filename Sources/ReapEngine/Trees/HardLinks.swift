package import OwnedDirectories

/// Which inodes with several names were counted already, so that each counts once.
package struct HardLinks: Sendable {
  /// Inodes remembered, 1 MiB or so. Of further ones a removal counts the last name instead of the
  /// first, and a mere look none.
  private static let limit = 65_536

  private var seen: Set<UInt64> = []

  package init() {}

  /// Whether this name is the one that its inode is counted for. Names are of one file system.
  package mutating func isCounted(_ facts: FileStatus) -> Bool {
    // The last name of an inode whose others were removed: counted with the first of them.
    if facts.links == 1 { return seen.isEmpty || seen.remove(facts.identity.inode) == nil }
    guard seen.count < Self.limit else { return false }
    return seen.insert(facts.identity.inode).inserted
  }
}
