// Which archives lie below a path that somebody has named, and whether their run still goes on.

import Glibc
package import OwnedDirectories
package import ReapRules

/// Archives whose members may prove each other's, the newest first: they are slimmed one after another.
package struct ArchiveGroup: Sendable, Equatable {
  /// The node, or the run.
  package let base: FilePath
  /// Relative to it.
  package let archives: [[UInt8]]
}

package struct RunLayout: Sendable {
  static let stageName = Array("stage.tgz".utf8)
  static let runName = Array("run.tgz".utf8)
  static let temporaryNames = ["stage.tgz.tmp", "run.tgz.tmp"]
  static let lockName = Array("run.lock.json".utf8)

  /// In the order in which they are worked on. What is in a run's archive is in its nodes' as well, so
  /// that one comes first; the nodes have nothing to do with each other.
  package let first: [ArchiveGroup]
  package let nodes: [ArchiveGroup]

  /// - Parameter path: resolved; an archive, a visit, a node or a run.
  /// - Throws: `SystemError`.
  package init(below path: FilePath) throws(SystemError) {
    let facts = try status(ofPath: path)
    guard facts.type == .directory else {
      first = []
      nodes = [Self.group(of: path)]
      return
    }
    if visitNumber(path.lastComponent) != nil {
      first = []
      nodes = [Self.group(of: path.appending(Self.stageName))]
      return
    }
    var runs: [ArchiveGroup] = []
    var nodes: [ArchiveGroup] = []
    try Self.collect(path, &runs, &nodes)
    (first, self.nodes) = (runs, nodes)
  }

  package var isEmpty: Bool { (first + nodes).allSatisfy(\.archives.isEmpty) }

  /// One archive, with the directory that its members are looked up below.
  private static func group(of archive: FilePath) -> ArchiveGroup {
    let directory = archive.parent ?? "/"
    guard visitNumber(directory.lastComponent) != nil, let node = directory.parent else {
      return ArchiveGroup(base: directory, archives: [archive.lastComponent])
    }
    let path = directory.lastComponent + [0x2F] + archive.lastComponent
    return ArchiveGroup(base: node, archives: [path])
  }

  private static func collect(
    _ directory: FilePath, _ runs: inout [ArchiveGroup], _ nodes: inout [ArchiveGroup]
  ) throws(SystemError) {
    if let node = try node(directory) { nodes.append(node) }
    if has(runName, in: directory) {
      runs.append(ArchiveGroup(base: directory, archives: [runName]))
    }
    for name in try directories(in: directory) {
      let below = directory.appending(name.bytes)
      if isRestart(name.bytes) {
        try collect(below, &runs, &nodes)
      } else if mayBeNode(name.bytes), let node = try? node(below) {
        nodes.append(node)
      }
    }
  }

  /// The archives of one node, the newest first; nil where it has none.
  private static func node(_ directory: FilePath) throws(SystemError) -> ArchiveGroup? {
    let visits = try directories(in: directory).compactMap { name in
      visitNumber(name.bytes).map { (number: $0, name: name.bytes) }
    }
    var archives = has(stageName, in: directory) ? [stageName] : []
    for visit in visits.sorted(by: { $0.number > $1.number })
    where has(stageName, in: directory.appending(visit.name)) {
      archives.append(visit.name + [0x2F] + stageName)
    }
    return archives.isEmpty ? nil : ArchiveGroup(base: directory, archives: archives)
  }

  private static func directories(in path: FilePath) throws(SystemError) -> [EntryName] {
    let directory = try openRoot(path)
    defer { directory.close() }
    var names: [EntryName] = []
    try forEachEntry(of: directory) { entry in
      guard entry.kind == .directory || entry.kind == .unknown else { return }
      if let facts = try? status(of: entry.name, at: directory), facts.type == .directory {
        names.append(entry.name)
      }
    }
    return names.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
  }

  private static func has(_ name: [UInt8], in directory: FilePath) -> Bool {
    (try? status(ofPath: directory.appending(name)))?.type == .regular
  }
}

/// Why the archives of a node or run are to be left alone for now; nil where nothing speaks against it.
package func reasonToWait(_ base: FilePath) -> SlimProblem? {
  archiveBeingMade(base) ?? locks(near: base).lazy.compactMap(lockHolder).first
}

/// The archive that is being made in a node or run, which may be reading the others; nil where none is.
package func archiveBeingMade(_ base: FilePath) -> SlimProblem? {
  for name in RunLayout.temporaryNames {
    let path = base.appending(name)
    guard let facts = try? status(ofPath: path), facts.type == .regular,
      let file = try? openFile(
        path.bytes, at: Descriptor(number: AT_FDCWD), openFileFlags, follow: .noLinks)
    else { continue }
    defer { file.close() }
    switch probeOpen(file) {
    case .notOpen: continue
    case .open: return SlimProblem(.live, "\(name) is open: an archive is being made")
    case .unknown(let why):
      return SlimProblem(.live, "whether \(name) is open cannot be told (\(why))")
    }
  }
  return nil
}

/// The lock files of the run that a node belongs to: they lie in the run, or in a restart of it, which
/// may be where the node is.
private func locks(near base: FilePath) -> [FilePath] {
  var directories = [base]
  for _ in 0..<2 {
    if let parent = directories.last?.parent { directories.append(parent) }
  }
  for place in directories.prefix(2) {
    guard let directory = try? openRoot(place) else { continue }
    defer { directory.close() }
    try? forEachEntry(of: directory) { entry in
      if entry.name.bytes.starts(with: Array("restart-".utf8)) {
        directories.append(place.appending(entry.name.bytes))
      }
    }
  }
  return directories.map { $0.appending(RunLayout.lockName) }
}

/// The process that a lock file names, where it is alive and no later one of the same number.
private func lockHolder(_ path: FilePath) -> SlimProblem? {
  guard let facts = try? status(ofPath: path), facts.type == .regular,
    let file = try? openFile(
      path.bytes, at: Descriptor(number: AT_FDCWD), openFileFlags, follow: .noLinks)
  else { return nil }
  defer { file.close() }
  guard let text = try? readToEnd(file, "\(path)", limit: 65536),
    let json = try? JSONValue(parsing: text), let number = json["pid"]?.integer,
    let pid = Int32(exactly: number), let start = processStart(of: pid), !start.hasEnded
  else { return nil }
  if let stated = json["pid_start_time"]?.integer, stated != start.ticks { return nil }
  return SlimProblem(.live, "its run goes on: \(path) names process \(pid), which is alive")
}
