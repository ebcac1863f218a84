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
