// Links on the way to a root. Where anybody may write, whoever swaps directories and links fast enough
// has one of them looked at and the other one followed; so each link is judged, and read, by the
// descriptor of itself.

import CLinuxShims
import Glibc
package import ReapRules

/// Where a path leads.
package enum ResolvedPath: Sendable, Equatable {
  /// With every link resolved.
  case found(FilePath)
  /// A link that another user has put there, which is not followed.
  case planted(FilePath)
  case nowhere
}

/// Follows a path as realpath(3) does, but for links that the kernel itself would not follow where
/// fs.protected_symlinks is set (proc_sys_fs(5)), in a sticky directory that all may write to and of
/// neither the caller nor the directory's owner; and for all that lies below a directory that such a
/// user has made there.
package func resolve(_ path: FilePath) -> ResolvedPath {
  var walk = PathWalk()
  defer { walk.close() }
  return walk.resolve(path)
}

private struct PathWalk {
  /// As many as the kernel follows (path_resolution(7)).
  private static let mostLinks = 40
  private static let slash = UInt8(ascii: "/")

  /// From the top to where it is; the names are of all but the first.
  private var opened: [Descriptor] = []
  private var names: [[UInt8]] = []
  /// What is still to be gone, the next one last.
  private var left: [[UInt8]] = []

  mutating func resolve(_ path: FilePath) -> ResolvedPath {
    guard path.isAbsolute, begin() else { return .nowhere }
    add(path.bytes)
    var links = 0
    while let name = left.popLast() {
      guard name != Array(".".utf8) else { continue }
      guard name != Array("..".utf8) else {
        leave()
        continue
      }
      guard let entry = open(name, at: opened.last!) else { return .nowhere }
      guard let target = linkTarget(of: entry) else {
        opened.append(entry)
        names.append(name)
        continue
      }
      defer { entry.close() }
      links += 1
      guard links <= Self.mostLinks, let isPlanted = isPlanted(entry) else { return .nowhere }
      guard !isPlanted else { return .planted(self.path.appending(name)) }
      if target.first == Self.slash { while !names.isEmpty { leave() } }
      add(target)
    }
    return .found(self.path)
  }

  func close() { opened.forEach { $0.close() } }

  private var path: FilePath {
    FilePath([Self.slash] + names.joined(separator: [Self.slash]))
  }

  private mutating func begin() -> Bool {
    guard let top = open([Self.slash], at: Descriptor(number: AT_FDCWD)) else { return false }
    opened = [top]
    return true
  }

  private mutating func add(_ path: [UInt8]) {
    left += path.split(separator: Self.slash).reversed().map(Array.init)
  }

  private mutating func leave() {
    guard names.popLast() != nil else { return }
    opened.removeLast().close()
  }

  /// Nil where it cannot be told.
  private func isPlanted(_ link: Descriptor) -> Bool? {
    let way = opened + [link]
    for (directory, entry) in zip(way, way.dropFirst()) {
      guard let facts = try? status(of: directory), let made = try? status(of: entry) else {
        return nil
      }
      // Sticky, and open to all.
      guard facts.permissions & 0o1002 == 0o1002 else { continue }
      if made.owner != geteuid(), made.owner != facts.owner { return true }
    }
    return false
  }

  private func open(_ name: [UInt8], at directory: Descriptor) -> Descriptor? {
    let flags = Int32(shim_O_PATH) | O_NOFOLLOW | O_CLOEXEC
    let number = unsafe withCPath(name) { name in
      retrying { unsafe openat(directory.number, name, flags) }
    }
    return number < 0 ? nil : Descriptor(number: number)
  }

  /// Nil of what is no link. By readlink(2) and nothing else: a status of a directory may be asked of
  /// a FUSE server that does not answer.
  private func linkTarget(of entry: Descriptor) -> [UInt8]? {
    var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let length = unsafe target.withUnsafeMutableBytes {
      unsafe readlinkat(entry.number, "", $0.baseAddress!, $0.count)
    }
    return length > 0 ? Array(target[..<length]) : nil
  }
}
