// A candidate that is a single file: its inside is whether somebody has it open.

import Glibc
import OwnedDirectories
import ReapRules

extension CandidateGathering {
  func openCandidateDirectory() throws(SystemError) -> Descriptor {
    try OwnedDirectories.openFile(
      name.bytes, at: root.descriptor, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
  }

  /// One open file for all that is asked of it: a lease is refused to whoever has it open twice.
  func openCandidateFile() throws(SystemError) -> Descriptor {
    for known in [held, openFile] {
      if let known, known.identity == identity, let same = duplicated(known.descriptor) {
        return same
      }
    }
    return try OwnedDirectories.openFile(
      name.bytes, at: root.descriptor, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, follow: .within)
  }

  /// - Returns: nil where the file, or its lock file, is no longer the one that was looked at.
  mutating func gatherFile(
    _ file: Descriptor, lock: Evidence.Lock
  ) throws(SystemError) -> Evidence.Inside? {
    let facts = try status(of: file)
    var inside = Evidence.Inside(openness: .nothingOpen)
    inside.newestChange = isClaimed ? facts.modification : facts.change
    inside.isPinned = try isPinned(file)
    if outerLock != .candidate {
      switch tryLock(file, .auto) {
      case .taken: releaseLock(file, .auto)
      case .held: inside.isLocked = true
      case .failed(let reason): inside.openness = .unknown(reason)
      }
    }
    switch probeOpen(file) {
    case .notOpen:
      if let others = otherNames(of: file) { inside.openness = .unknown(others) }
    case .open:
      keepOpen(file)
      inside.openness = .open(name.display)
      return inside
    case .unknown(let reason): inside.openness = .unknown(reason)
    }
    if let held, held.isLock, outerLock != .candidate {
      switch probeOpen(held.descriptor) {
      case .notOpen: break
      case .open where isOurs(held): break
      case .open: inside.openness = .open("its lock file")
      case .unknown(let reason): inside.openness = .unknown(reason)
      }
      inside.namedProcess = processNamed(in: held)
    }
    return lockIsStill(lock, in: file) ? inside : nil
  }

  /// Stays open, to see it being closed.
  private mutating func keepOpen(_ file: Descriptor) {
    drop()
    held =
      openFile
      ?? duplicated(file).map {
        HeldFile(descriptor: $0, directory: identity, identity: identity, isLock: false)
      }
    openFile = nil
  }
}
