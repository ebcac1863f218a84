// A lock file that does not stand in every candidate under one name: beside it, deeper in it, or the
// candidate itself.

import Glibc
import OwnedDirectories
import ReapRules

extension OuterLock {
  /// From the directory that holds the candidate, by the name that the candidate has.
  func path(under name: EntryName) -> [UInt8] {
    switch self {
    case .candidate: name.bytes
    case .inside(let path): name.bytes + [UInt8(ascii: "/")] + path
    case .beside(let path): path
    }
  }

  /// For people.
  var display: String {
    switch self {
    case .candidate: "itself"
    case .inside(let path), .beside(let path): displayText(path)
    }
  }

  /// What is said where somebody else may have put the lock file beside the candidate, which proves
  /// nothing of its owner: in a directory that many share anybody may make that name, or link it to an
  /// older file of the owner's.
  ///
  /// - Parameter root: the directory that holds the candidate.
  func doubt(
    _ facts: FileStatus, candidatesOwner owner: UInt32, in root: Descriptor
  ) -> String? {
    guard case .beside(let path) = self else { return nil }
    if facts.owner != owner, facts.owner != 0 { return "it belongs to another user" }
    if facts.links > 1 { return "it has \(facts.links) names" }
    let parent = path.lastIndex(of: UInt8(ascii: "/")).map { Array(path[..<$0]) }
    guard
      let place = try? parent.map({ try OwnedDirectories.status(ofPath: $0, at: root) })
        ?? OwnedDirectories.status(of: root)
    else { return "its directory cannot be looked at" }
    // Whoever may rename there puts any lock file in the place of the one that is held.
    let isOthers = place.owner != owner && place.owner != 0
    return isOthers || place.permissions & 0o1002 == 0o0002
      ? "others may exchange files in its directory" : nil
  }

  /// The file at its place now, whatever name the candidate has by now.
  ///
  /// - Parameters:
  ///   - candidate: open.
  ///   - root: the directory that holds it.
  func status(in candidate: Descriptor, of root: Descriptor) throws(SystemError) -> FileStatus {
    switch self {
    case .candidate: try OwnedDirectories.status(of: candidate)
    case .inside(let path): try OwnedDirectories.status(ofPath: path, at: candidate)
    case .beside(let path): try OwnedDirectories.status(ofPath: path, at: root)
    }
  }
}
