// How a claimed directory is removed: by descriptors, in parallel across its subdirectories and
// within wide ones, the lock file last, then the directory itself.

import Glibc
import OwnedDirectories
import ReapRules
import Synchronization

/// What a removal came to.
struct RemovalResult: Sendable {
  var bytes: Int64 = 0
  var files: Int64 = 0
  /// The first thing that could not be removed; nil when everything is gone.
  var failure: SystemError?
  /// Where it may succeed once something changes; its descriptor is the receiver's to close.
  var obstacle: Obstacle?
  /// A directory in it that its owner could not have emptied, by its path in it: nothing was
  /// removed, and it has its own name again, if there is no failure.
  var foreignDirectory: String?
  /// What came of what followed it, for people.
  var remarks: [String] = []
}

/// The removal of one claimed directory.
final class Removal: Sendable {
  /// Directories that are removed as work of their own; deeper ones are walked by descent. Both
  /// limits bound descriptors: two per node.
  private static let maximumDepth = 16
  private static let maximumNodes = 64
  /// So many entries of one directory are worth another thread: unlink(2) locks the directory, but
  /// the file's blocks are freed after that.
  private static let sharedBatch = 64
  /// How often a directory that is not empty after all is emptied again: somebody writes into it.
  private static let attempts = 3
  private static let returns = 64

  private struct State {
    var result = RemovalResult()
    var links = HardLinks()
    var nodes = 0
    /// Whether the lock file was closed before the end.
    var isUnlocked = false
  }

  private final class Node: Sendable {
    let descriptor: Descriptor
    let name: EntryName
    let identity: FileIdentity
    let parent: Node?
    let depth: Int
    /// What is left to do in this directory: to list it, and each batch of entries and each child that
    /// is a work of its own.
    let pending = Atomic<Int>(1)

    init(
      descriptor: Descriptor, name: EntryName, identity: FileIdentity, parent: Node?, depth: Int
    ) {
      self.descriptor = descriptor
      self.name = name
      self.identity = identity
      self.parent = parent
      self.depth = depth
    }
  }

  private let claimed: Claimed
  private let reach: OwnersReach
  private let pool: WorkerPool
  private let done: @Sendable (Claimed, RemovalResult) -> Void
  private let state = Mutex(State())

  /// Begins at once; `done` is called on one of the pool's threads.
  static func start(
    _ claimed: Claimed, on pool: WorkerPool,
    done: @escaping @Sendable (Claimed, RemovalResult) -> Void
  ) {
    guard claimed.evidence.entry.type == .directory else {
      return pool.submit { done(claimed, FileRemoval(claimed: claimed).run()) }
    }
    let removal = Removal(claimed, pool, done)
    let top = Node(
      descriptor: claimed.directory, name: claimed.name, identity: claimed.identity, parent: nil,
      depth: 0)
    pool.submit { removal.begin(top) }
  }

  private init(
    _ claimed: Claimed, _ pool: WorkerPool,
    _ done: @escaping @Sendable (Claimed, RemovalResult) -> Void
  ) {
    self.claimed = claimed
    reach = OwnersReach(owner: claimed.evidence.entry.owner)
    self.pool = pool
    self.done = done
  }

  /// Unlinks, and remembers the first thing that flags or permissions protect.
  private func unlink(
    _ name: EntryName, at directory: Descriptor, isDirectory: Bool
  ) throws(SystemError) {
    do {
      try OwnedDirectories.unlink(name, at: directory, isDirectory: isDirectory)
    } catch {
      if Obstacle.explains(error) {
        state.withLock { state in
          guard state.result.obstacle == nil else { return }
          state.result.obstacle = Obstacle(name, in: directory)
        }
      }
      throw error
    }
  }

  private func fail(_ error: SystemError) {
    guard error.code != ENOENT else { return }  // somebody else was faster
    state.withLock { if $0.result.failure == nil { $0.result.failure = error } }
  }

  private var hasFailed: Bool { state.withLock { $0.result.failure != nil } }

  // MARK: - Before the first byte goes

  private func begin(_ top: Node) {
    var obstacle: Obstacle?
    let foreign = reach.foreignDirectory(in: top.descriptor) { name, parent in
      obstacle = Obstacle(name, in: parent)
    }
    // What was begun before has no way back; what is not its own stays all the same.
    if let foreign, claimed.evidence.claim != .unfinished {
      state.withLock { ($0.result.foreignDirectory, $0.result.obstacle) = (foreign, obstacle) }
      putBack()
      return end(top)
    }
    obstacle?.directory.close()
    // Where modes cannot be changed, the lock alone tells of the removal, while it lasts.
    if claimed.rule.kind.quarantines { try? setPermissions(removalMark, of: top.descriptor) }
    if let facts = try? status(of: top.descriptor) { reach.makeWritable(top.descriptor, facts) }
    process(top)
  }

  /// Under its own name, which its lock still keeps from everybody else.
  private func putBack() {
    // First, so that whoever sees it there looks before it claims.
    claimed.spot.claims.noteForeign(claimed.originalPath)
    guard claimed.name != claimed.original else { return }
    claimed.spot.claims.noteForeign(claimed.path)
    let root = claimed.spot.directory.descriptor
    do throws(SystemError) {
      guard try status(of: claimed.name, at: root).identity == claimed.identity else {
        throw SystemError("rename", claimed.name.display, ESTALE)
      }
      claimed.spot.claims.noteRename(to: claimed.originalPath, claimed.identity)
      try renameDirectory(claimed.name, to: claimed.original, at: root)
    } catch {
      claimed.spot.claims.takeRename(to: claimed.originalPath)
      fail(error)
    }
  }

  // MARK: - One directory

  private func process(_ node: Node) {
    var listing = DirectoryListing(node.descriptor)
    do {
      while true {
        let batch = try listing.nextBatch()
        guard !batch.isEmpty else { break }
        guard batch.count >= Self.sharedBatch, pool.isHungry else {
          remove(batch, in: node)
          continue
        }
        node.pending.add(1, ordering: .relaxed)
        pool.submit {
          self.remove(batch, in: node)
          self.finish(node)
        }
      }
    } catch {
      fail(error)
    }
    listing.finish()
    finish(node)
  }

  private func remove(_ batch: [DirectoryEntry], in node: Node) {
    let spared = node.parent == nil ? claimed.lastFile : nil
    for entry in removeFiles(batch, in: node.descriptor, sparing: spared) {
      if let child = open(entry.name, in: node) {
        node.pending.add(1, ordering: .relaxed)
        pool.submit { self.process(child) }
      } else {
        removeByDescent(entry.name, in: node.descriptor)
      }
    }
  }

  /// Counts one part of a node as done, and with the last one removes it; so up the tree.
  private func finish(_ node: Node) {
    var node = node
    while node.pending.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 {
      guard let parent = node.parent else { return finishTop(node) }
      removeEmptied(node.name, in: parent.descriptor)
      node.descriptor.close()
      state.withLock { $0.nodes -= 1 }
      node = parent
    }
  }

  private func finishTop(_ top: Node) {
    if !hasFailed {
      do { try remove(claimed.lastFile, facts: nil, in: top.descriptor) } catch { fail(error) }
    }
    if !hasFailed {
      Companions(claimed: claimed).remove { facts in state.withLock { $0.result.count(facts) } }
      removeTop(top)
    }
    end(top)
  }

  private func end(_ top: Node) {
    top.descriptor.close()
    unlock()
    claimed.spot.directory.release()
    done(claimed, state.withLock { $0.result })
  }

  private func removeTop(_ top: Node) {
    let root = claimed.spot.directory.descriptor
    do throws(SystemError) {
      let there = try status(of: claimed.name, at: root).identity
      var ours = claimed.identity
      // In a lower layer of an overlay the first change gives the directory another birth time.
      if there != ours { ours = try status(of: top.descriptor).identity }
      guard there == ours else {
        return fail(SystemError("rmdir", claimed.name.display, ESTALE))
      }
    } catch {
      return fail(error)
    }
    if keepsOpenFiles(top.descriptor) { letGoOfLock(top) }
    removeEmptied(claimed.name, in: root)
  }

  /// Where a file that is removed while it is open stays under another name (`.fuse_hidden…`,
  /// `.nfs…`), our own lock file would be in the way. It was the last one, and its name is gone.
  private func letGoOfLock(_ top: Node) {
    unlock()
    // The server is told of it in the background.
    for milliseconds: UInt32 in [1, 10, 100] {
      var listing = DirectoryListing(top.descriptor)
      defer { listing.finish() }
      guard (try? listing.nextBatch())?.isEmpty == false else { return }
      pause(milliseconds: milliseconds)
    }
  }

  private func unlock() {
    let isFirst = state.withLock { state in
      defer { state.isUnlocked = true }
      return !state.isUnlocked
    }
    if isFirst { claimed.held?.descriptor.close() }
  }

  /// Removes a directory that was emptied; where somebody fills it, a few times.
  private func removeEmptied(_ name: EntryName, in parent: Descriptor) {
    for attempt in 1...Self.attempts {
      do {
        return try unlink(name, at: parent, isDirectory: true)
      } catch {
        guard error.code == ENOTEMPTY, attempt < Self.attempts, !hasFailed else {
          return fail(error)
        }
      }
      do { try removeContents(of: name, in: parent) } catch { return fail(error) }
    }
  }

  private func open(_ name: EntryName, in node: Node) -> Node? {
    let isWelcome = state.withLock { state in
      guard node.depth < Self.maximumDepth, state.nodes < Self.maximumNodes, pool.isHungry
      else { return false }
      state.nodes += 1
      return true
    }
    guard isWelcome else { return nil }
    if let (descriptor, facts) = try? reach.open(name, in: node.descriptor) {
      return Node(
        descriptor: descriptor, name: name, identity: facts.identity, parent: node,
        depth: node.depth + 1)
    }
    state.withLock { $0.nodes -= 1 }
    return nil  // the descent meets the same error and reports it
  }

  // MARK: - Without a node of its own

  private func removeByDescent(_ name: EntryName, in parent: Descriptor) {
    do {
      try removeContents(of: name, in: parent)
    } catch {
      return fail(error)
    }
    removeEmptied(name, in: parent)
  }

  /// In an overlay's lower layer the first change in a directory gives it and all above it another
  /// birth time, so that the way back up is not known again: from the top then, as long as that
  /// gets further. Within a bound: somebody who moves directories about has the same effect.
  private func removeContents(of name: EntryName, in parent: Descriptor) throws(SystemError) {
    var (done, tries): (Int64, Int) = (-1, 0)
    while true {
      tries += 1
      do {
        return try descend(into: name, in: parent)
      } catch {
        let files = state.withLock { $0.result.files }
        guard error.code == ESTALE, files > done, tries < Self.returns else { throw error }
        done = files
      }
    }
  }

  private func descend(into name: EntryName, in parent: Descriptor) throws(SystemError) {
    var descent = TreeDescent(from: parent)
    defer { descent.abandon() }
    try enter(name, &descent)
    while true {
      if let next = descent.nextSubdirectory() {
        do { try enter(next, &descent) } catch { fail(error) }
        continue
      }
      var batch: [DirectoryEntry] = []
      do { batch = try descent.nextBatch() } catch { fail(error) }
      guard batch.isEmpty else {
        descent.add(removeFiles(batch, in: descent.current))
        continue
      }
      let left = try descent.leave()
      guard descent.depth > 0 else { return }
      do {
        try unlink(left.name, at: descent.current, isDirectory: true)
      } catch {
        if error.code == ENOTEMPTY, left.attempt < Self.attempts, !hasFailed {
          do { try enter(left.name, &descent, attempt: left.attempt + 1) } catch { fail(error) }
        } else {
          fail(error)
        }
      }
    }
  }

  private func enter(
    _ name: EntryName, _ descent: inout TreeDescent, attempt: Int = 1
  ) throws(SystemError) {
    let (directory, facts) = try reach.open(name, in: descent.current)
    descent.enter(name, directory, facts.identity, attempt: attempt)
  }

  /// Unlinks every entry that is no directory; returns the others. In order of inode, which spares
  /// a disk some seeking.
  private func removeFiles(
    _ batch: [DirectoryEntry], in directory: Descriptor, sparing spared: EntryName? = nil
  ) -> [DirectoryEntry] {
    var isDirectory = [Bool](repeating: false, count: batch.count)
    for index in batch.indices.sorted(by: { batch[$0].inode < batch[$1].inode }) {
      let entry = batch[index]
      if entry.name == spared, entry.kind != .directory { continue }
      do {
        let facts = try status(of: entry.name, at: directory)
        if facts.type == .directory {
          isDirectory[index] = true
        } else {
          try remove(entry.name, facts: facts, in: directory)
        }
      } catch {
        fail(error)
      }
    }
    return batch.indices.filter { isDirectory[$0] }.map { batch[$0] }
  }

  private func remove(
    _ name: EntryName, facts: FileStatus?, in directory: Descriptor
  ) throws(SystemError) {
    let known: FileStatus
    do throws(SystemError) {
      if let facts { known = facts } else { known = try status(of: name, at: directory) }
      guard known.type != .directory else { return }
      try unlink(name, at: directory, isDirectory: false)
    } catch {
      if error.code == ENOENT { return }
      throw error
    }
    state.withLock { state in
      state.result.files += 1
      if state.links.isCounted(known) { state.result.bytes += known.allocated }
    }
  }
}
