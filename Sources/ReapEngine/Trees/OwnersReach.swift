// A removal has the rights of the one whose directory it removes: what that user could have opened
// up is opened up, and what that user could not have removed stays, even where root could.

import Glibc
import OwnedDirectories
import ReapRules

struct OwnersReach: Sendable {
  /// Whose candidate it is.
  private let owner: UInt32
  /// Whether this process could go further than the owner.
  let isBound: Bool

  init(owner: UInt32) {
    self.owner = owner
    isBound = isSuperuser && owner != 0
  }

  // MARK: - Opened up

  /// Opens a subdirectory to remove what is in it.
  ///
  /// - Throws: `SystemError`; EPERM for another user's that the owner could not have emptied.
  func open(
    _ name: EntryName, in parent: Descriptor
  ) throws(SystemError) -> (Descriptor, FileStatus) {
    func open() throws(SystemError) -> Descriptor {
      try openFile(name.bytes, at: parent, openDirectoryFlags, follow: .within)
    }
    let directory: Descriptor
    do {
      directory = try open()
    } catch {
      guard error.code == EACCES, try openUp(name, of: owner, at: parent) else { throw error }
      directory = try open()
    }
    do throws(SystemError) {
      let facts = try status(of: directory)
      guard !isForeign(directory, facts) else {
        throw SystemError("remove another user's", name.display, EPERM)
      }
      makeWritable(directory, facts)
      return (directory, facts)
    } catch {
      directory.close()
      throw error
    }
  }

  /// Takes away what keeps the owner from changing a directory of its own: its mode, and the flag of
  /// a read-only snapshot. What does not work the removal will meet, and tell.
  func makeWritable(_ directory: Descriptor, _ facts: FileStatus) {
    guard facts.owner == owner else { return }
    if isSubvolume(facts) { clearReadOnly(ofSubvolume: directory) }
    guard facts.permissions & 0o700 != 0o700 else { return }
    try? setPermissions(facts.permissions | 0o700, of: directory)
  }

  // MARK: - Out of reach

  /// Path of the first directory in a candidate that its owner could not have emptied; nil where
  /// there is none, or the kernel sees to it itself. Only directories are looked at: a single file
  /// in a directory of the owner's loses its name there, whoever it belongs to.
  ///
  /// - Parameter found: called with its name and the directory that it is in.
  func foreignDirectory(
    in candidate: Descriptor, found: (EntryName, Descriptor) -> Void = { _, _ in }
  ) -> String? {
    guard isBound else { return nil }
    var descent = TreeDescent(from: candidate)
    defer { descent.abandon() }
    var path: [EntryName] = []
    while true {
      if let name = descent.nextSubdirectory() {
        // What cannot be opened the removal cannot open either.
        guard
          let child = try? openFile(
            name.bytes, at: descent.current, openDirectoryFlags, follow: .within)
        else { continue }
        guard let facts = try? status(of: child), !isForeign(child, facts) else {
          found(name, descent.current)
          child.close()
          return (path + [name]).map(\.display).joined(separator: "/")
        }
        descent.enter(name, child, facts.identity)
        path.append(name)
        continue
      }
      guard let batch = try? descent.nextBatch(onlyDirectories: true), !batch.isEmpty else {
        guard descent.depth > 0, (try? descent.leave()) != nil else { return nil }
        path.removeLast()
        continue
      }
      descent.add(batch)
    }
  }

  private func isForeign(_ directory: Descriptor, _ facts: FileStatus) -> Bool {
    guard isBound, facts.owner != owner else { return false }
    let kind = ForeignDirectory(permissions: facts.permissions)
    guard kind != .emptiedByAnyone else { return false }
    do throws(SystemError) {
      var isForeign = false
      try forEachEntry(of: directory) { entry throws(SystemError) in
        guard !isForeign else { return }
        if kind == .closed { return isForeign = true }
        isForeign = try status(of: entry.name, at: directory).owner != owner
      }
      return isForeign
    } catch {
      return error.code != ENOENT
    }
  }
}
