import OwnedDirectories
import ReapRules
import Watching

/// What is held for one candidate. The descriptor is closed only when no command to watch it is
/// under way, since its number would then name another file.
struct Holding {
  /// The file that is open; nil while an examination has it, and where the candidate is watched without
  /// a descriptor.
  var file: HeldFile?
  var watch: WatchHandle?
  /// Inode and birth time (0: unknown) of the file that the watch is for; inode 0: there is no such
  /// file. Where the candidate is watched without a descriptor, they are its directory's.
  private var inode: UInt64 = 0
  private var birth: Int64 = 0
  var isArming = false
  /// Watched without a descriptor of its own, for want of descriptors.
  var isSparse = false
  /// The file that is watched without a descriptor has no name any more.
  var isOfUnlinked = false

  var isWatchedFileKnown: Bool { inode != 0 }

  func isFor(_ file: FileIdentity) -> Bool {
    inode == file.inode && birth == file.birth ?? 0
  }

  /// What a loss of its owner's lock is noted by.
  var lostDirectory: InheritedLocks.Directory? {
    isSparse && inode != 0 ? .init(inode: inode, birth: birth) : nil
  }

  func isOfLostLock(_ inherited: InheritedLocks) -> Bool {
    watch != nil && file == nil && lostDirectory.map(inherited.isLost) == true
  }

  mutating func setWatchedFile(_ file: FileIdentity?) {
    inode = file?.inode ?? 0
    birth = file?.birth ?? 0
  }
}

/// The holdings of a root's candidates, by slot of the schedule's table: at 100,000 of them a
/// dictionary would cost as much again.
struct Holdings {
  private struct Entry {
    var generation: UInt32
    var holding: Holding
  }

  private var entries: [Entry?] = []
  /// Holdings of forgotten candidates, until the answer to the command under way comes.
  private(set) var orphans: [CandidateID: Holding] = [:]

  subscript(id: CandidateID) -> Holding? {
    get {
      guard Int(id.slot) < entries.count, let entry = entries[Int(id.slot)],
        entry.generation == id.generation
      else { return nil }
      return entry.holding
    }
    set {
      let slot = Int(id.slot)
      if slot >= entries.count {
        guard newValue != nil else { return }
        entries += Array(repeating: nil, count: slot + 1 - entries.count)
      }
      if let held = entries[slot], held.generation != id.generation {
        // An optional chain writes its nil back: of a candidate that is gone there is nothing to end.
        precondition(newValue == nil, "two candidates hold one slot")
        return
      }
      entries[slot] = newValue.map { Entry(generation: id.generation, holding: $0) }
    }
  }

  /// Sets one aside until its answer comes; its slot may be another's by then.
  mutating func orphan(_ id: CandidateID) {
    orphans[id] = self[id]
    self[id] = nil
  }

  mutating func adopt(_ id: CandidateID) -> Holding? { orphans.removeValue(forKey: id) }
}
