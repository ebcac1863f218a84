// A directory that a program owns for as long as it lives, and that is an orphan the moment it dies.

import Glibc
package import ReapRules

/// A spill directory that this process owns: `spill_<unix seconds>_<random>`, with a lock file.
///
/// Ownership is a BSD lock (flock(2)) on the file `.lock` in the directory, and one on the directory
/// itself, which keeps systemd-tmpfiles away. The kernel drops both locks when the last process that
/// has them is gone, however that process ended. Then `reapd` removes the directory; before that
/// nobody does.
///
/// The directory is made and locked under a hidden name, and then renamed into place: nobody ever
/// sees it without its lock.
///
/// No `deinit` releases anything, since Swift may run a `deinit` right after the last use. A value
/// that is dropped without ``release()`` or ``remove()`` stays owned until the process ends.
public struct SpillDirectory: ~Copyable, Sendable {
  /// Who besides this process may keep the directory owned.
  public enum Sharing: Sendable {
    /// Programs that this process starts do not inherit the locks (close-on-exec). A child that
    /// was forked and has executed nothing yet does have them.
    case none
    /// Every program that this process starts from now on inherits the locks: the directory stays
    /// owned until the last of them has ended too.
    case children
  }

  /// The name of the lock file.
  public static let lockName = ".lock"

  /// The directory's path: the root as it was given, and the name.
  public let path: String
  /// The directory's name in the root.
  public let name: String
  /// The descriptor that holds the lock on `.lock`. It is for handing the lock to one chosen child,
  /// by a dup2 in posix_spawn's file actions for example. Closing it ends the ownership.
  public var lockDescriptor: Int32 { parts.lock.number }

  private let parts: SpillCreation.Parts
  private let root: Descriptor
  private let rootPath: String

  /// Makes a directory and owns it.
  ///
  /// The first call of a process for a root also removes the hidden directories that killed creators
  /// have left there (``removeLeftovers(in:prefix:)``).
  ///
  /// - Parameters:
  ///   - root: the directory in which it is made, and which `reapd` watches. A missing root is made,
  ///     with its parents.
  ///   - prefix: how its name begins; the rule's `match` must fit the name.
  ///   - sharing: whether programs that this process starts keep the directory owned as well.
  /// - Throws: ``SpillDirectoryError``: `system`, `displaced`, `contended`, or `misuse` for the
  ///   prefix. Nothing was left behind then.
  public init(
    in root: String, prefix: String = "spill_", sharing: Sharing = .none
  ) throws(SpillDirectoryError) {
    try self.init(in: root, prefix: prefix, sharing: sharing, at: { _, _ in })
  }

  /// - Parameter at: called at each step with the name that the directory will have.
  package init(
    in root: String, prefix: String = "spill_", sharing: Sharing = .none,
    at: (SpillStep, EntryName) -> Void
  ) throws(SpillDirectoryError) {
    guard let beginning = EntryName(prefix) else {
      throw SpillDirectoryError(
        .misuse, prefix, "no name can begin like this", "leave out '/' and NUL")
    }
    let place: Descriptor
    do throws(SystemError) {
      try makeDirectories(root)
      place = try openPlace(root)
    } catch {
      throw SpillDirectoryError(error, in: root)
    }
    removeLeftoversOnce(in: place, prefix: beginning)
    do throws(SpillDirectoryError) {
      let creation = SpillCreation(root: place, rootPath: root, prefix: beginning)
      parts = try creation.make(at)
    } catch {
      place.close()
      throw error
    }
    self.root = place
    rootPath = root
    name = String(decoding: parts.name.bytes, as: UTF8.self)
    path = root + (root.hasSuffix("/") ? "" : "/") + name
    if sharing == .children {
      keepAcrossExec(parts.directory)
      keepAcrossExec(parts.lock)
    }
  }

  /// Whether the lock file at the directory's path is still the one that this process locked.
  public var isIntact: Bool { parts.isInPlace(at: root) }

  /// Gives up the directory with all that is in it. From now on the directory is an orphan, and
  /// `reapd` removes it.
  public consuming func release() {
    root.close()
    parts.close()
  }

  /// Removes the directory while it is still locked, then gives it up.
  ///
  /// - Throws: ``SpillDirectoryError``, reason `system`, for the first thing that could not be
  ///   removed. The directory is given up all the same, so that `reapd` can finish.
  public consuming func remove() throws(SpillDirectoryError) {
    defer {
      root.close()
      parts.close()
    }
    do throws(SystemError) {
      try removeContents(of: parts.directory, sparing: OwnedDirectories.lockName)
    } catch {
      throw SpillDirectoryError(error, in: path)
    }
    do throws(SystemError) {
      // It goes as it came: under its name nobody ever sees it without its lock.
      let hidden = hiddenName(parts.name)
      try rename(parts.name, to: hidden, at: root)
      try unlink(OwnedDirectories.lockName, at: parts.directory, isDirectory: false)
      try unlink(hidden, at: root, isDirectory: true)
    } catch {
      throw SpillDirectoryError(error, in: rootPath)
    }
  }

  /// Removes what killed creators have left under hidden names (`.spill_…`), where the lock is free.
  ///
  /// `reapd` does not remove those, since they fit no rule. The first creation of each process does.
  ///
  /// - Parameters:
  ///   - root: the directory to look in.
  ///   - prefix: how the names of directories begin there.
  /// - Returns: how many were removed.
  /// - Throws: ``SpillDirectoryError``: `system` where the root cannot be read; `misuse` for the
  ///   prefix.
  @discardableResult
  public static func removeLeftovers(
    in root: String, prefix: String = "spill_"
  ) throws(SpillDirectoryError) -> Int {
    guard let beginning = EntryName(prefix) else { return 0 }
    do throws(SystemError) {
      let place = try openPlace(root)
      defer { place.close() }
      return try OwnedDirectories.removeLeftovers(in: place, prefix: beginning)
    } catch {
      throw SpillDirectoryError(error, in: root)
    }
  }
}

/// Owns a spill directory while a closure runs, and removes the directory when the closure has
/// returned or thrown.
///
/// - Parameters:
///   - root: the directory in which it is made, and which `reapd` watches. A missing root is made,
///     with its parents.
///   - prefix: how its name begins; the rule's `match` must fit the name.
///   - sharing: whether programs that this process starts keep the directory owned as well.
///   - body: works in the directory.
/// - Returns: what the closure returns.
/// - Throws: what the closure throws; ``SpillDirectoryError`` where the directory cannot be made or
///   cannot be removed.
public func withSpillDirectory<Result>(
  in root: String, prefix: String = "spill_", sharing: SpillDirectory.Sharing = .none,
  _ body: (borrowing SpillDirectory) throws -> Result
) throws -> Result {
  let directory = try SpillDirectory(in: root, prefix: prefix, sharing: sharing)
  let result: Result
  do {
    result = try body(directory)
  } catch {
    // The closure's own error is what matters; what could not be removed is an orphan now.
    try? directory.remove()
    throw error
  }
  try directory.remove()
  return result
}
