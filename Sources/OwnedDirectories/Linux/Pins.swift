// The mark by which an operator keeps an entry, whatever reapd thinks of it: an extended attribute.

import CLinuxShims
import Glibc
import ReapRules

/// `user.` attributes are any owner's to set, on directories and regular files (xattr(7)).
private let pinName = "user.reapd.keep"

/// Whether the entry is pinned; false where the file system has no such attributes.
package func isPinned(_ file: Descriptor) throws(SystemError) -> Bool {
  var value: UInt8 = 0
  if unsafe fgetxattr(file.number, pinName, &value, 1) >= 0 { return true }
  switch errno {
  case ENODATA, ENOTSUP, ENOSYS: return false
  case ERANGE: return true  // a longer value than ours is a pin as well
  default: throw SystemError("getxattr", pinName)
  }
}

/// Whether the entry at a path is pinned, as far as that can be told; it is not opened.
package func isPinned(_ path: [UInt8]) -> Bool {
  unsafe withCPath(path) { unsafe lgetxattr($0, pinName, nil, 0) >= 0 }
}

/// Pins an open entry.
package func setPin(_ file: Descriptor) throws(SystemError) {
  guard unsafe fsetxattr(file.number, pinName, "1", 1, 0) == 0 else {
    throw SystemError("setxattr", pinName)
  }
}

/// Takes the pin of an open entry away, if it has one.
package func removePin(_ file: Descriptor) { _ = unsafe fremovexattr(file.number, pinName) }

/// An entry that is to be pinned. Neither opening nor closing it raises an event or breaks a lease.
package struct PinnedEntry {
  private let file: Descriptor
  private let path: [UInt8]

  /// - Parameter path: absolute; links above the entry are followed, the entry itself is none.
  package init(_ path: [UInt8]) throws(SystemError) {
    let flags = Int32(shim_O_PATH) | O_NOFOLLOW | O_CLOEXEC
    let number = unsafe withCPath(path) { pointer in
      retrying { unsafe Glibc.open(pointer, flags) }
    }
    guard number >= 0 else { throw SystemError("open", displayText(path)) }
    file = Descriptor(number: number)
    self.path = path
  }

  package func status() throws(SystemError) -> FileStatus { try OwnedDirectories.status(of: file) }

  /// Whether the path still leads to it: whoever claims something looks for a pin once more after
  /// the name is gone, so that one of both comes first for sure.
  package var isInPlace: Bool {
    guard let there = try? OwnedDirectories.status(ofPath: FilePath(path)) else { return false }
    return there.identity == (try? status())?.identity
  }

  package func pin() throws(SystemError) {
    guard unsafe setxattr(file.procPath, pinName, "1", 1, 0) == 0 else {
      throw SystemError("setxattr", displayText(path))
    }
  }

  /// False where it was not pinned.
  package func unpin() throws(SystemError) -> Bool {
    if unsafe removexattr(file.procPath, pinName) == 0 { return true }
    guard errno == ENODATA || errno == ENOTSUP else {
      throw SystemError("removexattr", displayText(path))
    }
    return false
  }

  package func close() { file.close() }
}
