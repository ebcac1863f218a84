// From a path to the directories whose entries decide where it leads.

import OwnedDirectories
import ReapRules

/// Where a path leads now, and what would change that.
struct PathWalk {
  struct Place: Hashable {
    let directory: [UInt8]
    /// The names in it that matter; none: only its own moving away does.
    let names: Set<[UInt8]>
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
    while let name = rest.first {
      rest.removeFirst()
      if name == [0x2E] { continue }
      if name == [0x2E, 0x2E] {
        directory = Array(directory[..<(directory.lastIndex(of: 0x2F) ?? 0)])
        continue
      }
      names[directory, default: []].formUnion([])
      let path = full(name)
      let found = try? status(ofPath: path, at: .workingDirectory)
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
    places = names.map { Place(directory: $0.key + [0x2F], names: $0.value) }
  }

  private static func components(_ path: [UInt8]) -> [[UInt8]] {
    path.split(separator: 0x2F).map(Array.init)
  }
}

extension Descriptor {
  /// What relative paths begin at; irrelevant to absolute ones.
  static let workingDirectory = Descriptor(number: -100)  // AT_FDCWD (fcntl.h)
}
