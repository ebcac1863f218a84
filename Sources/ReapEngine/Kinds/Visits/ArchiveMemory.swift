// What is known of archives since they were read: reading one again would tell the same.

import OwnedDirectories
import ReapRules
import Synchronization

final class ArchiveMemory: Sendable {
  /// What a dry run has found, which changed nothing.
  enum Entry: Sendable {
    case known(VisitsEvidence.Known)
    case would(VisitsEvidence.Purpose, Verdict, [VisitsEvidence.Fact])
  }

  private struct Memory {
    let identity: FileIdentity
    let size: Int64
    let modification: Nanoseconds
    let entry: Entry

    func fits(_ facts: FileStatus) -> Bool {
      facts.identity == identity && facts.size == size && facts.modification == modification
    }
  }

  private let memories = Mutex<[CandidatePath: Memory]>([:])

  func entry(for path: CandidatePath, _ facts: FileStatus) -> Entry? {
    memories.withLock { memories in
      guard let memory = memories[path] else { return nil }
      guard memory.fits(facts) else {
        memories[path] = nil
        return nil
      }
      return memory.entry
    }
  }

  func note(_ entry: Entry, of path: CandidatePath, _ facts: FileStatus) {
    memories.withLock {
      $0[path] = Memory(
        identity: facts.identity, size: facts.size, modification: facts.modification, entry: entry)
    }
  }

  func forget(_ path: CandidatePath) {
    memories.withLock { _ = $0.removeValue(forKey: path) }
  }

  func forget(place: [UInt8]) {
    memories.withLock { memories in
      for path in memories.keys where path.directory == place { memories[path] = nil }
    }
  }
}
