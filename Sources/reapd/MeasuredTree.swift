import OwnedDirectories
import ReapEngine
import ReapRules

/// A tree as it is now, and as the last run found it.
struct MeasuredTree {
  let path: FilePath
  let usage: Usage
  let room: FreeRoom
  /// Nil without an earlier run.
  let growth: UsageGrowth?
  let earlier: UsageSnapshot?
  /// Of the file itself, where it is no directory.
  let isFile: Bool

  /// Walks it, and keeps what it found for the next run.
  init(
    _ path: FilePath, _ settings: UsageWalk.Settings, noting: ((UsageWalk.Progress) -> Void)?
  ) throws(SystemError) {
    self.path = path
    let facts = try status(ofPath: path)
    isFile = facts.type != .directory
    let holder = try openRoot(isFile ? path.parent ?? "/" : path)
    defer { holder.close() }
    usage =
      isFile ? Usage(ofFile: Occupied(facts)) : try UsageWalk(settings).run(holder, noting: noting)
    room = try freeRoom(at: holder)
    let identity = TreeIdentity(
      device: facts.identity.device, fileSystem: fileSystemID(at: holder),
      inode: facts.identity.inode, birth: facts.birth)
    let memory = UsageMemory(of: path)
    earlier = memory.recall(path, identity)
    let point = UsagePoint(wall: readClocks().wall, usage.total, room)
    growth = earlier.map { UsageGrowth(from: $0.point, to: point) }
    var snapshot = UsageSnapshot(
      path: path.bytes, identity: identity, point: point, isWhole: usage.unreadable.count == 0)
    // What the rows of one level deeper would hold is not asked for.
    snapshot.hasAllDirectories = settings.depth > 0
    for row in usage.rows.sorted() where usage.rows.isTop(row) {
      guard snapshot.directories.count < UsageSnapshot.directoryLimit else {
        snapshot.hasAllDirectories = false
        break
      }
      snapshot.directories[usage.rows.path(row)] = usage.rows.sum(row).bytes
    }
    memory.keep(snapshot)
  }

  /// How much more a row holds than at the last run; nil where that is not known.
  func growth(ofRow row: Int) -> Int64? {
    guard usage.rows.isTop(row) else { return nil }
    return earlier?.growth(of: usage.rows.path(row), to: usage.rows.sum(row).bytes)
  }

  /// Whether both runs saw all of it.
  var isComparable: Bool { usage.unreadable.count == 0 && earlier?.isWhole == true }
}

/// Of all trees together.
struct UsageSummary {
  var paths = 0
  var sum = UsageSum()
  var unreadable = 0
  var mounts = 0
  /// Paths of which nothing could be said.
  var failed = 0

  var isIncomplete: Bool { failed > 0 || unreadable > 0 }

  /// - Parameter isInside: whether another path, which was added before, holds it.
  mutating func add(_ tree: MeasuredTree, isInside: Bool) {
    paths += 1
    guard !isInside else { return }
    sum += tree.usage.total
    unreadable += tree.usage.unreadable.count
    mounts += tree.usage.mounts.count
  }
}
