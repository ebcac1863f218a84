import Glibc
package import OwnedDirectories
package import ReapRules

/// A walk down a tree by descriptors, without recursion: any depth and any width, with a bounded
/// number of descriptors and names in memory. Levels far above are closed and opened again through
/// `..`, identity compared; their listing goes on where it was.
package struct TreeDescent {
  private struct Level {
    let name: EntryName?
    /// Nil for the first: that is not opened again.
    let identity: FileIdentity?
    /// How often it was entered before, as `enter` was told.
    let attempt: Int
    var descriptor: Descriptor?
    /// Subdirectories of the batch listed last, in the order of the listing.
    var subdirectories: [DirectoryEntry] = []
    /// How many of those were taken.
    var taken = 0
    /// Where its listing goes on; nil for where the descriptor stands.
    var position: Int64?
    /// The same in any case: for another descriptor of it.
    var place: Int64 = 0
    var isListed = false
    /// Where its listing went on when it was last forgotten.
    var resumedAt: Int64?
    /// Up to where it was listed before that: what comes until then comes again.
    var listedTo: Int64?

    /// Forgets the names that wait: they are listed again from behind the one taken last. Where
    /// that would not get further than the last time (names with one position), they are given up.
    mutating func forgetNames() {
      if taken > 0, taken < subdirectories.count, subdirectories[taken - 1].next != resumedAt {
        listedTo = place
        place = subdirectories[taken - 1].next
        resumedAt = place
        isListed = false
      }
      position = place
      subdirectories = []
      taken = 0
    }
  }

  /// How many of the innermost levels stay open.
  private static let openLevels = 16

  private var levels: [Level]
  /// How many of the batch listed last, its first ones, were in an earlier batch already.
  package private(set) var repeated = 0

  /// Starts at an open directory, which stays the caller's to close.
  package init(from directory: Descriptor) {
    levels = [Level(name: nil, identity: nil, attempt: 0, descriptor: directory, position: 0)]
  }

  package var current: Descriptor { levels[levels.count - 1].descriptor! }
  package var depth: Int { levels.count - 1 }

  // MARK: - Listing

  /// The next entries of the current directory; empty at the end, and from then on.
  ///
  /// - Parameter onlyDirectories: leaves out what the file system says is none.
  package mutating func nextBatch(
    onlyDirectories: Bool = false
  ) throws(SystemError) -> [DirectoryEntry] {
    let level = levels.count - 1
    guard !levels[level].isListed else { return [] }
    // Set first: what cannot be read is not tried for ever.
    levels[level].isListed = true
    var listing = DirectoryListing(current, from: levels[level].position)
    defer { listing.finish() }
    let batch = try listing.nextBatch(onlyDirectories: onlyDirectories)
    if let place = listing.position { levels[level].place = place }
    levels[level].position = nil
    levels[level].isListed = batch.isEmpty
    repeated = 0
    if let end = levels[level].listedTo {
      repeated = batch.firstIndex { $0.next == end }.map { $0 + 1 } ?? batch.count
      if repeated < batch.count || batch.last?.next == end { levels[level].listedTo = nil }
    }
    return batch
  }

  /// Has subdirectories of the batch listed last visited; in the order of the listing.
  package mutating func add(_ subdirectories: [DirectoryEntry]) {
    let level = levels.count - 1
    levels[level].subdirectories.removeFirst(levels[level].taken)
    levels[level].taken = 0
    levels[level].subdirectories += subdirectories
  }

  /// Takes the next subdirectory to be visited, if there is one on this level.
  package mutating func nextSubdirectory() -> EntryName? {
    let level = levels.count - 1
    guard levels[level].taken < levels[level].subdirectories.count else { return nil }
    defer { levels[level].taken += 1 }
    return levels[level].subdirectories[levels[level].taken].name
  }

  // MARK: - Moving

  /// Opens a subdirectory and makes it the current one. Links, mount points and anything outside
  /// are refused by the kernel.
  package mutating func enter(_ name: EntryName, attempt: Int = 1) throws(SystemError) {
    let child = try openFile(
      name.bytes, at: current, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
    let facts: FileStatus
    do {
      facts = try status(of: child)
    } catch {
      child.close()
      throw error
    }
    enter(name, child, facts.identity, attempt: attempt)
  }

  /// Enters a subdirectory that the caller has opened; the descriptor is closed when it is left.
  package mutating func enter(
    _ name: EntryName, _ child: Descriptor, _ identity: FileIdentity, attempt: Int = 1
  ) {
    levels.append(Level(name: name, identity: identity, attempt: attempt, descriptor: child))
    let outer = levels.count - 1 - Self.openLevels
    if outer > 0, let descriptor = levels[outer].descriptor {
      descriptor.close()
      levels[outer].descriptor = nil
      levels[outer].forgetNames()
    }
  }

  /// Goes back to the level above; returns the name of the one that was left, and the attempt it
  /// was entered for.
  ///
  /// - Throws: ESTALE when `..` is not the directory that was come from: somebody moved it.
  @discardableResult
  package mutating func leave() throws(SystemError) -> (name: EntryName, attempt: Int) {
    let left = levels.removeLast()
    defer { left.descriptor?.close() }
    if levels[levels.count - 1].descriptor == nil {
      let parent = try openParent(of: left.descriptor!)
      guard (try? status(of: parent))?.identity == levels[levels.count - 1].identity else {
        parent.close()
        throw SystemError("open", "..", ESTALE)
      }
      levels[levels.count - 1].descriptor = parent
    }
    return (left.name!, left.attempt)
  }

  /// Closes what is open, the starting directory apart.
  package mutating func abandon() {
    for level in levels.dropFirst() { level.descriptor?.close() }
    levels.removeLast(levels.count - 1)
  }
}
