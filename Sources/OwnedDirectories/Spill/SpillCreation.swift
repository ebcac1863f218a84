// How a spill directory comes into being: hidden, locked, and only then under its name.

import Glibc
import ReapRules

/// The points of a creation at which its maker may be killed.
package enum SpillStep: String, Sendable, CaseIterable {
  /// Nothing was done yet.
  case named
  /// The directory exists under its hidden name.
  case made
  /// The directory itself is locked.
  case directoryLocked
  /// The lock file exists, not yet locked.
  case lockMade
  /// The lock is held.
  case locked
  /// It has its name.
  case placed
}

struct SpillCreation {
  /// What the owner keeps of a directory that was made.
  struct Parts: Sendable {
    let name: EntryName
    let directory: Descriptor
    let lock: Descriptor

    /// The directory's lock goes first: as long as `.lock` is held, everybody keeps away.
    func close() {
      directory.close()
      lock.close()
    }

    func isInPlace(at root: Descriptor) -> Bool {
      let path = name.bytes + [UInt8(ascii: "/")] + lockName.bytes
      guard let there = try? status(ofPath: path, at: root), let ours = try? status(of: lock) else {
        return false
      }
      return there.identity == ours.identity
    }
  }

  /// Another creator, or systemd-tmpfiles, may take a name away in the instant before it is
  /// locked. More often than this it is no coincidence.
  private static let tries = 32

  let root: Descriptor
  let rootPath: String
  let prefix: EntryName

  func make(_ step: (SpillStep, EntryName) -> Void) throws(SpillDirectoryError) -> Parts {
    for _ in 0..<Self.tries {
      let stamp = readClocks().wall / nanosecondsPerSecond
      let number = UInt64.random(in: 0 ... .max)
      let name = EntryName(prefix.bytes + "\(stamp)_\(number)".utf8)!
      step(.named, name)
      let made: Parts?
      do throws(SystemError) { made = try make(name, step) } catch {
        throw SpillDirectoryError(error, in: rootPath)
      }
      guard let parts = made else { continue }
      guard parts.isInPlace(at: root) else {
        parts.close()
        throw SpillDirectoryError(
          .displaced, rootPath + "/" + name.display,
          "the directory was removed or replaced while it was made",
          "see to it that nothing but reapd cleans up in the root")
      }
      return parts
    }
    throw SpillDirectoryError(
      .contended, rootPath, "every directory was taken away before it could be locked",
      "see to it that nothing but reapd cleans up in the root")
  }

  /// Nil where somebody took it away in the meantime, or the name is taken.
  private func make(
    _ name: EntryName, _ step: (SpillStep, EntryName) -> Void
  ) throws(SystemError) -> Parts? {
    let hidden = hiddenName(name)
    do {
      try makeDirectory(hidden, at: root)
    } catch {
      if error.code == EEXIST { return nil }
      throw error
    }
    step(.made, name)
    var opened: [Descriptor] = []
    do throws(SystemError) {
      let directory = try openFile(
        hidden.bytes, at: root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
      opened.append(directory)
      guard try take(directory, hidden) else { throw SystemError("flock", hidden.display, ENOENT) }
      step(.directoryLocked, name)
      let lock = try openLockFile(lockName, in: directory, isNew: true)
      opened.append(lock)
      step(.lockMade, name)
      guard try take(lock, lockName) else { throw SystemError("flock", lockName.display) }
      step(.locked, name)
      try rename(hidden, to: name, at: root)
      step(.placed, name)
      return Parts(name: name, directory: directory, lock: lock)
    } catch {
      // While its lock is still held; whoever else has taken it away has done this already.
      if opened.count > 1 { try? unlink(lockName, at: opened[0], isDirectory: false) }
      try? unlink(hidden, at: root, isDirectory: true)
      for file in opened { file.close() }
      // Somebody else has it, took it away, or the name exists: begin again with another.
      if error.code == ENOENT || error.code == EEXIST { return nil }
      throw error
    }
  }

  /// False where another process holds the lock.
  private func take(_ file: Descriptor, _ name: EntryName) throws(SystemError) -> Bool {
    switch tryLock(file, .flock) {
    case .taken: return true
    case .held: return false
    case .failed: throw SystemError("flock", name.display)
    }
  }
}

/// A name that no rule matches and no cleaner looks at.
func hiddenName(_ name: EntryName) -> EntryName { EntryName([UInt8(ascii: ".")] + name.bytes)! }
