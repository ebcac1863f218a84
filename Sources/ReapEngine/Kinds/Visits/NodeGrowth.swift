// How large the archives of a node were made: for a warning before the disk is full of them.

import OwnedDirectories
import ReapRules

struct NodeGrowth {
  private let root: OpenRoot

  init(_ root: OpenRoot) { self.root = root }

  /// - Parameter node: below the root.
  func growth(of node: [UInt8]) -> ArchiveGrowth? {
    guard let directory = try? openDirectory(node, below: root) else { return nil }
    defer { directory.close() }
    var found: [(number: Int, archive: ArchiveGrowth.Archive)] = []
    func add(_ number: Int, _ path: [UInt8]) {
      guard let facts = try? status(ofPath: path, at: directory), facts.type == .regular else {
        return
      }
      found.append((number, .init(size: facts.size, made: facts.modification)))
    }
    let stage = VisitsPlace.stageArchive.bytes
    add(.max, stage)
    try? forEachEntry(of: directory) { entry in
      guard let number = visitNumber(entry.name.bytes) else { return }
      add(number, entry.name.bytes + [UInt8(ascii: "/")] + stage)
    }
    let free = (try? freeRoom(at: root.descriptor)).flatMap {
      $0.totalBytes > 0 ? $0.freeBytes : nil
    }
    return ArchiveGrowth(found.sorted { $0.number < $1.number }.map(\.archive), free: free)
  }

  /// Of all nodes of a rule.
  func warnings(by rule: Rule) -> [GrowthWarning] {
    var nodes: Set<[UInt8]> = []
    try? eachCandidate(of: rule, in: root) { path in
      switch VisitsPlace(path.directory) {
      case .node?, .visit?: nodes.insert(VisitsEdge.base(of: path.directory))
      case .runs?, .run?, nil: break
      }
    }
    return nodes.sorted { $0.lexicographicallyPrecedes($1) }.compactMap { node in
      growth(of: node).map { GrowthWarning(path: root.path(ofDirectory: node), growth: $0) }
    }
  }
}
