import OwnedDirectories
import ReapRules
import Synchronization

/// Lock files that have lost their name while their owner holds them, of directories whose rule or
/// root was let go of: an owner that removes its directory itself takes `.lock` first, and without
/// that descriptor nothing would tell that it lives.
final class UnlinkedLocks: Sendable {
  private let files = Mutex<[FileIdentity: HeldFile]>([:])

  var isEmpty: Bool { files.withLock { $0.isEmpty } }

  /// Keeps one for whoever looks at the directory next; the others are closed by whoever has them.
  func keep(_ file: HeldFile) {
    let replaced = files.withLock { $0.updateValue(file, forKey: file.directory) }
    replaced?.descriptor.close()
  }

  /// What was kept for a directory.
  func take(_ directory: FileIdentity) -> HeldFile? {
    files.withLock { $0.isEmpty ? nil : $0.removeValue(forKey: directory) }
  }

  /// Closes those whose lock is free by now: their directories never came back to anybody's eyes.
  func dropFree(_ type: LockType) {
    let all = files.withLock { $0 }
    for (directory, file) in all where tryLock(file.descriptor, type) == .taken {
      releaseLock(file.descriptor, type)
      take(directory)?.descriptor.close()
    }
  }
}
