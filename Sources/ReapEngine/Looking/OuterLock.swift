// A lock file that does not stand in every candidate under one name: beside it, deeper in it, or the
// candidate itself.

import Glibc
import OwnedDirectories
import ReapRules

extension CandidateGathering {
  /// Of the lock file, from the directory that holds the candidate; nil where owners lock nothing.
  var lockPath: [UInt8]? {
    let inside = name.bytes + [UInt8(ascii: "/")]
    switch outerLock {
    case .candidate?: return name.bytes
    case .inside(let path)?: return inside + path
    case .beside(let path)?: return path
    case nil: return lock.map { lockIsBeside ? $0.bytes : inside + $0.bytes }
    }
  }

  /// A directory knows no other lock than the BSD one.
  var locksDirectory: Bool { outerLock == .candidate && !isFile }

  /// For people.
  var lockName: String {
    switch outerLock {
    case .candidate?: "itself"
    case .inside(let path)?, .beside(let path)?: displayText(path)
    case nil: lock?.display ?? "a lock file"
    }
  }

  /// The same as `lockIsStill`, whatever name the candidate has by now.
  func outerLock(
    _ place: OuterLock, isStill lock: Evidence.Lock, in directory: Descriptor
  ) -> Bool {
    do {
      let there =
        switch place {
        case .candidate: try status(of: directory)
        case .inside(let path): try status(ofPath: path, at: directory)
        case .beside(let path): try status(ofPath: path, at: root.descriptor)
        }
      return there.identity == held?.identity && lock == .taken
    } catch {
      return error.code == ENOENT && lock != .taken
    }
  }
}
