/// What a directory below a root of runs is: `<run>/<node>/visit_N`, where a restart of a run
/// (`<run>/restart-N`) holds nodes as a run does.
package enum VisitsPlace: Sendable, Equatable {
  /// The root.
  case runs
  /// A run, or a restart of one.
  case run
  case node
  case visit(Int)

  /// - Parameter directory: below the root; nil where nothing that may be touched lies in it.
  package init?(_ directory: [UInt8]) {
    var parts = directory.split(separator: UInt8(ascii: "/"))[...]
    guard let run = parts.popFirst() else {
      self = .runs
      return
    }
    guard run.first != UInt8(ascii: ".") else { return nil }
    if parts.first.map(isRestart) == true { parts.removeFirst() }
    guard let node = parts.popFirst() else {
      self = .run
      return
    }
    guard mayBeNode(node) else { return nil }
    guard let visit = parts.popFirst() else {
      self = .node
      return
    }
    guard parts.isEmpty, let number = visitNumber(Array(visit)) else { return nil }
    self = .visit(number)
  }

  /// The archive that may lie there.
  package var archive: EntryName? {
    switch self {
    case .runs: nil
    case .run: Self.runArchive
    case .node, .visit: Self.stageArchive
    }
  }

  package static let stageArchive = EntryName("stage.tgz")!
  package static let runArchive = EntryName("run.tgz")!
  /// What an archive is called until it is whole.
  package static let temporarySuffix = Array(".tmp".utf8)
}

/// The number of `visit_N`; nil for any other name.
package func visitNumber(_ name: [UInt8]) -> Int? {
  let prefix = Array("visit_".utf8)
  guard name.starts(with: prefix), name.count > prefix.count, name.count < prefix.count + 10,
    name[prefix.count...].allSatisfy({ (0x30...0x39).contains($0) })
  else { return nil }
  return Int(String(decoding: name[prefix.count...], as: UTF8.self))
}

/// Whether it is the name of a restart's directory in a run.
package func isRestart(_ name: some Collection<UInt8>) -> Bool {
  name.starts(with: "restart-".utf8)
}

/// Whether a directory of a run may be a node: not what resuming needs, which may hold anything, archives
/// of that name included.
package func mayBeNode(_ name: some Collection<UInt8>) -> Bool {
  name.first != UInt8(ascii: ".") && visitNumber(Array(name)) == nil && !isRestart(name)
    && !["worktree", "modeldb", "input_snapshot"].contains { name.elementsEqual($0.utf8) }
}
