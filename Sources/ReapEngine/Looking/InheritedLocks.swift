// What is known of owners that live, when what knew it ends: a rule that is changed, a root that is
// moved away, a directory that gets another name.

import OwnedDirectories
import ReapRules
import Synchronization

/// Lock files that somebody holds, open, by the directory they were found in. An owner may have
/// removed its lock file's name by now: then no other descriptor would ever show that it lives.
package final class InheritedLocks: Sendable {
  package enum Legacy: Sendable {
    case file(HeldFile)
    /// The lock was held when last seen, and there was no descriptor to keep: nothing is known of
    /// its owner since.
    case lost
  }

  /// A directory of whom no descriptor is left. Its device is not kept for each candidate, so it does
  /// not count: one taken for another is kept for nothing.
  package struct Directory: Hashable, Sendable {
    let inode: UInt64
    let birth: Int64

    init(inode: UInt64, birth: Int64) {
      self.inode = inode
      self.birth = birth
    }

    init(_ identity: FileIdentity) { self.init(inode: identity.inode, birth: identity.birth ?? 0) }
  }

  /// What is known of an owner whose lock was lost.
  private enum Owner {
    /// No process was seen to have a file of the directory open that has no name …
    case unseen
    /// … and one was.
    case seen
    /// The kernel ended the watch of its lock file, and a look under way does not know yet.
    case ended
  }

  private struct State {
    var files: [FileIdentity: HeldFile] = [:]
    var lost: [Directory: Owner] = [:]
    /// How many files may be there before those are looked for that nobody holds any more.
    var nextLook = InheritedLocks.firstLook
    var nextLapse = Nanoseconds.max
    var wait = nanosecondsPerSecond
  }

  private static let longestWait = 300 * nanosecondsPerSecond

  private static let firstLook = 64
  private let state = Mutex(State())
  /// So that an examination asks for nothing where there is nothing, as nearly always.
  private let count = Atomic<Int>(0)

  package init() {}

  package var isEmpty: Bool { count.load(ordering: .relaxed) == 0 }

  /// Takes over a descriptor; closes it where no owner is behind it.
  func leave(_ file: HeldFile) {
    guard file.isHeldByOthers else { return file.descriptor.close() }
    state.withLock { state in
      if state.files.isEmpty {
        state.wait = nanosecondsPerSecond
        state.nextLapse = readMonotonic() + state.wait
      }
      state.files.updateValue(file, forKey: file.directory)?.descriptor.close()
      if state.files.count >= state.nextLook { _ = Self.dropFree(&state) }
      note(state)
    }
  }

  /// What is known of a directory's owner; a file is the caller's from here on.
  func take(_ directory: FileIdentity) -> Legacy? {
    state.withLock { state in
      if let file = state.files.removeValue(forKey: directory) {
        note(state)
        return .file(file)
      }
      return state.lost[Directory(directory)] == nil ? nil : .lost
    }
  }

  func isLost(_ directory: Directory) -> Bool {
    !isEmpty && state.withLock { $0.lost[directory] != nil }
  }

  func noteLost(_ directory: Directory) {
    state.withLock { state in
      state.lost[directory] = state.lost[directory] ?? .unseen
      note(state)
    }
  }

  /// The owner has ended, and a look under way may be about to say that nothing is known of it.
  func noteEnded(_ directory: Directory) {
    state.withLock { state in
      state.lost[directory] = .ended
      note(state)
    }
  }

  /// The directory's lock tells of its owner again, or that owner has ended.
  func forgetLost(_ directory: Directory) {
    guard !isEmpty else { return }
    state.withLock { state in
      state.lost[directory] = nil
      note(state)
    }
  }

  /// Whether an owner whose lock was lost has ended: it was seen, as no process is any more. One that
  /// was never seen may live in another PID namespace.
  func hasEnded(_ directory: Directory, isSeen: Bool) -> Bool {
    state.withLock { state in
      if state.lost[directory] == .ended { return true }
      guard !isSeen else {
        state.lost[directory] = .seen
        note(state)
        return false
      }
      return state.lost[directory] == .seen
    }
  }

  /// Monotonic; when to look for owners that have ended, of which no event tells here: soon at first,
  /// and then ever more seldom. Nil where nothing is kept.
  var nextLapse: Nanoseconds? {
    guard !isEmpty else { return nil }
    return state.withLock { $0.files.isEmpty ? nil : $0.nextLapse }
  }

  /// Closes what nobody holds any more; false where there was nothing of that.
  @discardableResult
  func lapse() -> Bool {
    guard !isEmpty else { return false }
    return state.withLock { state in
      defer { note(state) }
      let hasFreed = Self.dropFree(&state)
      state.wait = hasFreed ? nanosecondsPerSecond : min(2 * state.wait, Self.longestWait)
      state.nextLapse = readMonotonic() + state.wait
      return hasFreed
    }
  }

  private static func dropFree(_ state: inout State) -> Bool {
    let before = state.files.count
    for (directory, file) in state.files where !file.isHeldByOthers {
      file.descriptor.close()
      state.files[directory] = nil
    }
    state.nextLook = max(firstLook, 2 * state.files.count)
    return state.files.count < before
  }

  private func note(_ state: borrowing State) {
    count.store(state.files.count + state.lost.count, ordering: .relaxed)
  }
}

extension HeldFile {
  var isUnlinkedLock: Bool { isLock && (try? status(of: descriptor))?.links == 0 }

  /// Whether the lock is held, of either kind; one that cannot be asked for counts as held.
  fileprivate var isHeldByOthers: Bool {
    guard isLock else { return false }
    guard tryLock(descriptor, .auto) == .taken else { return true }
    releaseLock(descriptor, .auto)
    return false
  }
}

extension InheritedLocks {
  /// A held lock is that of one directory, whatever the name is by now: another's is left for
  /// whoever comes to that, and this one's may have been left here.
  func claim(_ known: inout KnownBefore, of directory: FileIdentity) {
    if let held = known.held, held.isLock, held.directory != directory {
      leave(held)
      known = KnownBefore(isAnothers: true)
    }
    guard known.held == nil, !isEmpty else { return }
    switch take(directory) {
    case .file(let file): known.held = file
    case .lost: known.isLockLost = true
    case nil: break
    }
  }

  /// Closes what a look holds. A lock file without a name is left for the next look at its
  /// directory: nothing else would show then that its owner lives.
  func letGo(_ gathering: inout CandidateGathering) {
    gathering.unlock()
    if let held = gathering.held, held.isUnlinkedLock {
      gathering.held = nil
      leave(held)
    }
    gathering.drop()
  }

  /// Remembers that an owner's lock was lost, for longer than anything is held for a name; a lock that
  /// is seen ends that.
  func noteLoss(_ known: KnownBefore, _ lock: Evidence.Lock?, _ directory: FileIdentity) {
    guard known.isLockLost else { return }
    switch lock {
    case .unknown, nil: noteLost(.init(directory))
    default: forgetLost(.init(directory))
    }
  }
}
