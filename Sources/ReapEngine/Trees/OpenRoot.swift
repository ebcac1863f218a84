import Glibc
package import OwnedDirectories
package import ReapRules
import Synchronization

/// A root directory, open, checked and pinned by device, inode and owner.
package struct OpenRoot: Sendable {
  /// Absolute, without links.
  package let pathBytes: [UInt8]
  package let descriptor: Descriptor
  package let identity: FileIdentity
  package let owner: UInt32
  /// The lock of whoever opened the root to work on it.
  package fileprivate(set) var lock: RootLock?
  private let use = RootUse()

  init(path: [UInt8], descriptor: Descriptor, identity: FileIdentity, owner: UInt32) {
    pathBytes = path
    self.descriptor = descriptor
    self.identity = identity
    self.owner = owner
  }

  /// Keeps the descriptor open for work on another thread, until its `release()`.
  package func retain() { use.count.add(1, ordering: .relaxed) }

  /// Gives up one use; the last one closes the descriptor. The opener's own gives the lock back.
  package func release(unlocking: Bool = false) {
    if unlocking { lock?.release() }
    if use.count.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { descriptor.close() }
  }

  package var path: FilePath { FilePath(pathBytes) }

  package func path(of name: EntryName) -> [UInt8] {
    pathBytes + [UInt8(ascii: "/")] + name.bytes
  }

  package func path(of candidate: CandidatePath) -> [UInt8] {
    pathBytes + [UInt8(ascii: "/")] + candidate.bytes
  }

  /// A directory below it, opened as one; links and mount points on the way are refused. The caller
  /// releases it.
  func place(_ below: [UInt8]) throws(SystemError) -> OpenRoot {
    let opened = try openDirectory(below, below: self)
    do throws(SystemError) {
      let facts = try status(of: opened)
      return OpenRoot(
        path: path(ofDirectory: below), descriptor: opened, identity: facts.identity,
        owner: facts.owner)
    } catch {
      opened.close()
      throw error
    }
  }

  package func path(ofDirectory below: [UInt8]) -> [UInt8] {
    below.isEmpty ? pathBytes : pathBytes + [UInt8(ascii: "/")] + below
  }

  /// Whether the path still leads to the directory that is open.
  package var isInPlace: Bool {
    guard let there = try? status(ofPath: path) else { return false }
    return there.identity.inode == identity.inode && there.identity.device == identity.device
      && there.owner == owner
  }
}

/// How many pieces of work rely on a root's descriptor: a number that was reused would name
/// another directory.
private final class RootUse: Sendable {
  let count = Atomic<Int>(1)
}

/// Why a root cannot be used now.
package enum RootFailure: Error, Sendable, CustomStringConvertible {
  case refused(path: FilePath, RootRefusal)
  /// Nothing is at the path, or not yet.
  case absent(path: FilePath)
  case notADirectory(path: FilePath)
  case ownerChanged(path: FilePath, from: UInt32, to: UInt32)
  case held(path: FilePath, by: String)
  case mountsUnknown
  case system(SystemError)

  package var description: String {
    switch self {
    case .refused(let path, let refusal): "root \(path) is refused: \(refusal.explanation)"
    case .absent(let path): "root \(path) does not exist"
    case .notADirectory(let path): "root \(path) is a link or not a directory"
    case .ownerChanged(let path, let from, let to):
      "root \(path) is refused: it belonged to uid \(from) and now belongs to uid \(to)"
    case .held(let path, let holder): "root \(path) is already reaped by \(holder)"
    case .mountsUnknown: "the mount table cannot be read, so no root can be checked"
    case .system(let error): "\(error)"
    }
  }
}

/// Resolves links of a root's path, as far as it exists: the rest is appended as it is.
package func resolveRoot(_ path: FilePath) -> FilePath {
  if let resolved = resolvePath(path) { return resolved }
  guard let parent = path.parent, parent != "/" else { return path }
  return resolveRoot(parent).appending(path.lastComponent)
}

/// Why a resolved root may not be one; nil where it may, whether it is there or not.
package func rootRefusal(
  _ path: FilePath, rule: Rule, mounts: MountView
) throws(RootFailure) -> RootRefusal? {
  guard let table = mounts.current() else { throw .mountsUnknown }
  return refusal(
    root: path, homes: resolvedHomes(), mounts: table, allowShallow: rule.allowShallow,
    allowRemote: rule.allowRemote, allowShared: rule.mayShareRoot)
}

/// Opens a resolved root after checking it against the policy.
///
/// - Parameter exclusive: take the lock that makes this process its only reaper.
package func openRoot(
  _ path: FilePath, rule: Rule, mounts: MountView, exclusive: Bool, pinnedOwner: UInt32? = nil
) throws(RootFailure) -> OpenRoot {
  if let refusal = try rootRefusal(path, rule: rule, mounts: mounts) {
    throw .refused(path: path, refusal)
  }
  return try openDirectoryByHand(path, rule: rule, exclusive: exclusive, pinnedOwner: pinnedOwner)
}

/// Opens a resolved directory in which a person has named one entry: what may be no root may hold that.
package func openDirectoryByHand(
  _ path: FilePath, rule: Rule, exclusive: Bool, pinnedOwner: UInt32? = nil
) throws(RootFailure) -> OpenRoot {
  let descriptor: Descriptor
  do {
    descriptor = try OwnedDirectories.openRoot(path)
  } catch {
    switch error.code {
    case ENOENT: throw .absent(path: path)
    case ENOTDIR, ELOOP: throw .notADirectory(path: path)
    default: throw .system(error)
    }
  }
  do {
    let facts = try status(of: descriptor)
    if let pinnedOwner, facts.owner != pinnedOwner {
      throw RootFailure.ownerChanged(path: path, from: pinnedOwner, to: facts.owner)
    }
    var root = OpenRoot(
      path: path.bytes, descriptor: descriptor, identity: facts.identity, owner: facts.owner)
    if exclusive { root.lock = try RootLock.take(root, for: rule) }
    return root
  } catch let failure as RootFailure {
    descriptor.close()
    throw failure
  } catch {
    descriptor.close()
    throw .absent(path: path)
  }
}

/// Home directories, links resolved; what stands in the password file for "none" is left out.
private func resolvedHomes() -> Set<FilePath> {
  Set(homeDirectories().filter { $0.isAbsolute && $0 != "/" }.map(resolveRoot))
}
