import Glibc
package import OwnedDirectories
package import ReapRules

/// A walk down a tree by descriptors, without recursion: any depth, with a bounded number of them
/// open. Levels far above are closed and opened again through `..`, identity compared.
package struct TreeDescent {
  package struct Level {
    package let name: EntryName?
    package let identity: FileIdentity
    package var descriptor: Descriptor?
    /// Subdirectories still to be visited.
    package var remaining: [EntryName] = []
  }

  /// How many of the innermost levels stay open.
  private static let openLevels = 16

  package private(set) var levels: [Level]

  /// Starts at an open directory, which stays the caller's to close.
  package init(from directory: Descriptor) throws(SystemError) {
    let facts = try status(of: directory)
    levels = [Level(name: nil, identity: facts.identity, descriptor: directory)]
  }

  package var current: Descriptor { levels[levels.count - 1].descriptor! }
  package var depth: Int { levels.count - 1 }

  /// Takes the next subdirectory to be visited, if there is one on this level.
  package mutating func nextSubdirectory() -> EntryName? {
    levels[levels.count - 1].remaining.popLast()
  }

  package mutating func addSubdirectories(_ names: [EntryName]) {
    levels[levels.count - 1].remaining += names
  }

  /// Opens a subdirectory and makes it the current one. Links, mount points and anything outside
  /// are refused by the kernel.
  package mutating func enter(_ name: EntryName) throws(SystemError) {
    let child = try openFile(
      name.bytes, at: current, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
    let facts: FileStatus
    do {
      facts = try status(of: child)
    } catch {
      child.close()
      throw error
    }
    levels.append(Level(name: name, identity: facts.identity, descriptor: child))
    let outer = levels.count - 1 - Self.openLevels
    if outer > 0, let descriptor = levels[outer].descriptor {
      descriptor.close()
      levels[outer].descriptor = nil
    }
  }

  /// Goes back to the level above; returns the name of the one that was left.
  ///
  /// - Throws: ESTALE when `..` is not the directory that was come from: somebody moved it.
  package mutating func leave() throws(SystemError) -> EntryName {
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
    return left.name!
  }

  /// Closes what is open, the starting directory apart.
  package mutating func abandon() {
    for level in levels.dropFirst() { level.descriptor?.close() }
    levels.removeLast(levels.count - 1)
  }
}
