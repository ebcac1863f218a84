// From a path to the directories whose entries decide where it leads.

import Glibc
import OwnedDirectories
import ReapRules

/// Where a path leads now, and what would change that.
struct PathWalk {
  struct Place: Hashable {
    let directory: [UInt8]
    /// The names in it that matter; none: only its own moving away does.
    let names: Set<[UInt8]>
    /// Device and inode of what is there now: a watch belongs to those, and the path may lead to
    /// others after a rename, a mount, or a link that was switched.
    let device: UInt64
    let inode: UInt64

    /// This place, with the file that stands there by now.
    func at(_ identity: FileIdentity?) -> Place {
      Place(
        directory: directory, names: names, device: identity?.device ?? 0,
        inode: identity?.inode ?? 0)
    }
  }

  /// The directory and name of the last component, links followed; nil where it leads nowhere.
  private(set) var end: (directory: [UInt8], name: [UInt8])?
  private(set) var places: [Place] = []

  /// As many links as the kernel follows (path_resolution(7)).
  private static let linkLimit = 40

  /// - Parameter path: absolute.
  init(_ path: [UInt8]) {
    var rest = Self.components(path)
    var directory: [UInt8] = []
    var names: [[UInt8]: Set<[UInt8]>] = [[]: []]
    var links = 0
    func full(_ name: [UInt8]) -> [UInt8] { directory + [0x2F] + name }
    /// A directory that cannot be searched or read may become so: its parent's events tell.
    func noteBarred(_ directory: [UInt8]) {
      guard let slash = directory.lastIndex(of: 0x2F) else { return }
      names[Array(directory[..<slash]), default: []].insert(Array(directory[(slash + 1)...]))
    }
    while let name = rest.first {
      rest.removeFirst()
      if name == [0x2E] { continue }
      if name == [0x2E, 0x2E] {
        directory = Array(directory[..<(directory.lastIndex(of: 0x2F) ?? 0)])
        continue
      }
      names[directory, default: []].formUnion([])
      let path = full(name)
      var found: FileStatus?
      do {
        found = try status(ofPath: path, at: .workingDirectory)
      } catch {
        if error.code == EACCES { noteBarred(directory) }
      }
      if found?.type == .symbolicLink, let target = readLink(path), links < Self.linkLimit {
        names[directory, default: []].insert(name)
        links += 1
        if target.first == 0x2F { directory = [] }
        rest = Self.components(target) + rest
        continue
      }
      if rest.isEmpty || found?.type != .directory {
        names[directory, default: []].insert(name)
        if rest.isEmpty { end = (directory + [0x2F], name) }
        break
      }
      directory = path
    }
    for directory in Array(names.keys) where !mayRead(directory + [0x2F]) { noteBarred(directory) }
    places = names.map { directory, names in
      let path = directory + [0x2F]
      return Place(directory: path, names: names, device: 0, inode: 0)
        .at((try? status(ofPath: path, at: .workingDirectory))?.identity)
    }
  }

  private static func components(_ path: [UInt8]) -> [[UInt8]] {
    path.split(separator: 0x2F).map(Array.init)
  }
}

extension Descriptor {
  /// What relative paths begin at; irrelevant to absolute ones.
  static let workingDirectory = Descriptor(number: -100)  // AT_FDCWD (fcntl.h)
}
