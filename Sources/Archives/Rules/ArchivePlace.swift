// Which file on the disk a member of an archive was made from.

import ReapRules

/// Where an archive lies, relative to the directory that everything is looked up below: with it goes
/// where the files are that it was made from.
///
/// An archive is made in a node, of all that the node holds, and moved into `visit_k/` with all but the
/// older `visit_j/` when the node is entered again.
package struct ArchivePlace: Hashable, Sendable {
  /// Components of the directory that holds it, …
  package let directory: [[UInt8]]
  /// … and whether that is a visit, beside which the older visits are.
  package let isInVisit: Bool

  /// - Parameter path: relative, without `.` and `..`.
  package init(_ path: MemberName) {
    directory = Array(path.components.dropLast())
    isInVisit = directory.last.map { visitNumber($0) != nil } ?? false
  }

  /// The file that a member was made from, relative as the archive's own path is.
  package func provingPath(of member: MemberName) -> MemberName {
    let isOlder = member.components.first.flatMap(visitNumber) != nil
    let start = isInVisit && isOlder ? Array(directory.dropLast()) : directory
    return MemberName(start + member.components)
  }
}

/// A member's path, taken apart: nothing in it leads out of where it is unpacked.
package struct MemberName: Hashable, Sendable {
  package let components: [[UInt8]]

  init(_ components: [[UInt8]]) { self.components = components }

  package var bytes: [UInt8] { Array(components.joined(separator: [0x2F])) }

  /// Why a path is none that a member of such an archive has.
  package enum Fault: String, Error, Sendable {
    case isAbsolute = "an absolute path"
    case leadsOut = "a path with .."
    case isEmpty = "no path at all"
    case hasNUL = "a path with a NUL byte"
  }

  /// - Parameter path: as it stands in the archive: `./`, doubled slashes and one at the end mean
  ///   nothing. The top directory itself (`.`) has no components.
  package init(parsing path: [UInt8]) throws(Fault) {
    guard let first = path.first else { throw .isEmpty }
    guard first != 0x2F else { throw .isAbsolute }
    guard !path.contains(0) else { throw .hasNUL }
    let parts = path.split(separator: 0x2F).filter { Array($0) != [0x2E] }
    guard !parts.contains(where: { Array($0) == [0x2E, 0x2E] }) else { throw .leadsOut }
    components = parts.map { Array($0) }
  }

  /// Whether its name says that it is a packed archive itself.
  package var namesArchive: Bool {
    guard let last = components.last else { return false }
    return [".tgz", ".tar.gz"].contains { last.suffix($0.utf8.count).elementsEqual($0.utf8) }
  }
}
